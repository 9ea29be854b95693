/* What a disk image is. Every number is the image's word only: offsets are checked against the file's size, and nothing is
 * read at the image's length. See disk-format.h. */
#include "image/disk-format.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/macros.h"
#include "image/disk-format-internal.h"

static const struct {
        const char *name, *qemu;
} names[_DISK_FORMAT_MAX] = {
        [DISK_FORMAT_RAW] = { "raw", "raw" },     [DISK_FORMAT_GPT] = { "gpt", "raw" },
        [DISK_FORMAT_ISO] = { "iso", "raw" },     [DISK_FORMAT_QCOW] = { "qcow", "qcow" },
        [DISK_FORMAT_QCOW2] = { "qcow2", "qcow2" }, [DISK_FORMAT_QED] = { "qed", "qed" },
        [DISK_FORMAT_VMDK] = { "vmdk", "vmdk" },  [DISK_FORMAT_VDI] = { "vdi", "vdi" },
        [DISK_FORMAT_VHD] = { "vhd", "vpc" },     [DISK_FORMAT_VHDX] = { "vhdx", "vhdx" },
        [DISK_FORMAT_LUKS] = { "luks", "luks" },  [DISK_FORMAT_PARALLELS] = { "ploop", "parallels" },
};

const char *disk_format_to_string(DiskFormat f) {
        assert(f >= 0 && f < _DISK_FORMAT_MAX);
        return names[f].name;
}

const char *disk_format_to_qemu(DiskFormat f) {
        assert(f >= 0 && f < _DISK_FORMAT_MAX);
        return names[f].qemu;
}

bool image_bytes(ImageBytes *b, uint64_t offset, void *data, size_t n) {
        size_t done = 0;

        memset(data, 0, n);
        if (b->r < 0 || n > b->size || offset > b->size - n)
                return false;
        while (done < n) {
                ssize_t m = pread(b->fd, (uint8_t *) data + done, n - done, (off_t) (offset + done));

                if (m < 0 && errno == EINTR)
                        continue;
                if (m < 0)
                        b->r = -errno;
                if (m <= 0)     /* it was cut meanwhile */
                        return false;
                done += (size_t) m;
        }
        return true;
}

void disk_refuse(DiskInspection *i, const char *format, ...) {
        va_list args;

        if (*i->why)            /* the first reason counts */
                return;
        va_start(args, format);
        (void) vsnprintf(i->why, sizeof i->why, format, args);
        va_end(args);
}

/* --- formats of a few numbers --- */

static bool is_qcow(ImageBytes *b, DiskInspection *i) {
        uint8_t h[32];

        if (!image_bytes(b, 0, h, sizeof h) || memcmp(h, "QFI\xfb", 4) != 0 || be32(h + 4) != 1)
                return false;
        i->virtual_size = be64(h + 24);
        if (be64(h + 8) != 0) {
                i->has_backing_file = true;
                disk_refuse(i, "it has a backing file");
        }
        return true;
}

static bool is_qed(ImageBytes *b, DiskInspection *i) {
        uint8_t h[64];

        if (!image_bytes(b, 0, h, sizeof h) || memcmp(h, "QED\0", 4) != 0)
                return false;
        i->virtual_size = le64(h + 48);
        i->has_backing_file = le64(h + 16) & 1;
        disk_refuse(i, "its format is not taken");
        return true;
}

static bool is_vdi(ImageBytes *b, DiskInspection *i) {
        static const uint8_t none[16];
        uint8_t h[456];

        if (!image_bytes(b, 0, h, sizeof h) || le32(h + 64) != 0xbeda107fu)
                return false;
        i->virtual_size = le64(h + 368);
        if (le32(h + 76) != 1 && le32(h + 76) != 2)     /* dynamic, static */
                disk_refuse(i, "it is a VDI of type %u, which needs another", (unsigned) le32(h + 76));
        if (memcmp(h + 424, none, sizeof none) != 0) {
                i->has_backing_file = true;
                disk_refuse(i, "it is made over another VDI");
        }
        return true;
}

static bool is_vhd(ImageBytes *b, DiskInspection *i) {
        uint8_t h[512];
        uint32_t type;

        /* At the end, and a copy at the beginning unless all is there. The end of older ones has 511 bytes. */
        if (!(image_bytes(b, 0, h, sizeof h) && memcmp(h, "conectix", 8) == 0) &&
            !(b->size >= 512 && image_bytes(b, b->size - 512, h, sizeof h) && memcmp(h, "conectix", 8) == 0) &&
            !(b->size >= 511 && image_bytes(b, b->size - 511, h, 511) && memcmp(h, "conectix", 8) == 0))
                return false;
        i->virtual_size = be64(h + 48);
        type = be32(h + 60);
        if (type == 4) {
                i->has_backing_file = true;
                disk_refuse(i, "it is made over another VHD");
        } else if (type != 2 && type != 3)
                disk_refuse(i, "it is a VHD of the unknown type %u", (unsigned) type);
        return true;
}

