/* import_class of the seed for managers: a table of built-in classes, then modules (essex 6.1). */
#define LOG_LOGGER "nova.service"
#include "service/manager.h"

#include <dlfcn.h>

#include "basic/log.h"
#include "config.h"

static bool class_has_name(const ManagerClass *c, const char *name) {
        for (const char *const *n = c->names; *n; n++)
                if (streq(*n, name))
                        return true;
        return false;
}

/* check_isinstance of the seed: what a module calls a manager must have been built for this daemon. */
static int class_check(const ManagerClass *c, const char *name, NovaException *e) {
        if (c->magic == MANAGER_MAGIC && c->abi == MANAGER_ABI)
                return 0;
        if (c->magic != MANAGER_MAGIC)
                (void) exception_setf(e, EXC_NOVA, "Expected object of type: nova.manager.Manager, %s is something else",
                                      name);
        else
                (void) exception_setf(e, EXC_NOVA,
                                      "Expected object of type: nova.manager.Manager, %s was built for interface %u "
                                      "and this program has %u",
                                      name, c->abi, MANAGER_ABI);
        return -ELIBBAD;
}

static int class_not_found(const char *name, const char *why, NovaException *e) {
        (void) exception_setf(e, EXC_CLASS_NOT_FOUND, "Class %s could not be found: %s", name, why);
        return -ENOENT;
}

static int class_load(const char *directory, const char *name, const ManagerClass **ret, NovaException *e) {
        _cleanup_free_ char *path = NULL;
        const ManagerClass *c;
        void *module;
        int r;

        if (name[0] == '.' || strchr(name, '/'))        /* never a way out of the directory */
                return class_not_found(name, "it is no built-in class and cannot be the name of a module", e);

        if (asprintf(&path, "%s/%s.so", directory ?: MODULE_DIR "/manager", name) < 0)
                return -ENOMEM;
        if (access(path, F_OK) < 0) {
                _cleanup_free_ char *why = NULL;

                if (asprintf(&why, "it is no built-in class, and there is no module %s", path) < 0)
                        return -ENOMEM;
                return class_not_found(name, why, e);
        }

        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!module) {
                const char *why = dlerror();

                log_debug("Inner Exception: %s", strempty(why));
                return class_not_found(name, strempty(why), e);
        }
        c = dlsym(module, MANAGER_CLASS_SYMBOL);
        if (!c) {
                _cleanup_free_ char *why = NULL;

                (void) dlclose(module);
                if (asprintf(&why, "module %s does not export %s", path, MANAGER_CLASS_SYMBOL) < 0)
                        return -ENOMEM;
                return class_not_found(name, why, e);
        }
        r = class_check(c, path, e);
        if (r < 0)
                (void) dlclose(module);
        else
                *ret = c;       /* the module stays: the class lives in it */
        return r;
}

int manager_class_find(const ManagerClass *const *classes, const char *directory, const char *name,
                       const ManagerClass **ret, NovaException *e) {
        if (isempty(name))
                return class_not_found("None", "no manager is named", e);

        for (; classes && *classes; classes++)
                if (class_has_name(*classes, name)) {
                        int r = class_check(*classes, name, e);
                        if (r >= 0)
                                *ret = *classes;
                        return r;
                }
        return class_load(directory, name, ret, e);
}

const Method *manager_method(Manager *m, const char *name, unsigned served) {
        const Method *methods;
        size_t n;

        methods = m->ops->methods(m, &n);
        for (size_t i = 0; i < n; i++)
                if ((methods[i].served & served) && streq(methods[i].name, name))
                        return methods + i;
        return NULL;
}
