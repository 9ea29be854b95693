/* What the files of the inspector share. */
#pragma once

#include <endian.h>
#include <string.h>

#include "basic/macros.h"
#include "image/disk-format.h"

/* A file whose bytes are asked for by offset. */
typedef struct ImageBytes {
        int fd;
        uint64_t size;
        int r;                          /* a failure of reading: -errno */
} ImageBytes;

/* Whether all @n bytes at @offset are there; if not, @data is zero or what there was. */
bool image_bytes(ImageBytes *b, uint64_t offset, void *data, size_t n);
/* Why it must not be used; the first reason stays. */
void disk_refuse(DiskInspection *i, const char *format, ...) _printf_(2, 3);

static inline uint32_t be32(const uint8_t *p) {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        return be32toh(v);
}
static inline uint64_t be64(const uint8_t *p) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return be64toh(v);
}
static inline uint32_t le32(const uint8_t *p) {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        return le32toh(v);
}
static inline uint64_t le64(const uint8_t *p) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return le64toh(v);
}

/* Whether it is such an image; fills size, reasons, and so on. */
bool disk_is_qcow2(ImageBytes *b, DiskInspection *i);
bool disk_is_vmdk(ImageBytes *b, DiskInspection *i);
bool disk_is_vhdx(ImageBytes *b, DiskInspection *i);
