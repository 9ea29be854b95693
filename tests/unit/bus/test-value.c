/* Values on the bus: what D-Bus takes, and what counts as a change. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "bus/errors.h"
#include "bus/value.h"

/* checklist: 84 */
static void text_that_is_not_utf8_is_shown_with_its_bytes_escaped(void **state) {
        static const struct {
                const char *in, *out;
        } table[] = {
                { "", "" },
                { "node-1.example.org", "node-1.example.org" },
                { "Rechner-\xc3\xa4", "Rechner-\xc3\xa4" },
                { "\xe2\x82\xac \xf0\x9f\x90\xa7", "\xe2\x82\xac \xf0\x9f\x90\xa7" },
                { "\xff", "\\xff" },
                { "a\xe4z", "a\\xe4z" },
                { "cut \xe2\x82", "cut \\xe2\\x82" },
                { "\xc0\x80", "\\xc0\\x80" },                   /* over-long NUL */
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
                { "\x80ok", "\\x80ok" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *owned = NULL;

                assert_string_equal(bus_text(table[i].in, &owned), table[i].out);
                assert_int_equal(owned != NULL, strcmp(table[i].in, table[i].out) != 0);
        }
}

static void no_text_is_an_empty_text(void **state) {
        char *owned;

        assert_string_equal(bus_text(NULL, &owned), "");
        assert_null(owned);
}

static void values_that_differ_have_different_hashes_and_equal_ones_the_same(void **state) {
        const char *const one[] = { "ab", "c", NULL }, *const two[] = { "a", "bc", NULL }, *const three[] = { "ab", "c", NULL };
        const BusValue a = BUS_STRV(one), b = BUS_STRV(two), c = BUS_STRV(three), empty = BUS_STRV(NULL);
        const BusValue s = BUS_STRING("x"), null = BUS_STRING(NULL), t = BUS_UINT64(1), u = BUS_UINT64(2);
        const BusValue yes = BUS_BOOLEAN(true), no = BUS_BOOLEAN(false), d = BUS_DOUBLE(1.5), e = BUS_DOUBLE(16.0);

        assert_true(bus_value_hash(&a) == bus_value_hash(&c));
        assert_true(bus_value_hash(&a) != bus_value_hash(&b));
        assert_true(bus_value_hash(&a) != bus_value_hash(&empty));
        assert_true(bus_value_hash(&s) != bus_value_hash(&null));
        assert_true(bus_value_hash(&t) != bus_value_hash(&u));
        assert_true(bus_value_hash(&yes) != bus_value_hash(&no));
        assert_true(bus_value_hash(&d) != bus_value_hash(&e));
}

static void failures_become_a_name_of_the_short_list_and_a_sentence(void **state) {
        static const struct {
                int r;
                ExceptionClass class;
                const char *name;
        } table[] = {
                { -ESHUTDOWN, _EXC_MAX, BUS_ERROR_NOT_RUNNING },
                { -EHOSTDOWN, _EXC_MAX, BUS_ERROR_HOST_GOES_DOWN },
                { -EHOSTDOWN, EXC_NOVA, BUS_ERROR_HOST_GOES_DOWN },
                { -EBUSY, _EXC_MAX, BUS_ERROR_BUSY },
                { -ECANCELED, _EXC_MAX, BUS_ERROR_NOT_RUNNING },
                { -EIO, _EXC_MAX, BUS_ERROR_FAILED },
                { -EOPNOTSUPP, _EXC_MAX, SD_BUS_ERROR_NOT_SUPPORTED },
                { -EIO, EXC_DB_ERROR, BUS_ERROR_MODEL_DISCONNECTED },
                { -ENOTCONN, EXC_HYPERVISOR_UNAVAILABLE, BUS_ERROR_HYPERVISOR_UNAVAILABLE },
                { -EOPNOTSUPP, EXC_NOT_IMPLEMENTED, SD_BUS_ERROR_NOT_SUPPORTED },
                { -EIO, EXC_NOVA, BUS_ERROR_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

                if (table[i].class != _EXC_MAX)
                        exception_setf(&e, table[i].class, "the reason \xff it gave");
                assert_true(bus_error_from(&error, table[i].r, &e, "It could not be done") < 0);
                assert_string_equal(error.name, table[i].name);
                assert_non_null(startswith(error.message, "It could not be done: "));
                if (table[i].class != _EXC_MAX)
                        assert_string_equal(error.message, "It could not be done: the reason \\xff it gave");
                sd_bus_error_free(&error);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_that_is_not_utf8_is_shown_with_its_bytes_escaped),
                cmocka_unit_test(no_text_is_an_empty_text),
                cmocka_unit_test(values_that_differ_have_different_hashes_and_equal_ones_the_same),
                cmocka_unit_test(failures_become_a_name_of_the_short_list_and_a_sentence),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
