/* The metrics of a service as text: OpenMetrics 1.0, from what is in memory, so that it never waits. */
#pragma once

#include "service/service.h"

/* The content type that goes with the text. */
#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* On the main loop. *ret is malloc'ed. @s NULL: what is known of the process alone. 0 or -ENOMEM. */
int service_metrics_text(const Service *s, char **ret);
