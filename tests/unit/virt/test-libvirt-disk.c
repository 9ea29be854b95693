/* The disks of instances, by the real programs: what is made of which image, where, and what is left of what failed. */
#include "disk-fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "virt/libvirt/image-cache.h"

static bool cancelled_at_once(void *userdata) {
        return true;
}

static char *cache_name(const char *id) {
        static __thread char name[IMAGE_CACHE_NAME_MAX];
        return image_cache_name(id, name);
}

static void assert_files(const DiskFixture *f, const char *expected) {
        _cleanup_free_ char *files = files_of_instances(f);

        assert_string_equal(files, expected);
}

static json_t *qemu_info(const char *path) {
        _cleanup_free_ char *text = run(ARGV("qemu-img", "info", "-U", "--output=json", path));
        json_t *info = json_loads(text, 0, NULL);

        assert_non_null(info);
        return info;
}

static int create(DiskFixture *f, DiskRequest q, DiskSet *ret, NovaException *e) {
        json_auto_t *meta = NULL;

        q.instance = &f->instance;
        if (!q.image_meta && image_service_show(disk_store_images(f->store), f->instance.image_ref, &meta, NULL) >= 0)
                q.image_meta = meta;
        return instance_disks_create(f->store, &q, ret, e);
}

static void assert_created(DiskFixture *f, DiskRequest q, DiskSet *ret) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        if (create(f, q, ret, &e) < 0)
                fail_msg("%s", e.message);
}

static void the_name_in_the_cache_is_the_sha1_of_the_id(void **state) {
        assert_string_equal(cache_name("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void a_disk_is_a_layer_over_the_raw_base(void **state) {
        static const struct {
                const char *format, *options, *base_format;
                bool raw;
                int64_t root_gb;
                json_int_t size;
        } table[] = {
                { "qcow2", NULL, "raw", true, 1, 1 << 30 },
                { "qcow2", NULL, "qcow2", false, 1, 1 << 30 },
                { "raw", NULL, "raw", true, 1, 1 << 30 },
                { "raw", NULL, "raw", true, 0, 4 << 20 },
                { "vmdk", "subformat=streamOptimized", "raw", true, 1, 1 << 30 },
                { "vdi", NULL, "raw", true, 1, 1 << 30 },
                { "vhdx", NULL, "vhdx", false, 1, 1 << 30 },
        };
        DiskFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(disk_set_done) DiskSet set = {};
                json_auto_t *info = NULL;
                _cleanup_free_ char *disk_info = NULL, *expected = NULL;

                disk_configure(f, ARGV(table[i].raw ? "force_raw_images=true" : "force_raw_images=false"));
                make_image(f, IMAGE, table[i].format, table[i].options, "4M", NULL);
                f->instance.root_gb = table[i].root_gb;
                assert_created(f, (DiskRequest){}, &set);
                assert_int_equal(set.n, 1);
                assert_string_equal(set.items[0].name, "disk");
                assert_string_equal(set.items[0].format, "qcow2");
                assert_string_equal(set.items[0].path, in_folder(f, "instances/" UUID "/disk"));
                info = qemu_info(set.items[0].path);
                assert_int_equal(json_member_integer(info, "virtual-size", 0), table[i].size);
                assert_string_equal(json_member_string(info, "backing-filename-format"), table[i].base_format);
                assert_string_equal(json_member_string(info, "full-backing-filename"), in_folder(f, "instances/_base/%s", cache_name(IMAGE)));
                assert_true(asprintf(&expected, "{\"%s\": \"qcow2\"}", set.items[0].path) > 0);
                disk_info = read_text(in_folder(f, "instances/" UUID "/disk.info"));
                assert_string_equal(disk_info, expected);
                free(run(ARGV("rm", "-r", in_folder(f, "instances/_base"), in_folder(f, "instances/" UUID), in_folder(f, "images/" IMAGE))));
        }
}

static void a_flat_disk_is_a_copy(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        json_auto_t *info = NULL;
        struct stat st;

        disk_configure(f, ARGV("libvirt.images_type=raw"));
        make_image(f, IMAGE, "raw", NULL, "64M", NULL);
        free(run(ARGV("sh", "-c", "printf hello | dd of=$0 bs=1 seek=40000000 conv=notrunc status=none", in_folder(f, "images/" IMAGE))));
        f->instance.root_gb = 1;
        assert_created(f, (DiskRequest){}, &set);
        assert_string_equal(set.items[0].format, "raw");
        info = qemu_info(set.items[0].path);
        assert_string_equal(json_member_string(info, "format"), "raw");
        assert_null(json_object_get(info, "full-backing-filename"));
        assert_int_equal(stat(set.items[0].path, &st), 0);
        assert_int_equal(st.st_size, 1 << 30);
        assert_true(st.st_blocks * 512 < 4 << 20);      /* holes stay holes */
        _cleanup_free_ char *text = NULL;
        assert_true(asprintf(&text, "if=%s", set.items[0].path) > 0);
        _cleanup_free_ char *hello = run(ARGV("dd", "bs=1", "skip=40000000", "count=5", "status=none", text));
        assert_string_equal(hello, "hello");
}

static void blocks_are_there_from_the_beginning_when_asked_for(void **state) {
        DiskFixture *f = *state;
        struct stat st;

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        for (int cow = 0; cow < 2; cow++) {
                _cleanup_(disk_set_done) DiskSet set = {};

                disk_configure(f, ARGV("preallocate_images=space", cow ? "use_cow_images=true" : "use_cow_images=false"));
                f->instance.swap_mb = 8;
                assert_created(f, (DiskRequest){}, &set);
                assert_int_equal(stat(set.items[1].path, &st), 0);
                assert_true(st.st_blocks * 512 >= 8 << 20);
                assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), 0);
        }
}

