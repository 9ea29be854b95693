/* The guests of the fake driver and their life. */
#include "virt/fake/private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "image/image.h"

#define BOOT_TEXT "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE"
#define CONSOLE_MAX (1024 * 1024)

Guest *fake_guest_find(FakeDriver *d, const char *uuid) {
        for (Guest *g = d->guests; g; g = g->next)
                if (streq(g->uuid, strempty(uuid)))
                        return g;
        return NULL;
}

static int not_found(const Instance *i, NovaException *e) {
        int r = exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", strempty(i->uuid));

        exception_kwarg(e, "instance_id", json_string(strempty(i->uuid)));
        return r;
}

FakeCall fake_enter_guest(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        FakeCall c = fake_enter(driver, method, e);

        if (c.r < 0)
                return c;
        c.guest = fake_guest_find(c.d, i->uuid);
        if (!c.guest || c.guest->move == MOVE_INCOMING)
                c.r = not_found(i, e);
        return c;
}

int fake_refuse(FakeCall *c, const Guest *g, NovaException *e) {
        int r = exception_setf(e, EXC_INSTANCE_INVALID_STATE,
                               "Instance %s in power_state %s. Cannot %s while the instance is in this state.", g->uuid,
                               power_state_to_string(g->state), c->method);

        exception_kwarg(e, "instance_uuid", json_string(g->uuid));
        exception_kwarg(e, "attr", json_string("power_state"));
        exception_kwarg(e, "state", json_string(power_state_to_string(g->state)));
        exception_kwarg(e, "method", json_string(c->method));
        return r;
}

Guest *fake_guest_free(Guest *g) {
        if (!g)
                return NULL;
        free(g->name);
        free(g->console);
        json_decref(g->volumes);
        json_decref(g->interfaces);
        json_decref(g->metadata);
        free(g);
        return NULL;
}

Guest *fake_guest_new(FakeDriver *d, const Instance *i) {
        Guest *g = calloc(1, sizeof *g);

        if (!g)
                return NULL;
        memcpy(g->uuid, strempty(i->uuid), MIN(strlen(strempty(i->uuid)), sizeof g->uuid - 1));
        g->name = strdup(i->name ?: g->uuid);
        g->state = POWER_SHUTDOWN;
        g->memory_mb = i->memory_mb;
        g->vcpus = i->vcpus;
        g->root_gb = i->volume_backed ? 0 : i->root_gb;
        g->disk_gb = g->root_gb + i->ephemeral_gb + i->swap_mb / 1024;
        if (!g->name)
                return fake_guest_free(g);

        g->next = d->guests;
        d->guests = g;
        return g;
}

int fake_guest_put(json_t **map, const char *key, json_t *value) {
        if (!*map)
                *map = json_object();
        return json_object_set_new(*map, key, value) < 0 ? -ENOMEM : 0;
}

void fake_guest_remove(FakeDriver *d, Guest *g) {
        fake_keep_gone(d, g);
        for (Guest **p = &d->guests; *p; p = &(*p)->next)
                if (*p == g) {
                        *p = g->next;
                        break;
                }
        fake_guest_free(g);
}

/* A boot writes its lines; a console that has grown large begins anew, as a log that is rotated. */
static void console_boot(Guest *g) {
        size_t n = g->console ? strlen(g->console) : 0;
        char *text;

        if (n > CONSOLE_MAX)
                n = 0;
        text = realloc(g->console, n + sizeof BOOT_TEXT + 1);
        if (!text)
                return;
        if (n > 0)
                text[n++] = '\n';
        strcpy(text + n, BOOT_TEXT);
        g->console = text;
}

uint64_t fake_guest_cpu_time_ns(const Guest *g) {
        return (g->cpu_time + (g->started ? now_monotonic() - g->started : 0)) * 1000;
}

void fake_guest_set_state(FakeCall *c, Guest *g, PowerState state) {
        bool was_on = g->state == POWER_RUNNING, on = state == POWER_RUNNING;

        if (was_on && !on && g->started) {
                g->cpu_time += now_monotonic() - g->started;
                g->started = 0;
        }
        if (on && !g->started)
                g->started = now_monotonic();
        if (on && (g->state == POWER_SHUTDOWN || g->state == POWER_CRASHED))
                console_boot(g);
        if (g->state != state) {
                c->tell = true;
                c->state = state;
                memcpy(c->uuid, g->uuid, sizeof c->uuid);
        }
        g->state = state;
}

