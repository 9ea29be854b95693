/* The network manager that compute constructs and never runs: its name must be a known one, for the seed's start fails
 * with ClassNotFound otherwise. */
#include "network/api.h"

#include <assert.h>
#include <errno.h>

struct NetworkManager {
        const char *name;
};

static const char *const manager_names[] = {
        "nova.network.manager.FlatManager",
        "nova.network.manager.FlatDHCPManager",
        "nova.network.manager.VlanManager",
        "nova.network.quantum.manager.QuantumManager",
};

int network_manager_load(const Config *config, const char *name, NetworkManager **ret, NovaException *e) {
        _cleanup_(network_manager_freep) NetworkManager *m = NULL;

        assert(config && ret);

        if (isempty(name))
                name = strempty(config_string(config, "network_manager"));

        m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        for (size_t n = 0; n < ELEMENTSOF(manager_names) && !m->name; n++) {
                if (streq(name, manager_names[n]) || streq(name, strrchr(manager_names[n], '.') + 1))
                        m->name = manager_names[n];
        }
        if (!m->name)
                return exception_setf(e, EXC_CLASS_NOT_FOUND,
                                      "Class %s could not be found: network_manager may be %s, %s, %s or %s", name,
                                      manager_names[0], manager_names[1], manager_names[2], manager_names[3]);

        *ret = TAKE_PTR(m);
        return 0;
}

NetworkManager *network_manager_free(NetworkManager *m) {
        free(m);
        return NULL;
}

const char *network_manager_name(const NetworkManager *m) {
        assert(m);
        return m->name;
}
