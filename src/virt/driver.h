/* ComputeDriver: what a hypervisor must do (essex 13.2, and what Zed added). The interface of the loadable modules.
 * Every function may block, is called on worker threads, several at once, and must be thread-safe; a hung hypervisor
 * may keep it for ever, nobody waits for it on the loop. A NULL entry, or -EOPNOTSUPP, is NotImplementedError.
 * Failures: -errno, and @e filled. Network information is Nova's list of VIFs (essex 17.1); block device information
 * and the other JSON shapes are those of Nova. All pointers in are borrowed, all out are the caller's. */
#pragma once

#include <errno.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "basic/id.h"
#include "config/config.h"
#include "objects/compute-node.h"
#include "objects/context.h"
#include "objects/exception.h"
#include "objects/instance.h"

#define COMPUTE_DRIVER_MAGIC 0x4e564456u        /* "NVDV": an object is a ComputeDriver */
#define COMPUTE_DRIVER_ABI 4u

typedef struct ComputeDriver ComputeDriver;

typedef struct DomainInfo {
        PowerState state;
        int64_t max_mem_kib, mem_kib;
        int64_t num_cpu;
        uint64_t cpu_time_ns;
} DomainInfo;

/* One of list_guest_states. */
typedef struct GuestState {
        char uuid[UUID_TEXT_MAX];
        PowerState state;
} GuestState;

typedef enum RebootType { REBOOT_SOFT, REBOOT_HARD } RebootType;

/* What a long call asks and tells while it runs, always on the thread of that call and without a lock of the driver held.
 * Any member may be NULL, and so may the pointer to all: the driver_… functions below know that. */
typedef struct DriverHooks {
        void (*step)(const char *step, void *userdata);         /* begins; of spawn: "image", "disks", "domain", "plugged" … */
        void (*progress)(unsigned percent, void *userdata);     /* 0-100, of the whole call */
        bool (*cancelled)(void *userdata);                      /* asked between steps; the call then undoes what it did and
                                                                 * fails with -ECANCELED */
        /* After the guest is defined and paused, before it runs: until the network says that the VIFs are plugged (zed 6.11).
         * A failure fails the call. */
        int (*wait_plugged)(void *userdata, NovaException *e);
        /* snapshot: the task_state becomes @state, if it is @expected still. A failure fails the call. */
        int (*task_state)(TaskState state, TaskState expected, void *userdata, NovaException *e);
        void *userdata;
} DriverHooks;

/* What the driver tells on its own account. Called on any thread; must not call back into the driver, nor wait. After
 * cleanup_host and free nobody is told any more. What is told may be incomplete: after CONNECTED ask for everything. */
typedef enum DriverEventType {
        DRIVER_EVENT_CONNECTED,
        DRIVER_EVENT_DISCONNECTED,      /* text: why */
        DRIVER_EVENT_LIFECYCLE,         /* uuid and state */
} DriverEventType;

typedef struct DriverEvent {
        DriverEventType type;
        const char *uuid;
        PowerState state;
        const char *text;
} DriverEvent;

typedef void (*DriverEventCallback)(const DriverEvent *event, void *userdata);

/* How far somebody has read what a guest writes on its console. Plain; all 0 = nothing yet. */
typedef struct ConsolePosition {
        bool begun;
        uint64_t device, inode;         /* of the file that it was in */
        uint64_t offset;
} ConsolePosition;

/* Bytes, and the file that changes when there are more (NULL = there is none to look at). */
typedef struct ConsoleText {
        char *data;
        size_t size;
        char *path;
} ConsoleText;

static inline void console_text_done(ConsoleText *t) {
        free(t->data);
        free(t->path);
        *t = (ConsoleText) {};
}

