/* What of a console's log is shown, and how a console is reached: see console-text.h. */
#include "compute/console-text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define REPLACEMENT "\xef\xbf\xbd"      /* U+FFFD */

/* As Python's int(): of a text the blanks around it do not count, other characters spoil it. Beyond a long it is as if
 * none were left out. */
static bool whole_number(const json_t *value, int64_t *ret) {
        const char *text = json_string_value(value);
        char *end;
        long long n;

        if (json_is_integer(value))
                *ret = json_integer_value(value);
        else if (json_is_real(value) && json_real_value(value) > -1e15 && json_real_value(value) < 1e15)
                *ret = (int64_t) json_real_value(value);
        else if (text) {
                n = strtoll(text, &end, 10);
                if (end == text)
                        return false;
                end += strspn(end, " \t\n\r\v\f");
                if (*end)
                        return false;
                *ret = n;
        } else
                return false;
        return true;
}

const char *console_tail(const char *log, const json_t *length) {
        size_t n = strlen(log);
        int64_t lines;

        if (!length || json_is_null(length))
                return log;
        if (!whole_number(length, &lines))
                return log + n;
        if (lines <= 0)
                return lines < 0 ? log : log + n;

        /* A line is what is between two newlines: what follows the last one is a line too, be it empty. */
        for (const char *p = log + n; p > log; p--)
                if (p[-1] == '\n' && --lines == 0)
                        return p;
        return log;
}

/* How many bytes the character at @p has in UTF-8, 1 for what is none. */
static size_t character_length(const char *p) {
        unsigned char first = (unsigned char) *p;
        size_t n = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 1;

        for (size_t i = 1; i < n; i++)
                if (((unsigned char) p[i] & 0xc0) != 0x80)
                        return i;       /* cut short: what there is of it is one */
        return n;
}

char *console_ascii(const char *log, bool essex) {
        size_t size = 1;
        char *text, *to;

        for (const char *p = log; *p; p++)
                size += (unsigned char) *p < 0x80 || essex ? 1 : strlen(REPLACEMENT);
        to = text = malloc(size);
        if (!text)
                return NULL;

        for (const char *p = log; *p;)
                if ((unsigned char) *p < 0x80)
                        *to++ = *p++;
                else if (essex) {
                        *to++ = '?';
                        p += character_length(p);
                } else {
                        to = stpcpy(to, REPLACEMENT);
                        p++;
                }
        *to = '\0';
        assert((size_t) (to - text) < size);
        return text;
}

char *console_access_url(const char *base, const char *token, bool novnc) {
        char *url;

        /* The token is a uuid: nothing in it has to be escaped but the question mark and the sign before it. */
        if (asprintf(&url, novnc ? "%s%cpath=%%3Ftoken%%3D%s" : "%s%ctoken=%s", base, strchr(base, '?') ? '&' : '?', token) < 0)
                return NULL;
        return url;
}
