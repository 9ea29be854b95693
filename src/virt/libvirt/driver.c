/* The libvirt driver: its object and its module. Moving guests and volumes are not here yet: those entries are NULL. */
#include "virt/libvirt/private.h"

#include <errno.h>
#include <libxml/parser.h>

LibvirtDriver *libvirt_driver_ref(LibvirtDriver *d) {
        (void) atomic_fetch_add(&d->refs, 1);
        return d;
}

void libvirt_driver_unref(LibvirtDriver *d) {
        if (atomic_fetch_sub(&d->refs, 1) > 1)
                return;
        pthread_cond_destroy(&d->changed);
        pthread_cond_destroy(&d->idle_changed);
        pthread_mutex_destroy(&d->lock);
        pthread_mutex_destroy(&d->open_lock);
        free(d->uri);
        free(d->host);
        free(d->ip);
        free(d->storage_ip);
        free(d->instances_path);
        free(d->hostname);
        free(d->rescue_image);
        free(d->rescue_kernel);
        free(d->rescue_ramdisk);
        guest_options_done(&d->guests);
        disk_store_free(d->disks);
        free((ComputeDriverOps *) d->base.ops);
        free(d);
}

static LibvirtDriver *libvirt_driver(ComputeDriver *driver) {
        return CONTAINER_OF(driver, LibvirtDriver, base);
}

static int libvirt_init_host(ComputeDriver *driver, const char *host _unused_, NovaException *e) {
        return libvirt_connect(libvirt_driver(driver), e);
}

static void libvirt_tidy(ComputeDriver *driver, const Instance *i) {
        DiskStore *s = libvirt_driver(driver)->disks;

        if (i)
                disks_tidy(s, i);
        else
                disks_tidy_store(s);
}

static void libvirt_cleanup_host(ComputeDriver *driver) {
        libvirt_disconnect(libvirt_driver(driver));
}

static ComputeDriver *libvirt_free(ComputeDriver *driver) {
        LibvirtDriver *d = libvirt_driver(driver);

        pthread_mutex_lock(&d->lock);
        d->freed = true;
        pthread_mutex_unlock(&d->lock);
        libvirt_disconnect(d);
        libvirt_driver_unref(d);
        return NULL;
}

static void libvirt_set_event_callback(ComputeDriver *driver, DriverEventCallback callback, void *userdata) {
        LibvirtDriver *d = libvirt_driver(driver);

        pthread_mutex_lock(&d->lock);
        d->callback = callback;
        d->callback_data = userdata;
        pthread_mutex_unlock(&d->lock);
}

static bool libvirt_driver_is_connected(ComputeDriver *driver) {
        return libvirt_is_connected(libvirt_driver(driver));
}

static const char *libvirt_connection_uri(ComputeDriver *driver) {
        return libvirt_driver(driver)->uri;
}

static ComputeDriverOps *ops_new(void) {
        ComputeDriverOps *ops = calloc(1, sizeof *ops);

        if (!ops)
                return NULL;
        *ops = (ComputeDriverOps){
                .name = "libvirt.LibvirtDriver",
                .free = libvirt_free,
                .init_host = libvirt_init_host,
                .tidy = libvirt_tidy,
                .cleanup_host = libvirt_cleanup_host,
                .set_event_callback = libvirt_set_event_callback,
                .is_connected = libvirt_driver_is_connected,
                .connection_uri = libvirt_connection_uri,
        };
        libvirt_host_ops(ops);
        libvirt_guest_ops(ops);
        libvirt_states_ops(ops);
        libvirt_life_ops(ops);
        libvirt_power_ops(ops);
        libvirt_rescue_ops(ops);
        libvirt_snapshot_ops(ops);
        libvirt_console_ops(ops);
        libvirt_diagnostics_ops(ops);
        libvirt_agent_ops(ops);
        libvirt_interface_ops(ops);
        return ops;
}

static int copy(const char *s, char **ret) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

/* 1 if @name is set, 0 if not. */
static int read_cpu_set(const Config *config, const char *name, CpuSet *ret, NovaException *e) {
        const char *text = config_string(config, name);
        char why[200];

        if (isempty(text))
                return 0;
        if (cpu_set_parse(text, ret, why, sizeof why) < 0)
                return exception_setf(e, EXC_INVALID, "%s = %s: %s", name, text, why);
        return 1;
}

