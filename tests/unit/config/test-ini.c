/* The INI syntax: what oslo.config takes, and what it refuses. The results were compared with oslo.config 9.0 by feeding
 * both the same files. */
#include <errno.h>

#include "fixture.h"

static int parse(const char *text, size_t size, char *buf, size_t buf_size, ConfigError *e) {
        OptionIndex x = {};
        Input in = { .index = &x };
        size_t n = 0;
        int r;

        assert_int_equal(option_index_init(&x), 0);
        r = input_parse_ini(&in, "F", text, size, e);
        *buf = '\0';
        for (size_t i = 0; r == 0 && i < in.n_assignments; i++)
                n += (size_t) snprintf(buf + n, buf_size - n, "%s%s@%u=%s", i ? "|" : "", in.assignments[i].name,
                                       in.assignments[i].line, in.assignments[i].value);
        input_done(&in);
        option_index_done(&x);
        return r;
}

/* checklist: 7 */
static void lines_are_read_like_oslo_config_does(void **state _unused_) {
        static const struct {
                const char *text, *result;
        } table[] = {
                { "", "" },
                { "# only\n; comments\n\n", "" },
                { "[DEFAULT]\na=1", "a@2=1" },
                { "[DEFAULT]\r\na = 1\r\n", "a@2=1" },
                { "\xef\xbb\xbf[DEFAULT]\na=1\n", "a@2=1" },
                { "[DEFAULT]\na = 1 # no comment\nb = 1 ; nor here\n", "a@2=1 # no comment|b@3=1 ; nor here" },
                { "[DEFAULT]\na=b=c\nd:e:f\ng=h:i\nj:k=l\n", "a@2=b=c|d@3=e:f|g@4=h:i|j@5=k=l" },
                { "[DEFAULT]\na=1\na=2\n", "a@2=1|a@3=2" },
                { "[libvirt]\na=1\n[LibVirt]\nb=2\n[DEFAULT]\nc=3\n[default]\nd=4\n", "libvirt.a@2=1|libvirt.b@4=2|c@6=3|default.d@8=4" },
                { "[DEFAULT]\na = 1\n  2\n\t3\nb=4\n", "a@2=1\n2\n3|b@5=4" },
                { "[DEFAULT]\na = 1\n  # not a comment\n  [nor a section]\n", "a@2=1\n# not a comment\n[nor a section]" },
                { "[DEFAULT]\na =\n  1\n  2\n", "a@2=\n1\n2" },
                { "[DEFAULT]\na = \"x\"\nb = 'y z'\nc = \"x'\nd = ' s '\ne=\"\nf = \"\"\n", "a@2=x|b@3=y z|c@4=\"x'|d@5= s |e@6=|f@7=" },
                { "[DEFAULT]\nmy-ip = 1\n", "my_ip@2=1" },
                { "[DEFAULT]\nlibvirt.virt_type = x\n", "DEFAULT.libvirt.virt_type@2=x" },
                { "[DEFAULT]\na\t=\t1\t\n", "a@2=1" },
                { "[a b]\nc=1\n", "a b.c@2=1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                ConfigError e = {};
                char buf[1024];

                if (parse(table[i].text, strlen(table[i].text), buf, sizeof buf, &e) < 0)
                        fail_msg("row %zu: %s", i, e.text);
                assert_string_equal(buf, table[i].result);
        }
}

/* checklist: 7 */
static void errors_name_the_file_and_the_line(void **state _unused_) {
        static const struct {
                const char *text, *error;
        } table[] = {
                { "a=1\n", "F:1: option 'a' stands before any [section]" },
                { "  a=1\n", "F:1: the line begins with white space, but there is no option above that it continues" },
                { "[DEFAULT]\na=1\n\n  2\n", "F:4: the line begins with white space, but there is no option above that it continues" },
                { "[DEFAULT]\na=1\n# c\n  2\n", "F:4: the line begins with white space, but there is no option above that it continues" },
                { "[DEFAULT]\n\n= 1\n", "F:3: no option before the =" },
                { "[DEFAULT]\n: 1\n", "F:2: no option before the =" },
                { "[DEFAULT\n", "F:1: section '[DEFAULT' does not end with ]" },
                { "[DEFAULT] # c\n", "F:1: section '[DEFAULT] # c' does not end with ]" },
                { "[]\n", "F:1: section without a name" },
                { "[\n", "F:1: section '[' does not end with ]" },
                { "[DEFAULT]\nx\xff=1\n", "F:2: the line is not UTF-8 text" },
                { "[DEFAULT]\nx=\xed\xa0\x80\n", "F:2: the line is not UTF-8 text" },
                { "[DEFAULT]\nx=\xf4\x90\x80\x80\n", "F:2: the line is not UTF-8 text" },
                { "[DEFAULT]\nx=\xc3\n", "F:2: the line is not UTF-8 text" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                ConfigError e = {};
                char buf[1024];

                assert_int_equal(parse(table[i].text, strlen(table[i].text), buf, sizeof buf, &e), -EINVAL);
                assert_string_equal(e.text, table[i].error);
        }
}

static void a_nul_byte_is_refused(void **state _unused_) {
        static const char text[] = "[DEFAULT]\na=1\0b\n";
        ConfigError e = {};
        char buf[64];

        assert_int_equal(parse(text, sizeof text - 1, buf, sizeof buf, &e), -EINVAL);
        assert_string_equal(e.text, "F:2: the line is not UTF-8 text");
}

static void a_broken_line_does_not_show_its_password(void **state _unused_) {
        static const char text[] = "[DEFAULT]\nrabbit_password hunter2\n";
        ConfigError e = {};
        char buf[64];

        assert_int_equal(parse(text, sizeof text - 1, buf, sizeof buf, &e), -EINVAL);
        assert_string_equal(e.text, "F:2: line 'rabbit_password…' has neither = nor :");
}

static void long_lines_are_whole(void **state _unused_) {
        enum { LONG = 100000 };
        _cleanup_free_ char *text = malloc(LONG + 32), *buf = malloc(LONG + 32);
        ConfigError e = {};
        size_t n;

        assert_non_null(text);
        assert_non_null(buf);
        n = (size_t) sprintf(text, "[DEFAULT]\na=");
        memset(text + n, 'x', LONG);
        strcpy(text + n + LONG, "\n");
        assert_int_equal(parse(text, strlen(text), buf, LONG + 32, &e), 0);
        assert_int_equal(strlen(buf), strlen("a@2=") + LONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_read_like_oslo_config_does),
                cmocka_unit_test(errors_name_the_file_and_the_line),
                cmocka_unit_test(a_nul_byte_is_refused),
                cmocka_unit_test(a_broken_line_does_not_show_its_password),
                cmocka_unit_test(long_lines_are_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
