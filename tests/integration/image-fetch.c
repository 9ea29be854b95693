/* The image service alone, for tests with servers that misbehave: image-fetch ID FILE group.name=value… prints one JSON object,
 * the image's metadata or {class, message}. FILE "-": only shown. */
#include <fcntl.h>
#include <stdio.h>

#include "basic/json.h"
#include "image/image.h"

/* What was told of the transfer. IMAGE_FETCH_CANCEL in the environment: it is cancelled when it has asked so many times whether it is. */
typedef struct Told {
        unsigned times;
        uint64_t done, total;
        bool backwards;
        long asked, cancel;
} Told;

static void on_progress(uint64_t done, uint64_t total, void *userdata) {
        Told *t = userdata;

        t->backwards = t->backwards || done < t->done;
        *t = (Told){.times = t->times + 1, .done = done, .total = total, .backwards = t->backwards, .asked = t->asked, .cancel = t->cancel};
}

static bool on_cancelled(void *userdata) {
        Told *t = userdata;

        return t->cancel > 0 && ++t->asked > t->cancel;
}

/* The most memory that was resident, of this program alone: getrusage counts what was there before the exec. */
static long peak(void) {
        FILE *f = fopen("/proc/self/status", "re");
        char line[200];
        long kib = 0;

        while (f && fgets(line, sizeof line, f) && sscanf(line, "VmHWM: %ld", &kib) != 1)
                ;
        if (f)
                (void) fclose(f);
        return kib;
}

int main(int argc, char **argv) {
        _cleanup_(image_service_freep) ImageService *service = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(config_unrefp) Config *config = NULL;
        json_auto_t *answer = NULL;
        const char *cancel = getenv("IMAGE_FETCH_CANCEL");
        Told told = {.cancel = cancel ? atol(cancel) : 0};
        ImageProgress progress = {.progress = on_progress, .cancelled = on_cancelled, .userdata = &told};
        int fd = -1, r;

        if (argc < 3 || config_new_for_test(&config, (const char *const *) argv + 3, NULL) < 0)
                return 2;
        r = image_service_new(&service, config, &e);
        if (r >= 0 && strcmp(argv[2], "-") == 0)
                r = image_service_show(service, argv[1], &answer, &e);
        else if (r >= 0) {
                fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                r = fd < 0 ? -1 : image_service_download(service, argv[1], fd, &progress, &answer, &e);
        }
        if (r < 0)
                answer = json_pack("{s:s, s:s}", "class", strempty(e.class_name), "message", strempty(e.message));
        (void) json_object_set_new(answer, "progress", json_pack("{s:i, s:I, s:I, s:b}", "times", (int) told.times, "done", (json_int_t) told.done,
                                                                 "total", (json_int_t) told.total, "backwards", told.backwards));
        (void) json_object_set_new(answer, "peak_kib", json_integer(peak()));
        _cleanup_free_ char *text = json_text(answer);
        puts(text);
        if (fd >= 0)
                (void) close(fd);
        return 0;
}
