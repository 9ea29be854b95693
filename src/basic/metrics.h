/* Metrics: counters and histograms that any thread adds to without a lock, and their text, OpenMetrics 1.0. What is counted
 * stands in the object that does the work; whoever shows it reads it at any time, a moment's values beside each other. */
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef atomic_uint_fast64_t Counter;

static inline void counter_add(Counter *c, uint64_t n) {
        (void) atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline uint64_t counter_read(const Counter *c) {
        return atomic_load_explicit((Counter *) c, memory_order_relaxed);
}

/* How long something took: from a millisecond to ten minutes, in buckets that are the same for all. Zeroed = empty. */
#define HISTOGRAM_BUCKETS 16u           /* the last one has no end */
typedef struct Histogram {
        Counter buckets[HISTOGRAM_BUCKETS];
        Counter sum;                    /* microseconds */
} Histogram;

/* Any thread. */
void histogram_observe(Histogram *h, usec_t took);
uint64_t histogram_count(const Histogram *h);

/* ---- the text ---- */

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_HISTOGRAM,
        METRIC_STATESET,
        METRIC_INFO,
} MetricType;

/* A text under construction: families one after another, each with its samples. One thread. Failures (memory) are kept
 * until metrics_text_finish. */
typedef struct MetricsText {
        FILE *file;
        char *text;
        size_t size;
        const char *family;             /* the one under way */
        MetricType type;
} MetricsText;

/* 0 or -ENOMEM. */
int metrics_text_begin(MetricsText *t);
/* Ends it with "# EOF". *ret is malloc'ed. 0 or -ENOMEM; in both cases @t is done. */
int metrics_text_finish(MetricsText *t, char **ret);
/* Gives it up; also of one that is done, or zeroed. */
void metrics_text_done(MetricsText *t);

/* Begins a family. @name is without "_total" and the like, and ends with "_" and @unit where it has one; NULL = none.
 * Borrowed until the next. @help: one line. */
void metrics_family(MetricsText *t, const char *name, MetricType type, const char *unit, const char *help);

/* Samples of that family. Labels are pairs of name and value up to NULL; a pair whose value is NULL is left out. Values may be any
 * bytes: what is not UTF-8 becomes '?'. */
void metrics_value(MetricsText *t, uint64_t value, ...) __attribute__((sentinel));          /* of a counter or a gauge */
void metrics_real(MetricsText *t, double value, ...) __attribute__((sentinel));             /* the same */
void metrics_usec(MetricsText *t, usec_t value, ...) __attribute__((sentinel));             /* the same, written in seconds */
void metrics_info(MetricsText *t, ...) __attribute__((sentinel));                           /* of METRIC_INFO */
void metrics_histogram(MetricsText *t, const Histogram *h, ...) __attribute__((sentinel));
/* Of METRIC_STATESET: one sample for each of the @n states by @name_of, 1 for @now. */
void metrics_states(MetricsText *t, unsigned now, unsigned n, const char *(*name_of)(unsigned state));