/* Content that says one thing and metadata that says another; too large; and so on. */
static void what_is_refused_leaves_nothing(void **state) {
        static const struct {
                const char *format, *options, *size, *sidecar;
                int64_t root_gb;
                const char *class, *message;
                const char *setting;
        } table[] = {
                { "qcow2", NULL, "2G", NULL, 1, "FlavorDiskSmallerThanImage",
                  "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes." },
                { "raw", NULL, "2G", NULL, 1, "FlavorDiskSmallerThanImage",
                  "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes." },
                { "qcow2", NULL, "4M", "{\"min_disk\": 2}", 1, "FlavorDiskSmallerThanMinDisk",
                  "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is 1073741824 bytes, minimum size is 2147483648 bytes." },
                { "qcow2", NULL, "4M", "{\"min_ram\": \"65\"}", 1, "FlavorMemoryTooSmall", "Flavor's memory is too small for requested image." },
                { "qcow2", "backing_file=/etc/passwd,backing_fmt=raw", "4M", NULL, 1, "ImageUnacceptable", "Image " IMAGE " is unacceptable: it has a backing file" },
                { "qcow2", NULL, "4M", "{\"disk_format\": \"raw\"}", 1, "ImageUnacceptable",
                  "Image " IMAGE " is unacceptable: Image content does not match disk_format: it is qcow2 and is said to be raw" },
                { "raw", NULL, "4M", "{\"disk_format\": \"qcow2\"}", 1, "ImageUnacceptable",
                  "Image " IMAGE " is unacceptable: Image content does not match disk_format: it is raw and is said to be qcow2" },
                { "vmdk", "subformat=monolithicFlat", "4M", "{\"disk_format\": \"vmdk\"}", 1, "ImageUnacceptable",
                  "Image " IMAGE " is unacceptable: it is a VMDK descriptor, and names other files" },
                { "vmdk", NULL, "4M", NULL, 1, "ImageUnacceptable", "Image " IMAGE " is unacceptable: Invalid VMDK create-type specified: monolithicSparse",
                  "compute.vmdk_allowed_types=streamOptimized" },
                { "vdi", NULL, "4M", NULL, 1, "InvalidDiskFormat", "Disk format vdi is not acceptable", "compute.image_type_exclude_list=ploop,vdi" },
                { "qcow2", NULL, "2T", NULL, 0, "ImageUnacceptable",
                  "Image " IMAGE " is unacceptable: its disk has 2199023255552 bytes; from 1 to 1099511627776 are taken", "image.max_virtual_size_gb=1024" },
                { "qcow2", NULL, "0", NULL, 0, "ImageUnacceptable", "Image " IMAGE " is unacceptable: its disk has 0 bytes; from 1 to 17592186044416 are taken" },
                { "raw", NULL, "4M", "{\"checksum\": \"0\"}", 1, "ImageUnacceptable", "Image " IMAGE " is unacceptable: its checksum is b5cfa9d6c8febd618f91ac2843d50a1c and should be 0" },
                { "raw", NULL, "4M", "{\"size\": 4194303}", 1, "ImageUnacceptable", "Image " IMAGE " is unacceptable: it is larger than the 4194303 bytes it is said to have" },
                { NULL, NULL, NULL, NULL, 1, "ImageNotFound", "Image " IMAGE " could not be found." },
                { "raw", NULL, "4M", NULL, INT64_MAX, "InvalidInput", "Invalid input received: a root disk of 9223372036854775807 GiB" },
                { "raw", NULL, "4M", NULL, -1, "InvalidInput", "Invalid input received: a root disk of -1 GiB" },
                { "raw", NULL, "4M", "{\"properties\": {\"hw_disk_bus\": \"nosuch\"}}", 1, "UnsupportedHardware",
                  "Requested hardware 'nosuch' is not supported by the 'kvm' virt driver" },
                { "raw", NULL, "4M", "{\"properties\": {\"kernel_id\": \"../../etc/passwd\"}}", 1, "ImageNotFound", "Image ../../etc/passwd could not be found." },
        };
        DiskFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(disk_set_done) DiskSet set = {};
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_free_ char *files = NULL;

                disk_configure(f, table[i].setting ? ARGV(table[i].setting) : NULL);
                f->instance.root_gb = table[i].root_gb;
                if (table[i].format)
                        make_image(f, IMAGE, table[i].format, table[i].options, table[i].size, table[i].sidecar);
                assert_true(create(f, (DiskRequest){}, &set, &e) < 0);
                assert_string_equal(e.message, table[i].message);
                assert_string_equal(e.class_name, table[i].class);
                /* The kernel is looked for when the root disk's base is there: that may stay. */
                files = files_of_instances(f);
                if (!strstr(table[i].message, "passwd"))
                        assert_string_equal(files, "");
                assert_false(disk_exists(in_folder(f, "instances/" UUID)));
                free(run(ARGV("sh", "-c", "rm -rf $0/images/* $0/instances/*", f->folder)));
        }
}

