/* An instance as a value: see instance.h. */
#include "objects/instance.h"

#include "objects/fields.h"

static const size_t instance_texts[] = {
        offsetof(Instance, uuid),
        offsetof(Instance, name),
        offsetof(Instance, display_name),
        offsetof(Instance, hostname),
        offsetof(Instance, host),
        offsetof(Instance, node),
        offsetof(Instance, launched_on),
        offsetof(Instance, user_id),
        offsetof(Instance, project_id),
        offsetof(Instance, image_ref),
        offsetof(Instance, os_type),
        offsetof(Instance, availability_zone),
        offsetof(Instance, flavor_name),
        offsetof(Instance, network_info),
        offsetof(Instance, numa_topology),
};

static const size_t instance_values[] = {
        offsetof(Instance, object),
};

static const OwnedFields instance_fields = {
        .texts = instance_texts,
        .n_texts = ELEMENTSOF(instance_texts),
        .values = instance_values,
        .n_values = ELEMENTSOF(instance_values),
};

void instance_done(Instance *i) {
        if (!i)
                return;
        owned_fields_done(&instance_fields, i);
        *i = (Instance) {};
}

Instance *instance_free(Instance *i) {
        instance_done(i);
        free(i);
        return NULL;
}

int instance_copy(const Instance *i, Instance *ret) {
        Instance copy = *i;
        int r;

        r = owned_fields_copy(&instance_fields, i, &copy);
        if (r < 0)
                return r;
        *ret = copy;
        return 0;
}

void instance_list_done(InstanceList *l) {
        if (!l)
                return;
        for (size_t i = 0; i < l->n; i++)
                instance_done(&l->items[i]);
        free(l->items);
        *l = (InstanceList) {};
}
