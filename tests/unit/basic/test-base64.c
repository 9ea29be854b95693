/* Base64, against what Python says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/base64.h"
#include "basic/macros.h"

static void texts_are_read(void **state) {
        static const struct {
                const char *text, *data;        /* NULL: refused */
        } table[] = {
                { "", "" },          { "Zg==", "f" },      { "Zm8=", "fo" },    { "Zm9v", "foo" },  { "Zm9v\nYmFy\r\n", "foobar" },
                { " Z g = = ", "f" }, { "Zg", NULL },      { "Zg=", NULL },     { "Z===", NULL },   { "=", NULL },
                { "Zm9v=", NULL },   { "Zg==Zg==", NULL }, { "Zm9!", NULL },    { "Zm-_", NULL },   { "Z", NULL },
                { "Zg===", NULL },   { "====", NULL },     { "\xc3\xa4==", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char *data = (char *) "untouched";
                size_t size = 77;

                if (!table[i].data) {
                        assert_int_equal(base64_decode(table[i].text, &data, &size), -EINVAL);
                        assert_string_equal(data, "untouched");
                        assert_int_equal(size, 77);
                        continue;
                }
                assert_int_equal(base64_decode(table[i].text, &data, &size), 0);
                assert_string_equal(data, table[i].data);
                assert_int_equal(size, strlen(table[i].data));
                free(data);
        }
}

static void what_is_written_reads_back(void **state) {
        uint8_t bytes[256];

        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t) (i * 167 + 13);
        for (size_t n = 0; n <= sizeof bytes; n++) {
                _cleanup_free_ char *text = base64_encode(bytes, n), *back = NULL;
                size_t size;

                assert_non_null(text);
                assert_int_equal(strlen(text), (n + 2) / 3 * 4);
                assert_int_equal(base64_decode(text, &back, &size), 0);
                assert_int_equal(size, n);
                assert_memory_equal(back, bytes, n);
        }
        _cleanup_free_ char *known = base64_encode("\xff\xfe\x00\x10", 4);
        assert_string_equal(known, "//4AEA==");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_are_read),
                cmocka_unit_test(what_is_written_reads_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
