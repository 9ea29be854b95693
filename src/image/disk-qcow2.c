/* qcow2, versions 2 and 3, as far as its header tells. See disk-format-internal.h. */
#include "image/disk-format-internal.h"

#define HEADER_V2 72
#define HEADER_V3 104
#define EXTENSION_DATA_FILE 0x44415441u /* the name of a file with the data */
#define EXTENSIONS_MAX 64

enum {
        FEATURE_DIRTY = 1 << 0,
        FEATURE_CORRUPT = 1 << 1,
        FEATURE_DATA_FILE = 1 << 2,
        FEATURE_COMPRESSION_TYPE = 1 << 3,
        FEATURE_EXTENDED_L2 = 1 << 4,
        FEATURES_KNOWN = (1 << 5) - 1,
};

/* A list of type and length, from the end of the header to the end of the first cluster. */
static void look_at_extensions(ImageBytes *b, DiskInspection *i, uint64_t offset, uint64_t end) {
        for (unsigned n = 0; n < EXTENSIONS_MAX; n++) {
                uint8_t h[8];
                uint32_t type, length;

                if (end < sizeof h || offset > end - sizeof h || !image_bytes(b, offset, h, sizeof h))
                        return;
                type = be32(h);
                length = be32(h + 4);
                if (type == 0)
                        return;
                if (type == EXTENSION_DATA_FILE)
                        disk_refuse(i, "it has its data in another file");
                offset += sizeof h + (((uint64_t) length + 7) & ~(uint64_t) 7);
        }
        disk_refuse(i, "its header has no end");
}

bool disk_is_qcow2(ImageBytes *b, DiskInspection *i) {
        uint8_t h[HEADER_V3] = {};
        uint32_t version, cluster_bits, header_length = HEADER_V2;
        uint64_t features = 0, table, table_size;

        if (!image_bytes(b, 0, h, HEADER_V2) || memcmp(h, "QFI\xfb", 4) != 0 || be32(h + 4) == 1)
                return false;
        version = be32(h + 4);
        i->virtual_size = be64(h + 24);
        if (version != 2 && version != 3) {
                disk_refuse(i, "it is a qcow2 of the unknown version %u", (unsigned) version);
                return true;
        }
        if (be64(h + 8) != 0) {
                i->has_backing_file = true;
                disk_refuse(i, "it has a backing file");
        }
        cluster_bits = be32(h + 20);
        if (cluster_bits < 9 || cluster_bits > 21) {
                disk_refuse(i, "its clusters have 2^%u bytes", (unsigned) cluster_bits);
                return true;
        }
        if (version == 3) {
                if (!image_bytes(b, 0, h, HEADER_V3)) {
                        disk_refuse(i, "its header is cut");
                        return true;
                }
                features = be64(h + 72);
                header_length = be32(h + 100);
                if (header_length < HEADER_V3 || header_length > 1u << cluster_bits)
                        disk_refuse(i, "its header says that it has %u bytes", (unsigned) header_length);
        }
        if (features & FEATURE_DATA_FILE)
                disk_refuse(i, "it has its data in another file");
        if (features & FEATURE_CORRUPT)
                disk_refuse(i, "it says that it is corrupt");
        if (features & ~(uint64_t) FEATURES_KNOWN)
                disk_refuse(i, "it has the unknown features %#llx", (unsigned long long) (features & ~(uint64_t) FEATURES_KNOWN));
        if (be32(h + 32) != 0)
                disk_refuse(i, "it is encrypted");

        table = be64(h + 40);
        table_size = (uint64_t) be32(h + 36) * 8;
        if (i->virtual_size > 0 && (table > b->size || table_size > b->size - table || be64(h + 48) >= b->size))
                disk_refuse(i, "it is cut: its tables lie beyond its end");
        look_at_extensions(b, i, header_length, (uint64_t) 1 << cluster_bits);
        return true;
}