typedef struct ComputeDriverOps {
        const char *name;               /* "libvirt.LibvirtDriver" */

        /* The object as constructed is not yet connected; init_host connects. init_host may be called again after it failed.
         * Once it has succeeded the driver connects again by itself after a loss: DISCONNECTED, then CONNECTED are told, and
         * calls in between fail with HypervisorUnavailable. A later init_host only hurries that. After cleanup_host, which
         * may come at any time and bounds its own wait, there is only free, or init_host again: the service was stopped and
         * is started. */
        ComputeDriver *(*free)(ComputeDriver *d);
        int (*init_host)(ComputeDriver *d, const char *host, NovaException *e);
        void (*cleanup_host)(ComputeDriver *d);
        /* Before init_host. One subscriber. */
        void (*set_event_callback)(ComputeDriver *d, DriverEventCallback callback, void *userdata);
        /* Whether the hypervisor answers now, from what the driver knows: never blocks. */
        bool (*is_connected)(ComputeDriver *d);
        const char *(*connection_uri)(ComputeDriver *d);                /* "test:///default"; "" if it has none */

        /* --- the host --- */
        int (*get_available_nodes)(ComputeDriver *d, char ***ret, NovaException *e);            /* NULL-terminated */
        /* Fills the hypervisor's view: all of 4.4 but ids, host, host_ip, ratios and what the tracker computes. @ret is empty
         * before. @node NULL is the first one; ComputeHostNotFound for one that is not of this host. */
        int (*get_available_resource)(ComputeDriver *d, const char *node, ComputeNode *ret, NovaException *e);
        int (*get_host_stats)(ComputeDriver *d, bool refresh, json_t **ret, NovaException *e);  /* capabilities (essex 14.2) */
        int (*get_host_ip_addr)(ComputeDriver *d, char **ret, NovaException *e);
        int (*get_host_uptime)(ComputeDriver *d, char **ret, NovaException *e);                 /* the text of uptime(1) */
        int (*host_power_action)(ComputeDriver *d, const char *action, json_t **ret, NovaException *e);
        int (*host_maintenance_mode)(ComputeDriver *d, const char *host, bool mode, json_t **ret, NovaException *e);
        int (*set_host_enabled)(ComputeDriver *d, bool enabled, json_t **ret, NovaException *e);
        int (*get_volume_connector)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*compare_cpu)(ComputeDriver *d, const char *cpu_info, NovaException *e);
        int (*get_console_pool_info)(ComputeDriver *d, const char *console_type, json_t **ret, NovaException *e);
        /* [{uuid, mac_address, bw_in, bw_out}]: counters as they stand; of a span the caller takes the difference. */
        int (*get_all_bw_usage)(ComputeDriver *d, usec_t start, usec_t stop, json_t **ret, NovaException *e);
        int (*manage_image_cache)(ComputeDriver *d, const InstanceList *all, NovaException *e);
        /* Fetches the image into the cache: 1; 0 when it is there already. */
        int (*cache_image)(ComputeDriver *d, const RequestContext *c, const char *image_id, NovaException *e);
        int (*refresh_security_group_rules)(ComputeDriver *d, const char *id, NovaException *e);
        int (*refresh_security_group_members)(ComputeDriver *d, const char *id, NovaException *e);
        int (*refresh_provider_fw_rules)(ComputeDriver *d, NovaException *e);
        int (*add_to_aggregate)(ComputeDriver *d, const RequestContext *c, const json_t *aggregate, const char *host, NovaException *e);
        int (*remove_from_aggregate)(ComputeDriver *d, const RequestContext *c, const json_t *aggregate, const char *host, NovaException *e);

        /* --- guests: what there is --- */
        int (*get_info)(ComputeDriver *d, const Instance *i, DomainInfo *ret, NovaException *e); /* InstanceNotFound */
        int (*get_num_instances)(ComputeDriver *d, NovaException *e);                            /* the number */
        int (*instance_exists)(ComputeDriver *d, const Instance *i, NovaException *e);           /* 1 or 0 */
        int (*list_instances)(ComputeDriver *d, char ***ret, NovaException *e);                  /* names, NULL-terminated */
        int (*list_instance_uuids)(ComputeDriver *d, char ***ret, NovaException *e);
        /* All guests and what get_info would say of their states, in few calls: malloc'ed; *ret NULL when there is none. */
        int (*list_guest_states)(ComputeDriver *d, GuestState **ret, size_t *ret_n, NovaException *e);
        int (*get_diagnostics)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*get_instance_diagnostics)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*get_console_output)(ComputeDriver *d, const Instance *i, size_t max_bytes, char **ret, NovaException *e);
        /* What was written since @p (the first time: the end of it), at most @max_bytes; @p moves behind it. *ret: console_text_done. */
        int (*follow_console)(ComputeDriver *d, const Instance *i, ConsolePosition *p, size_t max_bytes, ConsoleText *ret, NovaException *e);
        int (*get_vnc_console)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*get_spice_console)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*get_serial_console)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*get_instance_disk_info)(ComputeDriver *d, const Instance *i, char **ret, NovaException *e);
        int (*list_disks)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*list_interfaces)(ComputeDriver *d, const Instance *i, json_t **ret, NovaException *e);
        int (*block_stats)(ComputeDriver *d, const Instance *i, const char *disk, json_t **ret, NovaException *e);
        int (*interface_stats)(ComputeDriver *d, const Instance *i, const char *interface, json_t **ret, NovaException *e);

        /* --- guests: life --- */
        int (*spawn)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta,
                     const json_t *injected_files, const char *admin_password, const json_t *network_info,
                     const json_t *block_device_info, const DriverHooks *hooks, NovaException *e);
        int (*destroy)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                       const json_t *block_device_info, bool destroy_disks, NovaException *e); /* absent is fine */
        int (*cleanup)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                       const json_t *block_device_info, bool destroy_disks, NovaException *e);
        int (*reboot)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info, RebootType type,
                      const json_t *block_device_info, NovaException *e);
        int (*pause)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*unpause)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*suspend)(ComputeDriver *d, const RequestContext *c, const Instance *i, NovaException *e);
        int (*resume)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                      const json_t *block_device_info, NovaException *e);
        int (*power_off)(ComputeDriver *d, const Instance *i, unsigned timeout, unsigned retry_interval, NovaException *e);
        int (*power_on)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                        const json_t *block_device_info, NovaException *e);
        int (*rescue)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                      const json_t *image_meta, const char *rescue_password, NovaException *e);
        int (*unrescue)(ComputeDriver *d, const RequestContext *c, const Instance *i, NovaException *e);
        int (*resume_state_on_host_boot)(ComputeDriver *d, const RequestContext *c, const Instance *i,
                                         const json_t *network_info, const json_t *block_device_info, NovaException *e);
        /* The root disk becomes the image @image_id, which is uploaded: @image_meta is what the caller knows of it (name,
         * visibility, properties; may be NULL), the driver adds disk_format, container_format and sizes. */
        int (*snapshot)(ComputeDriver *d, const RequestContext *c, const Instance *i, const char *image_id,
                        const json_t *image_meta, const DriverHooks *hooks, NovaException *e);
        int (*quiesce)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, NovaException *e);
        int (*unquiesce)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, NovaException *e);
        int (*trigger_crash_dump)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*set_admin_password)(ComputeDriver *d, const Instance *i, const char *password, NovaException *e);
        int (*inject_file)(ComputeDriver *d, const Instance *i, const char *path_b64, const char *contents_b64, NovaException *e);
        int (*agent_update)(ComputeDriver *d, const Instance *i, const char *url, const char *md5hash, NovaException *e);
        int (*change_instance_metadata)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *diff, NovaException *e);
        int (*reset_network)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*inject_network_info)(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e);

        /* --- network and volumes of a guest --- */
        int (*plug_vifs)(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e);
        int (*unplug_vifs)(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e);
        int (*ensure_filtering_rules_for_instance)(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e);
        int (*unfilter_instance)(ComputeDriver *d, const Instance *i, const json_t *network_info, NovaException *e);
        int (*attach_interface)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *image_meta, const json_t *vif, NovaException *e);
        int (*detach_interface)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *vif, NovaException *e);
        int (*attach_volume)(ComputeDriver *d, const RequestContext *c, const json_t *connection_info, const Instance *i, const char *mountpoint, NovaException *e);
        int (*detach_volume)(ComputeDriver *d, const RequestContext *c, const json_t *connection_info, const Instance *i, const char *mountpoint, NovaException *e);
        int (*swap_volume)(ComputeDriver *d, const RequestContext *c, const json_t *old_info, const json_t *new_info, const Instance *i,
                           const char *mountpoint, int64_t resize_to_gb, NovaException *e);
        int (*extend_volume)(ComputeDriver *d, const RequestContext *c, const json_t *connection_info, const Instance *i, int64_t bytes, NovaException *e);

        /* --- moving a guest --- */
        int (*migrate_disk_and_power_off)(ComputeDriver *d, const RequestContext *c, const Instance *i, const char *dest,
                                          const json_t *flavor, const json_t *network_info, const json_t *block_device_info,
                                          char **ret_disk_info, NovaException *e);
        int (*finish_migration)(ComputeDriver *d, const RequestContext *c, const json_t *migration, const Instance *i,
                                const char *disk_info, const json_t *network_info, const json_t *image_meta, bool resize_instance,
                                const json_t *block_device_info, bool power_on, NovaException *e);
        int (*confirm_migration)(ComputeDriver *d, const RequestContext *c, const json_t *migration, const Instance *i, const json_t *network_info, NovaException *e);
        int (*finish_revert_migration)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                                       const json_t *block_device_info, bool power_on, NovaException *e);
        int (*check_can_live_migrate_destination)(ComputeDriver *d, const RequestContext *c, const Instance *i, bool block_migration,
                                                  bool disk_over_commit, json_t **ret, NovaException *e);
        int (*check_can_live_migrate_source)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *check_data, json_t **ret, NovaException *e);
        int (*pre_live_migration)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *block_device_info,
                                  const json_t *network_info, const json_t *migrate_data, json_t **ret, NovaException *e);
        int (*pre_block_migration)(ComputeDriver *d, const RequestContext *c, const Instance *i, const char *disk_info, NovaException *e);
        int (*live_migration)(ComputeDriver *d, const RequestContext *c, const Instance *i, const char *dest, bool block_migration,
                              const json_t *migrate_data, NovaException *e);  /* returns when the guest has moved or not */
        int (*live_migration_abort)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*live_migration_force_complete)(ComputeDriver *d, const Instance *i, NovaException *e);
        int (*post_live_migration_at_destination)(ComputeDriver *d, const RequestContext *c, const Instance *i, const json_t *network_info,
                                                  bool block_migration, NovaException *e);
        int (*rollback_live_migration_at_destination)(ComputeDriver *d, const RequestContext *c, const Instance *i,
                                                      const json_t *network_info, const json_t *block_device_info, NovaException *e);

        /* --- periodic --- */
        int (*poll_rebooting_instances)(ComputeDriver *d, unsigned timeout, const InstanceList *rebooting, NovaException *e);
        int (*poll_rescued_instances)(ComputeDriver *d, unsigned timeout, const InstanceList *rescued, NovaException *e);
        int (*poll_unconfirmed_resizes)(ComputeDriver *d, unsigned window, NovaException *e);

        /* --- after a daemon that ended in the middle of something --- */
        /* Takes away what it left half made and nobody would look for: of @i, under its key; with @i NULL, once at the start, what is of
         * no instance. What cannot be taken away is said in the log. */
        void (*tidy)(ComputeDriver *d, const Instance *i);
        /* A snapshot of @i ended so: a copy of its disk is broken off, its file systems are let go, and a guest that was off for it
         * goes on as @i->vm_state says. 0 or -errno with @e. */
        int (*undo_snapshot)(ComputeDriver *d, const Instance *i, NovaException *e);
} ComputeDriverOps;

