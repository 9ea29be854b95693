/* What disk images are found to be: real ones made by qemu-img, and bytes that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "basic/macros.h"
#include "basic/spawn.h"
#include "image/disk-format.h"

#define MIB ((uint64_t) 1 << 20)
#define ARGV(...) ((const char *const[]) { __VA_ARGS__, NULL })

static int memory(void) {
        int fd = memfd_create("image", MFD_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void at(int fd, off_t offset, const void *data, size_t n) {
        assert_int_equal(pwrite(fd, data, n, offset), (ssize_t) n);
}

static void be(int fd, off_t offset, uint64_t value, size_t n) {
        for (size_t i = 0; i < n; i++)
                at(fd, offset + (off_t) i, &(uint8_t){(uint8_t) (value >> 8 * (n - 1 - i))}, 1);
}

static void le(int fd, off_t offset, uint64_t value, size_t n) {
        for (size_t i = 0; i < n; i++)
                at(fd, offset + (off_t) i, &(uint8_t){(uint8_t) (value >> 8 * i)}, 1);
}

static DiskInspection inspect(int fd) {
        DiskInspection found;
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(disk_inspect(fd, (uint64_t) st.st_size, &found), 0);
        return found;
}

static bool has_qemu_img(void) {
        SpawnResult result = {};
        int r = spawn_run(ARGV("qemu-img", "--version"), NULL, &result);

        spawn_result_done(&result);
        return r == 0;
}

/* An image by qemu-img, in a folder that is gone afterwards. */
static DiskInspection inspect_made(const char *format, const char *options, const char *size) {
        char folder[] = "/tmp/nova-format-test.XXXXXX", path[100];
        SpawnResult result = {};
        DiskInspection found;
        int fd, r;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/image", folder);
        r = options ? spawn_run(ARGV("qemu-img", "create", "-q", "-f", format, "-o", options, path, size), NULL, &result)
                    : spawn_run(ARGV("qemu-img", "create", "-q", "-f", format, path, size), NULL, &result);
        if (r != 0)
                print_message("%s\n", result.error);
        assert_int_equal(r, 0);
        spawn_result_done(&result);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        found = inspect(fd);
        (void) close(fd);
        assert_int_equal(spawn_run(ARGV("rm", "-r", folder), NULL, &result), 0);
        spawn_result_done(&result);
        return found;
}

static void real_images_are_what_they_are(void **state) {
        static const struct {
                const char *format, *options, *declared, *why;
                DiskFormat found;
        } table[] = {
                { "raw", NULL, "raw", "", DISK_FORMAT_RAW },
                { "qcow2", NULL, "qcow2", "", DISK_FORMAT_QCOW2 },
                { "qcow2", "compat=0.10", "qcow2", "", DISK_FORMAT_QCOW2 },
                { "qcow2", "compat=1.1,extended_l2=on,compression_type=zstd,lazy_refcounts=on", "qcow2", "", DISK_FORMAT_QCOW2 },
                { "qcow2", "cluster_size=512", "qcow2", "", DISK_FORMAT_QCOW2 },
                { "qcow2", "cluster_size=2M,preallocation=metadata", "qcow2", "", DISK_FORMAT_QCOW2 },
                { "qcow2", "backing_file=/etc/passwd,backing_fmt=raw", "qcow2", "it has a backing file", DISK_FORMAT_QCOW2 },
                { "qcow", NULL, "qcow", "", DISK_FORMAT_QCOW },
                { "qed", NULL, "qed", "its format is not taken", DISK_FORMAT_QED },
                { "vmdk", NULL, "vmdk", "", DISK_FORMAT_VMDK },
                { "vmdk", "subformat=streamOptimized", "vmdk", "", DISK_FORMAT_VMDK },
                { "vmdk", "subformat=monolithicFlat", "vmdk", "it is a VMDK descriptor, and names other files", DISK_FORMAT_VMDK },
                { "vdi", NULL, "vdi", "", DISK_FORMAT_VDI },
                { "vdi", "static=on", "vdi", "", DISK_FORMAT_VDI },
                { "vpc", "subformat=dynamic,force_size=on", "vhd", "", DISK_FORMAT_VHD },
                { "vpc", "subformat=fixed,force_size=on", "vhd", "", DISK_FORMAT_VHD },
                { "vhdx", NULL, "vhdx", "", DISK_FORMAT_VHDX },
                { "parallels", NULL, "ploop", "", DISK_FORMAT_PARALLELS },
        };

        if (!has_qemu_img())
                skip();
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                DiskInspection found = inspect_made(table[i].format, table[i].options, "64M");

                print_message("%s %s\n", table[i].format, strempty(table[i].options));
                assert_int_equal(found.format, table[i].found);
                assert_string_equal(found.why, table[i].why);
                if (!strstr(table[i].why, "descriptor"))
                        assert_int_equal(found.virtual_size, 64 * MIB);
                assert_int_equal(found.has_backing_file, strstr(strempty(table[i].options), "backing_file") != NULL);
                assert_true(disk_format_agrees(&found, table[i].declared));
                assert_true(disk_format_agrees(&found, NULL));
                assert_int_equal(disk_format_agrees(&found, "raw"), found.format == DISK_FORMAT_RAW);
                assert_false(disk_format_agrees(&found, "iso"));
        }
        assert_string_equal(inspect_made("vmdk", "subformat=streamOptimized", "1M").vmdk_type, "streamOptimized");
        assert_string_equal(inspect_made("vmdk", NULL, "1M").vmdk_type, "monolithicSparse");
}

