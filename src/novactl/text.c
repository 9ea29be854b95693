#include "novactl/text.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <wchar.h>

void *must(void *p) {
        if (!p) {
                fputs("novactl: out of memory\n", stderr);
                exit(EXIT_FAILURE);
        }
        return p;
}

char *text_format(const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return must(r < 0 ? NULL : s);
}

/* ---- characters ---- */

/* The character at @s (not its end) and its length; 0 where there is no UTF-8 character. */
static size_t character(const char *s, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        const unsigned char *p = (const unsigned char *) s;
        size_t more = p[0] < 0x80 ? 0 : p[0] >= 0xf0 && p[0] < 0xf8 ? 3 : p[0] >= 0xe0 && p[0] < 0xf0 ? 2 : p[0] >= 0xc0 && p[0] < 0xe0 ? 1 : 4;
        uint32_t c;

        if (more > 3)
                return 0;
        c = more == 0 ? p[0] : p[0] & (0x3fu >> more);
        for (size_t i = 1; i <= more; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3fu);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return 0;
        *ret = c;
        return more + 1;
}

static bool is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

char *text_shown(const char *s) {
        char *copy = must(malloc(4 * strlen(s) + 1)), *to = copy;

        while (*s) {
                uint32_t c = 0;
                size_t n = character(s, &c);

                if (n == 0 || is_control(c)) {
                        n = MAX(n, 1u);
                        for (size_t i = 0; i < n; i++)
                                to += sprintf(to, "\\x%02x", (unsigned char) s[i]);
                } else
                        to = mempcpy(to, s, n);
                s += n;
        }
        *to = '\0';
        return copy;
}

bool utf8_is_valid(const char *s) {
        while (*s) {
                uint32_t c;
                size_t n = character(s, &c);

                if (n == 0)
                        return false;
                s += n;
        }
        return true;
}

/* In the C locale nothing beyond ASCII has a width; most of it takes one column. */
static size_t character_width(uint32_t c) {
        int n = wcwidth((wchar_t) c);

        return n < 0 ? 1 : (size_t) n;
}

size_t text_width(const char *s) {
        size_t width = 0;

        while (*s) {
                uint32_t c = '?';
                size_t n = character(s, &c);

                width += character_width(c);
                s += MAX(n, 1u);
        }
        return width;
}

char *text_cut(const char *s, size_t width) {
        size_t taken = 0, length = 0;

        if (text_width(s) <= width)
                return must(strdup(s));
        for (;;) {
                uint32_t c = '?';
                size_t n = character(s + length, &c), w = character_width(c);

                if (taken + w > width - 1)
                        break;
                taken += w;
                length += MAX(n, 1u);
        }
        return text_format("%.*s%s", (int) length, s, streq(nl_langinfo(CODESET), "UTF-8") ? "…" : "~");
}

/* ---- times and sizes ---- */

char *text_span(usec_t span, char buf[static TEXT_SPAN_MAX]) {
        static const struct {
                usec_t length;
                const char *name;
        } units[] = {
                { 365 * 24 * 3600 * USEC_PER_SEC, "y" }, { 24 * 3600 * USEC_PER_SEC, "d" }, { 3600 * USEC_PER_SEC, "h" },
                { USEC_PER_MINUTE, "min" }, { USEC_PER_SEC, "s" }, { USEC_PER_MSEC, "ms" },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                usec_t rest;

                if (span < units[i].length)
                        continue;
                rest = i + 1 < ELEMENTSOF(units) ? span % units[i].length / units[i + 1].length : 0;
                if (rest > 0 && units[i].length > USEC_PER_SEC)
                        snprintf(buf, TEXT_SPAN_MAX, "%" PRIu64 "%s %" PRIu64 "%s", span / units[i].length, units[i].name, rest,
                                 units[i + 1].name);
                else
                        snprintf(buf, TEXT_SPAN_MAX, "%" PRIu64 "%s", span / units[i].length, units[i].name);
                return buf;
        }
        return strcpy(buf, "0s");
}