/* A row per call that only asks for one state and leads to another. */
#define IN(state) (1u << (state))
#define OFF (IN(POWER_SHUTDOWN) | IN(POWER_CRASHED))
#define ANY (~0u)

static int change(ComputeDriver *driver, const char *method, const Instance *i, unsigned from, PowerState to, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, method, i, e);

        if (c.r < 0)
                return c.r;
        if (!(from & IN(c.guest->state)))
                return fake_refuse(&c, c.guest, e);
        fake_guest_set_state(&c, c.guest, to);
        return 0;
}

static int fake_pause(ComputeDriver *d, const Instance *i, NovaException *e) {
        return change(d, "pause", i, IN(POWER_RUNNING), POWER_PAUSED, e);
}

static int fake_unpause(ComputeDriver *d, const Instance *i, NovaException *e) {
        return change(d, "unpause", i, IN(POWER_PAUSED), POWER_RUNNING, e);
}

static int fake_suspend(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i, NovaException *e) {
        return change(d, "suspend", i, IN(POWER_RUNNING) | IN(POWER_PAUSED), POWER_SUSPENDED, e);
}

static int fake_resume(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                       const json_t *network_info _unused_, const json_t *block_device_info _unused_, NovaException *e) {
        return change(d, "resume", i, IN(POWER_SUSPENDED), POWER_RUNNING, e);
}

static int fake_power_off(ComputeDriver *d, const Instance *i, unsigned timeout _unused_, unsigned retry_interval _unused_,
                          NovaException *e) {
        return change(d, "power_off", i, ANY, POWER_SHUTDOWN, e);
}

static int fake_power_on(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                         const json_t *network_info _unused_, const json_t *block_device_info _unused_, NovaException *e) {
        return change(d, "power_on", i, OFF | IN(POWER_SUSPENDED) | IN(POWER_RUNNING), POWER_RUNNING, e);
}

static int fake_trigger_crash_dump(ComputeDriver *d, const Instance *i, NovaException *e) {
        return change(d, "trigger_crash_dump", i, IN(POWER_RUNNING), POWER_CRASHED, e);
}

static int fake_resume_state_on_host_boot(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                                          const json_t *network_info _unused_, const json_t *block_device_info _unused_,
                                          NovaException *e) {
        return change(d, "resume_state_on_host_boot", i, ANY, POWER_RUNNING, e);
}

/* The guest, still paused as a real one is until its network is there. */
static int spawn_paused(ComputeDriver *driver, const Instance *i, const json_t *network_info, const json_t *block_device_info,
                        NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, "spawn", e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        if (!uuid_is_valid(strempty(i->uuid)))
                return exception_setf(e, EXC_INVALID, "\"%s\" is no uuid of an instance", strempty(i->uuid));
        if (fake_guest_find(c.d, i->uuid))
                return exception_setf(e, EXC_INSTANCE_EXISTS, "Instance %s already exists.", i->uuid);

        g = fake_guest_new(c.d, i);
        if (!g)
                return fake_no_memory(&c, e);
        if (fake_guest_set_devices(g, network_info, block_device_info) < 0) {
                fake_guest_remove(c.d, g);
                return fake_no_memory(&c, e);
        }
        g->state = POWER_PAUSED;
        console_boot(g);
        c.guest = g;
        return 0;
}

/* Ends the spawn of @i: it runs, or after a failure @r it goes. What of it was destroyed meanwhile is not there to be run. */
static int spawn_end(ComputeDriver *driver, const Instance *i, int r, NovaException *e) {
        FakeDriver *d = CONTAINER_OF(driver, FakeDriver, base);
        _fake_call_ FakeCall c = { .d = d, .method = "spawn" };
        Guest *g;

        pthread_mutex_lock(&d->lock);
        d->in_flight++;
        g = fake_guest_find(d, i->uuid);
        if (g && r < 0)
                fake_guest_remove(d, g);
        else if (g)
                fake_guest_set_state(&c, c.guest = g, POWER_RUNNING);
        else if (r >= 0)
                r = not_found(i, e);
        return r;
}