/* The service has no word on the format, the request has. */
static void what_the_request_says_of_the_image_counts_too(void **state) {
        DiskFixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *meta = json_pack("{s:s, s:s}", "id", IMAGE, "disk_format", "raw");
        DiskSet set = {};

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_true(create(f, (DiskRequest){.image_meta = meta}, &set, &e) < 0);
        assert_string_equal(e.message, "Image " IMAGE " is unacceptable: Image content does not match disk_format: it is qcow2 and is said to be raw");
        assert_files(f, "");
}

static void a_wrong_uuid_is_no_path(void **state) {
        static const char *const uuids[] = { "", "..", "../x", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeee/", "/etc" };
        DiskFixture *f = *state;

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        for (size_t i = 0; i < ELEMENTSOF(uuids); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                DiskSet set = {};

                free(f->instance.uuid);
                f->instance.uuid = strdup(uuids[i]);
                assert_true(create(f, (DiskRequest){}, &set, &e) < 0);
                assert_string_equal(e.class_name, "InvalidUUID");
                assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), -EINVAL);
        }
        assert_files(f, "");
}

static void names_and_buses_are_novas(void **state) {
        static const struct {
                const char *properties, *info, *disk_format, *machine, *setting, *expected;
                int64_t ephemeral_gb, swap_mb;
                bool config_drive;
        } table[] = {
                { "{}", NULL, "raw", NULL, NULL, "disk:disk:virtio:vda*" },
                { "{}", NULL, "raw", NULL, NULL, "disk:disk:virtio:vda* disk.local:disk:virtio:vdb disk.swap:disk:virtio:vdc disk.config:cdrom:ide:hda", 1, 1, true },
                { "{\"hw_machine_type\": \"q35\"}", NULL, "raw", NULL, NULL, "disk:disk:virtio:vda* disk.config:cdrom:sata:sda", 0, 0, true },
                { "{}", NULL, "raw", "pc-q35-7.2", NULL, "disk:disk:virtio:vda* disk.config:cdrom:sata:sda", 0, 0, true },
                { "{}", NULL, "raw", NULL, "libvirt.hw_machine_type=aarch64=virt,x86_64=q35", "disk:disk:virtio:vda* disk.config:cdrom:sata:sda", 0, 0, true },
                { "{}", NULL, "raw", NULL, "config_drive_format=vfat", "disk:disk:virtio:vda* disk.config:disk:virtio:vdb", 0, 0, true },
                { "{\"hw_disk_bus\": \"scsi\"}", NULL, "raw", NULL, NULL, "disk:disk:scsi:sda* disk.swap:disk:scsi:sdb", 0, 1 },
                { "{\"hw_disk_bus\": \"ide\", \"hw_cdrom_bus\": \"sata\"}", NULL, "raw", NULL, NULL, "disk:disk:ide:hda* disk.config:cdrom:sata:sda", 0, 0, true },
                { "{}", NULL, "iso", NULL, NULL, "disk:cdrom:ide:hda* disk.config:cdrom:ide:hdb", 0, 0, true },
                { "{\"img_config_drive\": \"mandatory\"}", NULL, "raw", NULL, NULL, "disk:disk:virtio:vda* disk.config:cdrom:ide:hda" },
                { "{}", NULL, "raw", NULL, "force_config_drive=true", "disk:disk:virtio:vda* disk.config:cdrom:ide:hda" },
                { "{}", "{\"root_device_name\": \"/dev/vdc\", \"ephemerals\": [{\"size\": 1, \"device_name\": \"/dev/vdb\"}, {\"size\": 2}], \"swap\": "
                  "{\"device_name\": \"/dev/vdf\", \"swap_size\": 3}, \"block_device_mapping\": [{\"mount_device\": \"/dev/vda\"}]}", "raw", NULL, NULL,
                  "disk:disk:virtio:vdc* disk.eph0:disk:virtio:vdb disk.eph1:disk:virtio:vdd disk.swap:disk:virtio:vdf", 5, 5 },
                { "{}", "{\"root_device_name\": \"/dev/vda\", \"block_device_mapping\": [{\"mount_device\": \"/dev/vda\", \"boot_index\": 0}]}", "raw", NULL, NULL,
                  "disk.swap:disk:virtio:vdb", 0, 1 },
                /* a name that does not fit the bus is not taken */
                { "{\"hw_disk_bus\": \"sata\"}", "{\"root_device_name\": \"/dev/vda\"}", "raw", NULL, NULL, "disk:disk:sata:sda*" },
        };
        DiskFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(disk_set_done) DiskSet set = {};
                json_auto_t *properties = json_loads(table[i].properties, 0, NULL), *info = table[i].info ? json_loads(table[i].info, 0, NULL) : NULL;
                json_auto_t *meta = json_pack("{s:s, s:s, s:O}", "id", IMAGE, "disk_format", table[i].disk_format, "properties", properties);
                char text[500] = "";

                assert_true(!table[i].info || info);
                disk_configure(f, table[i].setting ? ARGV(table[i].setting) : NULL);
                f->instance.ephemeral_gb = table[i].ephemeral_gb;
                f->instance.swap_mb = table[i].swap_mb;
                assert_int_equal(instance_set_field(&f->instance, "config_drive", json_string(table[i].config_drive ? "True" : "")), 0);
                assert_int_equal(instance_disks_plan(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta, .block_device_info = info,
                                                                             .machine = table[i].machine}, &set, NULL), 0);
                for (size_t n = 0; n < set.n; n++) {
                        const Disk *d = &set.items[n];

                        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%s:%s:%s%s", n > 0 ? " " : "", d->name, d->device, d->bus, d->target,
                                 d->boot ? "*" : "");
                }
                assert_string_equal(text, table[i].expected);
                assert_int_equal(set.made_config_drive, strstr(table[i].expected, "disk.config") != NULL);
        }
        assert_files(f, "");
}

