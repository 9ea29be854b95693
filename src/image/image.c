/* The image service: which back end an id belongs to. See image.h. */
#include "image/image.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "basic/json.h"
#include "image/private.h"

#define GIB ((uint64_t) 1 << 30)

bool image_id_is_url(const char *id) {
        return strncasecmp(id, "http://", 7) == 0 || strncasecmp(id, "https://", 8) == 0;
}

/* As much of an id as a sentence bears. */
#define ID_SHOWN "%.200s"

int image_not_found(const char *id, NovaException *e) {
        bool ours = !exception_is_set(e);
        int r = exception_setf(e, EXC_IMAGE_NOT_FOUND, "Image " ID_SHOWN " could not be found.", id);

        if (ours)
                exception_kwarg(e, "image_id", json_sprintf(ID_SHOWN, id));
        return r;
}

int image_unacceptable(const char *id, NovaException *e, const char *format, ...) {
        _cleanup_free_ char *reason = NULL;
        bool ours = !exception_is_set(e);
        va_list args;
        int r;

        va_start(args, format);
        if (vasprintf(&reason, format, args) < 0)
                reason = NULL;
        va_end(args);
        r = exception_setf(e, EXC_IMAGE_UNACCEPTABLE, "Image " ID_SHOWN " is unacceptable: %s", id, strempty(reason));
        if (ours) {
                exception_kwarg(e, "image_id", json_sprintf(ID_SHOWN, id));
                exception_kwarg(e, "reason", json_string(strempty(reason)));
        }
        return r;
}

int image_could_not_fetch(const char *id, NovaException *e, int error, const char *format, ...) {
        _cleanup_free_ char *reason = NULL;
        va_list args;

        assert(error < 0);

        va_start(args, format);
        if (vasprintf(&reason, format, args) < 0)
                reason = NULL;
        va_end(args);
        if (!exception_is_set(e)) {
                (void) exception_setf(e, EXC_COULD_NOT_FETCH_IMAGE, "Could not fetch image " ID_SHOWN ": %s", id, strempty(reason));
                exception_kwarg(e, "image_id", json_sprintf(ID_SHOWN, id));
                if (e)
                        e->error = error;
        }
        return error;
}

static char *copy_or_null(const char *s) {
        return s ? strdup(s) : NULL;
}

int image_service_new(ImageService **ret, const Config *config, NovaException *e) {
        _cleanup_(image_service_freep) ImageService *s = calloc(1, sizeof *s);
        const char *directory = config_string(config, "image.directory"), *ca_file = config_string(config, "image.http_ca_file");

        if (isempty(directory) || *directory != '/')
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "[image] directory \"%s\" is no absolute path.", strempty(directory));
        if (!s || !(s->directory = strdup(directory)) || !(s->http_urls = strv_copy((char *const *) config_list(config, "image.http_urls"))))
                return exception_set_errno(e, -ENOMEM, "Making the image service");
        s->ca_file = copy_or_null(isempty(ca_file) ? NULL : ca_file);
        if (!s->ca_file && !isempty(ca_file))
                return exception_set_errno(e, -ENOMEM, "Making the image service");
        s->max_size = (uint64_t) config_integer(config, "image.max_size_gb") * GIB;
        s->connect_timeout = (unsigned) config_integer(config, "image.http_connect_timeout");
        s->stall_timeout = (unsigned) config_integer(config, "image.http_stall_timeout");
        s->retries = (unsigned) config_integer(config, "image.http_retries");
        s->redirects = (unsigned) config_integer(config, "image.http_redirects");

        for (size_t n = strlen(s->directory); n > 1 && s->directory[n - 1] == '/'; n--)
                s->directory[n - 1] = '\0';
        *ret = TAKE_PTR(s);
        return 0;
}

ImageService *image_service_free(ImageService *s) {
        if (!s)
                return NULL;
        free(s->directory);
        strv_free(s->http_urls);
        free(s->ca_file);
        free(s);
        return NULL;
}

static void sink_donep(ImageSink *k) {
        image_sink_done(k);
}

