/* Guests that outlive the daemon, as real ones do: fake.guests_file has a line of JSON for each change of a guest, the last one
 * of a uuid counts. A line is appended by one write, so that a daemon that is killed leaves it whole; it is not synced, for
 * machines are not switched off to test. Read, and written anew without what is over, when the driver is made. */
#include "virt/fake/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>

#include "basic/json.h"

static json_t *guest_to_json(const Guest *g) {
        return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:b, s:O*, s:O*, s:O*}", "uuid", g->uuid, "name", g->name, "state",
                         (int) g->state, "memory_mb", (json_int_t) g->memory_mb, "vcpus", (json_int_t) g->vcpus, "disk_gb",
                         (json_int_t) g->disk_gb, "root_gb", (json_int_t) g->root_gb, "rescued", g->rescued, "volumes",
                         g->volumes, "interfaces", g->interfaces, "metadata", g->metadata);
}

/* Takes @line over. */
static int append(FakeDriver *d, json_t *line) {
        _cleanup_free_ char *text = NULL;
        struct iovec iov[2];
        ssize_t n;

        text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        json_decref(line);
        if (!text)
                return -ENOMEM;
        iov[0] = (struct iovec){ text, strlen(text) };
        iov[1] = (struct iovec){ (void *) "\n", 1 };
        n = writev(d->guests_fd, iov, 2);
        if (n < 0)
                return -errno;
        return (size_t) n == iov[0].iov_len + 1 ? 0 : -ENOSPC;
}

void fake_keep(FakeDriver *d, const Guest *g) {
        if (d->guests_fd >= 0)
                (void) append(d, guest_to_json(g));
}

void fake_keep_gone(FakeDriver *d, const Guest *g) {
        if (d->guests_fd >= 0)
                (void) append(d, json_pack("{s:s}", "uuid", g->uuid));
}

static void replace(json_t **where, const json_t *from, const char *key) {
        json_t *value = json_object_get(from, key);

        json_decref(*where);
        *where = json_object_size(value) > 0 ? json_incref(value) : NULL;
}

static int guest_from_json(FakeDriver *d, const json_t *line) {
        const char *uuid = json_member_string(line, "uuid"), *name = json_member_string(line, "name");
        Guest *g;

        if (!uuid || !uuid_is_valid(uuid))
                return -EBADMSG;
        g = fake_guest_find(d, uuid);
        if (!name) {
                if (g)
                        fake_guest_remove(d, g);
                return 0;
        }
        if (!g) {
                const Instance i = {
                        .uuid = (char *) uuid, .name = (char *) name, .memory_mb = json_member_integer(line, "memory_mb", 0),
                        .vcpus = json_member_integer(line, "vcpus", 0),
                };

                g = fake_guest_new(d, &i);
                if (!g)
                        return -ENOMEM;
        }
        g->state = (PowerState) json_member_integer(line, "state", POWER_SHUTDOWN);
        g->root_gb = json_member_integer(line, "root_gb", 0);
        g->disk_gb = json_member_integer(line, "disk_gb", 0);
        g->rescued = json_is_true(json_object_get(line, "rescued"));
        g->started = g->state == POWER_RUNNING ? now_monotonic() : 0;
        replace(&g->volumes, line, "volumes");
        replace(&g->interfaces, line, "interfaces");
        replace(&g->metadata, line, "metadata");
        return 0;
}

static int load(FakeDriver *d, const char *path) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        ssize_t n;
        FILE *f;
        int r = 0;

        f = fopen(path, "re");
        if (!f)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && (n = getline(&text, &size, f)) > 0) {
                json_auto_t *line = NULL;

                if (text[n - 1] != '\n')
                        break;          /* the disk was full, or somebody wrote into it */
                line = json_loadb(text, (size_t) n, 0, NULL);
                r = line ? guest_from_json(d, line) : -EBADMSG;
        }
        fclose(f);
        return r;
}

int fake_keep_open(FakeDriver *d, const char *path, NovaException *e) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        r = load(d, path);
        if (r < 0)
                return exception_set_errno(e, r, path);
        if (asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        d->guests_fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        if (d->guests_fd < 0)
                return exception_set_errno(e, -errno, temporary);
        for (const Guest *g = d->guests; g; g = g->next) {
                r = append(d, guest_to_json(g));
                if (r < 0)
                        return exception_set_errno(e, r, temporary);
        }
        return rename(temporary, path) < 0 ? exception_set_errno(e, -errno, path) : 0;
}