static void ephemeral_disks_and_swap_are_made_once(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet first = {}, second = {};
        _cleanup_free_ char *label = NULL, *again = NULL, *swap = NULL;
        json_auto_t *info = json_loads("{\"ephemerals\": [{\"size\": 1}, {\"size\": 1, \"guest_format\": \"vfat\"}], \"swap\": {\"swap_size\": 4}}", 0, NULL);

        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        f->instance.os_type = strdup("linux");
        assert_created(f, (DiskRequest){.block_device_info = info}, &first);
        assert_int_equal(first.n, 4);
        label = run(ARGV("sh", "-c", "for f in $0/_base/ephemeral_1_*; do e2label $f 2>&1 | grep -x 'ephemeral[0-9]' || fatlabel $f; done | sort | tr -d ' ' | tr '\\n' ' '",
                         in_folder(f, "instances")));
        assert_string_equal(label, "ephemeral0 ephemeral1 ");
        swap = run(ARGV("sh", "-c", "dd if=$0/_base/swap_4 bs=1 skip=4086 count=10 status=none; stat -c %s $0/_base/swap_4", in_folder(f, "instances")));
        assert_string_equal(swap, "SWAPSPACE24194304\n");

        free(f->instance.uuid);
        f->instance.uuid = strdup("bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee");
        assert_created(f, (DiskRequest){.block_device_info = info}, &second);
        again = run(ARGV("sh", "-c", "ls $0/_base | wc -l", in_folder(f, "instances")));
        assert_int_equal(atoi(again), 4);
}

static void a_command_of_ones_own_makes_file_systems(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *label = NULL;

        disk_configure(f, ARGV("virt_mkfs=linux=mkfs.ext2 -q -L my-%(fs_label)s $(touch /tmp/nova-shell) %(target)s", "use_cow_images=false"));
        make_image(f, IMAGE, "raw", NULL, "1M", NULL);
        f->instance.os_type = strdup("linux");
        f->instance.ephemeral_gb = 1;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        assert_true(create(f, (DiskRequest){}, &set, &e) < 0);          /* $(touch is an argument that mkfs does not know */
        assert_non_null(strstr(e.message, "Making a file system: mkfs.ext2 ended with 1"));
        assert_false(disk_exists("/tmp/nova-shell)"));

        disk_configure(f, ARGV("virt_mkfs=linux=mkfs.ext2 -q -L my-%(fs_label)s %(target)s", "use_cow_images=false"));
        assert_created(f, (DiskRequest){}, &set);
        label = run(ARGV("e2label", set.items[1].path));
        assert_string_equal(label, "my-ephemeral0\n");
        assert_string_equal(set.items[1].format, "raw");
}

typedef struct Builder {
        DiskFixture *f;
        char uuid[40];
        int r;
} Builder;

static atomic_uint transfers;           /* each tells once that it has come to its end */

static void count_transfer(unsigned percent, void *userdata) {
        transfers += percent == 80;
}

static void *build(void *userdata) {
        Builder *b = userdata;
        Instance i = b->f->instance;
        json_auto_t *meta = shown(b->f, IMAGE);
        DriverHooks hooks = {.progress = count_transfer};
        DiskSet set = {};

        i.uuid = b->uuid;
        b->r = instance_disks_create(b->f->store, &(DiskRequest){.instance = &i, .image_meta = meta, .hooks = &hooks}, &set, NULL);
        disk_set_done(&set);
        return NULL;
}

