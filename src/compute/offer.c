/* What this host offers: see offer.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/offer.h"

#include <errno.h>

#include "basic/json.h"
#include "basic/log.h"
#include "image/image.h"
#include "network/declared.h"

Offer *offer_free(Offer *o) {
        if (!o)
                return NULL;
        flavor_table_done(&o->flavors);
        (void) strv_free(o->networks);
        for (size_t n = 0; n < o->n_images; n++) {
                free(o->images[n].id);
                free(o->images[n].name);
                free(o->images[n].disk_format);
        }
        free(o->images);
        free(o);
        return NULL;
}

static int read_networks(Offer *o, const Config *config) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        NetworkTable table = {};
        int r;

        r = network_table_read(&table, config, &e);
        if (r < 0)
                log_debug("No networks are offered: %s", strempty(e.message));         /* the start has said it louder */
        o->networks = calloc(2 * table.n + 1, sizeof *o->networks);
        r = o->networks ? 0 : -ENOMEM;
        for (size_t n = 0; r >= 0 && n < table.n; n++) {
                o->networks[2 * n] = strdup(strempty(table.networks[n].name));
                o->networks[2 * n + 1] = o->networks[2 * n] ? strdup(strempty(table.networks[n].id)) : NULL;
                r = o->networks[2 * n + 1] ? 0 : -ENOMEM;
        }
        network_table_done(&table);
        return r;
}

static int add_image(Offer *o, const json_t *meta) {
        OfferedImage *i = &o->images[o->n_images++];

        i->id = strdup(strempty(json_member_string(meta, "id")));
        i->name = strdup(strempty(json_member_string(meta, "name")));
        i->disk_format = strdup(strempty(json_member_string(meta, "disk_format")));
        i->size = (uint64_t) image_meta_integer(meta, "size", 0);
        return i->id && i->name && i->disk_format ? 0 : -ENOMEM;
}

static int read_images(Offer *o, const Config *config) {
        _cleanup_(image_service_freep) ImageService *s = NULL;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *metas = NULL;
        const json_t *meta;
        size_t n;
        int r;

        r = image_service_new(&s, config, &e);
        if (r >= 0)
                r = image_service_list(s, &metas, &e);
        if (r < 0) {
                log_debug("No images are offered: %s", isempty(e.message) ? strerror(-r) : e.message);
                return r == -ENOMEM ? r : 0;
        }
        o->images = calloc(MAX(json_array_size(metas), 1u), sizeof *o->images);
        if (!o->images)
                return -ENOMEM;
        r = 0;
        json_array_foreach(metas, n, meta)
                if (r >= 0)
                        r = add_image(o, meta);
        return r;
}

int offer_read(const Config *config, Offer **ret) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(offer_freep) Offer *o = calloc(1, sizeof *o);
        int r;

        if (!o)
                return -ENOMEM;
        r = flavor_table_read(&o->flavors, config, &e);
        if (r < 0 && r != -ENOMEM)
                log_warning("No flavors are offered: %s", strempty(e.message));
        if (r != -ENOMEM)
                r = read_networks(o, config);
        if (r >= 0)
                r = read_images(o, config);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}
