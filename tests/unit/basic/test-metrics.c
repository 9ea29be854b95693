/* Counters, histograms and their text. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/metrics.h"

static void check(MetricsText *t, const char *expected) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(metrics_text_finish(t, &text), 0);
        assert_string_equal(text, expected);
}

static void a_text_without_families_is_its_end(void **state) {
        MetricsText t;

        assert_int_equal(metrics_text_begin(&t), 0);
        check(&t, "# EOF\n");
}

static void each_type_has_its_form(void **state) {
        MetricsText t;

        assert_int_equal(metrics_text_begin(&t), 0);
        metrics_family(&t, "a", METRIC_COUNTER, NULL, "How often.");
        metrics_value(&t, 3, NULL);
        metrics_family(&t, "b_bytes", METRIC_GAUGE, "bytes", "How much.");
        metrics_real(&t, 1.5, "kind", "x", "other", NULL, "more", "y", NULL);
        metrics_family(&t, "c_seconds", METRIC_COUNTER, "seconds", "How long.");
        metrics_usec(&t, 12000345, NULL);
        metrics_family(&t, "d", METRIC_INFO, NULL, "What.");
        metrics_info(&t, "version", "1", NULL);
        check(&t, "# TYPE a counter\n# HELP a How often.\na_total 3\n"
                  "# TYPE b_bytes gauge\n# UNIT b_bytes bytes\n# HELP b_bytes How much.\nb_bytes{kind=\"x\",more=\"y\"} 1.5\n"
                  "# TYPE c_seconds counter\n# UNIT c_seconds seconds\n# HELP c_seconds How long.\nc_seconds_total 12.000345\n"
                  "# TYPE d info\n# HELP d What.\nd_info{version=\"1\"} 1\n# EOF\n");
}

static const char *light(unsigned s) {
        return s == 0 ? "red" : "green";
}

static void a_set_of_states_tells_each(void **state) {
        MetricsText t;

        assert_int_equal(metrics_text_begin(&t), 0);
        metrics_family(&t, "light", METRIC_STATESET, NULL, "The light.");
        metrics_states(&t, 1, 2, light);
        check(&t, "# TYPE light stateset\n# HELP light The light.\nlight{light=\"red\"} 0\nlight{light=\"green\"} 1\n# EOF\n");
}

static void labels_may_hold_anything(void **state) {
        static const struct {
                const char *value, *written;
        } table[] = {
                { "", "" },
                { "quote\" back\\ line\nend", "quote\\\" back\\\\ line\\nend" },
                { "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x9a", "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x9a" },
                { "\xff\xc3", "??" },                   /* never, and cut off */
                { "\xc0\x80\xed\xa0\x80", "?????" },    /* overlong, and a surrogate */
                { "\xf4\x90\x80\x80", "????" },         /* beyond Unicode */
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char expected[200];
                MetricsText t;

                snprintf(expected, sizeof expected, "# TYPE a gauge\n# HELP a A.\na{l=\"%s\"} 1\n# EOF\n", table[i].written);
                assert_int_equal(metrics_text_begin(&t), 0);
                metrics_family(&t, "a", METRIC_GAUGE, NULL, "A.");
                metrics_value(&t, 1, "l", table[i].value, NULL);
                check(&t, expected);
        }
}

static void a_histogram_counts_up_to_each_end(void **state) {
        _cleanup_free_ char *text = NULL;
        Histogram h = {};
        MetricsText t;

        histogram_observe(&h, 0);
        histogram_observe(&h, 1000);                    /* an end belongs to its bucket */
        histogram_observe(&h, 1001);
        histogram_observe(&h, 3 * USEC_PER_SEC);
        histogram_observe(&h, 3600 * USEC_PER_SEC);     /* beyond the last end */
        assert_int_equal(histogram_count(&h), 5);

        assert_int_equal(metrics_text_begin(&t), 0);
        metrics_family(&t, "a_seconds", METRIC_HISTOGRAM, "seconds", "A.");
        metrics_histogram(&t, &h, "f", "g", NULL);
        assert_int_equal(metrics_text_finish(&t, &text), 0);
        assert_non_null(strstr(text, "\na_seconds_bucket{f=\"g\",le=\"0.001\"} 2\na_seconds_bucket{f=\"g\",le=\"0.0025\"} 3\n"));
        assert_non_null(strstr(text, "le=\"2.5\"} 3\n"));
        assert_non_null(strstr(text, "le=\"10.0\"} 4\n"));
        assert_non_null(strstr(text, "le=\"600.0\"} 4\n"));
        assert_non_null(strstr(text, "le=\"+Inf\"} 5\na_seconds_count{f=\"g\"} 5\na_seconds_sum{f=\"g\"} 3603.002001\n"));
}

static void a_text_that_is_given_up_leaves_nothing(void **state) {
        MetricsText t;

        assert_int_equal(metrics_text_begin(&t), 0);
        metrics_family(&t, "a", METRIC_GAUGE, NULL, "A.");
        metrics_text_done(&t);
        metrics_text_done(&t);
}

#define THREADS 4
#define TIMES 20000

static void *observe(void *h) {
        for (unsigned i = 0; i < TIMES; i++)
                histogram_observe(h, i % 2 ? 1 : 5 * USEC_PER_SEC);
        return NULL;
}

static void nothing_that_threads_count_is_lost(void **state) {
        pthread_t threads[THREADS];
        Histogram h = {};

        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(threads + i, NULL, observe, &h), 0);
        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(histogram_count(&h), THREADS * TIMES);
        assert_int_equal(counter_read(&h.sum), THREADS * (TIMES / 2) * (1 + 5 * USEC_PER_SEC));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_without_families_is_its_end),
                cmocka_unit_test(each_type_has_its_form),
                cmocka_unit_test(a_set_of_states_tells_each),
                cmocka_unit_test(labels_may_hold_anything),
                cmocka_unit_test(a_histogram_counts_up_to_each_end),
                cmocka_unit_test(a_text_that_is_given_up_leaves_nothing),
                cmocka_unit_test(nothing_that_threads_count_is_lost),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
