/* The registry of hypervisor drivers: which module a name of the configuration means, and how a module is loaded and
 * checked. A module stays loaded for the life of the process: its threads and callbacks may outlive its driver. */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "virt/registry.h"

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Names of Essex first, then those of later releases. */
static const BackEnd back_ends[] = {
        { BACK_END_FACTORY, "connection", "by connection_type", NAMES("connection.get_connection", "connection") },
        { BACK_END_MODULE, "libvirt", "libvirt",
          NAMES("libvirt.connection.get_connection", "libvirt.connection", "libvirt.connection.LibvirtConnection",
                "libvirt_conn", "libvirt_conn.get_connection", "libvirt_conn.LibvirtConnection", "libvirt.LibvirtDriver",
                "libvirt.driver.LibvirtDriver", "libvirt.driver", "libvirt") },
        { BACK_END_MODULE, "fake", "the fake driver",
          NAMES("fake.get_connection", "fake.FakeConnection", "fake.FakeDriver", "fake") },
        { BACK_END_FOREIGN, "xenapi", "XenServer (XenAPI)",
          NAMES("xenapi_conn.get_connection", "xenapi_conn", "xenapi.connection.get_connection", "xenapi.connection",
                "xenapi_conn.XenAPIConnection", "xenapi.XenAPIDriver", "xenapi.driver.XenAPIDriver", "xenapi") },
        { BACK_END_FOREIGN, "vmwareapi", "VMware vSphere",
          NAMES("vmwareapi_conn.get_connection", "vmwareapi_conn", "vmwareapi_conn.VMWareESXConnection",
                "vmwareapi.VMwareESXDriver", "vmwareapi.VMwareVCDriver", "vmwareapi.driver.VMwareVCDriver", "vmwareapi") },
        { BACK_END_FOREIGN, "baremetal", "bare metal",
          NAMES("baremetal.proxy.get_connection", "baremetal.proxy", "baremetal.proxy.ProxyConnection",
                "baremetal.driver.BareMetalDriver", "baremetal") },
        { BACK_END_FOREIGN, "hyperv", "Microsoft Hyper-V",
          NAMES("hyperv.get_connection", "hyperv.driver.HyperVDriver", "hyperv.HyperVDriver", "hyperv") },
        { BACK_END_FOREIGN, "ironic", "OpenStack Ironic", NAMES("ironic.IronicDriver", "ironic.driver.IronicDriver", "ironic") },
        { BACK_END_FOREIGN, "powervm", "IBM PowerVM", NAMES("powervm.PowerVMDriver", "powervm.driver.PowerVMDriver", "powervm") },
        { BACK_END_FOREIGN, "zvm", "IBM z/VM", NAMES("zvm.ZVMDriver", "zvm.driver.ZVMDriver", "zvm") },
};

static const char *without_package(const char *name) {
        const char *rest = startswith(name, "nova.virt.");

        return rest ?: name;
}

const BackEnd *back_end_by_class(const char *name) {
        name = without_package(name);
        for (size_t i = 0; i < ELEMENTSOF(back_ends); i++)
                for (const char *const *c = back_ends[i].classes; *c; c++)
                        if (streq(*c, name))
                                return &back_ends[i];

        return NULL;
}

const BackEnd *back_end_by_type(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(back_ends); i++)
                if (back_ends[i].kind != BACK_END_FACTORY && streq(back_ends[i].name, type))
                        return &back_ends[i];

        return NULL;
}

int back_end_not_built(const BackEnd *b, NovaException *e) {
        return exception_setf(e, EXC_NOVA,
                              "Unable to load the virtualization driver: %s: this nova-compute is built without a driver for %s; "
                              "it has libvirt and fake", b->name, b->title);
}

/* The module of @name: 1 with *ret its path, 0 if the name cannot be one of a module. A path is taken as it is, the name
 * of a file is looked for beside the built-in modules, and of a class the first part is the module. */
static int module_path(const Config *config, const char *name, char **ret) {
        const char *dir = config_string(config, "module_path");
        size_t n = strlen(name);
        char *path;

        if (strchr(name, '/')) {
                *ret = strdup(name);
                return *ret ? 1 : -ENOMEM;
        }
        if (n > 3 && streq(name + n - 3, ".so"))
                n -= 3;
        else
                n = strcspn(name, ".");
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) name[i]) && name[i] != '-' && name[i] != '_')
                        return 0;
        if (n == 0)
                return 0;

        if (asprintf(&path, "%s/virt/%.*s.so", strempty(dir), (int) n, name) < 0)
                return -ENOMEM;
        *ret = path;
        return 1;
}

int compute_driver_load_file(const Config *config, const char *path, ComputeDriver **ret, NovaException *e) {
        _cleanup_(compute_driver_freep) ComputeDriver *d = NULL;
        const ComputeDriverModule *module;
        void *handle;
        int r;

        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!handle)
                return exception_setf(e, EXC_NOVA, "Unable to load the virtualization driver: %s", dlerror());

        module = dlsym(handle, COMPUTE_DRIVER_MODULE_SYMBOL);
        if (!module || module->magic != COMPUTE_DRIVER_MAGIC) {
                (void) dlclose(handle);
                return exception_setf(e, EXC_NOVA, "Expected object of type: ComputeDriver: %s is no module of this program", path);
        }
        if (module->abi != COMPUTE_DRIVER_ABI) {
                r = exception_setf(e, EXC_NOVA,
                                   "Expected object of type: ComputeDriver: %s has interface version %u, and this "
                                   "nova-compute needs %u", path, module->abi, COMPUTE_DRIVER_ABI);
                (void) dlclose(handle);
                return r;
        }

        d = module->construct(config, e);
        if (!d) {       /* the module stays: it may have begun threads before it gave up */
                r = exception_setf(e, EXC_NOVA, "Unable to load the virtualization driver: %s: not constructed", path);
                return e ? e->error : r;        /* that of its own exception, if it made one */
        }
        if (d->magic != COMPUTE_DRIVER_MAGIC || d->abi != COMPUTE_DRIVER_ABI || !d->ops || !d->ops->free) {
                (void) TAKE_PTR(d);     /* whatever it is, it has no free that could be trusted */
                return exception_setf(e, EXC_NOVA, "Expected object of type: ComputeDriver: %s constructs something else", path);
        }

        *ret = TAKE_PTR(d);
        return 0;
}

int compute_driver_load(const Config *config, const char *name, ComputeDriver **ret, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        const BackEnd *b;
        int r;

        if (isempty(name))
                return exception_setf(e, EXC_CLASS_NOT_FOUND, "Class \"\" could not be found: compute_driver is empty");

        b = back_end_by_class(name);
        if (b && b->kind == BACK_END_FACTORY) {
                b = connection_back_end(config, e);
                if (!b)
                        return exception_is_set(e) ? e->error : -ENOENT;
        }
        if (b && b->kind == BACK_END_FOREIGN)
                return back_end_not_built(b, e);

        r = module_path(config, b ? b->name : without_package(name), &path);
        if (r == 0)
                return exception_setf(e, EXC_CLASS_NOT_FOUND, "Class %s could not be found: no driver has such a name", name);
        if (r < 0)
                return exception_set_errno(e, r, "Unable to load the virtualization driver");
        if (!b && access(path, F_OK) < 0 && errno == ENOENT)
                return exception_setf(e, EXC_CLASS_NOT_FOUND, "Class %s could not be found: there is no module %s", name, path);

        return compute_driver_load_file(config, path, ret, e);
}
