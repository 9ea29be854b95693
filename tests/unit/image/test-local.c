/* Images of a directory: found by id and name, never outside of it; kept whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "basic/json.h"
#include "image/image.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"
#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

typedef struct Fixture {
        char folder[64];
        ImageService *service;
} Fixture;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof *f);
        _cleanup_(config_unrefp) Config *config = NULL;
        char directory[100];

        strcpy(f->folder, "/tmp/nova-image-test.XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(directory, sizeof directory, "image.directory=%s/images", f->folder);
        assert_int_equal(config_new_for_test(&config, (const char *const[]) { directory, NULL }, NULL), 0);
        assert_int_equal(image_service_new(&f->service, config, NULL), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        image_service_free(f->service);
        assert_int_equal(nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

static void put(Fixture *f, const char *name, const char *content) {
        char path[300];
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", f->folder, name);
        for (char *p = path + strlen(f->folder) + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void) mkdir(path, 0755);
                *p = '/';
        }
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(content, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* What a download gives, as a text; NULL with @e. */
static char *fetch(Fixture *f, const char *id, json_t **ret_meta, NovaException *e) {
        char path[100], *text = calloc(1, 1000);
        int fd;

        snprintf(path, sizeof path, "%s/fetched", f->folder);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        if (image_service_download(f->service, id, fd, NULL, ret_meta, e) < 0) {
                free(text);
                text = NULL;
        } else
                assert_true(pread(fd, text, 999, 0) >= 0);
        (void) close(fd);
        return text;
}

static void assert_fetched(Fixture *f, const char *id, const char *expected) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *text = fetch(f, id, NULL, &e);

        if (!text)
                print_message("%s: %s\n", id, e.message);
        assert_non_null(text);
        assert_string_equal(text, expected);
}

static void assert_refused(Fixture *f, const char *id, const char *class, const char *message) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *text = fetch(f, id, NULL, &e);

        assert_null(text);
        assert_string_equal(e.class_name, class);
        if (!strstr(e.message, message))
                print_message("%s: %s\n", id, e.message);
        assert_non_null(strstr(e.message, message));
        assert_string_equal(json_member_string(e.kwargs, "image_id"), id);
}

static void an_image_is_found_by_id_name_and_path(void **state) {
        Fixture *f = *state;
        _cleanup_free_ char *path = NULL;

        put(f, "images/" ID, "hello");
        put(f, "images/debian-12.qcow2", "debian");
        put(f, "images/old/debian+11~rc1@x.img", "older");
        assert_fetched(f, ID, "hello");
        assert_fetched(f, "debian-12.qcow2", "debian");
        assert_fetched(f, "old/debian+11~rc1@x.img", "older");
        assert_true(asprintf(&path, "%s/images/%s", f->folder, ID) > 0);
        assert_fetched(f, path, "hello");
}

static void what_leads_out_is_not_found(void **state) {
        Fixture *f = *state;
        char path[200], target[200];
        static const char *const ids[] = {
                "", ".", "..", "/", "../secret", "a/../../secret", "a/..", "./a", "/etc/passwd", "a//b", "a/", ".hidden", "a/.hidden",
                "-option", "a\nb", "a b", "a\\b", "a%2f..", "\xff", "a.json", "a.part", "file:///etc/passwd", "link", "linked/secret",
                "absolute", "folder", "fifo", "missing", "loop",
        };

        put(f, "secret", "secret");
        put(f, "images/a", "a");
        put(f, "images/.hidden", "a");
        put(f, "images/a.part", "a");
        put(f, "images/folder/x", "x");
        snprintf(path, sizeof path, "%s/images/link", f->folder);
        assert_int_equal(symlink("../secret", path), 0);
        snprintf(path, sizeof path, "%s/images/linked", f->folder);
        assert_int_equal(symlink("..", path), 0);
        snprintf(path, sizeof path, "%s/images/loop", f->folder);
        assert_int_equal(symlink("loop", path), 0);
        snprintf(path, sizeof path, "%s/images/absolute", f->folder);
        snprintf(target, sizeof target, "%s/secret", f->folder);
        assert_int_equal(symlink(target, path), 0);
        snprintf(path, sizeof path, "%s/images/fifo", f->folder);
        assert_int_equal(mkfifo(path, 0600), 0);
        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                _cleanup_free_ char *text = fetch(f, ids[i], NULL, &e), *sentence = NULL;

                assert_null(text);
                assert_string_equal(e.class_name, "ImageNotFound");
                assert_true(asprintf(&sentence, "Image %s could not be found.", ids[i]) > 0);
                assert_string_equal(e.message, sentence);
                assert_int_equal(image_service_delete(f->service, ids[i], NULL), streq(ids[i], "link") || streq(ids[i], "absolute") ||
                                 streq(ids[i], "loop") || streq(ids[i], "fifo") ? 0 : -ENOENT);
        }
        snprintf(path, sizeof path, "%s/secret", f->folder);
        assert_int_equal(access(path, F_OK), 0);
        assert_fetched(f, "a", "a");
}

