/* Which store the configuration makes, and what it refuses. */
#include "store-fixture.h"

#include <errno.h>
#include <stdio.h>

static Config *configuration(const char *first, const char *second) {
        const char *const assignments[] = { first, first ? second : NULL, NULL };
        ConfigError error = {};
        Config *c = NULL;

        if (config_new_for_test(&c, assignments, &error) < 0)
                fail_msg("%s", error.text);
        return c;
}

static void the_default_is_a_file_in_state_path(void **state) {
        Fixture *f = *state;
        char path[256];
        Config *c;
        Store *s = NULL;

        (void) snprintf(path, sizeof path, "state_path=%s", f->directory);
        c = configuration(path, NULL);
        assert_result(store_new(&s, c, NULL), 0);
        assert_string_equal(s->ops->backend, "local");
        assert_string_equal(local_database(s)->path, f->path);
        assert_true(local_database(s)->synchronous);
        assert_result(s->ops->open(s, NULL), 0);
        assert_int_equal(access(f->path, R_OK | W_OK), 0);
        store_free(s);
        config_unref(c);
}

static void synchronous_can_be_given_up(void **state) {
        Fixture *f = *state;
        char path[256];
        Config *c;
        Store *s = NULL;

        (void) snprintf(path, sizeof path, "sql_connection=sqlite:///%s?timeout=1", f->path);
        c = configuration(path, "sqlite_synchronous=false");
        assert_result(store_new(&s, c, NULL), 0);
        assert_string_equal(local_database(s)->path, f->path);
        assert_int_equal(local_database(s)->timeout, USEC_PER_SEC);
        assert_false(local_database(s)->synchronous);
        assert_result(s->ops->setting_set(s, "a", "b"), 0);
        store_free(s);
        config_unref(c);
}

static void statements_are_logged_without_their_values_when_asked(void **state) {
        static const struct {
                const char *option, *line;
        } table[] = {
                { "sql_connection_debug=0", NULL },
                { "sql_connection_debug=50", "INSERT INTO settings" },
                { "sql_connection_debug=100", " us: INSERT INTO settings" },
        };
        Fixture *f = *state;
        char path[256];

        (void) snprintf(path, sizeof path, "state_path=%s", f->directory);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Config *c = configuration(path, table[i].option);
                Store *s = NULL;

                assert_result(store_new(&s, c, NULL), 0);
                assert_result(s->ops->setting_set(s, "name", "S3cret"), 0);
                if (table[i].line)
                        assert_int_equal(fixture_log_lines(f, table[i].line) >= 1, 1);
                else
                        assert_int_equal(fixture_log_lines(f, "INSERT"), 0);
                assert_int_equal(fixture_log_lines(f, "S3cret"), 0);
                store_free(s);
                config_unref(c);
        }
}

static void what_is_not_built_or_known_is_refused_by_name(void **state) {
        static const struct {
                const char *first, *second, *says;
        } table[] = {
                { "state_backend=conductor", NULL, "state_backend = conductor is not built" },
                { "sql_connection=mysql+pymysql://nova:S3cret@ctl/nova", NULL, "mysql+pymysql://nova:***@ctl/nova" },
                { "sql_connection=sqlite://", NULL, "in memory" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Config *c = configuration(table[i].first, table[i].second);
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                Store *s = NULL;

                assert_int_equal(store_new(&s, c, &e), -EINVAL);
                assert_null(s);
                assert_non_null(strstr(e.message, table[i].says));
                assert_null(strstr(e.message, "S3cret"));
                assert_int_equal(e.error, -EINVAL);
                config_unref(c);
        }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(the_default_is_a_file_in_state_path),
                CASE(synchronous_can_be_given_up),
                CASE(statements_are_logged_without_their_values_when_asked),
                CASE(what_is_not_built_or_known_is_refused_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
