/* What the fake driver tells of its guests. Counters grow with the time that a guest has run, so that two readings differ. */
#include "virt/fake/private.h"

#include <errno.h>

#include "basic/json.h"

#define BYTES_PER_SECOND 1024

/* Seconds of CPU so far, the base of every made-up counter. */
static json_int_t seconds(const Guest *g) {
        return (json_int_t) (fake_guest_cpu_time_ns(g) / 1000000000);
}

static int fake_get_info(ComputeDriver *driver, const Instance *i, DomainInfo *ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "get_info", i, e);

        if (c.r < 0)
                return c.r;
        *ret = (DomainInfo){ .state = c.guest->state, .max_mem_kib = c.guest->memory_mb * 1024, .mem_kib = c.guest->memory_mb * 1024,
                             .num_cpu = c.guest->vcpus, .cpu_time_ns = fake_guest_cpu_time_ns(c.guest) };
        return 0;
}

static int fake_get_num_instances(ComputeDriver *driver, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_num_instances", e);
        int n = 0;

        if (c.r < 0)
                return c.r;
        for (const Guest *g = c.d->guests; g; g = g->next)
                n += g->move != MOVE_INCOMING;
        return n;
}

static int fake_instance_exists(ComputeDriver *driver, const Instance *i, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "instance_exists", e);
        const Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);
        return g && g->move != MOVE_INCOMING;
}

static int list(ComputeDriver *driver, const char *method, bool uuids, char ***ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, method, e);
        size_t n = 0, k = 0;
        char **texts;

        if (c.r < 0)
                return c.r;
        for (const Guest *g = c.d->guests; g; g = g->next)
                n++;
        texts = calloc(n + 1, sizeof *texts);
        if (!texts)
                return fake_no_memory(&c, e);
        for (const Guest *g = c.d->guests; g; g = g->next) {
                if (g->move == MOVE_INCOMING)
                        continue;
                texts[k] = strdup(uuids ? g->uuid : g->name);
                if (!texts[k++]) {
                        strv_free(texts);
                        return fake_no_memory(&c, e);
                }
        }
        *ret = texts;
        return 0;
}

static int fake_list_instances(ComputeDriver *d, char ***ret, NovaException *e) {
        return list(d, "list_instances", false, ret, e);
}

static int fake_list_guest_states(ComputeDriver *driver, GuestState **ret, size_t *ret_n, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "list_guest_states", e);
        GuestState *states = NULL;
        size_t n = 0;

        if (c.r < 0)
                return c.r;
        for (const Guest *g = c.d->guests; g; g = g->next)
                n++;
        if (n > 0 && !(states = calloc(n, sizeof *states)))
                return fake_no_memory(&c, e);
        n = 0;
        for (const Guest *g = c.d->guests; g; g = g->next) {
                if (g->move == MOVE_INCOMING)
                        continue;
                snprintf(states[n].uuid, sizeof states[n].uuid, "%s", g->uuid);
                states[n++].state = g->state;
        }
        *ret = states;
        *ret_n = n;
        return 0;
}

static int fake_list_instance_uuids(ComputeDriver *d, char ***ret, NovaException *e) {
        return list(d, "list_instance_uuids", true, ret, e);
}

/* The old form: a flat object. Only of guests that run. */
static int fake_get_diagnostics(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "get_diagnostics", i, e);
        json_int_t s;

        if (c.r < 0)
                return c.r;
        if (c.guest->state != POWER_RUNNING)
                return fake_refuse(&c, c.guest, e);
        s = seconds(c.guest);
        *ret = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                         "cpu0_time", (json_int_t) fake_guest_cpu_time_ns(c.guest), "memory", (json_int_t) c.guest->memory_mb * 1024,
                         "vda_errors", (json_int_t) -1, "vda_read", s * BYTES_PER_SECOND, "vda_read_req", s,
                         "vda_write", s * BYTES_PER_SECOND, "vda_write_req", s,
                         "vnet0_rx", s * BYTES_PER_SECOND, "vnet0_rx_drop", (json_int_t) 0, "vnet0_rx_errors", (json_int_t) 0,
                         "vnet0_rx_packets", s, "vnet0_tx", s * BYTES_PER_SECOND, "vnet0_tx_drop", (json_int_t) 0,
                         "vnet0_tx_errors", (json_int_t) 0, "vnet0_tx_packets", s);
        return *ret ? 0 : fake_no_memory(&c, e);
}

/* A versioned object 1.0 of Nova; steals @data. */
static json_t *object(const char *name, json_t *data) {
        return json_pack("{s:s, s:s, s:s, s:o}", "nova_object.name", name, "nova_object.namespace", "nova", "nova_object.version", "1.0",
                         "nova_object.data", data);
}

