/* See config-checks.h. */
#include "config-checks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "fuzz.h"

static void ignore(const Option *o _unused_, void *userdata _unused_) {
}

/* What --show-config prints is text. */
static void check_shown(const Config *c) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;

        f = open_memstream(&text, &size);
        fuzz_check(f);
        config_print(c, f);
        fuzz_check(fclose(f) == 0 && text);
        fuzz_check(text_is_utf8(text, size));
        fuzz_check(strlen(text) == size);
}

static void check_values(const Config *c) {
        const Option *o;

        for (size_t n = 0; (o = config_option(c, n)); n++) {
                _cleanup_free_ char *shown = NULL, *origin = NULL;
                char name[256];

                option_full_name(o, name, sizeof name);
                if (!config_is_given(c, name))
                        continue;
                shown = config_shown(c, o);
                origin = config_origin(c, name);
                fuzz_check(shown && origin && !streq(origin, "default"));
                if (o->type == OPTION_INTEGER && config_is_set(c, name) && (o->min != 0 || o->max != 0))
                        fuzz_check(config_integer(c, name) >= o->min && (o->max == INT64_MAX || config_integer(c, name) <= o->max));
                if (o->type == OPTION_LIST || o->type == OPTION_MULTI_STRING)
                        for (const char *const *s = config_list(c, name); *s; s++)
                                fuzz_check(text_is_utf8(*s, strlen(*s)));
        }
}

static void check_error(int r, const ConfigError *e) {
        fuzz_check(r == -EINVAL && *e->text && strnlen(e->text, sizeof e->text) < sizeof e->text);
}

static void check_config(const Config *c, bool all) {
        _cleanup_(strv_freep) char **unknown = NULL;

        check_values(c);
        if (all) {
                check_shown(c);
                config_diff(c, c, ignore, NULL);
        }
        fuzz_check(config_unknown(c, &unknown) >= 0 && config_warnings(c));
}

static OptionIndex names;

static void names_end(void) {
        option_index_done(&names);
}

/* The names of options, made once: most inputs fail before there is a value. */
static Input input_new(void) {
        if (names.n == 0) {
                fuzz_check(option_index_init(&names) >= 0);
                atexit(names_end);
        }
        return (Input) { .index = &names };
}

void fuzz_config(char *const *argv, char *const *environment) {
        const Places places = { .etc = "/nonexistent", .environment = environment };
        _cleanup_(config_unrefp) Config *c = NULL;
        _cleanup_(strv_freep) char **leftover = NULL, **alone = NULL;
        _cleanup_(input_done) Input in = input_new();
        ConfigAction action = CONFIG_RUN;
        ConfigError e = {};
        int r;

        r = command_line_read(&in, &places, argv, &action, &alone, &e);
        if (r < 0) {
                check_error(r, &e);
                fuzz_check(!alone);
                return;
        }

        r = config_load_at(&places, argv, &c, &leftover, &e);
        if (r < 0) {
                check_error(r, &e);
                fuzz_check(!c && !leftover);
                return;
        }
        fuzz_check(c && leftover);
        /* --help and the like end before there are values. */
        if (r == 0)
                check_config(c, strv_length(argv) % 8 == 0);
}

void fuzz_config_text(const uint8_t *data, size_t size) {
        _cleanup_(config_unrefp) Config *c = NULL;
        /* Terminated, as files are read. */
        _cleanup_free_ char *text = malloc(size + 1);
        _cleanup_(input_done) Input in = input_new();
        ConfigError e = {};
        int r;

        fuzz_check(text);
        memcpy(text, data, size);
        text[size] = '\0';
        /* Deeper than any flag file may name another. */
        r = flagfile_is_ini(text, size) ? input_parse_ini(&in, "F", text, size, &e)
                                        : input_parse_flagfile(&in, "F", text, size, UINT_MAX - 1, &e);
        if (r < 0) {
                check_error(r, &e);
                return;
        }
        r = config_new_from_text("F", text, size, &c, &e);
        if (r < 0)
                check_error(r, &e);
        else
                /* Shows every option there is, and so takes its time: for some inputs will do. */
                check_config(c, size % 8 == 0);
}

const char *fuzz_config_file(const uint8_t *data, size_t size) {
        static char path[64];
        static int fd = -1;

        if (fd < 0) {
                fd = memfd_create("fuzz", MFD_CLOEXEC);
                fuzz_check(fd >= 0);
                snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        }
        fuzz_check(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
        return path;
}
