/* Rows of virtual_interfaces and fixed_ips in SQLite: see store.h for what each does. That no address and no hardware
 * address is given twice is the unique keys' work, whoever asks. */
#include <errno.h>

#include "db/local-store.h"

static int insert_address(Database *d, int64_t vif, const char *network_id, const char *address) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "INSERT INTO fixed_ips (address, network_id, virtual_interface_id, created_at)"
                               " VALUES (?1, ?2, ?3, ?4)", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, address);
        if (r >= 0)
                r = bind_text(d, q, 2, network_id);
        if (r >= 0)
                r = bind_integer(d, q, 3, vif);
        if (r >= 0)
                r = bind_time(d, q, 4, now_realtime());
        return r < 0 ? r : database_run(d, q);
}

static int insert_vif(Database *d, const VirtualInterface *v) {
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int64_t id;
        int r;

        r = database_statement(d, "INSERT INTO virtual_interfaces (uuid, address, instance_uuid, network_id, tag, preserve,"
                               " created_at, hostname) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, v->uuid);
        if (r >= 0)
                r = bind_text(d, q, 2, v->mac);
        if (r >= 0)
                r = bind_text(d, q, 3, v->instance_uuid);
        if (r >= 0)
                r = bind_text(d, q, 4, v->network_id);
        if (r >= 0)
                r = bind_text(d, q, 5, v->tag);
        if (r >= 0)
                r = bind_integer(d, q, 6, v->preserve);
        if (r >= 0)
                r = bind_time(d, q, 7, now_realtime());
        if (r >= 0)
                r = bind_text(d, q, 8, v->hostname);
        if (r >= 0)
                r = database_run(d, q);
        if (r < 0)
                return r;

        id = sqlite3_last_insert_rowid(d->handle);
        for (char **a = v->addresses; r >= 0 && a && *a; a++)
                r = insert_address(d, id, v->network_id, *a);
        return r;
}

static int create_all(Database *d, const VirtualInterface *vifs, size_t n) {
        int r;

        r = database_begin(d);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = insert_vif(d, &vifs[i]);
        return database_end(d, r);
}

int local_vif_create(Store *s, const VirtualInterface *vifs, size_t n) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        r = create_all(d, vifs, n);
        r = database_leave(d, r);
        return r < 0 ? r : 0;
}

static int column_copy(sqlite3_stmt *q, int column, char **ret) {
        const char *text = (const char *) sqlite3_column_text(q, column);

        if (!text)
                return sqlite3_column_type(q, column) == SQLITE_NULL ? 0 : -ENOMEM;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int read_vif(sqlite3_stmt *q, VirtualInterface *v) {
        int r;

        v->id = sqlite3_column_int64(q, 0);
        v->preserve = sqlite3_column_int(q, 6);
        r = column_copy(q, 1, &v->uuid);
        if (r >= 0)
                r = column_copy(q, 2, &v->mac);
        if (r >= 0)
                r = column_copy(q, 3, &v->instance_uuid);
        if (r >= 0)
                r = column_copy(q, 4, &v->network_id);
        if (r >= 0)
                r = column_copy(q, 5, &v->tag);
        if (r >= 0)
                r = column_copy(q, 8, &v->hostname);
        return r;
}

/* A row per address, and one without for an interface that has none. */
static int list(Database *d, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret) {
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList l = {};
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int r;

        r = database_statement(d, "SELECT v.id, v.uuid, v.address, v.instance_uuid, v.network_id, v.tag, v.preserve, f.address, v.hostname"
                               " FROM virtual_interfaces v LEFT JOIN fixed_ips f ON f.virtual_interface_id = v.id"
                               " WHERE (?1 IS NULL OR v.instance_uuid = ?1) AND (?2 IS NULL OR v.network_id = ?2)"
                               " ORDER BY v.id, f.id", &q);
        if (r >= 0)
                r = bind_text(d, q, 1, instance_uuid);
        if (r >= 0)
                r = bind_text(d, q, 2, network_id);
        if (r < 0)
                return r;

        while ((r = database_step(d, q)) > 0) {
                VirtualInterface *v = l.n > 0 ? &l.items[l.n - 1] : NULL;
                const char *address = (const char *) sqlite3_column_text(q, 7);

                if (!v || v->id != sqlite3_column_int64(q, 0)) {
                        v = virtual_interface_list_add(&l);
                        if (!v)
                                return -ENOMEM;
                        r = read_vif(q, v);
                        if (r < 0)
                                return r;
                }
                if (address && virtual_interface_add_address(v, address) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;

        *ret = l;
        l = (VirtualInterfaceList) {};
        return 0;
}

int local_vif_list(Store *s, const char *instance_uuid, const char *network_id, VirtualInterfaceList *ret) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_READ);
        if (r < 0)
                return r;
        r = list(d, instance_uuid, network_id, ret);
        return database_leave(d, r);
}

/* Runs a statement with two texts, and the time now if it has a third parameter. */
static int run_texts(Store *s, const char *sql, const char *first, const char *second) {
        Database *d = local_database(s);
        int r;

        r = database_enter(d, ACCESS_WRITE_LATER);
        if (r < 0)
                return r;
        {
                _cleanup_statement_ sqlite3_stmt *q = NULL;

                r = database_statement(d, sql, &q);
                if (r >= 0)
                        r = bind_text(d, q, 1, first);
                if (r >= 0)
                        r = bind_text(d, q, 2, second);
                if (r >= 0 && sqlite3_bind_parameter_count(q) > 2)
                        r = bind_time(d, q, 3, now_realtime());
                if (r >= 0)
                        r = database_run(d, q);
        }
        return database_leave(d, r);
}

/* The addresses go with it: their reference says ON DELETE CASCADE. */
int local_vif_destroy(Store *s, const char *instance_uuid, const char *uuid) {
        return run_texts(s, "DELETE FROM virtual_interfaces WHERE instance_uuid = ?1 AND (?2 IS NULL OR uuid = ?2)", instance_uuid, uuid);
}

int local_fixed_ip_create(Store *s, const char *vif_uuid, const char *address) {
        return run_texts(s, "INSERT INTO fixed_ips (address, network_id, virtual_interface_id, created_at)"
                         " SELECT ?2, network_id, id, ?3 FROM virtual_interfaces"
                         " WHERE uuid = ?1", vif_uuid, address);
}

int local_fixed_ip_destroy(Store *s, const char *vif_uuid, const char *address) {
        return run_texts(s, "DELETE FROM fixed_ips WHERE address = ?2 AND virtual_interface_id ="
                         " (SELECT id FROM virtual_interfaces WHERE uuid = ?1)", vif_uuid, address);
}