static void a_link_that_stays_inside_is_followed(void **state) {
        Fixture *f = *state;
        char path[200];

        put(f, "images/debian-12.1", "debian");
        snprintf(path, sizeof path, "%s/images/debian", f->folder);
        assert_int_equal(symlink("debian-12.1", path), 0);
        assert_fetched(f, "debian", "debian");
}

static void metadata_is_novas_dictionary(void **state) {
        Fixture *f = *state;
        json_auto_t *meta = NULL, *bare = NULL;
        const char *key;
        json_t *value;

        put(f, "images/" ID, "hello");
        put(f, "images/" ID ".json", "{\"name\": \"Debian\", \"disk_format\": \"raw\", \"min_disk\": \"2\", \"min_ram\": 64, \"properties\": "
            "{\"hw_machine_type\": \"q35\", \"os_distro\": null, \"hw_cpu_cores\": 2}, \"checksum\": \"" HELLO_MD5 "\"}");
        assert_int_equal(image_service_show(f->service, ID, &meta, NULL), 0);
        assert_string_equal(json_member_string(meta, "id"), ID);
        assert_string_equal(json_member_string(meta, "name"), "Debian");
        assert_string_equal(json_member_string(meta, "status"), "active");
        assert_string_equal(json_member_string(meta, "disk_format"), "raw");
        assert_string_equal(json_member_string(meta, "container_format"), "bare");
        assert_string_equal(json_member_string(meta, "checksum"), HELLO_MD5);
        assert_int_equal(json_member_integer(meta, "size", 0), 5);
        assert_int_equal(json_member_integer(meta, "min_disk", 0), 2);
        assert_int_equal(json_member_integer(meta, "min_ram", 0), 64);
        assert_string_equal(image_meta_property(meta, "hw_machine_type"), "q35");
        assert_string_equal(image_meta_property(meta, "hw_cpu_cores"), "2");
        assert_null(image_meta_property(meta, "os_distro"));
        assert_int_equal(strlen(json_member_string(meta, "created_at")), strlen("2026-01-01T00:00:00.000000"));

        put(f, "images/bare", "hello");
        assert_int_equal(image_service_show(f->service, "bare", &bare, NULL), 0);
        assert_string_equal(json_member_string(bare, "name"), "bare");
        assert_string_equal(json_member_string(bare, "disk_format"), "raw");
        /* Both have the same keys. */
        json_object_foreach(meta, key, value)
                assert_non_null(json_object_get(bare, key));
}

