/* monkey_patch: which modules have a decorator around their methods. What a C program has of those modules is
 * nova.compute.manager; the others are known names whose methods this program never calls. */
#include "compute/hooks.h"

#include <assert.h>
#include <errno.h>

#define ENTRY_FORMAT "monkey_patch_modules: \"%s\" is not <module>:<decorator>"

struct Hooks {
        bool compute_manager;
};

static const char *const modules[] = {
        "nova.compute.manager",         /* first: ours */
        "nova.api.ec2.cloud",
        "nova.compute.api",
        "nova.network.api",
        "nova.volume.api",
};

static const char *const decorators[] = {
        "nova.notifier.api.notify_decorator",
        "nova.notifications.notify_decorator",
};

static int read_entry(Hooks *h, const char *entry, NovaException *e) {
        const char *colon = strchr(entry, ':'), *decorator;
        size_t k = 0, n = 0;

        if (!colon || colon == entry || isempty(colon + 1) || strchr(colon + 1, ':')) {
                (void) exception_setf(e, EXC_VALUE_ERROR, ENTRY_FORMAT, entry);
                return -EINVAL;
        }
        decorator = colon + 1;

        while (k < ELEMENTSOF(decorators) && !streq(decorator, decorators[k]))
                k++;
        if (k == ELEMENTSOF(decorators)) {
                (void) exception_setf(e, EXC_CLASS_NOT_FOUND,
                                      "Class %s could not be found: monkey_patch_modules \"%s\" may name the decorator %s",
                                      decorator, entry, decorators[0]);
                return -EINVAL;
        }

        while (n < ELEMENTSOF(modules) &&
               !(strlen(modules[n]) == (size_t) (colon - entry) && startswith(entry, modules[n])))
                n++;
        if (n == ELEMENTSOF(modules)) {
                (void) exception_setf(e, EXC_CLASS_NOT_FOUND,
                                      "No module named %.*s: monkey_patch_modules \"%s\" may name %s, %s, %s, %s or %s",
                                      (int) (colon - entry), entry, entry, modules[0], modules[1], modules[2], modules[3],
                                      modules[4]);
                return -EINVAL;
        }
        if (n == 0)
                h->compute_manager = true;
        return 0;
}

int hooks_new(Hooks **ret, const Config *config, NovaException *e) {
        _cleanup_(hooks_freep) Hooks *h = NULL;
        int r;

        assert(ret && config);

        h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        if (config_boolean(config, "monkey_patch")) {
                for (const char *const *entry = config_list(config, "monkey_patch_modules"); *entry; entry++) {
                        r = read_entry(h, *entry, e);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(h);
        return 0;
}

Hooks *hooks_free(Hooks *h) {
        free(h);
        return NULL;
}

bool hooks_notify(const Hooks *h, const char *module) {
        return h && h->compute_manager && streq(module, modules[0]);
}