char *text_time(usec_t t, char buf[static TEXT_TIME_MAX]) {
        time_t seconds = (time_t) (t / USEC_PER_SEC);
        struct tm tm;

        if (t == 0 || !localtime_r(&seconds, &tm) || strftime(buf, TEXT_TIME_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                strcpy(buf, "-");
        return buf;
}

static char *amount_text(double amount, size_t unit, char buf[static TEXT_SPAN_MAX]) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

        while (unit + 1 < ELEMENTSOF(units) && (amount >= 1024 || amount <= -1024)) {
                amount /= 1024;
                unit++;
        }
        snprintf(buf, TEXT_SPAN_MAX, "%.*f %s", amount - (double) (int64_t) amount == 0 ? 0 : 1, amount, units[unit]);
        return buf;
}

char *text_bytes(uint64_t bytes, char buf[static TEXT_SPAN_MAX]) {
        return amount_text((double) bytes, 0, buf);
}

char *text_mib(int64_t mib, char buf[static TEXT_SPAN_MAX]) {
        return amount_text((double) mib, 2, buf);
}

int text_parse_number(const char *s, uint64_t max, uint64_t *ret) {
        uint64_t n = 0;

        if (!*s)
                return -EINVAL;
        for (const char *p = s; *p; p++)
                if (*p < '0' || *p > '9')
                        return -EINVAL;
        for (; *s; s++)
                if (__builtin_mul_overflow(n, (uint64_t) 10, &n) || __builtin_add_overflow(n, (uint64_t) (*s - '0'), &n))
                        return -ERANGE;
        if (n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

int text_parse_size(const char *s, uint64_t unit, uint64_t *ret) {
        static const char suffixes[] = "BKMGT";
        size_t digits = strspn(s, "0123456789");
        _cleanup_free_ char *number = must(strndup(s, digits));
        uint64_t n, factor = unit;
        const char *rest = s + digits;
        int r;

        r = text_parse_number(number, INT64_MAX, &n);
        if (r < 0)
                return r;
        if (*rest) {
                const char *found = strchr(suffixes, *rest >= 'a' && *rest <= 'z' ? *rest - ('a' - 'A') : *rest);

                if (!found)
                        return -EINVAL;
                rest++;
                if (found != suffixes && !isempty(rest) && !streq(rest, "B") && !streq(rest, "iB"))
                        return -EINVAL;
                if (found == suffixes && *rest)
                        return -EINVAL;
                factor = (uint64_t) 1 << (10 * (found - suffixes));
        }
        if (__builtin_mul_overflow(n, factor, &n) || n > INT64_MAX)
                return -ERANGE;
        *ret = n / unit + (n % unit != 0);
        return 0;
}

char *text_bar(int64_t part, int64_t whole, size_t width, bool ascii) {
        const char *full = ascii ? "#" : "█", *none = ascii ? "." : "░";
        size_t filled = whole <= 0 || part <= 0 ? 0 : part >= whole ? width : (size_t) ((double) part / (double) whole * (double) width);
        char *bar = must(malloc(3 * width + 1)), *to = bar;

        for (size_t i = 0; i < width; i++)
                to = stpcpy(to, i < filled ? full : none);
        *to = '\0';
        return bar;
}

/* ---- words ---- */

/* Restricted Damerau-Levenshtein distance; both are at most 32 bytes. */
static size_t distance(const char *a, const char *b) {
        size_t d[33][33], n = strlen(a), m = strlen(b);

        for (size_t i = 0; i <= n; i++)
                for (size_t j = 0; j <= m; j++) {
                        if (i == 0 || j == 0) {
                                d[i][j] = i + j;
                                continue;
                        }
                        d[i][j] = MIN(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]), MIN(d[i - 1][j], d[i][j - 1]) + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
                }
        return d[n][m];
}

const char *text_nearest(const char *word, const char *const *words, size_t n) {
        size_t length = strlen(word), least = MIN(MAX(length / 3, 1u), 3u);
        const char *nearest = NULL;

        if (length == 0 || length > 32)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                size_t d;

                if (strlen(words[i]) > 32)
                        continue;
                d = distance(word, words[i]);
                if (d < least + !nearest) {
                        least = d;
                        nearest = words[i];
                }
        }
        return nearest;
}
