/* What is on a config drive (zed 6.9): the same as the metadata service would say. Knows no file system. */
#pragma once

#include "virt/libvirt/disk.h"

typedef struct DriveFile {
        char *path;                     /* "openstack/latest/meta_data.json": below the drive's root */
        char *data;
        size_t size;
} DriveFile;

typedef struct DriveContent {
        DriveFile *files;
        size_t n;
} DriveContent;

void drive_content_done(DriveContent *c);

/* All files of all versions. @domain: of host names, or NULL. Wrong base64 in user data or injected files is InvalidInput, which names
 * what it was, not its content. Holds the password of @q: keep it from logs and from files that others may read. */
int drive_content_make(const DiskRequest *q, const char *domain, DriveContent *ret, NovaException *e);

/* network_data.json of Nova's list of VIFs: the first IPv4 and the first IPv6 subnet of each. New reference; NULL when out of memory. An
 * empty object without VIFs. */
json_t *drive_network_data(const json_t *network_info);
