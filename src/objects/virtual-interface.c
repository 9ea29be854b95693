/* An interface of an instance as a value: see virtual-interface.h. */
#include "objects/virtual-interface.h"

#include <errno.h>

void virtual_interface_done(VirtualInterface *v) {
        if (!v)
                return;
        free(v->uuid);
        free(v->mac);
        free(v->instance_uuid);
        free(v->network_id);
        free(v->tag);
        free(v->hostname);
        for (char **a = v->addresses; a && *a; a++)
                free(*a);
        free(v->addresses);
        *v = (VirtualInterface) {};
}

int virtual_interface_add_address(VirtualInterface *v, const char *address) {
        size_t n = 0;
        char **bigger;

        while (v->addresses && v->addresses[n])
                n++;
        bigger = reallocarray(v->addresses, n + 2, sizeof(char *));
        if (!bigger)
                return -ENOMEM;
        v->addresses = bigger;
        bigger[n] = strdup(address);
        if (!bigger[n])
                return -ENOMEM;         /* which also ends the list */
        bigger[n + 1] = NULL;
        return 0;
}

bool virtual_interface_has_address(const VirtualInterface *v, const char *address) {
        for (char **a = v->addresses; a && *a; a++)
                if (streq(*a, address))
                        return true;
        return false;
}

void virtual_interface_list_done(VirtualInterfaceList *l) {
        if (!l)
                return;
        for (size_t n = 0; n < l->n; n++)
                virtual_interface_done(&l->items[n]);
        free(l->items);
        *l = (VirtualInterfaceList) {};
}

VirtualInterface *virtual_interface_list_add(VirtualInterfaceList *l) {
        VirtualInterface *bigger = reallocarray(l->items, l->n + 1, sizeof *bigger);

        if (!bigger)
                return NULL;
        l->items = bigger;
        bigger[l->n] = (VirtualInterface) {};
        return &bigger[l->n++];
}