/* A header of version 3 that is all right, for others to spoil. */
static int qcow2(void) {
        int fd = memory();

        assert_int_equal(ftruncate(fd, 262144), 0);
        at(fd, 0, "QFI\xfb", 4);
        be(fd, 4, 3, 4);
        be(fd, 20, 16, 4);
        be(fd, 24, 1 << 30, 8);
        be(fd, 36, 2, 4);
        be(fd, 40, 0x30000, 8);
        be(fd, 48, 0x10000, 8);
        be(fd, 96, 4, 4);
        be(fd, 100, 104, 4);
        return fd;
}

static void each_thing_wrong_with_a_qcow2_is_told(void **state) {
        static const struct {
                off_t offset;
                uint64_t value;
                size_t n;
                const char *why;
        } table[] = {
                { 8, 0x200, 8, "it has a backing file" },
                { 4, 4, 4, "it is a qcow2 of the unknown version 4" },
                { 20, 8, 4, "its clusters have 2^8 bytes" },
                { 20, 0xffffffff, 4, "its clusters have 2^4294967295 bytes" },
                { 32, 1, 4, "it is encrypted" },
                { 72, 1, 8, "" },       /* dirty */
                { 72, 2, 8, "it says that it is corrupt" },
                { 72, 4, 8, "it has its data in another file" },
                { 72, 1 << 5, 8, "it has the unknown features 0x20" },
                { 72, UINT64_MAX - 6, 8, "it has the unknown features 0xffffffffffffffe0" },
                { 100, 72, 4, "its header says that it has 72 bytes" },
                { 100, 0xffffffff, 4, "its header says that it has 4294967295 bytes" },
                { 40, UINT64_MAX - 4, 8, "it is cut: its tables lie beyond its end" },
                { 36, 0xffffffff, 4, "it is cut: its tables lie beyond its end" },
                { 48, 262144, 8, "it is cut: its tables lie beyond its end" },
                { 104, 0x44415441, 4, "it has its data in another file" },
                { 104, 0xffffffffffffffff, 8, "" },     /* one that reaches beyond the cluster */
        };
        int good = qcow2();

        assert_string_equal(inspect(good).why, "");
        assert_int_equal(inspect(good).virtual_size, 1 << 30);
        (void) close(good);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                int fd = qcow2();
                DiskInspection found;

                be(fd, table[i].offset, table[i].value, table[i].n);
                found = inspect(fd);
                assert_int_equal(found.format, DISK_FORMAT_QCOW2);
                assert_string_equal(found.why, table[i].why);
                assert_int_equal(found.has_backing_file, table[i].offset == 8);
                (void) close(fd);
        }
}

