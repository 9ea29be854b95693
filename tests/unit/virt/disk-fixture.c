/* See disk-fixture.h. */
#include "disk-fixture.h"

#define SETTINGS_MAX 16

void disk_configure(DiskFixture *f, const char *const *assignments) {
        _cleanup_(config_unrefp) Config *config = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *all[SETTINGS_MAX + 3] = {};
        char state[128], images[128];
        size_t n = 2;

        snprintf(state, sizeof state, "instances_path=%s/instances", f->folder);
        snprintf(images, sizeof images, "image.directory=%s/images", f->folder);
        all[0] = state;
        all[1] = images;
        for (; assignments && *assignments; assignments++) {
                assert_true(n < SETTINGS_MAX);
                all[n++] = *assignments;
        }
        assert_int_equal(config_new_for_test(&config, all, NULL), 0);
        disk_store_free(f->store);
        f->store = NULL;
        if (disk_store_new(&f->store, config, &e) < 0)
                fail_msg("%s", e.message);
}

int disk_set_up(void **state) {
        DiskFixture *f = calloc(1, sizeof *f);

        strcpy(f->folder, "/tmp/nova-disk-test.XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        assert_int_equal(make_directories(in_folder(f, "images"), 0755), 0);
        assert_int_equal(make_directories(in_folder(f, "instances"), 0755), 0);
        disk_configure(f, NULL);
        f->instance = (Instance){
                .uuid = strdup(UUID), .image_ref = strdup(IMAGE), .hostname = strdup("host"), .display_name = strdup("name"), .memory_mb = 64,
                .vcpus = 1, .project_id = strdup("project"), .flavor_name = strdup("m1.tiny"),
        };
        *state = f;
        return 0;
}

int disk_tear_down(void **state) {
        DiskFixture *f = *state;

        disk_store_free(f->store);
        instance_done(&f->instance);
        assert_int_equal(remove_tree(f->folder), 0);
        free(f);
        return 0;
}

char *run(const char *const *argv) {
        SpawnResult result = {};
        char *output;
        int r = spawn_run(argv, NULL, &result);

        if (r != 0)
                fail_msg("%s: %d, %d, %s", argv[0], r, result.status, strempty(result.error));
        output = result.output;
        result.output = NULL;
        spawn_result_done(&result);
        return output;
}

const char *in_folder(const DiskFixture *f, const char *format, ...) {
        static __thread char buffers[8][512];
        static __thread unsigned turn;
        char *buffer = buffers[turn++ % 8];
        int n = snprintf(buffer, sizeof buffers[0], "%s/", f->folder);
        va_list args;

        va_start(args, format);
        (void) vsnprintf(buffer + n, sizeof buffers[0] - (size_t) n, format, args);
        va_end(args);
        return buffer;
}

void make_image(DiskFixture *f, const char *id, const char *format, const char *options, const char *size, const char *sidecar) {
        const char *path = in_folder(f, "images/%s", id);

        free(options ? run(ARGV("qemu-img", "create", "-q", "-f", format, "-o", options, path, size))
                     : run(ARGV("qemu-img", "create", "-q", "-f", format, path, size)));
        if (sidecar)
                assert_int_equal(write_file_atomic(in_folder(f, "images/%s.json", id), sidecar, strlen(sidecar), 0644), 0);
}

char *files_of_instances(const DiskFixture *f) {
        char *text = run(ARGV("sh", "-c", "cd \"$0\" && find . -type f ! -path './locks/*' -printf '%P\\n' | sort | tr '\\n' ' '",
                              in_folder(f, "instances")));

        return text;
}

json_t *shown(DiskFixture *f, const char *id) {
        json_t *meta = NULL;

        assert_int_equal(image_service_show(disk_store_images(f->store), id, &meta, NULL), 0);
        return meta;
}

char *read_text(const char *path) {
        FILE *file = fopen(path, "re");
        char *text = calloc(1, 65536);

        if (!file)
                fail_msg("%s: %m", path);
        (void) fread(text, 1, 65535, file);
        (void) fclose(file);
        return text;
}
