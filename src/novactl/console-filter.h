/* What a guest writes, made harmless for a terminal: it may print and colour, but not move about, rename windows or have the
 * terminal type something back. The state lasts from chunk to chunk. */
#pragma once

#include <stddef.h>
#include <stdio.h>

typedef struct ConsoleFilter {
        char pending[64];               /* a sequence or a character that is not whole yet */
        size_t n;
        int colours;                    /* whether sequences of colours pass; others, and these where not, are dropped */
        int colour_open;                /* one of them is in force */
} ConsoleFilter;

/* Writes what may pass of @size bytes to @out: printable UTF-8, line ends, carriage returns, tabs and backspaces; ESC [ … m with
 * f->colours. Of other control sequences nothing is written, of other control characters ^X, of bytes that are no UTF-8 "?". */
void console_filter(ConsoleFilter *f, const char *data, size_t size, FILE *out);
/* The end: what is pending goes, colours are reset. */
void console_filter_end(ConsoleFilter *f, FILE *out);
