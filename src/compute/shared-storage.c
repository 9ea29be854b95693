/* Whether this host and another see the same files: a file in instances_path, made by one and looked for by the other (zed 5.2,
 * essex 11.6). Names come from outside: only files directly in instances_path are looked at. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "basic/log.h"

/* A name of its own, not one that leads elsewhere. */
static bool is_plain_name(const char *name) {
        return !isempty(name) && *name != '.' && strlen(name) <= 255 && !strchr(name, '/');
}

/* @name in instances_path; today's callers send the whole path. NULL with @e when it is another place. */
static char *path_of(ComputeManager *m, const char *name, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const char *dir = strempty(config_string(config, "instances_path")), *rest = startswith(name, dir);
        char *path;

        if (rest && *rest == '/')
                name = rest + 1;
        if (!is_plain_name(name)) {
                (void) exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: \"%.255s\" is no file of instances_path", name);
                return NULL;
        }
        return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int exists(ComputeManager *m, const char *name, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *path = path_of(m, name, &x);
        struct stat st;

        if (!path) {
                if (!exception_is_set(&x))
                        return -ENOMEM;
                exception_move(e, &x);
                return -EINVAL;
        }
        *ret = json_boolean(lstat(path, &st) == 0);
        return 0;
}

int host_check_instance_shared_storage(ComputeManager *m, RequestContext *context _unused_, const json_t *args, json_t **ret,
                                       NovaException *e) {
        return exists(m, strempty(json_member_string(json_object_get(args, "data"), "filename")), ret, e);
}

int host_create_shared_storage_test_file(ComputeManager *m, RequestContext *context _unused_, const json_t *args _unused_,
                                         json_t **ret, NovaException *e) {
        _cleanup_free_ char *path = path_of(m, "tmpXXXXXX", e);
        _cleanup_close_ int fd = -1;

        if (!path)
                return -ENOMEM;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
                return exception_set_errno(e, -errno, path);
        log_debug("Creating tmpfile %s to notify to other compute nodes that they should mount the same storage.", path);
        *ret = json_string(strrchr(path, '/') + 1);
        return *ret ? 0 : -ENOMEM;
}

int host_check_shared_storage_test_file(ComputeManager *m, RequestContext *context _unused_, const json_t *args, json_t **ret,
                                        NovaException *e) {
        return exists(m, strempty(json_member_string(args, "filename")), ret, e);
}

/* Only what create makes: nobody deletes an instance's disk by this. */
int host_cleanup_shared_storage_test_file(ComputeManager *m, RequestContext *context _unused_, const json_t *args,
                                          json_t **ret _unused_, NovaException *e) {
        const char *name = strempty(json_member_string(args, "filename"));
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *path = path_of(m, name, &x);

        if (!path || !startswith(strrchr(path, '/'), "/tmp")) {
                if (exception_is_set(&x)) {
                        exception_move(e, &x);
                        return -EINVAL;
                }
                return path ? exception_setf(e, EXC_INVALID_INPUT, "Invalid input received: \"%.255s\" is no file for this test", name) : -ENOMEM;
        }
        if (unlink(path) < 0)
                return exception_set_errno(e, -errno, path);
        return 0;
}
