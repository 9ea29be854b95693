/* Sets of host CPUs in Nova's text form. Plain values; thread-safe. */
#pragma once

#include <jansson.h>
#include <sched.h>

#include "basic/macros.h"

#define CPU_SET_MAX CPU_SETSIZE         /* numbers are below */

typedef cpu_set_t CpuSet;

/* "0-3,^2,8": numbers, ranges, and what is excluded again ("^2", "^4-5"), in any order. Returns 0, or -EINVAL with *ret untouched and
 * the part that is wrong in @why. */
int cpu_set_parse(const char *text, CpuSet *ret, char *why, size_t why_size);

/* [0, 1, 3]; NULL when out of memory. */
json_t *cpu_set_to_json(const CpuSet *s);
