/* Images where no image service is (zed 6.8, essex 19): files of one directory, each perhaps with what is known of it in
 * <id>.json beside it, and what web servers have. Thread-safe; every call may block on disk or network, for as long as its
 * options say. Exceptions have Nova's words.
 *
 * An id is a uuid or the name of a file below the directory ("debian-12.qcow2", "debian/12.qcow2", also with the directory
 * before it), or an http or https URL that the configuration allows, which may end in "#sha256=<hex>" (md5, sha1, sha256,
 * sha512). What does not stay below the directory, whatever the means, is ImageNotFound.
 *
 * <id>.json: an object with any of name, disk_format, container_format, min_disk (GiB), min_ram (MiB), properties (texts),
 * checksum (MD5), os_hash_algo and os_hash_value, size, created_at, updated_at, status; and url: then the image has no
 * file and is fetched from there. Without it the format is what the file is found to be. */
#pragma once

#include <jansson.h>

#include "config/config.h"
#include "objects/exception.h"

typedef struct ImageService ImageService;

/* Any member may be NULL. Called on the thread that called, at most some times a second. */
typedef struct ImageProgress {
        void (*progress)(uint64_t done, uint64_t total, void *userdata);        /* bytes; total 0: not known */
        bool (*cancelled)(void *userdata);      /* true: the call ends with -ECANCELED */
        void *userdata;
} ImageProgress;

/* Reads [image]. Makes the directory when something is put into it, not here. 0, or -errno with @e. */
int image_service_new(ImageService **ret, const Config *config, NovaException *e);
ImageService *image_service_free(ImageService *s);
DEFINE_CLEANUP(ImageService *, image_service_free)

/* What is known of an image, as Nova's dictionary: id, name, status, disk_format, container_format, size, min_disk, min_ram,
 * checksum, os_hash_algo, os_hash_value, properties, created_at, updated_at, … *ret_meta is the caller's. disk_format is null
 * where it shows in the content only (URLs). ImageNotFound; ImageUnacceptable for metadata that is none. */
int image_service_show(ImageService *s, const char *id, json_t **ret_meta, NovaException *e);

/* Writes the image to @fd, an empty regular file (what is zero is left out of it), and checks size and checksums by what
 * is known. *ret_meta (may be NULL) is as of show, with the size that came. ImageNotFound; ImageUnacceptable: too large,
 * or not what it is said to be; CouldNotFetchImage: the server failed; -ECANCELED; NovaException with the errno of the
 * disk, -ENOSPC among them. What @fd holds after a failure is of no use. */
int image_service_download(ImageService *s, const char *id, int fd, const ImageProgress *p, json_t **ret_meta, NovaException *e);

/* Puts the file @path into the directory as image @id, a uuid or a name (Invalid otherwise), whole or not at all: written
 * under another name, synced, renamed, its metadata beside it. Of @meta are taken name, disk_format, container_format,
 * min_disk, min_ram, properties; size and checksums are computed. What was there under the id is replaced. */
int image_service_upload(ImageService *s, const char *id, const json_t *meta, const char *path, const ImageProgress *p, NovaException *e);

/* All images of the directory itself and the folders in it, by id. What cannot be read is left out, with a warning in the
 * log. *ret_metas: a new array. A directory that is not there has none. */
int image_service_list(ImageService *s, json_t **ret_metas, NovaException *e);

/* Removes from the directory what a process that ended was putting in; what one that lives is putting in stays. */
void image_service_tidy(ImageService *s);

/* ImageNotFound if there is none; Invalid for a URL. */
int image_service_delete(ImageService *s, const char *id, NovaException *e);

/* A number of Nova's image dictionary, which may be a text, 0 or more; @otherwise if it is none. */
int64_t image_meta_integer(const json_t *meta, const char *key, int64_t otherwise);
/* properties[key], borrowed; NULL when not there. */
const char *image_meta_property(const json_t *meta, const char *key);

#define IMAGE_CACHE_NAME_MAX 41

/* The name of an image's file in a cache: SHA-1 of its id as 40 hex digits, as Nova's. Returns @buf. */
char *image_cache_name(const char *id, char buf[static IMAGE_CACHE_NAME_MAX]);