static int copy_file(ImageSink *k, int fd, NovaException *e) {
        _cleanup_free_ uint8_t *buffer = malloc(IMAGE_CHUNK);
        off_t offset = 0;

        if (!buffer)
                return exception_set_errno(e, -ENOMEM, "Reading an image");
        for (;;) {
                ssize_t n = pread(fd, buffer, IMAGE_CHUNK, offset);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return exception_set_errno(e, -errno, "Reading an image");
                if (n == 0)
                        return 0;
                r = image_sink_write(k, buffer, (size_t) n, e);
                if (r < 0)
                        return r;
                offset += n;
        }
}

/* The dictionary of @id, and what its bytes come from: a file, or a URL. */
static int resolve(ImageService *s, const char *id, json_t **ret_meta, int *ret_fd, char **ret_url, NovaException *e) {
        if (!image_id_is_url(id))
                return image_local_show(s, id, ret_meta, ret_fd, ret_url, e);
        *ret_fd = -1;
        return image_url_show(s, id, ret_meta, ret_url, e);
}

int image_service_show(ImageService *s, const char *id, json_t **ret_meta, NovaException *e) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *url = NULL;
        json_auto_t *meta = NULL;
        uint64_t size;
        int r;

        assert(s && id && ret_meta);

        r = resolve(s, id, &meta, &fd, &url, e);
        if (r < 0)
                return r;
        if (url && image_meta_integer(meta, "size", 0) == 0) {
                r = image_http_size(s, id, url, &size, e);
                if (r < 0)
                        return r;
                if (json_object_set_new(meta, "size", json_integer((json_int_t) MIN(size, (uint64_t) INT64_MAX))) < 0)
                        return exception_set_errno(e, -ENOMEM, "Asking for an image");
        }
        *ret_meta = TAKE_PTR(meta);
        return 0;
}

int image_service_download(ImageService *s, const char *id, int fd, const ImageProgress *p, json_t **ret_meta, NovaException *e) {
        _cleanup_(sink_donep) ImageSink k = {};
        json_auto_t *meta = NULL;
        _cleanup_close_ int from = -1;
        _cleanup_free_ char *url = NULL;
        int r;

        assert(s && id && fd >= 0);

        r = resolve(s, id, &meta, &from, &url, e);
        if (r < 0)
                return r;
        if (!streq(strempty(json_member_string(meta, "status")), "active")) {
                r = exception_setf(e, EXC_IMAGE_NOT_ACTIVE, "Image %.200s is not active.", id);
                exception_kwarg(e, "image_id", json_sprintf("%.200s", id));
                return r;
        }
        r = image_sink_init(&k, id, fd, s->max_size, json_member_string(meta, "os_hash_algo"), p);
        if (r < 0)
                return exception_set_errno(e, r, "Fetching an image");
        k.total = (uint64_t) image_meta_integer(meta, "size", 0);
        r = url ? image_http_fetch(s, id, url, &k, e) : copy_file(&k, from, e);
        if (r >= 0)
                r = image_sink_verify(&k, meta, e);
        if (r >= 0 && json_object_set_new(meta, "size", json_integer((json_int_t) k.done)) < 0)
                r = exception_set_errno(e, -ENOMEM, "Fetching an image");
        if (r < 0)
                return r;
        if (ret_meta)
                *ret_meta = TAKE_PTR(meta);
        return 0;
}

int image_service_upload(ImageService *s, const char *id, const json_t *meta, const char *path, const ImageProgress *p, NovaException *e) {
        assert(s && id && path);
        return image_local_upload(s, id, meta, path, p, e);
}

void image_service_tidy(ImageService *s) {
        assert(s);
        image_local_tidy(s);
}

int image_service_list(ImageService *s, json_t **ret_metas, NovaException *e) {
        assert(s && ret_metas);
        return image_local_list(s, ret_metas, e);
}

int image_service_delete(ImageService *s, const char *id, NovaException *e) {
        assert(s && id);
        return image_local_delete(s, id, e);
}