struct ComputeDriver {
        uint32_t magic;                 /* COMPUTE_DRIVER_MAGIC */
        uint32_t abi;                   /* COMPUTE_DRIVER_ABI */
        const ComputeDriverOps *ops;
};

static inline void driver_progress(const DriverHooks *h, unsigned percent) {
        if (h && h->progress)
                h->progress(percent, h->userdata);
}

/* Begins a step of the call for @i, unless somebody cancelled it. 0, or -ECANCELED with @e. */
static inline int driver_step(const DriverHooks *h, const char *step, const Instance *i, NovaException *e) {
        if (h && h->cancelled && h->cancelled(h->userdata)) {
                (void) exception_setf(e, EXC_NOVA, "The operation on instance %s was cancelled before its step \"%s\"", strempty(i->uuid), step);
                if (e)
                        e->error = -ECANCELED;
                return -ECANCELED;
        }
        if (h && h->step)
                h->step(step, h->userdata);
        return 0;
}

static inline int driver_wait_plugged(const DriverHooks *h, NovaException *e) {
        return h && h->wait_plugged ? h->wait_plugged(h->userdata, e) : 0;
}

static inline int driver_task_state(const DriverHooks *h, TaskState state, TaskState expected, NovaException *e) {
        return h && h->task_state ? h->task_state(state, expected, h->userdata, e) : 0;
}

