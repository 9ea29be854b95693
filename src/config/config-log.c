/* What the configuration has to say to the log: secrets it must never show, and what was odd in the files. */
#include <errno.h>

#define LOG_LOGGER "nova.config"
#include "basic/log.h"
#include "config/config-internal.h"

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* As it stands and, of a URL, decoded: the log may come to see either. */
static int add_secret(const char *s, size_t n) {
        _cleanup_free_ char *text = strndup(s, n), *decoded = strndup(s, n);
        char *to = decoded;
        int r;

        if (!text || !decoded)
                return -ENOMEM;
        /* Everybody knows this one, and it is a word that lines about guests need. */
        if (streq(text, "guest"))
                return 0;
        for (const char *p = text; *p; p++)
                if (*p == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
                        *to++ = (char) (hex_digit(p[1]) * 16 + hex_digit(p[2]));
                        p += 2;
                } else
                        *to++ = *p;
        *to = '\0';

        r = log_add_secret(text);
        if (r >= 0 && !streq(text, decoded))
                r = log_add_secret(decoded);
        explicit_bzero(text, n);
        explicit_bzero(decoded, n);
        return r;
}

static int add_password(const char *password, size_t n, void *userdata _unused_) {
        return add_secret(password, n);
}

static int register_value(const Value *v) {
        int r;

        if (!v->text || !*v->text)
                return 0;
        if (!v->secret)
                return url_passwords(v->text, add_password, NULL);

        r = 0;
        for (char *const *s = v->list; r >= 0 && s && *s; s++)
                r = add_secret(*s, strlen(*s));
        return r < 0 ? r : add_secret(v->text, strlen(v->text));
}

int config_register_secrets(const Config *c) {
        const Option *o;
        int r = 0;

        for (size_t i = 0; r >= 0 && (o = config_option(c, i)); i++) {
                char name[256];

                option_full_name(o, name, sizeof name);
                if (config_is_given(c, name))
                        r = register_value(config_value(c, name));
        }
        return r < 0 ? r : 0;
}

void config_log_unknown(const Config *c) {
        _cleanup_(strv_freep) char **names = NULL;
        unsigned idle = 0, planned = 0;
        const Option *o;
        int n;

        for (const char *const *w = config_warnings(c); *w; w++)
                log_warning("%s", *w);

        n = config_unknown(c, &names);
        if (n > 0)
                log_info("%d option%s of the configuration %s unknown here and ignored; named at DEBUG", n, n == 1 ? "" : "s",
                         n == 1 ? "is" : "are");
        for (char **s = names; s && *s; s++)
                log_debug("Unknown option ignored: %s", *s);

        for (size_t i = 0; (o = config_option(c, i)); i++) {
                char name[256];

                option_full_name(o, name, sizeof name);
                if (!(o->flags & (OPTION_ACCEPTED | OPTION_PLANNED)) || !config_is_given(c, name))
                        continue;
                *(o->flags & OPTION_PLANNED ? &planned : &idle) += 1;
                log_debug("Option without effect here: %s (%s)%s", name, o->help,
                          o->flags & OPTION_PLANNED ? " This version does not use it." : "");
        }
        if (planned > 0)
                log_info("%u option%s of the configuration %s for what this version does not do; named at DEBUG", planned,
                         planned == 1 ? "" : "s", planned == 1 ? "is" : "are");
        if (idle > 0)
                log_debug("%u options of the configuration have no effect here", idle);
}