static void many_builds_at_once_share_one_base(void **state) {
        DiskFixture *f = *state;
        Builder builders[8];
        pthread_t threads[8];
        _cleanup_free_ char *files = NULL;

        make_image(f, IMAGE, "qcow2", NULL, "64M", NULL);
        for (size_t i = 0; i < ELEMENTSOF(builders); i++) {
                builders[i] = (Builder){.f = f};
                snprintf(builders[i].uuid, sizeof builders[i].uuid, "%08zu-bbbb-4ccc-8ddd-eeeeeeeeeeee", i);
                assert_int_equal(pthread_create(&threads[i], NULL, build, &builders[i]), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(builders); i++) {
                (void) pthread_join(threads[i], NULL);
                assert_int_equal(builders[i].r, 0);
        }
        assert_int_equal(transfers, 1);
        files = run(ARGV("ls", in_folder(f, "instances/_base")));
        assert_int_equal(strncmp(files, cache_name(IMAGE), 40), 0);
        assert_int_equal(strlen(files), 41);
}

static void *copy_one(void *userdata) {
        Builder *b = userdata;

        b->r = disk_copy_begin(b->f->store, NULL, NULL);
        disk_copy_end(b->f->store);
        return NULL;
}

static void so_many_copies_at_once_as_configured(void **state) {
        DiskFixture *f = *state;
        DriverHooks impatient = {.cancelled = cancelled_at_once};
        Builder waiting = {.f = f, .r = 1};
        pthread_t thread;

        for (int i = 0; i < 10; i++)                    /* any number */
                assert_int_equal(disk_copy_begin(f->store, NULL, NULL), 0);
        disk_configure(f, ARGV("compute.max_concurrent_disk_ops=2"));
        assert_int_equal(disk_copy_begin(f->store, &impatient, NULL), 0);
        assert_int_equal(disk_copy_begin(f->store, &impatient, NULL), 0);
        assert_int_equal(disk_copy_begin(f->store, &impatient, NULL), -ECANCELED);
        assert_int_equal(pthread_create(&thread, NULL, copy_one, &waiting), 0);
        disk_copy_end(f->store);
        (void) pthread_join(thread, NULL);
        assert_int_equal(waiting.r, 0);
        assert_int_equal(disk_copy_begin(f->store, &impatient, NULL), 0);
        assert_int_equal(disk_copy_begin(f->store, &impatient, NULL), -ECANCELED);
}

static void what_a_killed_process_left_is_made_anew(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *files = NULL, *expected = NULL;

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_int_equal(make_directories(in_folder(f, "instances/_base"), 0755), 0);
        assert_int_equal(make_directories(in_folder(f, "instances/" UUID), 0755), 0);
        free(run(ARGV("touch", in_folder(f, "instances/_base/%s.part", cache_name(IMAGE)), in_folder(f, "instances/_base/%s.converted", cache_name(IMAGE)),
                      in_folder(f, "instances/" UUID "/disk.part"))));
        assert_created(f, (DiskRequest){}, &set);
        files = files_of_instances(f);
        assert_true(asprintf(&expected, "_base/%s " UUID "/disk " UUID "/disk.info ", cache_name(IMAGE)) > 0);
        assert_string_equal(files, expected);
}

static void a_disk_that_is_there_stays(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *text = NULL;

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_int_equal(make_directories(in_folder(f, "instances/" UUID), 0755), 0);
        assert_int_equal(write_file_atomic(in_folder(f, "instances/" UUID "/disk"), "guest's", 7, 0644), 0);
        assert_created(f, (DiskRequest){}, &set);
        text = read_text(in_folder(f, "instances/" UUID "/disk"));
        assert_string_equal(text, "guest's");
        assert_string_equal(set.items[0].format, "raw");
        assert_false(disk_exists(in_folder(f, "instances/_base")));
}

/* What a guest writes into its raw disk must not make us open another file for it. */
static void a_raw_disk_stays_raw_whatever_the_guest_writes(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {}, again = {};
        json_auto_t *meta = NULL, *list = NULL;

        disk_configure(f, ARGV("libvirt.images_type=flat"));
        make_image(f, IMAGE, "raw", NULL, "4M", NULL);
        assert_created(f, (DiskRequest){}, &set);
        free(run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", set.items[0].path, "4M")));
        meta = shown(f, IMAGE);
        assert_int_equal(instance_disks_plan(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta}, &again, NULL), 0);
        assert_string_equal(again.items[0].format, "raw");
        assert_int_equal(instance_disks_info(f->store, &f->instance, &list, NULL), 0);
        assert_string_equal(json_member_string(json_array_get(list, 0), "type"), "raw");
        assert_string_equal(json_member_string(json_array_get(list, 0), "backing_file"), "");
}

static void kernel_and_ramdisk_are_fetched(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {}, planned = {};
        _cleanup_free_ char *kernel = NULL;
        json_auto_t *meta = NULL;

        make_image(f, IMAGE, "raw", NULL, "4M", "{\"properties\": {\"kernel_id\": \"vmlinuz\", \"ramdisk_id\": \"initrd\"}}");
        assert_int_equal(write_file_atomic(in_folder(f, "images/vmlinuz"), "kernel", 6, 0644), 0);
        assert_int_equal(write_file_atomic(in_folder(f, "images/initrd"), "QFI\xfb ramdisk", 12, 0644), 0);        /* is no disk */
        assert_created(f, (DiskRequest){}, &set);
        assert_string_equal(set.kernel, in_folder(f, "instances/" UUID "/kernel"));
        assert_string_equal(set.ramdisk, in_folder(f, "instances/" UUID "/ramdisk"));
        kernel = read_text(set.kernel);
        assert_string_equal(kernel, "kernel");
        meta = shown(f, IMAGE);
        assert_int_equal(instance_disks_plan(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta}, &planned, NULL), 0);
        assert_string_equal(planned.kernel, set.kernel);
        assert_string_equal(planned.items[0].format, "qcow2");
}

static void a_full_disk_is_told_and_leaves_nothing(void **state) {
        DiskFixture *f = *state;
        static const struct {
                const char *settings, *format;
                int64_t swap_mb;
        } table[] = {
                { "use_cow_images=true", "raw", 0 },            /* no room for the image */
                { "use_cow_images=true", "qcow2", 0 },          /* none to convert it */
                { "preallocate_images=space", "small", 32 },    /* none for the blocks of swap */
        };

        if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                skip();
        make_image(f, "raw", "raw", NULL, "32M", NULL);
        free(run(ARGV("sh", "-c", "head -c 32000000 /dev/urandom > $0; qemu-img convert -O qcow2 $0 $1; head -c 1000000 /dev/urandom > $2",
                      in_folder(f, "images/raw"), in_folder(f, "images/qcow2"), in_folder(f, "images/small"))));
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(disk_set_done) DiskSet set = {};
                _cleanup_free_ char *files = NULL;

                assert_int_equal(mount("tmpfs", in_folder(f, "instances"), "tmpfs", 0, streq(table[i].format, "qcow2") ? "size=48m" : "size=16m"), 0);
                disk_configure(f, ARGV(table[i].settings));
                free(f->instance.image_ref);
                f->instance.image_ref = strdup(table[i].format);
                f->instance.swap_mb = table[i].swap_mb;
                assert_int_equal(create(f, (DiskRequest){}, &set, &e), -ENOSPC);
                assert_non_null(strstr(e.message, "No space left on device"));
                assert_false(disk_exists(in_folder(f, "instances/" UUID)));
                files = files_of_instances(f);
                assert_null(strstr(files, ".part"));
                assert_null(strstr(files, ".converted"));
                assert_int_equal(umount(in_folder(f, "instances")), 0);
        }
}

