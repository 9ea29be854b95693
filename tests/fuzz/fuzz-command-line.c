/* The command line, an argument a line; after an empty line the environment. */
#include "config-checks.h"
#include "fuzz.h"

/* The kernel lets in more, but no list of arguments is as long. */
#define LINES_MAX 4096

/* Arguments that name files might read anything of this machine. */
static bool names_a_file(const char *argument) {
        static const char *const words[] = { "flagfile", "config" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasestr(argument, words[i]))
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        _cleanup_(strv_freep) char **argv = NULL, **environment = NULL, **inserted = NULL;
        char ***to = &argv;
        unsigned lines = 0;
        char *next;
        int r;

        fuzz_check(strv_consume(&argv, strdup("nova-compute")) >= 0);
        for (char *line = text; line && lines < LINES_MAX; line = next, lines++) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (!*line && to == &argv)
                        to = &environment;
                else if (to == &environment || !names_a_file(line))
                        fuzz_check(strv_consume(to, strdup(line)) >= 0);
        }

        r = default_flagfile_at(&(Places) { .etc = "/nonexistent" }, NULL, "/nonexistent", argv, false, &inserted);
        fuzz_check(r == 0 && strv_length(inserted) == strv_length(argv));
        fuzz_config(argv, environment);
        return 0;
}