static void what_is_not_as_the_metadata_says_is_unacceptable(void **state) {
        Fixture *f = *state;
        static const struct {
                const char *sidecar, *class, *message;
        } table[] = {
                { "{\"checksum\": \"00000000000000000000000000000000\"}", "ImageUnacceptable",
                  "Image x is unacceptable: its checksum is " HELLO_MD5 " and should be 00000000000000000000000000000000" },
                { "{\"os_hash_algo\": \"sha256\", \"os_hash_value\": \"00\", \"checksum\": \"" HELLO_MD5 "\"}", "ImageUnacceptable", "its sha256 is " HELLO_SHA256 " and should be 00" },
                { "{\"os_hash_algo\": \"crc\", \"os_hash_value\": \"00\"}", "ImageUnacceptable", "its metadata has os_hash_algo \"crc\"" },
                { "{\"size\": 4}", "ImageUnacceptable", "it is larger than the 4 bytes it is said to have" },
                { "{\"size\": 6}", "ImageUnacceptable", "it has 5 bytes and is said to have 6" },
                { "{\"size\": -1}", "ImageUnacceptable", "its metadata has size -1" },
                { "{\"min_disk\": \"1 GB\"}", "ImageUnacceptable", "its metadata has min_disk \"1 GB\"" },
                { "{\"min_disk\": 99999999999999999999}", "ImageUnacceptable", "its metadata is no JSON" },
                { "{\"min_disk\": \"99999999999999999999\"}", "ImageUnacceptable", "its metadata has min_disk" },
                { "{\"properties\": []}", "ImageUnacceptable", "its metadata has properties []" },
                { "{\"properties\": {\"a\": {}}}", "ImageUnacceptable", "its metadata has a {}" },
                { "{\"name\": 1}", "ImageUnacceptable", "its metadata has name 1" },
                { "[]", "ImageUnacceptable", "its metadata is an array and should be an object" },
                { "{", "ImageUnacceptable", "its metadata is no JSON" },
                { "{\"status\": \"queued\"}", "ImageNotActive", "Image x is not active." },
        };

        put(f, "images/x", "hello");
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                put(f, "images/x.json", table[i].sidecar);
                assert_refused(f, "x", table[i].class, table[i].message);
        }
        put(f, "images/x.json", "{\"os_hash_algo\": \"sha256\", \"os_hash_value\": \"" HELLO_SHA256 "\", \"size\": \"5\"}");
        assert_fetched(f, "x", "hello");
        put(f, "images/empty", "");
        assert_refused(f, "empty", "ImageUnacceptable", "it has no data");
}

static unsigned files_in(Fixture *f, const char *folder) {
        char path[200];
        unsigned n = 0;
        DIR *d;

        snprintf(path, sizeof path, "%s/%s", f->folder, folder);
        d = opendir(path);
        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d));)
                n += entry->d_type == DT_REG;
        (void) closedir(d);
        return n;
}

static void what_is_kept_comes_back(void **state) {
        Fixture *f = *state;
        json_auto_t *meta = json_loads("{\"id\": \"other\", \"name\": \"snap\", \"disk_format\": \"raw\", \"size\": 99, \"checksum\": \"lie\", \"url\": "
                                       "\"http://x/\", \"properties\": {\"image_type\": \"snapshot\"}}", 0, NULL), *shown = NULL;
        char path[200];

        snprintf(path, sizeof path, "%s/source", f->folder);
        put(f, "source", "hello");
        assert_int_equal(image_service_upload(f->service, ID, meta, path, NULL, NULL), 0);
        assert_fetched(f, ID, "hello");
        assert_int_equal(image_service_show(f->service, ID, &shown, NULL), 0);
        assert_string_equal(json_member_string(shown, "name"), "snap");
        assert_string_equal(json_member_string(shown, "checksum"), HELLO_MD5);
        assert_string_equal(json_member_string(shown, "os_hash_algo"), "sha512");
        assert_int_equal(json_member_integer(shown, "size", 0), 5);
        assert_string_equal(image_meta_property(shown, "image_type"), "snapshot");
        assert_int_equal(files_in(f, "images"), 2);

        put(f, "source", "again");
        assert_int_equal(image_service_upload(f->service, ID, meta, path, NULL, NULL), 0);
        assert_fetched(f, ID, "again");
        assert_int_equal(files_in(f, "images"), 2);

        assert_int_equal(image_service_delete(f->service, ID, NULL), 0);
        assert_int_equal(files_in(f, "images"), 0);
        assert_refused(f, ID, "ImageNotFound", "Image " ID " could not be found.");
        assert_int_equal(image_service_delete(f->service, ID, NULL), -ENOENT);
}

static void what_died_half_way_is_swept_away(void **state) {
        Fixture *f = *state;
        char path[200];

        put(f, "images/." ID ".0123.part", "hal");
        put(f, "images/.keep", "mine");
        put(f, "source", "hello");
        snprintf(path, sizeof path, "%s/source", f->folder);
        assert_int_equal(image_service_upload(f->service, "x", NULL, path, NULL, NULL), 0);
        assert_int_equal(files_in(f, "images"), 3);     /* x, x.json, .keep */
}