/* The unit's umask is 0077; the hypervisor runs as another user. */
static void the_hypervisor_gets_at_the_files(void **state) {
        DiskFixture *f = *state;
        mode_t former = umask(0077);

        for (int cow = 0; cow < 2; cow++) {
                _cleanup_(disk_set_done) DiskSet set = {};
                _cleanup_free_ char *modes = NULL;

                disk_configure(f, ARGV(cow ? "use_cow_images=true" : "use_cow_images=false"));
                make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
                f->instance.swap_mb = f->instance.ephemeral_gb = 1;
                assert_created(f, (DiskRequest){}, &set);
                modes = run(ARGV("sh", "-c", "cd $0; find _base " UUID " snapshots locks -type d -printf '%m ' 2>/dev/null; find _base " UUID " -type f -printf '%m\\n' | sort -u",
                                 in_folder(f, "instances")));
                assert_string_equal(modes, "711 711 711 644\n");
                free(run(ARGV("sh", "-c", "rm -r $0/*", in_folder(f, "instances"))));
        }
        (void) umask(former);
}

static void a_cancelled_build_leaves_nothing(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        DriverHooks hooks = {.cancelled = cancelled_at_once};

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_int_equal(create(f, (DiskRequest){.hooks = &hooks}, &set, NULL), -ECANCELED);
        assert_files(f, "");
}

static void deleting_takes_all_and_may_be_done_again(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *files = NULL;

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_created(f, (DiskRequest){}, &set);
        assert_int_equal(make_directories(in_folder(f, "instances/" UUID "_del"), 0755), 0);
        free(run(ARGV("sh", "-c", "touch $0_del/left; ln -s / $0/root; mkdir $0/sub", in_folder(f, "instances/" UUID))));
        assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), 0);
        assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), 0);
        files = run(ARGV("ls", in_folder(f, "instances")));
        assert_string_equal(files, "_base\nlocks\n");
}

static void a_rescue_has_a_disk_of_its_own(void **state) {
        static const struct {
                const char *properties, *expected;
        } table[] = {
                { "{}", "disk.rescue:vda* disk:vdb disk.config.rescue:hda " },
                { "{\"hw_rescue_device\": \"cdrom\", \"hw_rescue_bus\": \"ide\"}", "disk:vda disk.config:hda disk.rescue:hdb* " },
        };
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        f->instance.root_gb = 1;
        assert_int_equal(instance_set_field(&f->instance, "config_drive", json_string("True")), 0);
        assert_created(f, (DiskRequest){}, &set);
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_(disk_set_done) DiskSet rescue = {};
                json_auto_t *meta = NULL, *info = NULL;
                char sidecar[200], text[200] = "";

                snprintf(sidecar, sizeof sidecar, "{\"properties\": %s}", table[i].properties);
                make_image(f, "rescue", "raw", NULL, "8M", sidecar);
                meta = shown(f, "rescue");
                if (instance_rescue_disks_create(f->store, &(DiskRequest){.instance = &f->instance, .image_meta = meta, .admin_password = "secret"}, &rescue, &e) < 0)
                        fail_msg("%s", e.message);
                for (size_t n = 0; n < rescue.n; n++)
                        snprintf(text + strlen(text), sizeof text - strlen(text), "%s:%s%s ", rescue.items[n].name, rescue.items[n].target, rescue.items[n].boot ? "*" : "");
                assert_string_equal(text, table[i].expected);
                info = qemu_info(in_folder(f, "instances/" UUID "/disk.rescue"));
                assert_int_equal(json_member_integer(info, "virtual-size", 0), 8 << 20);        /* not of the flavor's size */

                assert_int_equal(instance_rescue_disks_delete(f->store, &f->instance, NULL), 0);
                _cleanup_free_ char *files = run(ARGV("ls", in_folder(f, "instances/" UUID))), *disk_info = read_text(in_folder(f, "instances/" UUID "/disk.info"));
                assert_string_equal(files, "disk\ndisk.config\ndisk.info\n");
                assert_null(strstr(disk_info, "rescue"));
        }
}

