/* Rows of compute_nodes in SQLite: see store.h for what each does. */
#include <errno.h>

#include "basic/id.h"
#include "db/local-store.h"

#define FIELD(member) offsetof(ComputeNode, member)

static const Column compute_node_columns[] = {
        { "id", COLUMN_INTEGER, FIELD(id), .flags = COLUMN_GIVEN },
        { "uuid", COLUMN_TEXT, FIELD(uuid), .flags = COLUMN_FIXED },
        { "service_id", COLUMN_REFERENCE, FIELD(service_id) },
        { "host", COLUMN_TEXT, FIELD(host) },
        { "hypervisor_hostname", COLUMN_TEXT, FIELD(hypervisor_hostname) },
        { "hypervisor_type", COLUMN_TEXT, FIELD(hypervisor_type) },
        { "hypervisor_version", COLUMN_INTEGER, FIELD(hypervisor_version) },
        { "vcpus", COLUMN_INTEGER, FIELD(vcpus) },
        { "memory_mb", COLUMN_INTEGER, FIELD(memory_mb) },
        { "local_gb", COLUMN_INTEGER, FIELD(local_gb) },
        { "vcpus_used", COLUMN_INTEGER, FIELD(vcpus_used) },
        { "memory_mb_used", COLUMN_INTEGER, FIELD(memory_mb_used) },
        { "local_gb_used", COLUMN_INTEGER, FIELD(local_gb_used) },
        { "free_ram_mb", COLUMN_INTEGER, FIELD(free_ram_mb) },
        { "free_disk_gb", COLUMN_INTEGER, FIELD(free_disk_gb) },
        { "current_workload", COLUMN_INTEGER, FIELD(current_workload) },
        { "running_vms", COLUMN_INTEGER, FIELD(running_vms) },
        { "disk_available_least", COLUMN_OPTIONAL, FIELD(disk_available_least), .present = FIELD(has_disk_available_least) },
        { "cpu_info", COLUMN_TEXT, FIELD(cpu_info) },
        { "host_ip", COLUMN_TEXT, FIELD(host_ip) },
        { "numa_topology", COLUMN_TEXT, FIELD(numa_topology) },
        { "supported_hv_specs", COLUMN_JSON, FIELD(supported_hv_specs) },
        { "stats", COLUMN_JSON, FIELD(stats) },
        { "pci_device_pools", COLUMN_JSON, FIELD(pci_device_pools) },
        { "metrics", COLUMN_TEXT, FIELD(metrics) },
        { "cpu_allocation_ratio", COLUMN_REAL, FIELD(cpu_allocation_ratio) },
        { "ram_allocation_ratio", COLUMN_REAL, FIELD(ram_allocation_ratio) },
        { "disk_allocation_ratio", COLUMN_REAL, FIELD(disk_allocation_ratio) },
        { "created_at", COLUMN_TIME, FIELD(created_at), .flags = COLUMN_FIXED },
        { "updated_at", COLUMN_TIME, FIELD(updated_at) },
        { "deleted_at", COLUMN_TIME, FIELD(deleted_at), .flags = COLUMN_GIVEN },
        { "deleted", COLUMN_BOOLEAN, FIELD(deleted), .flags = COLUMN_GIVEN },
};

static void done(void *value) {
        compute_node_done(value);
}

static const Table compute_nodes = {
        .name = "compute_nodes",
        .columns = compute_node_columns,
        .n_columns = ELEMENTSOF(compute_node_columns),
        .size = sizeof(ComputeNode),
        .done = done,
};

int local_compute_node_get(Store *s, const char *host, const char *node, ComputeNode *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = local_read_by_texts(d, &compute_nodes, "WHERE host = ?1 AND hypervisor_hostname = ?2 AND deleted = 0", host, node, ret);
        return database_leave(d, r);
}

static int list_by_host(Database *d, const char *host, ComputeNodeList *ret) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        void *items;
        int r;

        r = row_select(d, &compute_nodes, "WHERE (?1 IS NULL OR host = ?1) AND deleted = 0 ORDER BY id", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, host);
        if (r >= 0)
                r = row_read_all(d, &compute_nodes, q, &items, &ret->n);
        if (r >= 0)
                ret->items = items;
        return r;
}

int local_compute_node_list_by_host(Store *s, const char *host, ComputeNodeList *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = list_by_host(d, host, ret);
        return database_leave(d, r);
}

/* A node keeps its uuid for good, so its row may have been deleted with it before. */
static int make_room(Database *d, const char *uuid) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "DELETE FROM compute_nodes WHERE uuid = ?1 AND deleted = 1", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, uuid);
        return r < 0 ? r : database_run(d, q);
}

static int create(Database *d, const ComputeNode *row, int64_t *ret_id) {
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        r = make_room(d, row->uuid);
        if (r >= 0)
                r = row_insert(d, &compute_nodes, row, ret_id);
        return database_end(d, r);
}

int local_compute_node_create(Store *s, ComputeNode *node) {
        Database *d = local_database(s);
        ComputeNode row = *node;
        char uuid[UUID_TEXT_MAX];
        int64_t id;
        int r;

        row.created_at = now_realtime();
        row.updated_at = 0;
        if (!row.uuid)
                row.uuid = uuid4(uuid);

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = create(d, &row, &id);
        r = database_leave(d, r);
        if (r < 0)
                return r;

        if (!node->uuid)
                node->uuid = strdup(uuid);      /* out of memory: the row is there, and can be read */
        node->id = id;
        node->created_at = row.created_at;
        node->updated_at = 0;
        return 0;
}

int local_compute_node_save(Store *s, ComputeNode *node) {
        Database *d = local_database(s);
        ComputeNode row = *node;
        int r;

        row.updated_at = now_realtime();

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = row_update(d, &compute_nodes, &row, "WHERE id = :id AND deleted = 0");
        r = database_leave(d, r);
        if (r > 0)
                node->updated_at = row.updated_at;
        return r;
}

int local_compute_node_destroy(Store *s, int64_t id) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE);
        if (r < 0)
                return r;
        r = local_delete_by_id(d, "UPDATE compute_nodes SET deleted = 1, deleted_at = ?2 WHERE id = ?1 AND deleted = 0", id);
        return database_leave(d, r);
}
