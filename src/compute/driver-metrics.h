/* Calls of the hypervisor's driver as they are counted: how often, how long, how many failed, by function. Any thread counts,
 * any reads; nothing waits. Zeroed = empty. */
#pragma once

#include "basic/metrics.h"
#include "virt/driver.h"

#define DRIVER_FUNCTIONS (sizeof(ComputeDriverOps) / sizeof(void *))
/* The number of a function: its place in the table. */
#define DRIVER_FUNCTION(name) (offsetof(ComputeDriverOps, name) / sizeof(void *))

typedef struct DriverMetrics {
        _Atomic(struct DriverFunctionMetrics *) functions[DRIVER_FUNCTIONS];
        Counter begun, ended;
} DriverMetrics;

void driver_metrics_done(DriverMetrics *d);

/* Around a call; the former returns when it began. @name is a constant. @r is what the function returned, and the result. */
usec_t driver_metrics_begin(DriverMetrics *d);
int driver_metrics_end(DriverMetrics *d, size_t function, const char *name, usec_t began, int r);

/* The families nova_compute_driver_call_… */
void driver_metrics_write(const DriverMetrics *d, MetricsText *t);
