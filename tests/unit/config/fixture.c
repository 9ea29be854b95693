#include <errno.h>
#include <ftw.h>

#include "fixture.h"

int fixture_setup(void **state) {
        Fixture *f = calloc(1, sizeof *f);

        if (!f)
                return -1;
        strcpy(f->directory, "/tmp/nova-config-XXXXXX");
        if (!mkdtemp(f->directory) || chdir(f->directory) < 0)
                return -1;
        snprintf(f->etc, sizeof f->etc, "%s/etc", f->directory);
        snprintf(f->home, sizeof f->home, "%s/home", f->directory);
        snprintf(f->credentials, sizeof f->credentials, "%s/credentials", f->directory);
        f->places = (Places) { .etc = f->etc, .home = f->home, .credentials = f->credentials };
        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *st _unused_, int flag _unused_, struct FTW *ftw _unused_) {
        return remove(path);
}

int fixture_teardown(void **state) {
        Fixture *f = *state;

        if (chdir("/") < 0 || nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
                return -1;
        free(f);
        return 0;
}

void fixture_write(Fixture *f, const char *path, const char *text) {
        char full[256];
        FILE *file;

        snprintf(full, sizeof full, "%s/%s", f->directory, path);
        for (char *slash = strchr(full + strlen(f->directory) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        file = fopen(full, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int load(Fixture *f, const char *const *arguments, Config **ret) {
        char *argv[32] = { (char *) "/usr/bin/nova-compute" };
        size_t n = 1;

        for (; *arguments; arguments++) {
                assert_true(n < ELEMENTSOF(argv) - 1);
                argv[n++] = (char *) *arguments;
        }
        return config_load_at(&f->places, argv, ret, NULL, &f->error);
}

Config *fixture_load(Fixture *f, const char *const *arguments) {
        Config *c = NULL;

        if (load(f, arguments, &c) < 0)
                fail_msg("%s", f->error.text);
        return c;
}

const char *fixture_refused(Fixture *f, const char *const *arguments) {
        Config *c = NULL;

        *f->error.text = '\0';
        assert_int_equal(load(f, arguments, &c), -EINVAL);
        assert_null(c);
        return f->error.text;
}

void assert_origin(const Config *c, const char *name, const char *origin) {
        _cleanup_free_ char *s = config_origin(c, name);

        assert_non_null(s);
        assert_string_equal(s, origin);
}

void assert_list(const Config *c, const char *name, const char *joined) {
        char buf[1024] = "";

        for (const char *const *s = config_list(c, name), *const *first = s; *s; s++) {
                if (s != first)
                        strcat(buf, "|");
                strncat(buf, *s, sizeof buf - strlen(buf) - 2);
        }
        assert_string_equal(buf, joined);
}
