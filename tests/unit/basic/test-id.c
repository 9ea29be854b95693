/* Identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/id.h"
#include "basic/macros.h"

static void a_uuid4_has_its_version_and_variant(void **state) {
        char a[UUID_TEXT_MAX], b[UUID_TEXT_MAX];

        for (int i = 0; i < 200; i++) {
                assert_ptr_equal(uuid4(a), a);
                assert_true(uuid_is_valid(a));
                assert_int_equal(a[14], '4');
                assert_non_null(strchr("89ab", a[19]));
                assert_string_not_equal(a, uuid4(b));
        }
}

static void a_hex_id_is_32_digits(void **state) {
        char a[HEX_ID_MAX], b[HEX_ID_MAX];

        assert_int_equal(strlen(uuid4_hex(a)), 32);
        assert_int_equal(strspn(a, "0123456789abcdef"), 32);
        assert_int_equal(a[12], '4');
        assert_string_not_equal(a, uuid4_hex(b));
}

static void a_request_id_is_req_and_a_uuid(void **state) {
        char a[REQUEST_ID_MAX];

        assert_int_equal(strlen(request_id(a)), REQUEST_ID_MAX - 1);
        assert_non_null(startswith(a, "req-"));
        assert_true(uuid_is_valid(a + 4));
}

static void only_what_nova_writes_is_a_uuid(void **state) {
        static const struct {
                const char *text;
                bool valid;
        } table[] = {
                {"34fbced1-054d-4f25-a843-890271f65255", true},
                {"34FBCED1-054D-4F25-A843-890271F65255", true},
                {"00000000-0000-0000-0000-000000000000", true},
                {NULL, false},
                {"", false},
                {"34fbced1054d4f25a843890271f65255", false},
                {"34fbced1-054d-4f25-a843-890271f6525", false},
                {"34fbced1-054d-4f25-a843-890271f652555", false},
                {"34fbced1-054d-4f25-a843-890271f6525g", false},
                {"34fbced1-054d-4f25-a843_890271f65255", false},
                {"34fbced1-054d-4f25-a843-890271f65255\n", false},
                {"{4fbced1-054d-4f25-a843-890271f6525}", false},
                {"../../../../../../../../../etc/passwd", false},
                {"34fbced1-054d-4f25-a843-89027/f65255", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (uuid_is_valid(table[i].text) != table[i].valid)
                        fail_msg("'%s' should%s be a uuid", table[i].text, table[i].valid ? "" : " not");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_uuid4_has_its_version_and_variant),
                cmocka_unit_test(a_hex_id_is_32_digits),
                cmocka_unit_test(a_request_id_is_req_and_a_uuid),
                cmocka_unit_test(only_what_nova_writes_is_a_uuid),
        };
        return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
