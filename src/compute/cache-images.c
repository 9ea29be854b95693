/* Images fetched before anybody needs them (zed 5.2 cache_images). */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/host.h"

#include "basic/json.h"
#include "basic/log.h"

/* "cached": it was fetched; "existing"; "error"; "unsupported" by this hypervisor. */
static const char *cache_one(ComputeManager *m, RequestContext *c, const char *id) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        r = driver_call(m, cache_image, &x, c, id);
        if (r == -EOPNOTSUPP) {
                log_warning("Virt driver does not support image pre-caching; ignoring request");
                return "unsupported";
        }
        if (r < 0) {
                log_error("Failed to cache image %.64s: %s", id, failure_text(r, &x));
                return "error";
        }
        log_info("Image %.64s %s", id, r > 0 ? "is now cached" : "was cached already");
        return r > 0 ? "cached" : "existing";
}

int host_cache_images(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e) {
        json_t *ids = json_object_get(args, "image_ids"), *id;
        json_auto_t *results = json_object();
        size_t n;

        json_array_foreach(ids, n, id)
                if (!json_is_string(id))
                        return exception_setf(e, EXC_TYPE_ERROR, "cache_images() got %s as image_ids[%zu]: a string is required",
                                              json_type_name(id), n);
        if (!results)
                return -ENOMEM;
        json_array_foreach(ids, n, id)
                if (json_object_set_new(results, json_string_value(id), json_string(cache_one(m, c, json_string_value(id)))) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(results);
        return 0;
}