static bool is_luks(ImageBytes *b, DiskInspection *i) {
        uint8_t h[8];

        if (!image_bytes(b, 0, h, sizeof h) || memcmp(h, "LUKS\xba\xbe", 6) != 0)
                return false;
        i->virtual_size = b->size;
        disk_refuse(i, "it is encrypted");
        return true;
}

static bool is_parallels(ImageBytes *b, DiskInspection *i) {
        uint8_t h[64];
        bool extended;
        uint64_t sectors;

        if (!image_bytes(b, 0, h, sizeof h))
                return false;
        extended = memcmp(h, "WithouFreSpacExt", 16) == 0;
        if (!extended && memcmp(h, "WithoutFreeSpace", 16) != 0)
                return false;
        sectors = extended ? le64(h + 36) : le32(h + 36);
        if (__builtin_mul_overflow(sectors, (uint64_t) 512, &i->virtual_size))
                disk_refuse(i, "it says that it has %llu sectors", (unsigned long long) sectors);
        return true;
}

static bool is_iso(ImageBytes *b, DiskInspection *i) {
        uint8_t h[8];

        /* The first volume descriptor; ones of UDF stand before none of ISO 9660. */
        if (!image_bytes(b, 0x8000, h, sizeof h) || memcmp(h + 1, "CD001", 5) != 0)
                return false;
        i->virtual_size = b->size;
        return true;
}

static bool is_partitioned(ImageBytes *b, DiskInspection *i) {
        bool any = false;
        uint8_t h[512];

        if (!image_bytes(b, 0, h, sizeof h) || h[510] != 0x55 || h[511] != 0xaa)
                return false;
        for (const uint8_t *entry = h + 446; entry < h + 510; entry += 16) {
                if (entry[0] != 0 && entry[0] != 0x80)  /* the boot sector of a file system has the same end */
                        return false;
                any = any || entry[4] != 0;
        }
        i->virtual_size = b->size;
        return any;
}

typedef struct Detector {
        DiskFormat format;
        bool (*is)(ImageBytes *b, DiskInspection *i);
} Detector;

static const Detector detectors[] = {
        { DISK_FORMAT_QCOW, is_qcow },   { DISK_FORMAT_QCOW2, disk_is_qcow2 }, { DISK_FORMAT_QED, is_qed },
        { DISK_FORMAT_VMDK, disk_is_vmdk }, { DISK_FORMAT_VDI, is_vdi },       { DISK_FORMAT_VHDX, disk_is_vhdx },
        { DISK_FORMAT_VHD, is_vhd },     { DISK_FORMAT_LUKS, is_luks },        { DISK_FORMAT_PARALLELS, is_parallels },
        { DISK_FORMAT_ISO, is_iso },     { DISK_FORMAT_GPT, is_partitioned },
};

int disk_inspect(int fd, uint64_t size, DiskInspection *ret) {
        ImageBytes b = {.fd = fd, .size = size};
        DiskInspection found = {.format = DISK_FORMAT_RAW, .virtual_size = size};
        bool any = false;

        assert(fd >= 0 && ret);

        for (size_t n = 0; n < ELEMENTSOF(detectors); n++) {
                DiskInspection i = {.format = detectors[n].format};

                if (!detectors[n].is(&b, &i))
                        continue;
                if (!any) {
                        found = i;
                        any = true;
                } else if (i.format != DISK_FORMAT_GPT)
                        /* What opens it goes by one of the two, and we cannot know which. */
                        disk_refuse(&found, "it is both %s and %s", disk_format_to_string(found.format), disk_format_to_string(i.format));
        }
        if (b.r < 0)
                return b.r;
        *ret = found;
        return 0;
}

bool disk_format_agrees(const DiskInspection *found, const char *declared) {
        static const char *const raw[] = { "raw", "ami", "ari", "aki", "root-tar" };

        if (isempty(declared))
                return true;
        if (streq(declared, "vpc"))
                declared = "vhd";
        if (streq(declared, "parallels"))
                declared = "ploop";
        if (streq(declared, names[found->format].name))
                return true;
        if (found->format != DISK_FORMAT_RAW && found->format != DISK_FORMAT_GPT && found->format != DISK_FORMAT_ISO)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(raw); i++)
                if (streq(declared, raw[i]))
                        return true;
        return false;
}
