/* Where the bytes of an image go. See private.h. */
#include <assert.h>
#include <errno.h>

#include "basic/json.h"
#include "image/private.h"

#define HOLE ((size_t) 64 * 1024)       /* what is zero in pieces of this size is not written */
#define TELL_EVERY (USEC_PER_SEC / 5)

static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
} hashes[] = {
        { "md5", EVP_md5 },       { "sha1", EVP_sha1 },     { "sha224", EVP_sha224 },
        { "sha256", EVP_sha256 }, { "sha384", EVP_sha384 }, { "sha512", EVP_sha512 },
};

static const EVP_MD *hash_by_name(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(hashes); i++)
                if (streq(hashes[i].name, name))
                        return hashes[i].md();
        return NULL;
}

bool image_hash_is_known(const char *algorithm) {
        return hash_by_name(algorithm) != NULL;
}

static int hash_begin(EVP_MD_CTX **ret, const EVP_MD *md) {
        *ret = EVP_MD_CTX_new();
        return *ret && EVP_DigestInit_ex(*ret, md, NULL) == 1 ? 0 : -ENOMEM;
}

int image_sink_init(ImageSink *k, const char *id, int fd, uint64_t max, const char *algorithm, const ImageProgress *p) {
        const EVP_MD *strong = hash_by_name(algorithm);
        int r;

        *k = (ImageSink){.id = id, .fd = fd, .max = max, .progress = p};
        r = hash_begin(&k->md5, EVP_md5());
        if (r >= 0 && strong)
                r = hash_begin(&k->strong, strong);
        if (r < 0)
                image_sink_done(k);
        return r;
}

void image_sink_done(ImageSink *k) {
        EVP_MD_CTX_free(k->md5);
        EVP_MD_CTX_free(k->strong);
        k->md5 = k->strong = NULL;
}

static bool is_zero(const uint8_t *p, size_t n) {
        return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t offset) {
        while (n > 0) {
                ssize_t m = pwrite(fd, p, n, (off_t) offset);

                if (m < 0 && errno == EINTR)
                        continue;
                if (m < 0)
                        return -errno;
                if (m == 0)
                        return -EIO;
                p += m;
                n -= (size_t) m;
                offset += (uint64_t) m;
        }
        return 0;
}

int image_sink_write(ImageSink *k, const void *data, size_t n, NovaException *e) {
        const ImageProgress *p = k->progress;
        usec_t now;

        if (p && p->cancelled && p->cancelled(p->userdata))
                return exception_set_errno(e, -ECANCELED, "Fetching an image");
        if (n > k->max || k->done > k->max - n)
                return image_unacceptable(k->id, e, "it is larger than %llu bytes", (unsigned long long) k->max);
        if (k->total > 0 && (n > k->total || k->done > k->total - n))
                return image_unacceptable(k->id, e, "it is larger than the %llu bytes it is said to have",
                                          (unsigned long long) k->total);
        if (EVP_DigestUpdate(k->md5, data, n) != 1 || (k->strong && EVP_DigestUpdate(k->strong, data, n) != 1))
                return exception_set_errno(e, -ENOMEM, "Summing an image");

        for (size_t i = 0, piece; k->fd >= 0 && i < n; i += piece) {
                const uint8_t *from = (const uint8_t *) data + i;
                int r;

                piece = MIN(n - i, HOLE);
                if (is_zero(from, piece))
                        continue;
                r = write_all(k->fd, from, piece, k->done + i);
                if (r < 0)
                        return exception_set_errno(e, r, "Writing an image");
        }
        k->done += n;

        now = now_monotonic();
        if (p && p->progress && k->done != k->total && now - k->told >= TELL_EVERY) {    /* the end is told by image_sink_finish */
                k->told = now;
                p->progress(k->done, k->total, p->userdata);
        }
        return 0;
}

int image_sink_restart(ImageSink *k, NovaException *e) {
        const EVP_MD *strong = k->strong ? EVP_MD_CTX_get0_md(k->strong) : NULL;

        if (k->fd >= 0 && ftruncate(k->fd, 0) < 0)
                return exception_set_errno(e, -errno, "Writing an image");
        if (EVP_DigestInit_ex(k->md5, EVP_md5(), NULL) != 1 || (strong && EVP_DigestInit_ex(k->strong, strong, NULL) != 1))
                return exception_set_errno(e, -ENOMEM, "Summing an image");
        k->done = 0;
        return 0;
}

static int hash_end(EVP_MD_CTX **context, char **ret) {
        uint8_t sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char *hex;

        if (EVP_DigestFinal_ex(*context, sum, &n) != 1)
                return -ENOMEM;
        EVP_MD_CTX_free(*context);
        *context = NULL;
        hex = malloc(2 * n + 1);
        if (!hex)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        *ret = hex;
        return 0;
}

int image_sink_finish(ImageSink *k, char **ret_md5, char **ret_strong, NovaException *e) {
        _cleanup_free_ char *md5 = NULL, *strong = NULL;
        int r;

        assert(k->md5);

        if (k->fd >= 0 && ftruncate(k->fd, (off_t) k->done) < 0)       /* what is zero at the end */
                return exception_set_errno(e, -errno, "Writing an image");
        r = hash_end(&k->md5, &md5);
        if (r >= 0 && k->strong)
                r = hash_end(&k->strong, &strong);
        if (r < 0)
                return exception_set_errno(e, r, "Summing an image");
        if (k->progress && k->progress->progress)
                k->progress->progress(k->done, k->done, k->progress->userdata);
        if (ret_md5)
                *ret_md5 = TAKE_PTR(md5);
        if (ret_strong)
                *ret_strong = TAKE_PTR(strong);
        return 0;
}

int image_sink_verify(ImageSink *k, const json_t *meta, NovaException *e) {
        const char *checksum = json_member_string(meta, "checksum"), *value = json_member_string(meta, "os_hash_value");
        _cleanup_free_ char *md5 = NULL, *strong = NULL;
        int64_t size = image_meta_integer(meta, "size", 0);
        int r;

        r = image_sink_finish(k, &md5, &strong, e);
        if (r < 0)
                return r;
        if (k->done == 0)
                return image_unacceptable(k->id, e, "it has no data");
        if (size > 0 && (uint64_t) size != k->done)
                return image_unacceptable(k->id, e, "it has %llu bytes and is said to have %lld", (unsigned long long) k->done,
                                          (long long) size);
        if (strong && value) {
                if (strcasecmp(strong, value) != 0)
                        return image_unacceptable(k->id, e, "its %s is %s and should be %s", json_member_string(meta, "os_hash_algo"),
                                                  strong, value);
        } else if (checksum && strcasecmp(md5, checksum) != 0)
                return image_unacceptable(k->id, e, "its checksum is %s and should be %s", md5, checksum);
        return 0;
}

char *image_cache_name(const char *id, char buf[static IMAGE_CACHE_NAME_MAX]) {
        uint8_t sum[EVP_MAX_MD_SIZE] = {};
        unsigned n = 0;

        /* Fails only where the library is broken; then no two images may share a file. */
        if (EVP_Digest(id, strlen(id), sum, &n, EVP_sha1(), NULL) != 1)
                abort();
        for (unsigned i = 0; i < 20; i++)
                (void) snprintf(buf + 2 * i, 3, "%02x", sum[i]);
        return buf;
}
