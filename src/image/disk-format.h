/* What a disk image is, by its own bytes (zed 6.8): never by a name, and never by a program that would follow what the
 * image says. Reads a bounded number of bytes. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DiskFormat {
        DISK_FORMAT_RAW,                /* nothing else: an empty file too */
        DISK_FORMAT_GPT,                /* a disk with a partition table (MBR or GPT): raw */
        DISK_FORMAT_ISO,                /* raw too */
        DISK_FORMAT_QCOW,               /* version 1 */
        DISK_FORMAT_QCOW2,
        DISK_FORMAT_QED,
        DISK_FORMAT_VMDK,
        DISK_FORMAT_VDI,
        DISK_FORMAT_VHD,                /* vpc of qemu */
        DISK_FORMAT_VHDX,
        DISK_FORMAT_LUKS,
        DISK_FORMAT_PARALLELS,          /* ploop */
        _DISK_FORMAT_MAX,
} DiskFormat;

const char *disk_format_to_string(DiskFormat f);        /* "qcow2", "vhd" */
const char *disk_format_to_qemu(DiskFormat f);          /* as qemu-img -f wants it: "raw" for gpt and iso, "vpc" for vhd */

typedef struct DiskInspection {
        DiskFormat format;
        uint64_t virtual_size;          /* bytes a guest sees; of raw the file's size */
        bool has_backing_file;
        char why[200];                  /* why it must not be used, a sentence's end; "" = nothing is wrong with it */
        char vmdk_type[64];             /* createType, "monolithicSparse"; "" of others */
} DiskInspection;

/* Looks into the file @fd (position untouched) of @size bytes. 0, or -errno of reading. */
int disk_inspect(int fd, uint64_t size, DiskInspection *ret);

/* Whether content found to be @found may be called @declared, the disk_format of an image's metadata (NULL = not said: yes).
 * ami, ari and aki are raw; what has a partition table is raw; an ISO image may be called raw, and a hybrid one is both. */
bool disk_format_agrees(const DiskInspection *found, const char *declared);
