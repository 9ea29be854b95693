/* Which store the configuration asks for: see store.h. */
#include "db/store.h"

#include <errno.h>

#include "db/local-store.h"
#include "db/store-error.h"
#include "db/store-url.h"

static int new_local(Store **ret, const Config *config, bool read_only) {
        _cleanup_(store_url_done) StoreUrl url = {};
        int r;

        r = store_url_parse(strempty(config_string(config, "sql_connection")), &url);
        if (r < 0)
                return r;
        r = local_store_new(ret, &(LocalStoreSettings) {
                                         .path = url.path,
                                         .synchronous = config_boolean(config, "sqlite_synchronous"),
                                         .timeout = url.timeout,
                                         .debug = (unsigned) config_integer(config, "sql_connection_debug"),
                                         .read_only = read_only,
                                 });
        return r < 0 ? store_failed(r, "Out of memory") : 0;
}

static int new_store(Store **ret, const Config *config, bool read_only, NovaException *e) {
        const char *backend = strempty(config_string(config, "state_backend"));
        int r;

        if (streq(backend, "local"))
                r = new_local(ret, config, read_only);
        else if (streq(backend, "conductor"))
                r = store_failed(-EINVAL, "state_backend = conductor is not built into this nova-compute yet; use local");
        else
                r = store_failed(-EINVAL, "state_backend = %s is unknown; it is local or conductor", backend);
        return r < 0 ? store_exception(e, r) : 0;
}

int store_new(Store **ret, const Config *config, NovaException *e) {
        return new_store(ret, config, false, e);
}

int store_new_read_only(Store **ret, const Config *config, NovaException *e) {
        return new_store(ret, config, true, e);
}
