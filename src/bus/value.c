/* Values of properties: appending, comparing, and text that D-Bus takes. */
#include "bus/value.h"

#include <errno.h>
#include <stdio.h>

void bus_value_done(BusValue *v) {
        free(v->owned);
        *v = (BusValue){};
}

/* The length of the UTF-8 character at @s, or 0 if it is none: over-long forms, surrogates and beyond U+10FFFF are none. */
static size_t utf8_length(const unsigned char *s) {
        static const struct {
                unsigned char mask, lead;
                uint32_t least;
        } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

        for (size_t n = 0; n < ELEMENTSOF(forms); n++) {
                uint32_t c;

                if ((s[0] & forms[n].mask) != forms[n].lead)
                        continue;
                c = s[0] & (unsigned char) ~forms[n].mask;
                for (size_t i = 1; i <= n; i++) {
                        if ((s[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (s[i] & 0x3f);
                }
                return c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n + 1;
        }
        return 0;
}

const char *bus_text(const char *s, char **ret_owned) {
        const unsigned char *p;
        size_t bad = 0, n;
        char *copy, *to;

        *ret_owned = NULL;
        s = strempty(s);
        for (p = (const unsigned char *) s; *p; p += MAX(n, 1u)) {
                n = utf8_length(p);
                bad += n == 0;
        }
        if (bad == 0)
                return s;

        copy = to = malloc(strlen(s) + 3 * bad + 1);
        if (!copy)
                return "";
        for (p = (const unsigned char *) s; *p; p += MAX(n, 1u)) {
                n = utf8_length(p);
                if (n > 0)
                        to = (char *) memcpy(to, p, n) + n;
                else
                        to += sprintf(to, "\\x%02x", *p);
        }
        *to = 0;
        return *ret_owned = copy;
}

static int append_text(sd_bus_message *m, const char *s) {
        _cleanup_free_ char *owned = NULL;

        return sd_bus_message_append_basic(m, 's', bus_text(s, &owned));
}

int bus_open_entry(sd_bus_message *m, const char *key, const char *contents) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', key);
        return r < 0 ? r : sd_bus_message_open_container(m, 'v', contents);
}

int bus_close_entry(sd_bus_message *m) {
        int r;

        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_entry(sd_bus_message *m, const char *key, const char *type, const void *value) {
        int r;

        r = bus_open_entry(m, key, type);
        if (r >= 0)
                r = *type == 's' ? append_text(m, value) : sd_bus_message_append_basic(m, *type, value);
        return r < 0 ? r : bus_close_entry(m);
}

int bus_append_text_entry(sd_bus_message *m, const char *key, const char *value) {
        return bus_append_entry(m, key, "s", strempty(value));
}

/* A flat list of strings as an array of strings, or of entries or structs of as many strings as the signature has. */
static int append_texts(const BusValue *v, sd_bus_message *m) {
        const char *contents = v->type + 1;
        const char *const *s = v->as;
        char container = 0, inner[8] = "";
        size_t each = 1;
        int r;

        if (*contents == '(' || *contents == '{') {
                container = *contents == '(' ? 'r' : 'e';
                each = strlen(contents) - 2;
                memcpy(inner, contents + 1, each);
        }
        r = sd_bus_message_open_container(m, 'a', contents);
        while (r >= 0 && s && *s) {
                if (container)
                        r = sd_bus_message_open_container(m, container, inner);
                for (size_t i = 0; i < each && r >= 0; i++, s++)
                        r = *contents == 'o' ? sd_bus_message_append_basic(m, 'o', *s) : append_text(m, *s);
                if (r >= 0 && container)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_value_append(const BusValue *v, sd_bus_message *m) {
        int flag;

        if (v->append)
                return v->append(m, v->data);
        switch (v->type[0]) {
        case 's':
                return append_text(m, v->s);
        case 'b':
                flag = v->b;
                return sd_bus_message_append_basic(m, 'b', &flag);
        case 'a':
                return append_texts(v, m);
        default:
                return sd_bus_message_append_basic(m, v->type[0], &v->t);
        }
}

/* FNV-1a: equality of what was and what is, not of what somebody might contrive. */
uint64_t bus_hash(uint64_t h, const void *data, size_t n) {
        for (const unsigned char *p = data; n > 0; n--, p++)
                h = (h ^ *p) * UINT64_C(0x100000001b3);
        return h;
}

uint64_t bus_hash_text(uint64_t h, const char *s) {
        s = strempty(s);
        return bus_hash(h, s, strlen(s) + 1);
}

uint64_t bus_value_hash(const BusValue *v) {
        uint64_t h = BUS_HASH_BEGIN;

        if (v->append)
                return v->hash;
        switch (v->type[0]) {
        case 's':
                return bus_hash(h, strempty(v->s), strlen(strempty(v->s)));
        case 'b':
                return bus_hash(h, &v->b, sizeof v->b);
        case 'u':
                return bus_hash(h, &v->u, sizeof v->u);
        case 'a':
                for (const char *const *s = v->as; s && *s; s++)
                        h = bus_hash(h, *s, strlen(*s) + 1);
                return h;
        default:
                return bus_hash(h, &v->t, sizeof v->t);
        }
}
