/* The base files of disks: filled ahead of use, and emptied of what nobody uses (zed 6.8, essex 14.8). Thread-safe. */
#pragma once

#include "virt/libvirt/disk.h"

/* Fetches the image @id into the cache, for instances to come: 1; 0 when it was there already; -errno with @e. */
int image_cache_prefetch(DiskStore *s, const char *id, const DriverHooks *hooks, NovaException *e);

/* The pass of the image cache manager: files that an instance of @all on this host is made of (by its image, kernel and
 * ramdisk), or that a disk below instances_path lies over, are marked as used now; others are removed once they have not been used
 * for [image_cache] remove_unused_original_minimum_age_seconds, unless remove_unused_base_images says no. What a killed
 * process left half made goes at once. Names one by one in the log what it removes. *ret_removed may be NULL. 0 or -errno with @e. */
int image_cache_age(DiskStore *s, const InstanceList *all, unsigned *ret_removed, NovaException *e);

/* Removes only what was left half made, and nobody makes now. */
void image_cache_tidy(DiskStore *s);
