/* The schema's steps: made in order, each wholly or not at all, never twice. */
#include "store-fixture.h"

#include <errno.h>

#include "db/schema.h"

static Database *open_bare(const Fixture *f) {
        Database *d = calloc(1, sizeof *d);

        assert_non_null(d);
        assert_int_equal(database_init(d, f->path, true, TEST_TIMEOUT), 0);
        assert_int_equal(sqlite3_open(f->path, &d->handle), SQLITE_OK);
        return d;
}

static void close_bare(Database *d) {
        database_done(d);
        free(d);
}

static void steps_are_made_once_and_in_order(void **state) {
        static const char *const steps[] = {
                "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('one')",
                "INSERT INTO a VALUES ('two')",
                "INSERT INTO a SELECT count(*) FROM a",
        };
        Fixture *f = *state;
        Database *d = open_bare(f);

        assert_result(database_migrate(d, steps, 1, true), 0);
        assert_query(f, "PRAGMA user_version", "1");
        assert_result(database_migrate(d, steps, 3, true), 0);
        assert_result(database_migrate(d, steps, 3, true), 0);
        assert_query(f, "SELECT group_concat(x) FROM a", "one,two,2");
        assert_query(f, "PRAGMA user_version", "3");
        assert_query(f, "SELECT (SELECT * FROM pragma_application_id) = 0x4e6f7661", "1");

        assert_result(database_migrate(d, steps, 2, true), -ENOTSUP);
        close_bare(d);
}

static void a_step_that_fails_leaves_the_version_before_it(void **state) {
        static const char *const broken[] = { "CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)" };
        static const char *const repaired[] = { "CREATE TABLE a (x)", "CREATE TABLE b (x)" };
        Fixture *f = *state;
        Database *d = open_bare(f);

        assert_result(database_migrate(d, broken, 2, true), -EIO);
        assert_query(f, "PRAGMA user_version", "1");
        assert_query(f, "SELECT group_concat(name) FROM sqlite_schema", "a");
        assert_result(database_migrate(d, repaired, 2, true), 0);
        assert_query(f, "SELECT group_concat(name) FROM sqlite_schema", "a,b");
        close_bare(d);
}

static void an_old_schema_that_cannot_be_written_is_told(void **state) {
        static const char *const steps[] = { "CREATE TABLE a (x)", "CREATE TABLE b (x)" };
        Fixture *f = *state;
        Database *d = open_bare(f);

        assert_result(database_migrate(d, steps, 1, true), 0);
        assert_result(database_migrate(d, steps, 2, false), -EROFS);
        assert_non_null(strstr(store_last_error(), "version 1 has to become 2"));
        assert_result(database_migrate(d, steps, 1, false), 0);
        close_bare(d);
}

static void our_own_steps_build_the_tables(void **state) {
        Fixture *f = *state;
        Database *d = open_bare(f);

        assert_result(database_migrate(d, schema_migrations, schema_n_migrations, true), 0);
        assert_query(f, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type = 'table' AND"
                        " name NOT LIKE 'sqlite_%' ORDER BY name)",
                     "bw_usage_cache,"
                     "compute_nodes,"
                     "console_auth_tokens,"
                     "fixed_ips,"
                     "instance_actions,"
                     "instance_actions_events,"
                     "instance_faults,"
                     "instances,"
                     "services,"
                     "settings,"
                     "virtual_interfaces");
        assert_query(f, "PRAGMA foreign_key_check", "");
        close_bare(d);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(steps_are_made_once_and_in_order),
                CASE(a_step_that_fails_leaves_the_version_before_it),
                CASE(an_old_schema_that_cannot_be_written_is_told),
                CASE(our_own_steps_build_the_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