static void old_bases_go_and_used_ones_stay(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        Instance known = {.uuid = (char *) UUID, .image_ref = (char *) "by-ref"};
        InstanceList all = {.items = &known, .n = 1};
        _cleanup_free_ char *files = NULL;
        char used[IMAGE_CACHE_NAME_MAX], by_ref[IMAGE_CACHE_NAME_MAX], old[IMAGE_CACHE_NAME_MAX], young[IMAGE_CACHE_NAME_MAX];
        unsigned removed;

        image_cache_name(IMAGE, used);
        image_cache_name("by-ref", by_ref);
        image_cache_name("old", old);
        image_cache_name("young", young);
        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        f->instance.swap_mb = 1;
        assert_created(f, (DiskRequest){}, &set);       /* an instance that the list does not have, but whose disks are there */
        free(run(ARGV("sh", "-c", "cd $0; touch $1 $2 $3 $3_20 $4 swap_7 ephemeral_1_0123456 $3.part README; touch -d '2 days ago' *; touch $4; touch -d '2 hours ago' $3_20; touch $2.converted",
                      in_folder(f, "instances/_base"), used, by_ref, old, young)));
        disk_configure(f, ARGV("image_cache.remove_unused_base_images=false"));
        assert_int_equal(image_cache_age(f->store, &all, &removed, NULL), 0);
        assert_int_equal(removed, 2);                   /* what was half made */
        free(run(ARGV("sh", "-c", "cd $0; touch -d '2 days ago' $1 $2 swap_1", in_folder(f, "instances/_base"), used, by_ref)));
        disk_configure(f, NULL);
        assert_int_equal(image_cache_age(f->store, &all, &removed, NULL), 0);
        assert_int_equal(removed, 4);
        files = run(ARGV("sh", "-c", "cd $0; for i in $1 $2 $4 swap_1 README; do [ -e $i ] || echo missing $i; done; ls | wc -l; find . -name $2 -mmin -5 | wc -l",
                         in_folder(f, "instances/_base"), used, by_ref, old, young));
        assert_string_equal(files, "5\n1\n");           /* and the used one is young again */
}

static void a_build_and_the_ageing_pass_do_not_cross(void **state) {
        DiskFixture *f = *state;
        _cleanup_close_ int lock = -1;
        char old[IMAGE_CACHE_NAME_MAX];
        unsigned removed;

        image_cache_name("old", old);
        assert_int_equal(make_directories(in_folder(f, "instances/_base"), 0755), 0);
        free(run(ARGV("touch", "-d", "2 days ago", in_folder(f, "instances/_base/%s", old))));
        lock = disk_lock(f->store, old, NULL, NULL);
        assert_true(lock >= 0);
        assert_int_equal(image_cache_age(f->store, &(InstanceList){}, &removed, NULL), 0);
        assert_int_equal(removed, 0);
        (void) close(lock);
        lock = -1;
        assert_int_equal(image_cache_age(f->store, &(InstanceList){}, &removed, NULL), 0);
        assert_int_equal(removed, 1);
}

static void an_image_is_fetched_ahead(void **state) {
        DiskFixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        assert_int_equal(image_cache_prefetch(f->store, IMAGE, NULL, NULL), 1);
        assert_int_equal(image_cache_prefetch(f->store, IMAGE, NULL, NULL), 0);
        assert_int_equal(image_cache_prefetch(f->store, "nothing", NULL, &e), -ENOENT);
        assert_string_equal(e.class_name, "ImageNotFound");
}

static void a_snapshot_is_flat_and_comes_back(void **state) {
        static const char *const formats[] = { NULL, "raw", "qcow2" };
        DiskFixture *f = *state;

        make_image(f, IMAGE, "raw", NULL, "4M", NULL);
        free(run(ARGV("sh", "-c", "head -c 4000000 /dev/urandom | dd of=$0 conv=notrunc status=none", in_folder(f, "images/" IMAGE))));
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                for (int live = 0; live < 2; live++) {
                        _cleanup_(disk_set_done) DiskSet set = {};
                        _cleanup_(snapshot_done) Snapshot snapshot = {};
                        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                        _cleanup_free_ char *setting = NULL, *work = NULL;
                        json_auto_t *info = NULL, *meta = NULL, *about = json_pack("{s:s, s:{s:s}}", "name", "snap", "properties", "image_type", "snapshot");
                        const char *expected = formats[i] ?: "qcow2";

                        assert_true(asprintf(&setting, "libvirt.snapshot_image_format=%s", strempty(formats[i])) > 0);
                        disk_configure(f, formats[i] ? ARGV(setting) : NULL);
                        f->instance.root_gb = 1;
                        assert_created(f, (DiskRequest){}, &set);
                        free(run(ARGV("qemu-io", "-f", "qcow2", "-c", "write -P 7 100M 64k", set.items[0].path)));
                        if (snapshot_begin(f->store, set.items[0].path, live, &snapshot, &e) < 0)
                                fail_msg("%s", e.message);
                        assert_int_equal(snapshot.delta != NULL, live);
                        if (live) {     /* what a shallow block copy brings over */
                                info = qemu_info(snapshot.delta);
                                assert_int_equal(json_member_integer(info, "virtual-size", 0), 1 << 30);
                                assert_string_equal(json_member_string(info, "full-backing-filename"), in_folder(f, "instances/_base/%s", cache_name(IMAGE)));
                                free(run(ARGV("qemu-io", "-f", "qcow2", "-c", "write -P 7 100M 64k", snapshot.delta)));
                        }
                        if (snapshot_extract(f->store, &snapshot, set.items[0].path, NULL, &e) < 0)
                                fail_msg("%s", e.message);
                        assert_string_equal(snapshot.format, expected);
                        if (snapshot_upload(f->store, &snapshot, "snap", about, NULL, &e) < 0)
                                fail_msg("%s", e.message);
                        meta = shown(f, "snap");
                        assert_string_equal(json_member_string(meta, "disk_format"), expected);
                        assert_string_equal(json_member_string(meta, "name"), "snap");
                        assert_string_equal(image_meta_property(meta, "image_type"), "snapshot");
                        free(run(ARGV("qemu-img", "compare", "-f", expected, "-F", "qcow2", in_folder(f, "images/snap"), set.items[0].path)));
                        snapshot_done(&snapshot);
                        work = run(ARGV("ls", in_folder(f, "instances/snapshots")));
                        assert_string_equal(work, "");
                        assert_int_equal(instance_disks_delete(f->store, &f->instance, NULL), 0);
                }
}