static int fake_spawn(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                      const json_t *image_meta _unused_, const json_t *injected_files _unused_,
                      const char *admin_password _unused_, const json_t *network_info, const json_t *block_device_info,
                      const DriverHooks *hooks, NovaException *e) {
        int r;

        r = driver_step(hooks, "disks", i, e);
        if (r < 0)
                return r;
        driver_progress(hooks, 50);
        r = driver_step(hooks, "domain", i, e);
        if (r < 0)
                return r;
        r = spawn_paused(driver, i, network_info, block_device_info, e);
        if (r < 0)
                return r;
        r = driver_step(hooks, "plugged", i, e);
        if (r >= 0)
                r = driver_wait_plugged(hooks, e);
        r = spawn_end(driver, i, r, e);
        if (r >= 0)
                driver_progress(hooks, 100);
        return r;
}

/* destroy, and cleanup after it: what is not there is fine. A guest that goes was first shut down. */
static int remove_guest(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter(driver, method, e);
        Guest *g;

        if (c.r < 0)
                return c.r;
        g = fake_guest_find(c.d, i->uuid);
        if (g) {
                fake_guest_set_state(&c, g, POWER_SHUTDOWN);
                fake_guest_remove(c.d, g);
        }
        return 0;
}

static int fake_destroy(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                        const json_t *network_info _unused_, const json_t *block_device_info _unused_,
                        bool destroy_disks _unused_, NovaException *e) {
        return remove_guest(d, "destroy", i, e);
}

static int fake_cleanup(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                        const json_t *network_info _unused_, const json_t *block_device_info _unused_,
                        bool destroy_disks _unused_, NovaException *e) {
        return remove_guest(d, "cleanup", i, e);
}

static int fake_reboot(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                       const json_t *network_info, RebootType type, const json_t *block_device_info, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "reboot", i, e);

        if (c.r < 0)
                return c.r;
        /* A guest that does not run cannot hear a soft reboot; a hard one always works, and takes the devices anew. */
        if (type == REBOOT_SOFT && c.guest->state != POWER_RUNNING)
                return fake_refuse(&c, c.guest, e);
        if (type == REBOOT_HARD && fake_guest_set_devices(c.guest, network_info, block_device_info) < 0)
                return fake_no_memory(&c, e);
        if (c.guest->state == POWER_RUNNING)
                console_boot(c.guest);
        fake_guest_set_state(&c, c.guest, POWER_RUNNING);
        return 0;
}

static int fake_rescue(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                       const json_t *network_info _unused_, const json_t *image_meta _unused_,
                       const char *rescue_password _unused_, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "rescue", i, e);

        if (c.r < 0)
                return c.r;
        if (c.guest->rescued)
                return fake_refuse(&c, c.guest, e);
        c.guest->rescued = true;
        fake_guest_set_state(&c, c.guest, POWER_RUNNING);
        return 0;
}

static int fake_unrescue(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "unrescue", i, e);

        if (c.r < 0)
                return c.r;
        if (!c.guest->rescued)
                return fake_refuse(&c, c.guest, e);
        c.guest->rescued = false;
        fake_guest_set_state(&c, c.guest, POWER_RUNNING);
        return 0;
}

/* The disk of a guest that has none: a few bytes that say whose it would be. */
static int upload_disk(FakeDriver *d, const Instance *i, const char *image_id, const json_t *image_meta, NovaException *e) {
        _cleanup_(image_service_freep) ImageService *images = NULL;
        _cleanup_close_ int fd = memfd_create("fake-disk", MFD_CLOEXEC);
        json_auto_t *meta = json_copy((json_t *) image_meta);
        char path[64];
        int r;

        if (fd < 0 || dprintf(fd, "The disk of instance %s\n", i->uuid) < 0)
                return exception_set_errno(e, -errno, "A fake disk");
        if (!meta || json_object_set_new(meta, "disk_format", json_string("raw")) < 0 ||
            json_object_set_new(meta, "container_format", json_string("bare")) < 0)
                return exception_set_errno(e, -ENOMEM, "A fake disk");
        r = image_service_new(&images, d->config, e);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        return image_service_upload(images, image_id, meta, path, NULL, e);
}

