/* Operations as they are counted: by method and result, by origin, and how long they waited and took. Any thread counts, any
 * reads. Reference counted, as the gates of a service's runs and the service share one. */
#pragma once

#include "basic/metrics.h"
#include "service/operation.h"

typedef struct OperationMetrics OperationMetrics;

OperationMetrics *operation_metrics_new(void);          /* NULL when out of memory */
OperationMetrics *operation_metrics_ref(OperationMetrics *m);
OperationMetrics *operation_metrics_unref(OperationMetrics *m);
DEFINE_CLEANUP(OperationMetrics *, operation_metrics_unref)

/* What goes through @g is counted in @m, of which it takes a reference: before the first operation. */
void operation_gate_set_metrics(OperationGate *g, OperationMetrics *m);

/* One has ended. @m may be NULL. */
void operation_metrics_count(OperationMetrics *m, const Operation *o);
/* The families nova_compute_operations, …_operation_duration_seconds and …_operation_wait_seconds. */
void operation_metrics_write(const OperationMetrics *m, MetricsText *t);
