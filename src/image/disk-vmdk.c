/* VMDK: only files that hold all of their disk. A descriptor names other files, so one that counts is refused, and the one
 * in a sparse file is read. See disk-format-internal.h. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "image/disk-format-internal.h"

#define SECTOR 512
#define DESCRIPTOR_MAX ((size_t) 64 * 1024)
#define FOOTER_OFFSET 1024              /* from the end: footer, end of stream */
#define AT_THE_END UINT64_MAX

/* The value after @key and "=", without quotation marks, up to @size. */
static bool line_value(const char *line, const char *key, char *value, size_t size) {
        size_t n = strlen(key), m;

        while (*line == ' ' || *line == '\t')
                line++;
        if (strncasecmp(line, key, n) != 0)
                return false;
        for (line += n; *line == ' ' || *line == '\t'; line++)
                ;
        if (*line++ != '=')
                return false;
        while (*line == ' ' || *line == '\t')
                line++;
        if (*line == '"')
                line++;
        m = strcspn(line, "\"\r\n");
        (void) snprintf(value, size, "%.*s", (int) MIN(m, size - 1), line);
        return true;
}

/* RW 20480 SPARSE "disk.vmdk": of other kinds some are in other files. */
static void look_at_extent(DiskInspection *i, const char *line, unsigned *extents) {
        char access[16] = "", kind[16] = "";
        unsigned long long sectors;

        if (sscanf(line, " %15s %llu %15s", access, &sectors, kind) != 3)
                return;
        if (strcasecmp(access, "RW") != 0 && strcasecmp(access, "RDONLY") != 0 && strcasecmp(access, "NOACCESS") != 0)
                return;
        if (strcasecmp(kind, "SPARSE") != 0)
                disk_refuse(i, "it is a VMDK with a part of type %s", kind);
        if (strchr(line, '/'))
                disk_refuse(i, "it is a VMDK that names a path");
        if (++*extents > 1)
                disk_refuse(i, "it is a VMDK of several files");
}

static void look_at_descriptor(DiskInspection *i, char *text) {
        unsigned extents = 0;
        char *rest = text, *line, value[64];

        while ((line = strsep(&rest, "\n"))) {
                if (line_value(line, "createType", value, sizeof value)) {
                        if (*i->vmdk_type && !streq(i->vmdk_type, value))
                                disk_refuse(i, "it is a VMDK of two types");
                        for (char *p = value; *p; p++)
                                if (!isalnum((unsigned char) *p))
                                        *p = '?';
                        (void) snprintf(i->vmdk_type, sizeof i->vmdk_type, "%s", value);
                } else if (line_value(line, "parentCID", value, sizeof value)) {
                        if (strcasecmp(value, "ffffffff") != 0) {
                                i->has_backing_file = true;
                                disk_refuse(i, "it is made over another VMDK");
                        }
                } else if (line_value(line, "parentFileNameHint", value, sizeof value)) {
                        i->has_backing_file = true;
                        disk_refuse(i, "it is made over another VMDK");
                } else
                        look_at_extent(i, line, &extents);
        }
        if (!*i->vmdk_type)
                disk_refuse(i, "it is a VMDK that does not say of which type");
        if (extents != 1)
                disk_refuse(i, "it is a VMDK of %u files", extents);
}

bool disk_is_vmdk(ImageBytes *b, DiskInspection *i) {
        uint8_t h[SECTOR], footer[SECTOR];
        uint64_t capacity, descriptor, sectors;
        _cleanup_free_ char *text = NULL;

        if (!image_bytes(b, 0, h, 4))
                return false;
        if (memcmp(h, "COWD", 4) == 0) {
                disk_refuse(i, "it is a VMDK of an old kind");
                return true;
        }
        if (memcmp(h, "KDMV", 4) != 0) {
                static const char mark[] = "# Disk DescriptorFile";
                char begin[4096 + 1] = "";

                /* Comments and empty lines may stand before it. */
                (void) image_bytes(b, 0, begin, MIN(b->size, sizeof begin - 1));
                for (const char *p = begin; *p; p += strcspn(p, "\n"), p += *p == '\n') {
                        if (strncasecmp(p, mark, sizeof mark - 1) == 0) {
                                disk_refuse(i, "it is a VMDK descriptor, and names other files");
                                return true;
                        }
                        if (*p != '#' && *p != '\n' && *p != '\r' && *p != ' ' && *p != '\t')
                                return false;
                }
                return false;
        }
        if (!image_bytes(b, 0, h, sizeof h)) {
                disk_refuse(i, "its header is cut");
                return true;
        }

        capacity = le64(h + 12);
        descriptor = le64(h + 28);
        sectors = le64(h + 36);
        if (capacity == 0 || __builtin_mul_overflow(capacity, (uint64_t) SECTOR, &i->virtual_size)) {
                disk_refuse(i, "it is a VMDK of %llu sectors", (unsigned long long) capacity);
                return true;
        }
        if (le64(h + 56) == AT_THE_END) {       /* then the footer is the header that counts */
                if (b->size < 2 * FOOTER_OFFSET || !image_bytes(b, b->size - FOOTER_OFFSET, footer, sizeof footer) ||
                    memcmp(footer, "KDMV", 4) != 0 || memcmp(footer + 4, h + 4, 44) != 0 || le64(footer + 56) == AT_THE_END)
                        disk_refuse(i, "it is a VMDK whose end does not agree with its beginning");
        }
        if (descriptor == 0 || sectors == 0 || sectors > DESCRIPTOR_MAX / SECTOR || descriptor > b->size / SECTOR) {
                disk_refuse(i, "it is a VMDK without a descriptor");
                return true;
        }
        text = calloc(1, sectors * SECTOR + 1);
        if (!text) {
                b->r = -ENOMEM;
                return true;
        }
        if (!image_bytes(b, descriptor * SECTOR, text, sectors * SECTOR))
                disk_refuse(i, "its descriptor is cut");
        else
                look_at_descriptor(i, text);
        return true;
}
