/* VHDX: its size and whether it has a parent stand in a table that a table names. See disk-format-internal.h. */
#include "image/disk-format-internal.h"

#define REGIONS_OFFSET (192 * 1024)
#define ENTRIES_MAX 2047
#define ENTRY 32

/* GUIDs as they lie in the file. */
static const uint8_t region_metadata[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const uint8_t item_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const uint8_t item_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };

/* Entries of 32 bytes from @offset on: the one with that GUID. */
static bool find_entry(ImageBytes *b, uint64_t offset, uint32_t n, const uint8_t guid[static 16], uint8_t entry[static ENTRY]) {
        for (uint32_t k = 0; k < MIN(n, (uint32_t) ENTRIES_MAX); k++)
                if (!image_bytes(b, offset + (uint64_t) k * ENTRY, entry, ENTRY))
                        return false;
                else if (memcmp(entry, guid, 16) == 0)
                        return true;
        return false;
}

bool disk_is_vhdx(ImageBytes *b, DiskInspection *i) {
        uint8_t h[16], entry[ENTRY], value[8];
        uint64_t metadata, offset;
        uint16_t n;

        if (!image_bytes(b, 0, h, 8) || memcmp(h, "vhdxfile", 8) != 0)
                return false;
        if (!image_bytes(b, REGIONS_OFFSET, h, 16) || memcmp(h, "regi", 4) != 0 ||
            !find_entry(b, REGIONS_OFFSET + 16, le32(h + 8), region_metadata, entry)) {
                disk_refuse(i, "it is a VHDX without metadata");
                return true;
        }
        metadata = le64(entry + 16);
        if (metadata > b->size || !image_bytes(b, metadata, h, 16) || memcmp(h, "metadata", 8) != 0) {
                disk_refuse(i, "it is a VHDX without metadata");
                return true;
        }
        n = (uint16_t) (h[10] | h[11] << 8);
        offset = metadata + ENTRY;
        if (!find_entry(b, offset, n, item_size, entry) || !image_bytes(b, metadata + le32(entry + 16), value, 8))
                disk_refuse(i, "it is a VHDX that does not say its size");
        else
                i->virtual_size = le64(value);
        if (!find_entry(b, offset, n, item_parameters, entry) || !image_bytes(b, metadata + le32(entry + 16), value, 8))
                disk_refuse(i, "it is a VHDX without parameters");
        else if (le32(value + 4) & 2) {
                i->has_backing_file = true;
                disk_refuse(i, "it is made over another VHDX");
        }
        return true;
}
