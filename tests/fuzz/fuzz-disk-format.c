/* The inspector of disk images. */
#include <sys/mman.h>

#include "image/disk-format.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const declared[] = { "raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso", "ploop", "qed", "luks", "ami" };
        static int fd = -1;
        DiskInspection found;
        unsigned agreed = 0;

        if (fd < 0)
                fd = memfd_create("image", MFD_CLOEXEC);
        /* Structures lie at 32 KiB and 192 KiB: the second half of the input comes there too, so that small inputs reach them. */
        fuzz_check(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
        if (size > 64 && data[size - 1] & 1)
                fuzz_check(pwrite(fd, data + size / 2, size / 2, data[size - 1] & 2 ? 192 * 1024 : 32 * 1024) == (ssize_t) (size / 2));
        off_t end = lseek(fd, 0, SEEK_END);

        fuzz_check(disk_inspect(fd, (uint64_t) end, &found) == 0);
        fuzz_check(found.format >= 0 && found.format < _DISK_FORMAT_MAX);
        fuzz_check(strnlen(found.why, sizeof found.why) < sizeof found.why && strnlen(found.vmdk_type, sizeof found.vmdk_type) < sizeof found.vmdk_type);
        fuzz_check(!strpbrk(found.why, "\r\n") && !strpbrk(found.vmdk_type, "\r\n\""));
        fuzz_check(!found.has_backing_file || *found.why);      /* never taken */
        for (size_t i = 0; i < ELEMENTSOF(declared); i++)
                agreed += disk_format_agrees(&found, declared[i]);
        /* What is a format of its own agrees with that name alone, raw with raw and ami. */
        fuzz_check(found.format == DISK_FORMAT_RAW || found.format == DISK_FORMAT_GPT || found.format == DISK_FORMAT_ISO ? agreed <= 3 : agreed <= 1);

        /* A file that was cut since it was measured is no reason to read beyond. */
        fuzz_check(disk_inspect(fd, (uint64_t) end + 100000, &found) == 0);
        return 0;
}
