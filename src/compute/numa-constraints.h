/* What flavor and image want of NUMA nodes, pages and CPUs of their own, as Nova's API works it out for an instance (hardware.py
 * numa_get_constraints). Pure; thread-safe. */
#pragma once

#include "objects/numa.h"

/* @extra_specs: the flavor's; @properties: the image's, hw_…; texts, or numbers; both may be NULL. 1 with *ret; 0: nothing is wanted.
 * Below 0 with Nova's exception in @e: -EINVAL, -EACCES for what an image must not say over its flavor; or -ENOMEM. Real time CPUs and
 * persistent memory, which this host has not, are Invalid. */
int numa_constraints(const json_t *extra_specs, const json_t *properties, int64_t vcpus, int64_t memory_mb, GuestTopology *ret,
                     NovaException *e);