static int read_options(LibvirtDriver *d, const Config *config, NovaException *e) {
        int r;

        d->uri = libvirt_uri_of(config);
        r = d->uri ? copy(strempty(config_string(config, "host")), &d->host) : -ENOMEM;
        if (r >= 0)
                r = copy(config_string(config, "my_ip"), &d->ip);
        if (r >= 0)
                r = copy(config_string(config, "my_block_storage_ip"), &d->storage_ip);
        if (r >= 0)
                r = copy(strempty(config_string(config, "instances_path")), &d->instances_path);
        if (r >= 0)
                r = copy(config_string(config, "libvirt.rescue_image_id"), &d->rescue_image);
        if (r >= 0)
                r = copy(config_string(config, "libvirt.rescue_kernel_id"), &d->rescue_kernel);
        if (r >= 0)
                r = copy(config_string(config, "libvirt.rescue_ramdisk_id"), &d->rescue_ramdisk);
        if (r < 0)
                return exception_set_errno(e, r, "The libvirt driver could not be constructed");
        r = guest_options_read(&d->guests, config, e);
        if (r >= 0)
                r = disk_store_new(&d->disks, config, e);
        if (r < 0)
                return r;

        d->keepalive_interval = (int) config_integer(config, "libvirt.keepalive_interval");
        d->keepalive_count = (unsigned) config_integer(config, "libvirt.keepalive_count");

        d->soft_reboot_timeout = (usec_t) config_integer(config, "libvirt.wait_soft_reboot_seconds") * USEC_PER_SEC;
        d->detach_attempts = (unsigned) config_integer(config, "libvirt.device_detach_attempts");
        d->detach_timeout = (usec_t) config_integer(config, "libvirt.device_detach_timeout") * USEC_PER_SEC;
        d->call_timeout = (usec_t) config_integer(config, "libvirt.call_timeout") * USEC_PER_SEC;

        r = read_cpu_set(config, "compute.cpu_shared_set", &d->shared, e);
        if (r < 0)
                return r;
        d->has_shared = r > 0;
        r = read_cpu_set(config, "compute.cpu_dedicated_set", &d->dedicated, e);
        if (r < 0)
                return r;
        d->has_dedicated = r > 0;
        r = read_cpu_set(config, "vcpu_pin_set", &d->shared, e);
        if (r < 0)
                return r;
        if (r > 0) {    /* the older name of both: for floating and for pinned guests alike */
                if (d->has_shared || d->has_dedicated)
                        return exception_setf(e, EXC_INVALID, "vcpu_pin_set and [compute] cpu_shared_set or cpu_dedicated_set exclude each other");
                d->dedicated = d->shared;
                d->has_shared = d->has_dedicated = true;
                return 0;
        }
        for (unsigned c = 0; d->has_shared && d->has_dedicated && c < CPU_SET_MAX; c++)
                if (CPU_ISSET(c, &d->shared) && CPU_ISSET(c, &d->dedicated))
                        return exception_setf(e, EXC_INVALID, "CPU %u is in both [compute] cpu_shared_set and cpu_dedicated_set", c);
        return 0;
}

/* libvirt prints every error on stderr unless told not to: who called it says what matters. */
static void ignore_error(void *data _unused_, virErrorPtr error _unused_) {
}

static ComputeDriver *libvirt_construct(const Config *config, NovaException *e) {
        LibvirtDriver *d = calloc(1, sizeof *d);

        if (!d)
                return NULL;
        d->base = (ComputeDriver){ .magic = COMPUTE_DRIVER_MAGIC, .abi = COMPUTE_DRIVER_ABI, .ops = ops_new() };
        d->refs = 1;
        d->direct_io = -1;
        pthread_mutex_init(&d->open_lock, NULL);
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->changed, NULL);
        pthread_cond_init(&d->idle_changed, NULL);

        if (!d->base.ops || read_options(d, config, e) < 0) {
                libvirt_driver_unref(d);
                return NULL;
        }
        xmlInitParser();
        virSetErrorFunc(NULL, ignore_error);
        return &d->base;
}

extern const ComputeDriverModule nova_compute_driver_module;
_public_ const ComputeDriverModule nova_compute_driver_module = {
        .magic = COMPUTE_DRIVER_MAGIC,
        .abi = COMPUTE_DRIVER_ABI,
        .name = "libvirt",
        .construct = libvirt_construct,
};