static void each_thing_wrong_with_a_vmdk_is_told(void **state) {
        static const struct {
                const char *descriptor, *why;
        } table[] = {
                { "createType=\"monolithicSparse\"\nparentCID=ffffffff\nRW 8 SPARSE \"a.vmdk\"\n", "" },
                { "createType = \"monolithicSparse\"\r\nparentCID = FFFFFFFF\r\nRW 8 SPARSE \"a.vmdk\"\r\n", "" },
                { "createType=\"monolithicSparse\"\nparentCID=12345678\nRW 8 SPARSE \"a\"\n", "it is made over another VMDK" },
                { "createType=\"monolithicSparse\"\nparentFileNameHint=\"/etc/shadow\"\nRW 8 SPARSE \"a\"\n", "it is made over another VMDK" },
                { "createType=\"monolithicSparse\"\nRW 8 FLAT \"/etc/shadow\" 0\n", "it is a VMDK with a part of type FLAT" },
                { "createType=\"monolithicSparse\"\nRW 8 SPARSE \"/etc/shadow\"\n", "it is a VMDK that names a path" },
                { "createType=\"monolithicSparse\"\nRW 8 SPARSE \"a\"\nRW 8 SPARSE \"b\"\n", "it is a VMDK of several files" },
                { "createType=\"monolithicSparse\"\ncreateType=\"vmfs\"\nRW 8 SPARSE \"a\"\n", "it is a VMDK of two types" },
                { "createType=\"monolithicSparse\"\n", "it is a VMDK of 0 files" },
                { "RW 8 SPARSE \"a.vmdk\"\n", "it is a VMDK that does not say of which type" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                int fd = memory();

                assert_int_equal(ftruncate(fd, 65536), 0);
                at(fd, 0, "KDMV", 4);
                le(fd, 12, 8, 8);
                le(fd, 28, 1, 8);
                le(fd, 36, 20, 8);
                at(fd, 512, table[i].descriptor, strlen(table[i].descriptor));
                assert_string_equal(inspect(fd).why, table[i].why);
                assert_int_equal(inspect(fd).virtual_size, 4096);

                if (i == 0) {
                        static const struct {
                                off_t offset;
                                uint64_t value;
                                const char *why;
                        } spoiled[] = {
                                { 12, 0, "it is a VMDK of 0 sectors" },
                                { 12, UINT64_MAX, "it is a VMDK of 18446744073709551615 sectors" },
                                { 28, 0, "it is a VMDK without a descriptor" },
                                { 28, UINT64_MAX, "it is a VMDK without a descriptor" },
                                { 28, 127, "its descriptor is cut" },
                                { 36, UINT64_MAX, "it is a VMDK without a descriptor" },
                                { 56, UINT64_MAX, "it is a VMDK whose end does not agree with its beginning" },
                        };
                        for (size_t n = 0; n < ELEMENTSOF(spoiled); n++) {
                                uint8_t former[8];

                                assert_int_equal(pread(fd, former, 8, spoiled[n].offset), 8);
                                le(fd, spoiled[n].offset, spoiled[n].value, 8);
                                assert_string_equal(inspect(fd).why, spoiled[n].why);
                                at(fd, spoiled[n].offset, former, 8);
                        }
                }
                (void) close(fd);
        }
}

static void other_lies_are_told(void **state) {
        int fd = memory();

        assert_int_equal(ftruncate(fd, 65536), 0);
        le(fd, 64, 0xbeda107f, 4);
        le(fd, 76, 4, 4);
        assert_string_equal(inspect(fd).why, "it is a VDI of type 4, which needs another");
        le(fd, 76, 1, 4);
        assert_string_equal(inspect(fd).why, "");
        le(fd, 424, 7, 4);
        assert_string_equal(inspect(fd).why, "it is made over another VDI");
        (void) close(fd);

        fd = memory();
        assert_int_equal(ftruncate(fd, 65536), 0);
        at(fd, 65536 - 512, "conectix", 8);
        be(fd, 65536 - 512 + 60, 4, 4);
        assert_string_equal(inspect(fd).why, "it is made over another VHD");
        assert_true(inspect(fd).has_backing_file);
        assert_false(disk_format_agrees(&(DiskInspection){.format = DISK_FORMAT_VHD}, "raw"));
        (void) close(fd);

        fd = memory();
        at(fd, 0, "LUKS\xba\xbe\0\1", 8);
        assert_string_equal(inspect(fd).why, "it is encrypted");
        (void) close(fd);

        fd = memory();
        at(fd, 0, "#comment\n\n# disk descriptorfile\nversion=1\n", 41);
        assert_string_equal(inspect(fd).why, "it is a VMDK descriptor, and names other files");
        (void) close(fd);

        fd = memory();
        at(fd, 0, "vhdxfile", 8);
        assert_string_equal(inspect(fd).why, "it is a VHDX without metadata");
        (void) close(fd);
}

static void an_image_of_two_formats_is_refused(void **state) {
        int fd = qcow2();

        at(fd, 0x8001, "CD001", 5);
        assert_string_equal(inspect(fd).why, "it is both qcow2 and iso");
        (void) close(fd);
}

static void discs_partitions_and_nothing_are_raw(void **state) {
        int fd = memory();
        DiskInspection found;

        assert_int_equal(inspect(fd).format, DISK_FORMAT_RAW);
        assert_int_equal(ftruncate(fd, 65536), 0);
        at(fd, 446, "\x80\0\0\0\x83", 5);
        at(fd, 510, "\x55\xaa", 2);
        found = inspect(fd);
        assert_int_equal(found.format, DISK_FORMAT_GPT);
        assert_true(disk_format_agrees(&found, "raw") && disk_format_agrees(&found, "ami"));
        assert_string_equal(disk_format_to_qemu(found.format), "raw");

        at(fd, 0x8001, "CD001", 5);     /* a hybrid one */
        found = inspect(fd);
        assert_int_equal(found.format, DISK_FORMAT_ISO);
        assert_string_equal(found.why, "");
        assert_true(disk_format_agrees(&found, "iso") && disk_format_agrees(&found, "raw"));
        assert_false(disk_format_agrees(&found, "qcow2"));
        (void) close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_images_are_what_they_are),
                cmocka_unit_test(each_thing_wrong_with_a_qcow2_is_told),
                cmocka_unit_test(each_thing_wrong_with_a_vmdk_is_told),
                cmocka_unit_test(other_lies_are_told),
                cmocka_unit_test(an_image_of_two_formats_is_refused),
                cmocka_unit_test(discs_partitions_and_nothing_are_raw),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
