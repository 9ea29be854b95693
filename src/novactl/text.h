/* Text for people: widths on a terminal, control characters made visible, times, sizes, bars, the nearest word.
 *
 * Memory: novactl is a short-lived client. What cannot be allocated ends it with a sentence (must), so nothing here
 * returns NULL. Strings are malloc'ed for the caller unless it says otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/macros.h"
#include "basic/time-util.h"

/* @p, or the end of the program where it is NULL: there is no memory left. */
void *must(void *p);

/* printf to a new string. */
char *text_format(const char *format, ...) _printf_(1, 2);

/* A copy that can be shown: control characters (C0, DEL, C1) and what is no UTF-8 become \xNN, so that a name neither
 * moves the cursor nor begins a line of its own. */
char *text_shown(const char *s);

bool utf8_is_valid(const char *s);

/* Columns that @s (no control characters) takes on a terminal. */
size_t text_width(const char *s);

/* @s cut to at most @width columns (1 or more), with "…" (where the locale has no UTF-8: "~") at its end
 * where something was cut. */
char *text_cut(const char *s, size_t width);

#define TEXT_SPAN_MAX 64
#define TEXT_TIME_MAX 64

/* A span of time in its two largest units: "3min 12s", "5d 2h", "800ms". Writes to @buf and returns it. */
char *text_span(usec_t span, char buf[static TEXT_SPAN_MAX]);
/* Wall clock in local time, "Fri 2026-11-27 17:12:55 UTC"; "-" for 0. */
char *text_time(usec_t t, char buf[static TEXT_TIME_MAX]);

/* An amount: "512 MiB", "1.5 GiB", "2 TiB"; of MiB, which may be below 0, or of bytes. */
char *text_bytes(uint64_t bytes, char buf[static TEXT_SPAN_MAX]);
char *text_mib(int64_t mib, char buf[static TEXT_SPAN_MAX]);

/* Parses an amount with an optional suffix K, M, G, T (powers of 1024; "iB" or "B" may follow), rounded up to @unit bytes;
 * a bare number is of @unit. Returns 0 with *ret in @unit, -EINVAL for what is no such amount, -ERANGE beyond 2^63 - 1 bytes;
 * *ret is untouched then. */
int text_parse_size(const char *s, uint64_t unit, uint64_t *ret);
/* Parses a decimal number of at most @max, digits only. 0, -EINVAL or -ERANGE. */
int text_parse_number(const char *s, uint64_t max, uint64_t *ret);

/* A bar of @width columns, filled by @part of @whole (nothing where @whole is 0 or less). ASCII where @ascii. */
char *text_bar(int64_t part, int64_t whole, size_t width, bool ascii);

/* Which of the @n words is nearest to @word by typing errors (one of swap, drop, insert or replace counts 1), if one is near
 * enough to be meant: at most a third of its length, and at most 3. NULL if none is. Belongs to @words. */
const char *text_nearest(const char *word, const char *const *words, size_t n);
