/* sql_connection: what is a path, what is refused, what is hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "db/store-url.h"
#include "db/store.h"

static void urls_become_absolute_paths(void **state) {
        static const struct {
                const char *url, *path;
                usec_t timeout;
        } table[] = {
                { "sqlite:////var/lib/nova/nova.sqlite", "/var/lib/nova/nova.sqlite", STORE_DEFAULT_TIMEOUT },
                { "sqlite:///var/lib/nova/nova.sqlite", "/var/lib/nova/nova.sqlite", STORE_DEFAULT_TIMEOUT },
                { "sqlite+pysqlite:////a/b", "/a/b", STORE_DEFAULT_TIMEOUT },
                { "sqlite:////a/b?timeout=0.25", "/a/b", 250000 },
                { "sqlite:////a/b c@d", "/a/b c@d", STORE_DEFAULT_TIMEOUT },
        };
        char *cwd = getcwd(NULL, 0);

        assert_int_equal(chdir("/"), 0);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                StoreUrl u = {};

                assert_int_equal(store_url_parse(table[i].url, &u), 0);
                assert_string_equal(u.path, table[i].path);
                assert_int_equal(u.timeout, table[i].timeout);
                store_url_done(&u);
        }
        assert_int_equal(chdir("/tmp"), 0);
        StoreUrl u = {};
        assert_int_equal(store_url_parse("sqlite:///x/nova.sqlite", &u), 0);
        assert_string_equal(u.path, "/tmp/x/nova.sqlite");
        store_url_done(&u);
        assert_int_equal(chdir(cwd), 0);
        free(cwd);
}

static void other_urls_are_refused_by_a_sentence_without_the_password(void **state) {
        static const struct {
                const char *url, *says;
        } table[] = {
                { "mysql+pymysql://nova:S3cret@ctl/nova", "mysql+pymysql://nova:***@ctl/nova" },
                { "mysql://nova:S3cret@x/y@ctl/nova", "mysql://nova:***@ctl/nova" },
                { "mysql://nova:se/S3cret@ctl/nova?password=S3cret", "mysql://nova:***@ctl/nova?password=***" },
                { "postgresql://ctl/nova?user=nova&password=S3cret", "postgresql://ctl/nova?user=nova&password=***" },
                { "sqlite://host/path", "names no host" },
                { "sqlite://", "in memory" },
                { "sqlite:///", "in memory" },
                { "sqlite:///:memory:", "in memory" },
                { "sqlite:////var/lib/nova/", "name a file" },
                { "sqlite:////a?mode=ro", "timeout" },
                { "sqlite:////a?timeout=soon", "number of seconds" },
                { "sqlite:////a?timeout=-1", "number of seconds" },
                { "sqlite:////a?timeout=nan", "number of seconds" },
                { "sqlite3:////a", "only sqlite is built" },
                { "/var/lib/nova/nova.sqlite", "sqlite:////absolute/path" },
                { "", "empty" },
                { NULL, "empty" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                StoreUrl u = { .timeout = 7 };

                assert_int_equal(store_url_parse(table[i].url, &u), -EINVAL);
                assert_non_null(strstr(store_last_error(), table[i].says));
                assert_null(strstr(store_last_error(), "S3cret"));
                assert_null(u.path);
                assert_int_equal(u.timeout, 7);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_become_absolute_paths),
                cmocka_unit_test(other_urls_are_refused_by_a_sentence_without_the_password),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
