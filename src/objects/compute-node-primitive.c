/* A compute node as Nova's versioned object on the wire. */
#include <errno.h>

#include "basic/json.h"
#include "objects/compute-node.h"

static json_t *primitive(const char *name, const char *version, json_t *data) {
        return json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version",
                         version, "nova_object.data", data);
}

static json_t *time_or_null(usec_t t) {
        char text[TIME_TEXT_MAX];

        return t == 0 ? json_null() : json_string(time_format_iso(t, text));
}

/* [[arch, hv_type, vm_mode], …] as a list of HVSpec; what is not of that shape is left out. */
static json_t *hv_specs(const json_t *specs) {
        json_t *list = json_array(), *spec;
        size_t i;

        json_array_foreach((json_t *) specs, i, spec) {
                const char *arch, *type, *mode;

                if (json_unpack(spec, "[s,s,s]", &arch, &type, &mode) < 0)
                        continue;
                (void) json_array_append_new(list, primitive("HVSpec", "1.2", json_pack("{s:s, s:s, s:s}", "arch", arch, "hv_type",
                                                                                        type, "vm_mode", mode)));
        }
        return list;
}

/* Pools are given as data of PciDevicePool, or as primitives already. */
static json_t *pci_pools(const json_t *pools) {
        json_t *list = json_array(), *pool;
        size_t i;

        json_array_foreach((json_t *) pools, i, pool) {
                if (json_object_get(pool, "nova_object.data"))
                        (void) json_array_append(list, pool);
                else
                        (void) json_array_append_new(list, primitive("PciDevicePool", "1.1", json_deep_copy(pool)));
        }
        return primitive("PciDevicePoolList", "1.1", json_pack("{s:o}", "objects", list));
}

/* Sets @key unless @value could not be made. @ok remembers. */
static void put(json_t *data, const char *key, json_t *value, bool *ok) {
        if (!value || json_object_set_new(data, key, value) < 0)
                *ok = false;
}

static void put_integers(json_t *data, const ComputeNode *n, bool *ok) {
        const struct {
                const char *key;
                int64_t value;
        } integers[] = {
                { "vcpus", n->vcpus },
                { "memory_mb", n->memory_mb },
                { "local_gb", n->local_gb },
                { "vcpus_used", n->vcpus_used },
                { "memory_mb_used", n->memory_mb_used },
                { "local_gb_used", n->local_gb_used },
                { "hypervisor_version", n->hypervisor_version },
                { "free_ram_mb", n->free_ram_mb },
                { "free_disk_gb", n->free_disk_gb },
                { "current_workload", n->current_workload },
                { "running_vms", n->running_vms },
        };

        for (size_t i = 0; i < ELEMENTSOF(integers); i++)
                put(data, integers[i].key, json_integer(integers[i].value), ok);
        put(data, "disk_available_least", n->has_disk_available_least ? json_integer(n->disk_available_least) : json_null(), ok);
        put(data, "cpu_allocation_ratio", json_real(n->cpu_allocation_ratio), ok);
        put(data, "ram_allocation_ratio", json_real(n->ram_allocation_ratio), ok);
        put(data, "disk_allocation_ratio", json_real(n->disk_allocation_ratio), ok);
}

static void put_texts(json_t *data, const ComputeNode *n, bool *ok) {
        const struct {
                const char *key, *value;
        } texts[] = {
                { "host", n->host },
                { "hypervisor_hostname", n->hypervisor_hostname },
                { "hypervisor_type", n->hypervisor_type },
                { "cpu_info", n->cpu_info },
                { "host_ip", n->host_ip },
                { "numa_topology", n->numa_topology },
                { "metrics", n->metrics },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                put(data, texts[i].key, json_string_or_null(texts[i].value), ok);
}

json_t *compute_node_to_primitive(const ComputeNode *n) {
        json_auto_t *data = json_object(), *changes = NULL;
        bool stored = n->id != 0, ok = true;
        const char *key;
        json_t *p, *ignored;

        if (stored)
                put(data, "id", json_integer(n->id), &ok);
        if (n->uuid)
                put(data, "uuid", json_string(n->uuid), &ok);
        put(data, "service_id", json_null(), &ok);
        put_texts(data, n, &ok);
        put_integers(data, n, &ok);
        put(data, "supported_hv_specs", hv_specs(n->supported_hv_specs), &ok);
        put(data, "stats", n->stats ? json_deep_copy(n->stats) : json_null(), &ok);
        put(data, "pci_device_pools", n->pci_device_pools ? pci_pools(n->pci_device_pools) : json_null(), &ok);
        if (stored) {
                put(data, "created_at", time_or_null(n->created_at), &ok);
                put(data, "updated_at", time_or_null(n->updated_at), &ok);
                put(data, "deleted_at", time_or_null(n->deleted_at), &ok);
                put(data, "deleted", json_boolean(n->deleted), &ok);
        }
        if (!ok)
                return NULL;

        p = primitive("ComputeNode", "1.19", json_incref(data));
        if (p && !stored) {
                changes = json_array();
                json_object_foreach(data, key, ignored)
                        (void) json_array_append_new(changes, json_string(key));
                (void) json_object_set(p, "nova_object.changes", changes);
        }
        return p;
}
