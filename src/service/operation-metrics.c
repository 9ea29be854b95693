/* Operations, counted. Methods are rows of static tables, so their addresses are the keys of a table that only grows: who counts
 * finds his row without a lock, and puts it there once. */
#include "service/operation-internal.h"
#include "service/operation-metrics.h"

#include <errno.h>

#define METHODS_MAX 256u                /* a power of two; further ones are not told apart */

typedef struct MethodMetrics {
        const Method *method;
        Counter results[_OPERATION_RESULT_MAX];
        Histogram took;                 /* of those that were begun */
} MethodMetrics;

struct OperationMetrics {
        atomic_uint references;
        _Atomic(MethodMetrics *) methods[METHODS_MAX];
        Counter origins[_ORIGIN_MAX];
        Histogram waited[_JOB_KIND_MAX];
};

OperationMetrics *operation_metrics_new(void) {
        OperationMetrics *m = calloc(1, sizeof *m);

        if (m)
                atomic_init(&m->references, 1);
        return m;
}

OperationMetrics *operation_metrics_ref(OperationMetrics *m) {
        (void) atomic_fetch_add(&m->references, 1);
        return m;
}

OperationMetrics *operation_metrics_unref(OperationMetrics *m) {
        if (!m || atomic_fetch_sub(&m->references, 1) > 1)
                return NULL;
        for (unsigned i = 0; i < METHODS_MAX; i++)
                free(atomic_load(m->methods + i));
        free(m);
        return NULL;
}

/* NULL: no memory, or no room. */
static MethodMetrics *row_of(OperationMetrics *m, const Method *method) {
        unsigned first = (unsigned) ((uintptr_t) method / sizeof *method) % METHODS_MAX;

        for (unsigned n = 0; n < METHODS_MAX; n++) {
                _Atomic(MethodMetrics *) *slot = m->methods + (first + n) % METHODS_MAX;
                MethodMetrics *row = atomic_load_explicit(slot, memory_order_acquire);

                if (!row) {
                        MethodMetrics *fresh = calloc(1, sizeof *fresh);

                        if (!fresh)
                                return NULL;
                        fresh->method = method;
                        if (atomic_compare_exchange_strong(slot, &row, fresh))
                                return fresh;
                        free(fresh);    /* another thread was here first: @row is his */
                }
                if (row->method == method)
                        return row;
        }
        return NULL;
}

void operation_metrics_count(OperationMetrics *m, const Operation *o) {
        usec_t now = now_monotonic();
        MethodMetrics *row;

        if (!m || o->known)
                return;
        counter_add(m->origins + o->origin, 1);
        if (o->begun_at > 0)
                histogram_observe(m->waited + o->method->kind, o->begun_at - MIN(o->accepted, o->begun_at));
        row = row_of(m, o->method);
        if (!row)
                return;
        counter_add(row->results + operation_result(o), 1);
        if (o->begun_at > 0)
                histogram_observe(&row->took, now - MIN(o->begun_at, now));
}

void operation_metrics_write(const OperationMetrics *m, MetricsText *t) {
        metrics_family(t, "nova_compute_operations", METRIC_COUNTER, NULL,
                       "Operations that ended, by method and result: done, refused (the caller's mistake), failed, cancelled, left (for "
                       "the next start).");
        for (unsigned i = 0; i < METHODS_MAX; i++) {
                const MethodMetrics *row = atomic_load_explicit(m->methods + i, memory_order_acquire);

                for (OperationResult k = 0; row && k < _OPERATION_RESULT_MAX; k++)
                        if (counter_read(row->results + k) > 0)
                                metrics_value(t, counter_read(row->results + k), "method", row->method->name, "result",
                                              operation_result_to_string(k), NULL);
        }
        metrics_family(t, "nova_compute_operations_by_origin", METRIC_COUNTER, NULL, "Operations that ended, by who asked for them.");
        for (OperationOrigin k = 0; k < _ORIGIN_MAX; k++)
                metrics_value(t, counter_read(m->origins + k), "origin", operation_origin_to_string(k), NULL);
        metrics_family(t, "nova_compute_operation_duration_seconds", METRIC_HISTOGRAM, "seconds",
                       "How long operations took, from their turn to their end.");
        for (unsigned i = 0; i < METHODS_MAX; i++) {
                const MethodMetrics *row = atomic_load_explicit(m->methods + i, memory_order_acquire);

                if (row && histogram_count(&row->took) > 0)
                        metrics_histogram(t, &row->took, "method", row->method->name, NULL);
        }
        metrics_family(t, "nova_compute_operation_wait_seconds", METRIC_HISTOGRAM, "seconds",
                       "How long operations waited for their turn, by kind of work.");
        for (JobKind k = 0; k < _JOB_KIND_MAX; k++)
                if (histogram_count(m->waited + k) > 0)
                        metrics_histogram(t, m->waited + k, "kind", job_kind_to_string(k), NULL);
}
