/* Calls of the driver, counted. */
#include "compute/driver-metrics.h"

typedef struct DriverFunctionMetrics {
        const char *name;
        Histogram took;
        Counter failures;
} DriverFunctionMetrics;

void driver_metrics_done(DriverMetrics *d) {
        for (size_t i = 0; i < DRIVER_FUNCTIONS; i++)
                free(atomic_load(d->functions + i));
}

/* NULL when out of memory: then it is not counted. */
static DriverFunctionMetrics *row_of(DriverMetrics *d, size_t function, const char *name) {
        DriverFunctionMetrics *row = atomic_load_explicit(d->functions + function, memory_order_acquire), *fresh;

        if (row)
                return row;
        fresh = calloc(1, sizeof *fresh);
        if (!fresh)
                return NULL;
        fresh->name = name;
        if (atomic_compare_exchange_strong(d->functions + function, &row, fresh))
                return fresh;
        free(fresh);            /* another thread was here first */
        return row;
}

usec_t driver_metrics_begin(DriverMetrics *d) {
        counter_add(&d->begun, 1);
        return now_monotonic();
}

int driver_metrics_end(DriverMetrics *d, size_t function, const char *name, usec_t began, int r) {
        DriverFunctionMetrics *row = row_of(d, function, name);

        counter_add(&d->ended, 1);
        if (!row)
                return r;
        histogram_observe(&row->took, now_monotonic() - began);
        if (r < 0 && r != -EOPNOTSUPP)
                counter_add(&row->failures, 1);
        return r;
}

void driver_metrics_write(const DriverMetrics *d, MetricsText *t) {
        uint64_t ended = counter_read(&d->ended), begun = counter_read(&d->begun);      /* in this order: never below 0 */

        metrics_family(t, "nova_compute_driver_call_duration_seconds", METRIC_HISTOGRAM, "seconds",
                       "How long calls of the hypervisor's driver took, by function.");
        for (size_t i = 0; i < DRIVER_FUNCTIONS; i++) {
                const DriverFunctionMetrics *row = atomic_load_explicit(d->functions + i, memory_order_acquire);

                if (row && histogram_count(&row->took) > 0)
                        metrics_histogram(t, &row->took, "function", row->name, NULL);
        }
        metrics_family(t, "nova_compute_driver_call_failures", METRIC_COUNTER, NULL,
                       "Calls of the hypervisor's driver that failed, by function.");
        for (size_t i = 0; i < DRIVER_FUNCTIONS; i++) {
                const DriverFunctionMetrics *row = atomic_load_explicit(d->functions + i, memory_order_acquire);

                if (row)
                        metrics_value(t, counter_read(&row->failures), "function", row->name, NULL);
        }
        metrics_family(t, "nova_compute_driver_calls_running", METRIC_GAUGE, NULL, "Calls of the hypervisor's driver under way now.");
        metrics_value(t, begun - MIN(ended, begun), NULL);
}
