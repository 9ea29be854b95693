/* What this host offers to who makes an instance: flavors, networks, images, as they are shown. Read on a worker, kept on the main
 * loop. */
#pragma once

#include "compute/flavor.h"
#include "config/config.h"

typedef struct OfferedImage {
        char *id, *name, *disk_format;  /* "" = not known */
        uint64_t size;                  /* bytes */
} OfferedImage;

typedef struct Offer {
        FlavorTable flavors;
        char **networks;                /* name, uuid, name, uuid, …; NULL-terminated */
        OfferedImage *images;
        size_t n_images;
} Offer;

/* Blocks on the disk. What cannot be read is left out, and the log says why. -ENOMEM. */
int offer_read(const Config *config, Offer **ret);
Offer *offer_free(Offer *o);            /* takes NULL, returns NULL */
DEFINE_CLEANUP(Offer *, offer_free)
