/* Damaged files are kept with what belongs to them, and nothing is overwritten. */
#include "store-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "db/set-aside.h"

static void put(const char *path, const char *text) {
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void assert_holds(const char *path, const char *ending, const char *text) {
        char name[512], got[64] = "";
        FILE *f;

        (void) snprintf(name, sizeof name, "%s%s", path, ending);
        f = fopen(name, "re");
        assert_non_null(f);
        assert_non_null(fgets(got, sizeof got, f));
        (void) fclose(f);
        assert_string_equal(got, text);
}

static void put_database(const Fixture *f, const char *text) {
        char wal[128], shm[128];

        (void) snprintf(wal, sizeof wal, "%s-wal", f->path);
        (void) snprintf(shm, sizeof shm, "%s-shm", f->path);
        put(f->path, text);
        put(wal, text);
        put(shm, text);
}

static void a_database_is_kept_with_its_log_under_a_name_with_the_time(void **state) {
        Fixture *f = *state;
        char prefix[128];
        char *name = NULL;

        put_database(f, "one");
        assert_int_equal(set_aside(f->path, "corrupt", true, &name), 0);
        (void) snprintf(prefix, sizeof prefix, "%s.corrupt-20", f->path);
        assert_non_null(startswith(name, prefix));
        assert_int_equal(name[strlen(name) - 1], 'Z');
        assert_holds(name, "", "one");
        assert_holds(name, "-wal", "one");
        assert_holds(name, "-shm", "one");
        assert_int_equal(access(f->path, F_OK), -1);
        free(name);
}

static void many_in_one_second_get_numbers_and_all_stay(void **state) {
        Fixture *f = *state;
        static const char *const texts[] = { "a", "b", "c" };
        char *names[3] = {};

        for (size_t i = 0; i < 3; i++) {
                put_database(f, texts[i]);
                assert_int_equal(set_aside(f->path, "corrupt", true, &names[i]), 0);
        }
        for (size_t i = 0; i < 3; i++) {
                assert_holds(names[i], "", texts[i]);
                assert_holds(names[i], "-wal", texts[i]);
                free(names[i]);
        }
}

static void only_the_log_is_moved_if_the_database_is_anothers(void **state) {
        Fixture *f = *state;
        char *name = NULL;

        put_database(f, "one");
        assert_int_equal(set_aside(f->path, "replaced", false, &name), 0);
        assert_holds(f->path, "", "one");
        assert_holds(name, "-wal", "one");
        assert_int_equal(access(name, F_OK), -1);
        free(name);
}

static void a_directory_that_cannot_be_written_is_an_error(void **state) {
        Fixture *f = *state;
        char *name = NULL;

        put_database(f, "one");
        assert_int_equal(chmod(f->directory, 0755), 0);
        if (getuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        else
                assert_int_equal(chmod(f->directory, 0555), 0);
        assert_int_equal(set_aside(f->path, "corrupt", true, &name), -EACCES);
        assert_int_equal(seteuid(getuid()), 0);
        assert_null(name);
        assert_holds(f->path, "", "one");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_database_is_kept_with_its_log_under_a_name_with_the_time, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(many_in_one_second_get_numbers_and_all_stay, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(only_the_log_is_moved_if_the_database_is_anothers, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_written_is_an_error, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
