#include "virt/libvirt/xml-writer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

int xml_writer_init(XmlWriter *w) {
        *w = (XmlWriter){};
        w->out = open_memstream(&w->text, &w->size);
        return w->out ? 0 : -ENOMEM;
}

void xml_writer_done(XmlWriter *w) {
        if (w->out)
                (void) fclose(w->out);
        free(w->text);
        *w = (XmlWriter){};
}

/* The number of bytes of the character at @s that XML 1.0 allows, 0 if it is none: bad UTF-8, control characters and
 * the two non-characters that parsers refuse. */
static size_t allowed(const unsigned char *s) {
        uint32_t c;
        size_t n;

        if (s[0] < 0x80)
                return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r' ? 1 : 0;
        n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        if (s[0] < 0xc2 || s[0] > 0xf4)
                return 0;
        c = s[0] & (0xffu >> (n + 1));
        for (size_t i = 1; i < n; i++) {        /* a text that ends too early ends here, too: its NUL is no continuation */
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < (n == 4 ? 0x10000u : n == 3 ? 0x800u : 0x80u) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff)
                return 0;
        return n;
}

/* Escaped for text and attributes alike. White space that a parser would change is written by number; what XML has no way
 * to write becomes U+FFFD. */
static void put_escaped(XmlWriter *w, const char *text) {
        const unsigned char *s = (const unsigned char *) text;

        while (*s) {
                size_t n = allowed(s);

                switch (*s) {
                case '&': fputs("&amp;", w->out); break;
                case '<': fputs("&lt;", w->out); break;
                case '>': fputs("&gt;", w->out); break;
                case '"': fputs("&quot;", w->out); break;
                case '\t': case '\n': case '\r': fprintf(w->out, "&#%d;", *s); break;
                default:
                        if (n > 0)
                                fwrite(s, 1, n, w->out);
                        else
                                fputs("\xef\xbf\xbd", w->out);
                }
                s += MAX(n, 1u);
        }
}

static void put_indent(XmlWriter *w) {
        fprintf(w->out, "%*s", (int) w->depth * 2, "");
}

static void put_tag(XmlWriter *w, const char *name, va_list attributes) {
        const char *key, *value;

        put_indent(w);
        fprintf(w->out, "<%s", name);
        while ((key = va_arg(attributes, const char *))) {
                value = va_arg(attributes, const char *);
                if (!value)
                        continue;
                fprintf(w->out, " %s=\"", key);
                put_escaped(w, value);
                fputc('"', w->out);
        }
}

void xml_begin_(XmlWriter *w, const char *name, ...) {
        va_list attributes;

        va_start(attributes, name);
        put_tag(w, name, attributes);
        va_end(attributes);
        fputs(">\n", w->out);
        if (w->depth < XML_DEPTH_MAX)
                w->open[w->depth] = name;
        else
                w->failed = true;
        w->depth++;
}

void xml_end(XmlWriter *w) {
        assert(w->depth > 0);
        w->depth--;
        put_indent(w);
        fprintf(w->out, "</%s>\n", w->depth < XML_DEPTH_MAX ? w->open[w->depth] : "");
}

void xml_empty_(XmlWriter *w, const char *name, ...) {
        va_list attributes;

        va_start(attributes, name);
        put_tag(w, name, attributes);
        va_end(attributes);
        fputs("/>\n", w->out);
}

void xml_text_element_(XmlWriter *w, const char *text, const char *name, ...) {
        va_list attributes;

        va_start(attributes, name);
        put_tag(w, name, attributes);
        va_end(attributes);
        fputc('>', w->out);
        put_escaped(w, strempty(text));
        fprintf(w->out, "</%s>\n", name);
}

void xml_raw(XmlWriter *w, const char *piece) {
        fputs(piece, w->out);
}

int xml_writer_finish(XmlWriter *w, char **ret) {
        bool bad = w->failed || ferror(w->out);

        assert(w->depth == 0);
        if (fclose(w->out) != 0)
                bad = true;
        w->out = NULL;
        if (bad || !w->text)
                return -ENOMEM;
        *ret = TAKE_PTR(w->text);
        return 0;
}
