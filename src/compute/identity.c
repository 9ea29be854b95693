/* The identity of the host: see identity.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/identity.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>

#include "basic/log.h"
#include "basic/path-util.h"
#include "compute/compute.h"

#define RENAME_HINT "Nothing was changed. Give it back its name, or begin anew with another state_path"

/* ---- the verdict ---- */

static const ComputeNode *find_uuid(const ComputeNodeList *rows, const char *uuid) {
        for (size_t n = 0; n < rows->n; n++)
                if (streq_ptr(rows->items[n].uuid, uuid))
                        return &rows->items[n];
        return NULL;
}

/* The row of that host, @node NULL: any node of it. */
static const ComputeNode *find_name(const ComputeNodeList *rows, const char *host, const char *node) {
        for (size_t n = 0; n < rows->n; n++)
                if (streq_ptr(rows->items[n].host, host) && (!node || streq_ptr(rows->items[n].hypervisor_hostname, node)))
                        return &rows->items[n];
        return NULL;
}

/* @row is the node that this host seems to have been. */
static int renamed(const ComputeNode *row, const char *host, const char *node, NovaException *e) {
        if (!streq_ptr(row->host, host))
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "The database knows this host's node %s by host %s, not %s: was the "
                                      "host renamed? " RENAME_HINT, row->uuid, strempty(row->host), host);
        return exception_setf(e, EXC_INVALID_CONFIGURATION, "The database knows this host's node %s as %s, the hypervisor calls it %s: "
                              "was the machine renamed? " RENAME_HINT, row->uuid, strempty(row->hypervisor_hostname), node);
}

int identity_judge(const char *file, const ComputeNodeList *rows, const char *host, const char *node, const char **ret,
                   NovaException *e) {
        const ComputeNode *row;

        assert(rows && host && node && ret);

        row = file ? find_uuid(rows, file) : find_name(rows, host, node);
        if (row) {
                if (!streq_ptr(row->host, host) || !streq_ptr(row->hypervisor_hostname, node))
                        return renamed(row, host, node, e);
                *ret = row->uuid;
                return 1;
        }

        if (file) {
                row = find_name(rows, host, node);
                if (row)
                        return exception_setf(e, EXC_INVALID_CONFIGURATION, "The file " IDENTITY_FILE " says that this host's node is %s, "
                                              "the database that it is %s: one of them is another host's. Nothing was changed. Put "
                                              "the right one back", file, row->uuid);
        }
        row = find_name(rows, host, NULL);
        if (!row && rows->n > 0)
                row = &rows->items[0];
        if (row && file)
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "The file " IDENTITY_FILE " says that this host's node is %s, the "
                                      "database knows only node %s, %s of host %s: one of them is another host's. Nothing was "
                                      "changed. Put the right one back", file, row->uuid, strempty(row->hypervisor_hostname),
                                      strempty(row->host));
        if (row)
                return renamed(row, host, node, e);
        if (!file)
                return 0;
        *ret = file;
        return 1;
}

/* ---- the file ---- */

/* 1 with the uuid in lower case, 0 if there is no file. */
static int read_identity(const char *path, char ret[static UUID_TEXT_MAX], NovaException *e) {
        _cleanup_close_ int fd = -1;
        char buf[128], *begin = buf;
        ssize_t n;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : exception_set_errno(e, -errno, path);
        n = read(fd, buf, sizeof buf - 1);
        if (n < 0)
                return exception_set_errno(e, -errno, path);
        buf[n] = '\0';

        while (isspace((unsigned char) *begin))
                begin++;
        for (size_t length = strlen(begin); length > 0 && isspace((unsigned char) begin[length - 1]);)
                begin[--length] = '\0';
        for (char *c = begin; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        if (!uuid_is_valid(begin) || strlen(begin) >= UUID_TEXT_MAX)
                return exception_setf(e, EXC_INVALID_CONFIGURATION, "%s does not hold the uuid of this host's node. Put it back, or, if "
                                      "the database is this host's, remove the file", path);
        strcpy(ret, begin);
        return 1;
}

/* Whole or not at all, and there after a loss of power: what it says is never written again. */
static int write_identity(const char *path, const char *uuid) {
        _cleanup_free_ char *temporary = NULL, *directory = NULL;
        _cleanup_close_ int fd = -1, at = -1;
        size_t size = strlen(uuid);
        ssize_t n;
        int r;

        directory = strndup(path, (size_t) (path_basename(path) - path));
        if (!directory || asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        r = make_directories(directory, 0755);
        if (r < 0)
                return r;

        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        n = write(fd, uuid, size);
        if (n == (ssize_t) size && fsync(fd) == 0 && rename(temporary, path) == 0) {
                at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                return at < 0 || fsync(at) < 0 ? -errno : 0;
        }
        r = n >= 0 && n < (ssize_t) size ? -ENOSPC : -errno;
        (void) unlink(temporary);
        return r;
}

static int only_node(ComputeManager *m, char **ret, NovaException *e) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = driver_call(m, get_available_nodes, e, &names);
        if (r < 0)
                return r;
        if (!names || !names[0])
                return exception_setf(e, EXC_HYPERVISOR_UNAVAILABLE, "The hypervisor names no node, so who this host is cannot be told.");
        if (names[1])
                return 0;
        *ret = strdup(names[0]);
        return *ret ? 1 : -ENOMEM;
}

int compute_check_identity(ComputeManager *m, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_(compute_node_list_done) ComputeNodeList rows = {};
        _cleanup_free_ char *path = NULL, *node = NULL;
        char file[UUID_TEXT_MAX], made[UUID_TEXT_MAX];
        const char *uuid = NULL;
        int found, judged, r;

        r = only_node(m, &node, e);
        if (r <= 0)
                return r;
        if (asprintf(&path, "%s/" IDENTITY_FILE, strempty(config_string(config, "state_path"))) < 0)
                return -ENOMEM;
        found = read_identity(path, file, e);
        if (found < 0)
                return found;
        r = m->store->ops->compute_node_list_by_host(m->store, NULL, &rows);
        if (r < 0)
                return local_store_failure(r, "Cannot list the compute nodes", e);

        judged = identity_judge(found > 0 ? file : NULL, &rows, m->host, node, &uuid, e);
        if (judged < 0)
                return judged;
        if (judged == 0)
                uuid = uuid4(made);
        if (found == 0) {
                r = write_identity(path, uuid);
                if (r < 0)
                        return exception_set_errno(e, r, path);
                if (judged > 0)
                        log_warning("%s was missing; it is written again, as the database has it: %s", path, uuid);
                else
                        log_info("This host's node is %s from now on, kept in %s.", uuid, path);
        }

        pthread_mutex_lock(&m->resources_lock);
        free(m->identity_node);
        m->identity_node = TAKE_PTR(node);
        snprintf(m->identity, sizeof m->identity, "%s", uuid);
        pthread_mutex_unlock(&m->resources_lock);
        return 0;
}