static json_t *nics(const Guest *g, json_int_t s) {
        json_t *l = json_array(), *vif;
        const char *id;

        json_object_foreach(g->interfaces, id, vif)
                if (json_array_append_new(l, object("NicDiagnostics",
                        json_pack("{s:o, s:I, s:i, s:i, s:I, s:n, s:I, s:i, s:i, s:I, s:n}",
                                  "mac_address", json_string_or_null(json_member_string(vif, "address")), "rx_octets", s * BYTES_PER_SECOND,
                                  "rx_errors", 0, "rx_drop", 0, "rx_packets", s, "rx_rate", "tx_octets", s * BYTES_PER_SECOND,
                                  "tx_errors", 0, "tx_drop", 0, "tx_packets", s, "tx_rate"))) < 0)
                        break;
        return l;
}

static json_t *disk(json_int_t s) {
        return object("DiskDiagnostics", json_pack("{s:I, s:I, s:I, s:I, s:i}", "read_bytes", s * BYTES_PER_SECOND, "read_requests", s,
                                                   "write_bytes", s * BYTES_PER_SECOND, "write_requests", s, "errors_count", 0));
}

static int fake_get_instance_diagnostics(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "get_instance_diagnostics", i, e);
        json_t *cpus, *disks;
        json_int_t s;

        if (c.r < 0)
                return c.r;
        if (c.guest->state != POWER_RUNNING)
                return fake_refuse(&c, c.guest, e);

        s = seconds(c.guest);
        cpus = json_array();
        for (int64_t n = 0; n < c.guest->vcpus; n++)
                (void) json_array_append_new(cpus, object("CpuDiagnostics", json_pack("{s:I, s:I, s:n}", "id", (json_int_t) n, "time",
                                                                (json_int_t) fake_guest_cpu_time_ns(c.guest), "utilisation")));
        disks = json_array();
        for (size_t n = 0; n <= json_object_size(c.guest->volumes); n++)
                (void) json_array_append_new(disks, disk(s));
        *ret = object("Diagnostics", json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:I}",
                "state", power_state_to_string(c.guest->state), "driver", "libvirt", "hypervisor", "fake", "hypervisor_os", "linux",
                "uptime", s, "config_drive", false,
                "memory_details", object("MemoryDiagnostics", json_pack("{s:I, s:I}", "maximum", (json_int_t) c.guest->memory_mb,
                                                                        "used", (json_int_t) c.guest->memory_mb)),
                "cpu_details", cpus, "nic_details", nics(c.guest, s), "disk_details", disks, "num_cpus", (json_int_t) c.guest->vcpus,
                "num_nics", (json_int_t) json_object_size(c.guest->interfaces), "num_disks", (json_int_t) json_object_size(c.guest->volumes) + 1));
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_get_console_output(ComputeDriver *driver, const Instance *i, size_t max_bytes, char **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "get_console_output", i, e);
        const char *text;
        size_t n;

        if (c.r < 0)
                return c.r;
        text = strempty(c.guest->console);
        n = strlen(text);
        if (max_bytes > 0 && n > max_bytes)     /* the end is what is asked for */
                text += n - max_bytes;
        *ret = strdup(text);
        return *ret ? 0 : fake_no_memory(&c, e);
}

/* A console that began anew is read from its beginning. */
static int fake_follow_console(ComputeDriver *driver, const Instance *i, ConsolePosition *p, size_t max_bytes, ConsoleText *ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "follow_console", i, e);
        const char *text;
        size_t n, from;

        if (c.r < 0)
                return c.r;
        text = strempty(c.guest->console);
        n = strlen(text);
        if (!p->begun)
                from = n > max_bytes ? n - max_bytes : 0;
        else
                from = p->offset > n ? 0 : p->offset;
        n = MIN(n - from, max_bytes);
        *ret = (ConsoleText) { .data = strndup(text + from, n), .size = n };
        if (!ret->data)
                return fake_no_memory(&c, e);
        *p = (ConsolePosition) { .begun = true, .offset = from + n };
        return 0;
}

static int console(ComputeDriver *driver, const char *method, const char *host, int port, const Instance *i, json_t **ret,
                   NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, method, i, e);

        if (c.r < 0)
                return c.r;
        *ret = json_pack("{s:s, s:s, s:i}", "internal_access_path", "FAKE", "host", host, "port", port);
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_get_vnc_console(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e) {
        return console(d, "get_vnc_console", "fakevncconsole.com", 6969, i, ret, e);
}

static int fake_get_spice_console(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e) {
        return console(d, "get_spice_console", "fakespiceconsole.com", 6969, i, ret, e);
}

static int fake_get_serial_console(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e) {
        return console(d, "get_serial_console", "fakeserialconsole.com", 6969, i, ret, e);
}