static bool at_once(void *userdata) {
        return true;
}

static void nothing_is_left_of_what_failed(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        static const ImageProgress cancelled = {.cancelled = at_once};
        static const char *const ids[] = { "../x", "a/b", "", ".x", "http://h/x", "x.json" };
        char path[200];

        put(f, "source", "hello");
        put(f, "images/old", "old");
        snprintf(path, sizeof path, "%s/source", f->folder);
        assert_int_equal(image_service_upload(f->service, "old", NULL, path, &cancelled, NULL), -ECANCELED);
        assert_fetched(f, "old", "old");
        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                assert_int_equal(image_service_upload(f->service, ids[i], NULL, path, NULL, NULL), -EINVAL);
        assert_int_equal(image_service_upload(f->service, "x", NULL, "/dev/null", NULL, NULL), -EINVAL);
        assert_int_equal(image_service_upload(f->service, "x", NULL, "/nowhere", NULL, &e), -ENOENT);
        assert_int_equal(files_in(f, "images"), 1);
}

static void the_list_has_all_that_can_be_read(void **state) {
        Fixture *f = *state;
        json_auto_t *metas = NULL, *none = NULL;
        _cleanup_free_ char *ids = NULL;

        assert_int_equal(image_service_list(f->service, &none, NULL), 0);
        assert_int_equal(json_array_size(none), 0);
        put(f, "images/b", "b");
        put(f, "images/a", "a");
        put(f, "images/a.json", "{\"name\": \"A\"}");
        put(f, "images/sub/c", "c");
        put(f, "images/.hidden", "a");
        put(f, "images/broken", "a");
        put(f, "images/broken.json", "{");
        put(f, "images/alone.json", "{\"name\": \"no file\"}");
        put(f, "images/web.json", "{\"url\": \"https://example.org/x\", \"size\": 7}");
        assert_int_equal(image_service_list(f->service, &metas, NULL), 0);
        ids = strdup("");
        for (size_t i = 0; i < json_array_size(metas); i++) {
                char *more;

                assert_true(asprintf(&more, "%s%s ", ids, json_member_string(json_array_get(metas, i), "id")) > 0);
                free(ids);
                ids = more;
        }
        assert_string_equal(ids, "a b sub/c web ");
}

/* Holes stay holes: a sparse image of 64 MiB takes next to nothing. */
static void zeros_take_no_room(void **state) {
        Fixture *f = *state;
        char path[200];
        struct stat st;
        int fd, to;

        put(f, "images/sparse", "x");
        snprintf(path, sizeof path, "%s/images/sparse", f->folder);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, 64 << 20), 0);
        assert_int_equal(pwrite(fd, "y", 1, 32 << 20), 1);
        (void) close(fd);
        snprintf(path, sizeof path, "%s/copy", f->folder);
        to = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(image_service_download(f->service, "sparse", to, NULL, NULL, NULL), 0);
        assert_int_equal(fstat(to, &st), 0);
        assert_int_equal(st.st_size, 64 << 20);
        assert_true(st.st_blocks * 512 < 1 << 20);
        char c = 0;
        assert_int_equal(pread(to, &c, 1, 32 << 20), 1);
        assert_int_equal(c, 'y');
        (void) close(to);
}

/* As in a unit with RestrictSUIDSGID=: openat2 is not there. From now on, for the whole process. */
static void forbid_openat2(void) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

int main(void) {
        int failed;
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_image_is_found_by_id_name_and_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_leads_out_is_not_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_link_that_stays_inside_is_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(metadata_is_novas_dictionary, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_not_as_the_metadata_says_is_unacceptable, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_kept_comes_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_died_half_way_is_swept_away, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nothing_is_left_of_what_failed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_list_has_all_that_can_be_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(zeros_take_no_room, set_up, tear_down),
        };

        failed = cmocka_run_group_tests_name("with openat2", tests, NULL, NULL);
        forbid_openat2();
        return failed + cmocka_run_group_tests_name("without openat2", tests, NULL, NULL);
}