static int fake_snapshot(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i, const char *image_id,
                         const json_t *image_meta, const DriverHooks *hooks, NovaException *e) {
        int r;

        {
                _fake_call_ FakeCall c = fake_enter_guest(driver, "snapshot", i, e);

                if (c.r < 0)
                        return c.r;
                if (isempty(image_id))
                        return exception_setf(e, EXC_INVALID, "A snapshot of %s wants the id of an image", i->uuid);
        }
        r = driver_task_state(hooks, TASK_IMAGE_PENDING_UPLOAD, TASK_IMAGE_SNAPSHOT, e);
        if (r >= 0)
                r = driver_step(hooks, "extract", i, e);
        for (unsigned percent = 0; r >= 0 && percent < 100; percent += 25)
                driver_progress(hooks, percent);
        if (r >= 0)
                r = driver_task_state(hooks, TASK_IMAGE_UPLOADING, TASK_IMAGE_PENDING_UPLOAD, e);
        if (r >= 0)
                r = driver_step(hooks, "upload", i, e);
        if (r >= 0 && image_meta)
                r = upload_disk(CONTAINER_OF(driver, FakeDriver, base), i, image_id, image_meta, e);
        if (r >= 0)
                driver_progress(hooks, 100);
        return r;
}

/* Calls to the agent inside a guest: it must run and listen. */
static int ask_agent(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, method, i, e);

        if (c.r < 0)
                return c.r;
        if (c.guest->state != POWER_RUNNING)
                return fake_refuse(&c, c.guest, e);
        if (streq(method, "quiesce"))
                c.guest->quiesced = true;
        else if (streq(method, "unquiesce")) {
                if (!c.guest->quiesced)
                        return fake_refuse(&c, c.guest, e);
                c.guest->quiesced = false;
        }
        return 0;
}

static int fake_quiesce(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                        const json_t *image_meta _unused_, NovaException *e) {
        return ask_agent(d, "quiesce", i, e);
}

static int fake_unquiesce(ComputeDriver *d, const RequestContext *context _unused_, const Instance *i,
                          const json_t *image_meta _unused_, NovaException *e) {
        return ask_agent(d, "unquiesce", i, e);
}

static int fake_set_admin_password(ComputeDriver *d, const Instance *i, const char *password _unused_, NovaException *e) {
        return ask_agent(d, "set_admin_password", i, e);
}

static int fake_inject_file(ComputeDriver *d, const Instance *i, const char *path_b64 _unused_,
                            const char *contents_b64 _unused_, NovaException *e) {
        return ask_agent(d, "inject_file", i, e);
}

static int fake_agent_update(ComputeDriver *d, const Instance *i, const char *url _unused_, const char *md5hash _unused_,
                             NovaException *e) {
        return ask_agent(d, "agent_update", i, e);
}

/* @diff: {name: ["+", value] or ["-"]}. */
static int fake_change_instance_metadata(ComputeDriver *driver, const RequestContext *context _unused_, const Instance *i,
                                         const json_t *diff, NovaException *e) {
        _fake_call_ FakeCall c = fake_enter_guest(driver, "change_instance_metadata", i, e);
        const char *name;
        json_t *entry;

        if (c.r < 0)
                return c.r;
        json_object_foreach((json_t *) diff, name, entry) {
                const char *sign = json_string_value(json_array_get(entry, 0));
                json_t *value = json_array_get(entry, 1);

                if (sign && streq(sign, "-"))
                        (void) json_object_del(c.guest->metadata, name);
                else if (sign && streq(sign, "+") && json_is_string(value)) {
                        if (fake_guest_put(&c.guest->metadata, name, json_incref(value)) < 0)
                                return fake_no_memory(&c, e);
                } else
                        return exception_setf(e, EXC_INVALID, "Metadata \"%s\": a change is [\"+\", text] or [\"-\"]", name);
        }
        return 0;
}

void fake_guest_ops(ComputeDriverOps *ops) {
        ops->spawn = fake_spawn;
        ops->destroy = fake_destroy;
        ops->cleanup = fake_cleanup;
        ops->reboot = fake_reboot;
        ops->pause = fake_pause;
        ops->unpause = fake_unpause;
        ops->suspend = fake_suspend;
        ops->resume = fake_resume;
        ops->power_off = fake_power_off;
        ops->power_on = fake_power_on;
        ops->rescue = fake_rescue;
        ops->unrescue = fake_unrescue;
        ops->resume_state_on_host_boot = fake_resume_state_on_host_boot;
        ops->snapshot = fake_snapshot;
        ops->quiesce = fake_quiesce;
        ops->unquiesce = fake_unquiesce;
        ops->trigger_crash_dump = fake_trigger_crash_dump;
        ops->set_admin_password = fake_set_admin_password;
        ops->inject_file = fake_inject_file;
        ops->agent_update = fake_agent_update;
        ops->change_instance_metadata = fake_change_instance_metadata;
}
