/* The audit period (essex 5.2): the last completed hour, day, month or year, as instance_usage_audit_period says. */
#pragma once

#include "basic/time-util.h"

/* @unit: "hour", "day", "month" or "year", or with "@offset" (minutes, hour, day of the month, month). @now: realtime. In
 * UTC. Returns 0 with begin and end of the last completed period, -EINVAL for another text (outputs untouched). */
int audit_period(const char *unit, usec_t now, usec_t *ret_begin, usec_t *ret_end);
