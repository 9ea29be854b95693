/* Texts of consoles: what of a log is shown, and the URL under which a console is reached. Pure functions. */
#pragma once

#include <jansson.h>

#include "basic/macros.h"

#define CONSOLE_OUTPUT_MAX (100 * 1024) /* bytes of a log that are read, its end (MAX_CONSOLE_BYTES of Nova) */

/* The last lines of @log, borrowed from it: @length null is all; an integer, also as a text, so many lines; what is no number is
 * none (zed 7.11, essex 11.6). Less than none is all. */
const char *console_tail(const char *log, const json_t *length);

/* @log as ASCII, since nobody knows what a guest writes. @essex: read as UTF-8 and every other character "?"; else every
 * other byte is U+FFFD. malloc'ed, NULL when out of memory. */
char *console_ascii(const char *log, bool essex);

/* What the user's browser is given (Nova's ConsoleAuthToken.access_url): noVNC reads the token from its path parameter.
 * @novnc is false for other types, and for Essex. malloc'ed, NULL when out of memory. */
char *console_access_url(const char *base, const char *token, bool novnc);