static void snapshots_that_were_killed_are_swept_away(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_(snapshot_done) Snapshot snapshot = {};
        _cleanup_free_ char *left = NULL;

        make_image(f, IMAGE, "raw", NULL, "4M", NULL);
        assert_created(f, (DiskRequest){}, &set);
        assert_int_equal(snapshot_begin(f->store, set.items[0].path, true, &snapshot, NULL), 0);
        free(run(ARGV("sh", "-c", "cd $0; mkdir tmpdead tmp mine; touch tmpdead/delta tmpfile; ln -s / tmplink", in_folder(f, "instances/snapshots"))));
        disk_configure(f, NULL);
        assert_true(disk_exists(in_folder(f, "instances/snapshots/tmpdead")));          /* a dry run does so much */
        disks_tidy_store(f->store);
        assert_true(disk_exists(snapshot.delta));       /* somebody works there */
        left = run(ARGV("sh", "-c", "cd $0; ls -d tmpdead tmp mine tmpfile tmplink 2>/dev/null | tr '\\n' ' '", in_folder(f, "instances/snapshots")));
        assert_string_equal(left, "mine tmp tmpfile tmplink ");
}

static void what_was_left_half_made_is_taken_away(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        _cleanup_free_ char *left = NULL;

        make_image(f, IMAGE, "raw", NULL, "4M", NULL);
        assert_created(f, (DiskRequest){}, &set);
        free(run(ARGV("sh", "-c", "cd $0; touch " UUID "/unrescue.xml.part " UUID "/disk.info.0123abcd.part " UUID "/mine.partly; "
                      "for n in _base/*; do touch $n.part $n.converted; done; touch _base/mine.part", in_folder(f, "instances"))));
        free(run(ARGV("sh", "-c", "touch $0/.some.0123.part $0/some.part", in_folder(f, "images"))));
        disks_tidy(f->store, &f->instance);
        disks_tidy_store(f->store);
        left = run(ARGV("sh", "-c", "cd $0; find instances images -name '*part*' -o -name '*.converted' | LC_ALL=C sort | tr '\n' ' '", in_folder(f, ".")));
        assert_string_equal(left, "images/some.part instances/_base/mine.part instances/" UUID "/mine.partly ");
        assert_true(disk_exists(set.items[0].path));
}

static void disk_info_is_novas(void **state) {
        DiskFixture *f = *state;
        _cleanup_(disk_set_done) DiskSet set = {};
        json_auto_t *list = NULL, *none = NULL;
        json_t *disk;

        assert_int_equal(instance_disks_info(f->store, &f->instance, &none, NULL), 0);
        assert_int_equal(json_array_size(none), 0);
        make_image(f, IMAGE, "qcow2", NULL, "4M", NULL);
        f->instance.root_gb = 1;
        f->instance.swap_mb = 2;
        assert_created(f, (DiskRequest){}, &set);
        assert_int_equal(instance_disks_info(f->store, &f->instance, &list, NULL), 0);
        assert_int_equal(json_array_size(list), 2);
        disk = json_array_get(list, 0);
        assert_string_equal(json_member_string(disk, "path"), in_folder(f, "instances/" UUID "/disk"));
        assert_string_equal(json_member_string(disk, "type"), "qcow2");
        assert_string_equal(json_member_string(disk, "backing_file"), cache_name(IMAGE));
        assert_int_equal(json_member_integer(disk, "virt_disk_size", 0), 1 << 30);
        assert_int_equal(json_member_integer(disk, "over_committed_disk_size", 0), (1 << 30) - json_member_integer(disk, "disk_size", 0));
        assert_string_equal(json_member_string(json_array_get(list, 1), "backing_file"), "swap_2");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, disk_set_up, disk_tear_down)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_name_in_the_cache_is_the_sha1_of_the_id),
                CASE(a_disk_is_a_layer_over_the_raw_base),
                CASE(a_flat_disk_is_a_copy),
                CASE(blocks_are_there_from_the_beginning_when_asked_for),
                CASE(what_is_refused_leaves_nothing),
                CASE(what_the_request_says_of_the_image_counts_too),
                CASE(a_wrong_uuid_is_no_path),
                CASE(names_and_buses_are_novas),
                CASE(ephemeral_disks_and_swap_are_made_once),
                CASE(a_command_of_ones_own_makes_file_systems),
                CASE(many_builds_at_once_share_one_base),
                CASE(so_many_copies_at_once_as_configured),
                CASE(what_a_killed_process_left_is_made_anew),
                CASE(a_disk_that_is_there_stays),
                CASE(a_raw_disk_stays_raw_whatever_the_guest_writes),
                CASE(kernel_and_ramdisk_are_fetched),
                CASE(the_hypervisor_gets_at_the_files),
                CASE(a_cancelled_build_leaves_nothing),
                CASE(deleting_takes_all_and_may_be_done_again),
                CASE(a_rescue_has_a_disk_of_its_own),
                CASE(old_bases_go_and_used_ones_stay),
                CASE(a_build_and_the_ageing_pass_do_not_cross),
                CASE(an_image_is_fetched_ahead),
                CASE(a_snapshot_is_flat_and_comes_back),
                CASE(snapshots_that_were_killed_are_swept_away),
                CASE(what_was_left_half_made_is_taken_away),
                CASE(disk_info_is_novas),
                CASE(a_full_disk_is_told_and_leaves_nothing),   /* last: in a mount namespace of its own from then on */
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