static inline ComputeDriver *compute_driver_free(ComputeDriver *d) {
        return d ? d->ops->free(d) : NULL;
}
DEFINE_CLEANUP(ComputeDriver *, compute_driver_free)

/* What a module <libdir>/nova-compute/virt/<name>.so exports as `nova_compute_driver_module`. */
typedef struct ComputeDriverModule {
        uint32_t magic;                 /* COMPUTE_DRIVER_MAGIC */
        uint32_t abi;
        const char *name;
        ComputeDriver *(*construct)(const Config *config, NovaException *e);
} ComputeDriverModule;
#define COMPUTE_DRIVER_MODULE_SYMBOL "nova_compute_driver_module"

/* import_object + check_isinstance (essex 6.1, 13.1): @name is what compute_driver says: a module, a class or a factory,
 * in Essex's names (nova.virt.connection.get_connection, which goes by connection_type; nova.virt.libvirt.connection;
 * nova.virt.fake.FakeConnection) or today's (libvirt.LibvirtDriver, fake.FakeDriver). On failure @e has the text of the
 * original: "Unable to load the virtualization driver: …", "Unknown connection type \"x\"", "Expected object of type: …",
 * "Class x could not be found: …". @name may also be the path of a module, or the name of a file <name>.so in
 * <module_path>/virt; of another dotted name the first part is taken as that file. Blocks on the file system. The module
 * stays loaded. @config is needed during the call only. */
int compute_driver_load(const Config *config, const char *name, ComputeDriver **ret, NovaException *e);
