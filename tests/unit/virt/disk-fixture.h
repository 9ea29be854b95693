/* A store of disks with an image directory and instances_path in a folder of its own; the programs are the real ones. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "basic/path-util.h"
#include "basic/spawn.h"
#include "objects/instance-object.h"
#include "virt/libvirt/disk-private.h"

#define UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define IMAGE "11111111-2222-4333-8444-555555555555"
#define ARGV(...) ((const char *const[]) { __VA_ARGS__, NULL })

typedef struct DiskFixture {
        char folder[64];
        DiskStore *store;
        Instance instance;
} DiskFixture;

int disk_set_up(void **state);                  /* defaults */
int disk_tear_down(void **state);
/* Another store over the same folder, with these settings ("group.name=value"). */
void disk_configure(DiskFixture *f, const char *const *assignments);

/* Runs a program that must succeed; what it said, malloc'ed. */
char *run(const char *const *argv);
/* <folder>/<name>, in one of some buffers. */
const char *in_folder(const DiskFixture *f, const char *format, ...) _printf_(2, 3);
/* An image of the directory by qemu-img, with @size ("64M"), and metadata (NULL = none). */
void make_image(DiskFixture *f, const char *id, const char *format, const char *options, const char *size, const char *sidecar);
/* All files below instances_path but locks, sorted, with a space after each: "_base/swap_1 …". malloc'ed. */
char *files_of_instances(const DiskFixture *f);
json_t *shown(DiskFixture *f, const char *id);
char *read_text(const char *path);
