/* The inside of the image service, shared by its files. */
#pragma once

#include <openssl/evp.h>
#include <sys/stat.h>

#include "basic/time-util.h"
#include "image/image.h"

#define IMAGE_SIDECAR ".json"
#define IMAGE_CHUNK ((size_t) 1024 * 1024)

/* One thing that must not be in a name: what we make for ourselves, what a shell hides. */
#define IMAGE_TEMPORARY ".part"

struct ImageService {
        char *directory;
        char **http_urls;
        uint64_t max_size;              /* bytes */
        unsigned connect_timeout, stall_timeout, retries, redirects;
        char *ca_file;
};

/* image.c */
bool image_id_is_url(const char *id);
int image_not_found(const char *id, NovaException *e);
int image_unacceptable(const char *id, NovaException *e, const char *format, ...) _printf_(3, 4);
int image_could_not_fetch(const char *id, NovaException *e, int error, const char *format, ...) _printf_(4, 5);

/* sink.c: where the bytes of an image go: counted, summed, written with holes for what is zero. */
typedef struct ImageSink {
        const char *id;
        int fd;                         /* -1: only summed */
        uint64_t done, total, max;      /* bytes; total 0: not known */
        EVP_MD_CTX *md5, *strong;
        const ImageProgress *progress;
        usec_t told;                    /* when progress was told last */
} ImageSink;

/* @algorithm: of the strong checksum, NULL or one that is not known: none. 0 or -ENOMEM. */
int image_sink_init(ImageSink *k, const char *id, int fd, uint64_t max, const char *algorithm, const ImageProgress *p);
void image_sink_done(ImageSink *k);
/* 0; -ECANCELED; ImageUnacceptable when more than max or the total comes; NovaException with the disk's errno. */
int image_sink_write(ImageSink *k, const void *data, size_t n, NovaException *e);
/* From the beginning again. The total stays. */
int image_sink_restart(ImageSink *k, NovaException *e);
/* Gives the file its length and returns the sums as hex; each may be NULL. The sink takes nothing afterwards. */
int image_sink_finish(ImageSink *k, char **ret_md5, char **ret_strong, NovaException *e);
/* Whether the sums are those of @meta, as far as it has any; then also whether the size is. ImageUnacceptable. */
int image_sink_verify(ImageSink *k, const json_t *meta, NovaException *e);
/* Whether @algorithm is a name of one that we compute: md5, sha1, sha224, sha256, sha384, sha512. */
bool image_hash_is_known(const char *algorithm);

/* local.c */
/* The name below the directory that @id stands for, malloc'ed: ImageNotFound for what cannot be one. */
int image_local_name(const ImageService *s, const char *id, char **ret, NovaException *e);
/* Opens a regular file below the directory. The descriptor, or -ENOENT for whatever is none. */
int image_local_open(const ImageService *s, const char *name, struct stat *ret);
/* Nova's dictionary of the image. 0 with *ret_url NULL and *ret_fd its file, or *ret_url set and no file. */
int image_local_show(const ImageService *s, const char *id, json_t **ret_meta, int *ret_fd, char **ret_url, NovaException *e);
void image_local_tidy(const ImageService *s);
int image_local_upload(const ImageService *s, const char *id, const json_t *meta, const char *path, const ImageProgress *p, NovaException *e);
int image_local_list(const ImageService *s, json_t **ret_metas, NovaException *e);
int image_local_delete(const ImageService *s, const char *id, NovaException *e);

/* metadata.c: <id>.json to Nova's dictionary and back. @sidecar NULL: there is none. */
int image_metadata_read(const char *id, const json_t *sidecar, json_t **ret, NovaException *e);

/* url.c */
/* Whether the configuration lets requests name @url. */
bool image_url_is_allowed(const ImageService *s, const char *url);
/* Nova's dictionary of an image that is named by its URL, as far as the URL tells, and what to fetch. */
int image_url_show(const ImageService *s, const char *id, json_t **ret_meta, char **ret_url, NovaException *e);

/* http.c */
/* Fetches @url to @k, taking it up again where it breaks. */
int image_http_fetch(const ImageService *s, const char *id, const char *url, ImageSink *k, NovaException *e);
/* The length that the server says; 0 when it says none. */
int image_http_size(const ImageService *s, const char *id, const char *url, uint64_t *ret, NovaException *e);
