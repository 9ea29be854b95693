/* The search for the default flag file, and its insertion into the arguments. */
#include "fixture.h"

static const char *join(char *const *v, char *buf, size_t size) {
        size_t n = 0;

        *buf = '\0';
        for (; *v; v++)
                n += (size_t) snprintf(buf + n, size - n, "%s%s", n ? " " : "", *v);
        return buf;
}

/* Runs with the directory @bin of the program; the result has the test's directory replaced by "T". */
static int run(Fixture *f, const char *filename, const char *bin, const char *const *argv, bool old_rules, char *buf, size_t size) {
        _cleanup_(strv_freep) char **v = NULL;
        char full[512], joined[1024], *p;
        int r;

        snprintf(full, sizeof full, "%s/%s", f->directory, bin);
        r = default_flagfile_at(&f->places, filename, full, (char *const *) argv, old_rules, &v);
        assert_non_null(v);
        join(v, joined, sizeof joined);
        p = strstr(joined, f->directory);
        if (p)
                snprintf(buf, size, "%.*sT%s", (int) (p - joined), joined, p + strlen(f->directory));
        else
                snprintf(buf, size, "%s", joined);
        return r;
}

#define RUN(f, filename, old, buf, ...)                                                                                      \
        run(f, filename, "bin", (const char *const[]) { __VA_ARGS__, NULL }, old, buf, sizeof buf)

/* checklist: 2, 6 */
static void the_flag_file_goes_right_after_the_program(void **state) {
        Fixture *f = *state;
        char buf[1024];

        fixture_write(f, "bin/nova.conf", "");
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute", "--host=a", "b"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/bin/nova.conf --host=a b");
        assert_int_equal(RUN(f, "other.conf", false, buf, "nova-compute"), 0);
        assert_string_equal(buf, "nova-compute");
}

/* checklist: 2 */
static void the_word_flagfile_anywhere_stops_it(void **state) {
        Fixture *f = *state;
        static const char *const words[] = {
                "--flagfile=/x", "--flagfile", "-flagfile=/x", "--dhcpbridge_flagfile=/y", "a-flagfile-b",
                "--config-file", "--config-file=/z",
        };
        char buf[1024], expected[128];

        fixture_write(f, "bin/nova.conf", "");
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                snprintf(expected, sizeof expected, "nova-compute --debug %s", words[i]);
                assert_int_equal(RUN(f, NULL, false, buf, "nova-compute", "--debug", words[i]), 0);
                assert_string_equal(buf, expected);
        }
        /* Even in the name of the program. */
        assert_int_equal(RUN(f, NULL, false, buf, "/opt/flagfiles/nova-compute"), 0);
        assert_string_equal(buf, "/opt/flagfiles/nova-compute");
        /* A directory adds to the default files, and does not replace them. */
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute", "--config-dir=/d"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/bin/nova.conf --config-dir=/d");
}

/* checklist: 3, 5 */
static void candidates_are_tried_in_order(void **state) {
        Fixture *f = *state;
        char buf[1024], path[256];

        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute"), 0);
        fixture_write(f, "etc/nova/nova.conf", "");
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/etc/nova/nova.conf");
        fixture_write(f, "nova.conf", "");
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=./nova.conf");
        fixture_write(f, "bin/nova.conf", "");
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/bin/nova.conf");

        /* The program's directory is the same from another working directory. */
        snprintf(path, sizeof path, "%s/etc", f->directory);
        assert_int_equal(chdir(path), 0);
        assert_int_equal(RUN(f, NULL, false, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/bin/nova.conf");
}

/* checklist: 5 */
static void old_rules_insert_the_last_candidate_even_if_it_is_missing(void **state) {
        Fixture *f = *state;
        char buf[1024];

        assert_int_equal(RUN(f, NULL, true, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/etc/nova/nova.conf");
        assert_int_equal(RUN(f, NULL, true, buf, "nova-compute", "--flagfile=x"), 0);
}

/* checklist: 4 */
static void an_absolute_name_is_not_joined(void **state) {
        Fixture *f = *state;
        char buf[1024], name[256];

        fixture_write(f, "else/where.conf", "");
        snprintf(name, sizeof name, "%s/else/where.conf", f->directory);
        assert_int_equal(RUN(f, name, false, buf, "nova-compute"), 1);
        assert_string_equal(buf, "nova-compute --flagfile=T/else/where.conf");
}

static void the_real_one_looks_into_etc(void **state _unused_) {
        _cleanup_(strv_freep) char **v = NULL;
        const char *argv[] = { "nova-compute", "--x", NULL };

        assert_int_equal(default_flagfile(NULL, "/nonexistent", (char *const *) argv, true, &v), 1);
        assert_string_equal(v[1], "--flagfile=/etc/nova/nova.conf");
        assert_string_equal(v[2], "--x");
        assert_null(v[3]);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                CASE(the_flag_file_goes_right_after_the_program),
                CASE(the_word_flagfile_anywhere_stops_it),
                CASE(candidates_are_tried_in_order),
                CASE(old_rules_insert_the_last_candidate_even_if_it_is_missing),
                CASE(an_absolute_name_is_not_joined),
                CASE(the_real_one_looks_into_etc),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