static int fake_get_instance_disk_info(ComputeDriver *driver, const Instance *i, char **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "get_instance_disk_info", i, e);
        json_auto_t *disks = NULL;

        if (c.r < 0)
                return c.r;
        disks = json_pack("[{s:s, s:s, s:I, s:s, s:I, s:I}]", "type", "qcow2", "path", "disk", "virt_disk_size",
                          (json_int_t) c.guest->root_gb << 30, "backing_file", "", "disk_size", (json_int_t) 0,
                          "over_committed_disk_size", (json_int_t) c.guest->root_gb << 30);
        *ret = disks ? json_text(disks) : NULL;
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_list_disks(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "list_disks", i, e);
        const char *mountpoint;
        json_t *info;

        if (c.r < 0)
                return c.r;
        *ret = json_pack("[s]", "vda");
        json_object_foreach(c.guest->volumes, mountpoint, info) {
                const char *slash = strrchr(mountpoint, '/');

                (void) json_array_append_new(*ret, json_string(slash ? slash + 1 : mountpoint));
        }
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_list_interfaces(ComputeDriver *driver, const Instance *i, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "list_interfaces", i, e);
        const char *id;
        json_t *vif;

        if (c.r < 0)
                return c.r;
        *ret = json_array();
        json_object_foreach(c.guest->interfaces, id, vif)
                (void) json_array_append_new(*ret, json_string(id));
        return *ret ? 0 : fake_no_memory(&c, e);
}

static bool has_disk(const Guest *g, const char *name) {
        const char *mountpoint;
        json_t *info;

        if (streq(name, "vda"))
                return true;
        json_object_foreach(g->volumes, mountpoint, info) {
                const char *slash = strrchr(mountpoint, '/');

                if (streq(name, mountpoint) || (slash && streq(name, slash + 1)))
                        return true;
        }
        return false;
}

static int fake_block_stats(ComputeDriver *driver, const Instance *i, const char *name, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "block_stats", i, e);
        json_int_t s;

        if (c.r < 0)
                return c.r;
        if (!has_disk(c.guest, name))
                return exception_setf(e, EXC_NOT_FOUND, "Instance %s has no disk %s", c.guest->uuid, name);
        s = seconds(c.guest);
        *ret = json_pack("[I, I, I, I, n]", s, s * BYTES_PER_SECOND, s, s * BYTES_PER_SECOND);
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_interface_stats(ComputeDriver *driver, const Instance *i, const char *name, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "interface_stats", i, e);
        json_int_t s;

        if (c.r < 0)
                return c.r;
        if (!json_object_get(c.guest->interfaces, name))
                return exception_setf(e, EXC_NOT_FOUND, "Instance %s has no interface %s", c.guest->uuid, name);
        s = seconds(c.guest);
        *ret = json_pack("[I, I, i, i, I, I, i, i]", s * BYTES_PER_SECOND, s, 0, 0, s * BYTES_PER_SECOND, s, 0, 0);
        return *ret ? 0 : fake_no_memory(&c, e);
}

static int fake_get_all_bw_usage(ComputeDriver *driver, usec_t start _unused_, usec_t stop _unused_, json_t **ret, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "get_all_bw_usage", e);
        json_t *all, *vif;
        const char *id;

        if (c.r < 0)
                return c.r;
        all = json_array();
        for (const Guest *g = c.d->guests; g; g = g->next)
                json_object_foreach(g->interfaces, id, vif)
                        (void) json_array_append_new(all, json_pack("{s:s, s:o, s:I, s:I}", "uuid", g->uuid, "mac_address",
                                json_string_or_null(json_member_string(vif, "address")), "bw_in", seconds(g) * BYTES_PER_SECOND,
                                "bw_out", seconds(g) * BYTES_PER_SECOND));
        *ret = all;
        return all ? 0 : fake_no_memory(&c, e);
}

void fake_info_ops(ComputeDriverOps *ops) {
        ops->get_info = fake_get_info;
        ops->get_num_instances = fake_get_num_instances;
        ops->instance_exists = fake_instance_exists;
        ops->list_instances = fake_list_instances;
        ops->list_instance_uuids = fake_list_instance_uuids;
        ops->list_guest_states = fake_list_guest_states;
        ops->get_diagnostics = fake_get_diagnostics;
        ops->get_instance_diagnostics = fake_get_instance_diagnostics;
        ops->get_console_output = fake_get_console_output;
        ops->follow_console = fake_follow_console;
        ops->get_vnc_console = fake_get_vnc_console;
        ops->get_spice_console = fake_get_spice_console;
        ops->get_serial_console = fake_get_serial_console;
        ops->get_instance_disk_info = fake_get_instance_disk_info;
        ops->list_disks = fake_list_disks;
        ops->list_interfaces = fake_list_interfaces;
        ops->block_stats = fake_block_stats;
        ops->interface_stats = fake_interface_stats;
        ops->get_all_bw_usage = fake_get_all_bw_usage;
}
