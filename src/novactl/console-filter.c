#include "novactl/console-filter.h"

#include <string.h>

#include "basic/macros.h"

/* What the pending bytes are. */
typedef enum Verdict {
        WANTS_MORE,
        IS_PRINTABLE,                   /* passes as it is */
        IS_COLOUR,
        IS_DROPPED,
        IS_CONTROL,                     /* of one byte, shown as ^X */
        IS_BROKEN,                      /* the first byte is no text; what follows it is looked at anew */
} Verdict;

/* ESC, and what belongs to it. */
static Verdict judge_escape(const char *p, size_t n) {
        unsigned char last = (unsigned char) p[n - 1];

        if (n == 1)
                return WANTS_MORE;
        switch (p[1]) {
        case '[':                       /* control sequence: parameters, then one byte from @ to ~ */
                if (n == 2)
                        return WANTS_MORE;
                if (last >= 0x20 && last < 0x40)
                        return WANTS_MORE;
                if (last == 'm' && strspn(p + 2, "0123456789;:") == n - 3)
                        return IS_COLOUR;
                return last >= 0x40 && last < 0x7f ? IS_DROPPED : IS_BROKEN;
        case ']':                       /* strings to the terminal, until BEL or ESC \ */
        case 'P':
        case 'X':
        case '^':
        case '_':
                if (last == '\a' || (last == '\\' && n > 2 && p[n - 2] == '\033'))
                        return IS_DROPPED;
                return last == '\n' ? IS_BROKEN : WANTS_MORE;
        default:
                if (last >= 0x20 && last < 0x30)
                        return WANTS_MORE;      /* ESC ( B */
                return last >= 0x30 && last < 0x7f ? IS_DROPPED : IS_BROKEN;
        }
}

static Verdict judge(const char *p, size_t n) {
        unsigned char c = (unsigned char) p[0], second = n > 1 ? (unsigned char) p[1] : 0;
        size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

        if (c == '\033')
                return judge_escape(p, n);
        if (c == '\n' || c == '\r' || c == '\t' || c == '\b')
                return IS_PRINTABLE;
        if (c < 0x20 || c == 0x7f)
                return IS_CONTROL;
        if (length == 0)
                return IS_BROKEN;
        for (size_t i = 1; i < n && i < length; i++)
                if (((unsigned char) p[i] & 0xc0) != 0x80)
                        return IS_BROKEN;
        if (n > 1 && ((c == 0xe0 && second < 0xa0) || (c == 0xed && second >= 0xa0) || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second >= 0x90)))
                return IS_BROKEN;
        if (n < length)
                return WANTS_MORE;
        return c == 0xc2 && second < 0xa0 ? IS_DROPPED : IS_PRINTABLE;  /* U+0080 to U+009F are control characters, too */
}

static void put(ConsoleFilter *f, char c, FILE *out);

/* The first of the pending bytes is no text: the others begin something anew. */
static void restart(ConsoleFilter *f, FILE *out) {
        char rest[sizeof f->pending];
        size_t n = f->n - 1;

        memcpy(rest, f->pending + 1, n);
        if (f->pending[0] != '\033')
                (void) fputc('?', out);
        f->n = 0;
        for (size_t i = 0; i < n; i++)
                put(f, rest[i], out);
}

static void put(ConsoleFilter *f, char c, FILE *out) {
        Verdict v;

        if (f->n + 1 == sizeof f->pending) {
                /* far too long for a sequence of colours: of a string only its end matters */
                if (strchr("]PX^_", f->pending[1]) && f->pending[0] == '\033') {
                        f->pending[2] = f->pending[f->n - 1];
                        f->n = 3;
                } else
                        f->n = 0;
        }
        f->pending[f->n++] = c;
        f->pending[f->n] = '\0';

        v = judge(f->pending, f->n);
        switch (v) {
        case WANTS_MORE:
                return;
        case IS_COLOUR:
                if (!f->colours)
                        break;
                f->colour_open = 1;
                (void) fwrite(f->pending, 1, f->n, out);
                break;
        case IS_PRINTABLE:
                (void) fwrite(f->pending, 1, f->n, out);
                break;
        case IS_CONTROL:
                fprintf(out, "^%c", f->pending[0] ^ 0x40);
                break;
        case IS_BROKEN:
                restart(f, out);
                return;
        case IS_DROPPED:
                break;
        }
        f->n = 0;
}

void console_filter(ConsoleFilter *f, const char *data, size_t size, FILE *out) {
        for (size_t i = 0; i < size; i++)
                put(f, data[i], out);
}

void console_filter_end(ConsoleFilter *f, FILE *out) {
        f->n = 0;
        if (f->colour_open)
                fputs("\033[0m", out);
        f->colour_open = 0;
}
