/* org.nova.Compute1.Job: the operations that change something, from the service's table; JobNew and JobRemoved of the manager; and
 * verbs that begin one. The answer to such a verb goes out before JobRemoved does: who called knows which job it is. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>

#include "basic/log.h"

#define CHANGED_STATE 1u

typedef enum JobProperty {
        PROPERTY_ID,
        PROPERTY_METHOD,
        PROPERTY_INSTANCE,
        PROPERTY_INSTANCE_UUID,
        PROPERTY_ORIGIN,
        PROPERTY_REQUEST_ID,
        PROPERTY_USER,
        PROPERTY_STATE,
        PROPERTY_STEP,
        PROPERTY_PROGRESS,
        PROPERTY_ACCEPTED,
        PROPERTY_STARTED,
        PROPERTY_DEADLINE,
        PROPERTY_STALLED,
        PROPERTY_CANCELLABLE,
        _JOB_PROPERTY_MAX,
} JobProperty;

static const BusProperty job_properties[_JOB_PROPERTY_MAX] = {
        [PROPERTY_ID] = { "Id", 0 },
        [PROPERTY_METHOD] = { "Method", 0 },
        [PROPERTY_INSTANCE] = { "Instance", 0 },
        [PROPERTY_INSTANCE_UUID] = { "InstanceUuid", 0 },
        [PROPERTY_ORIGIN] = { "Origin", 0 },
        [PROPERTY_REQUEST_ID] = { "RequestId", 0 },
        [PROPERTY_USER] = { "User", 0 },
        [PROPERTY_STATE] = { "State", CHANGED_STATE },
        [PROPERTY_STEP] = { "Step", CHANGED_STATE },
        [PROPERTY_PROGRESS] = { "Progress", CHANGED_STATE },
        [PROPERTY_ACCEPTED] = { "AcceptedUSec", 0 },
        [PROPERTY_STARTED] = { "StartedUSec", CHANGED_STATE },
        [PROPERTY_DEADLINE] = { "DeadlineUSec", CHANGED_STATE },
        [PROPERTY_STALLED] = { "Stalled", CHANGED_STATE },
        [PROPERTY_CANCELLABLE] = { "Cancellable", CHANGED_STATE },
};

/* ---- values ---- */

static int append_path(sd_bus_message *m, const void *data) {
        return sd_bus_message_append_basic(m, 'o', data);
}

static int instance_path(const JobView *v, BusValue *ret) {
        char *path;

        *ret = (BusValue) { .type = "o", .append = append_path, .data = "/" };
        if (!v->instance_uuid)
                return 0;
        path = bus_instance_path(v->instance_uuid);
        if (!path)
                return -ENOMEM;
        ret->owned = (const char **) path;      /* freed with the value */
        ret->data = path;
        return 0;
}

/* As the service's list of calls beyond their deadline has it, which the pool keeps: of a key one runs at a time. */
static bool is_stalled(const BusJob *j) {
        const Service *s = j->object.bus->service;

        return s && j->view->started > 0 && service_is_stalled(s, j->view->method->name, j->view->instance_uuid);
}

/* One that waits never begins; of those that run some look whether they were cancelled. */
static bool is_cancellable(const JobView *v) {
        return v->state == JOB_WAITING || (v->state == JOB_RUNNING && (v->method->flags & METHOD_CANCELLABLE));
}

/* The one place that says what a property is. */
static int job_value(const BusObject *o, size_t property, BusValue *ret) {
        const BusJob *j = CONTAINER_OF(o, BusJob, object);
        const JobView *v = j->view;

        switch ((JobProperty) property) {
        case PROPERTY_ID:
                *ret = BUS_UINT64(v->id);
                return 0;
        case PROPERTY_METHOD:
                *ret = BUS_STRING(v->method->name);
                return 0;
        case PROPERTY_INSTANCE:
                return instance_path(v, ret);
        case PROPERTY_INSTANCE_UUID:
                *ret = BUS_STRING(v->instance_uuid);
                return 0;
        case PROPERTY_ORIGIN:
                *ret = BUS_STRING(operation_origin_to_string(v->origin));
                return 0;
        case PROPERTY_REQUEST_ID:
                *ret = BUS_STRING(v->request_id);
                return 0;
        case PROPERTY_USER:
                *ret = BUS_STRING(v->user_id);
                return 0;
        case PROPERTY_STATE:
                *ret = BUS_STRING(job_view_state_to_string(v->state));
                return 0;
        case PROPERTY_STEP:
                *ret = BUS_STRING(v->step);
                return 0;
        case PROPERTY_PROGRESS:
                *ret = BUS_UINT32(v->progress);
                return 0;
        case PROPERTY_ACCEPTED:
                *ret = BUS_UINT64(v->accepted);
                return 0;
        case PROPERTY_STARTED:
                *ret = BUS_UINT64(v->started);
                return 0;
        case PROPERTY_DEADLINE:
                *ret = BUS_UINT64(v->started > 0 && v->deadline > 0 ? v->started + v->deadline : 0);
                return 0;
        case PROPERTY_STALLED:
                *ret = BUS_BOOLEAN(is_stalled(j));
                return 0;
        case PROPERTY_CANCELLABLE:
                *ret = BUS_BOOLEAN(is_cancellable(v));
                return 0;
        case _JOB_PROPERTY_MAX:
                break;
        }
        return -ENOENT;
}

static const BusInterface job_interface = {
        .name = JOB_INTERFACE,
        .properties = job_properties,
        .n = ELEMENTSOF(job_properties),
        .value = job_value,
};

static int property_get(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        const BusJob *j = userdata;

        return bus_object_get(&j->object, property, reply);
}

/* ---- paths ---- */

void bus_job_path(uint64_t id, char ret[static JOB_PATH_MAX]) {
        snprintf(ret, JOB_PATH_MAX, JOBS_PATH "/%" PRIu64, id);
}

static int compare_id(const void *a, const void *b) {
        uint64_t x = ((const BusJob *) a)->view->id, y = ((const BusJob *) b)->view->id;

        return (x > y) - (x < y);
}

static BusJob *job_find(const Bus *b, uint64_t id) {
        const JobView view = { .id = id };
        const BusJob key = { .view = &view };
        BusJob **found = tfind(&key, &b->jobs, compare_id);

        return found ? *found : NULL;
}

int bus_job_object_find(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata, void **ret,
                        sd_bus_error *error _unused_) {
        const char *name = startswith(path, JOBS_PATH "/");
        BusJob *j;

        j = name ? job_find(userdata, strtoull(name, NULL, 10)) : NULL;
        if (!j || !streq(j->path, path))
                return 0;
        *ret = j;
        return 1;
}

int bus_job_enumerate(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata, char ***ret, sd_bus_error *error _unused_) {
        const Bus *b = userdata;
        char **paths = calloc(b->n_jobs + 1, sizeof *paths);
        size_t n = 0;

        for (const BusJob *j = b->first_job; paths && j; j = j->next)
                if (!(paths[n++] = strdup(j->path)))
                        paths = strv_free(paths);
        if (!paths)
                return -ENOMEM;
        *ret = paths;
        return 0;
}

/* ---- those of an instance ---- */

static void join(BusInstance *i, BusJob *j) {
        j->instance = i;
        j->of_instance_previous = i->last_job;
        j->of_instance_next = NULL;
        *(i->last_job ? &i->last_job->of_instance_next : &i->first_job) = j;
        i->last_job = j;
        bus_instance_jobs_changed(i);
}

static void leave(BusJob *j) {
        BusInstance *i = j->instance;

        if (!i)
                return;
        *(j->of_instance_previous ? &j->of_instance_previous->of_instance_next : &i->first_job) = j->of_instance_next;
        *(j->of_instance_next ? &j->of_instance_next->of_instance_previous : &i->last_job) = j->of_instance_previous;
        j->instance = NULL;
        j->of_instance_previous = j->of_instance_next = NULL;
        bus_instance_jobs_changed(i);
}

void bus_jobs_join_instance(Bus *b, BusInstance *i) {
        for (BusJob *j = b->first_job; j; j = j->next)
                if (!j->instance && streq_ptr(j->view->instance_uuid, i->view->uuid))
                        join(i, j);
}

void bus_jobs_leave_instance(BusInstance *i) {
        while (i->first_job)
                leave(i->first_job);
}

/* ---- telling ---- */

static void tell_new(BusJob *j) {
        Bus *b = j->object.bus;
        int r;

        r = sd_bus_emit_signal(b->bus, BUS_PATH, MANAGER_INTERFACE, "JobNew", "to", j->view->id, j->path);
        if (r >= 0 && j->view->result == JOB_RESULT_NONE) {
                r = sd_bus_emit_interfaces_added(b->bus, j->path, JOB_INTERFACE, NULL);
                j->added = true;
        }
        if (r < 0)
                log_debug("that %s is there could not be told: %s", j->path, strerror(-r));
}

static int append_details(sd_bus_message *m, const JobView *v) {
        BusValue path = {};
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_text_entry(m, "method", v->method->name);
        if (r >= 0)
                r = instance_path(v, &path);
        if (r >= 0)
                r = bus_append_entry(m, "instance", "o", path.data);
        if (r >= 0)
                r = bus_append_text_entry(m, "instance_uuid", v->instance_uuid);
        if (r >= 0 && v->error)
                r = bus_append_text_entry(m, "error", v->error);
        if (r >= 0 && v->message)
                r = bus_append_text_entry(m, "message", v->message);
        bus_value_done(&path);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void tell_removed(BusJob *j) {
        Bus *b = j->object.bus;
        sd_bus_message *m = NULL;
        int r = 0;

        if (j->added)
                r = sd_bus_emit_interfaces_removed(b->bus, j->path, JOB_INTERFACE, NULL);
        if (r >= 0)
                r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, MANAGER_INTERFACE, "JobRemoved");
        if (r >= 0)
                r = sd_bus_message_append(m, "tos", j->view->id, j->path, job_result_to_string(j->view->result));
        if (r >= 0)
                r = append_details(m, j->view);
        if (r >= 0)
                r = sd_bus_send(b->bus, m, NULL);
        sd_bus_message_unref(m);
        if (r < 0)
                log_debug("the end of %s could not be told: %s", j->path, strerror(-r));
}

/* ---- the calls that began them ---- */

static BusCall *call_of(const Bus *b, uint64_t id) {
        for (BusCall *c = b->calls; c; c = c->next)
                if (c->wait == WAIT_JOB && c->job == id)
                        return c;
        return NULL;
}

static void answer_accepted(BusCall *c, const char *path) {
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = c->answer ? c->answer(reply, path, c->data) : sd_bus_message_append_basic(reply, 'o', path);
        if (r >= 0)
                r = sd_bus_send(c->bus->bus, reply, NULL);
        if (r < 0)
                (void) sd_bus_reply_method_errno(c->message, r, NULL);
        sd_bus_message_unref(reply);
        bus_call_free(c);
}

static void answer_refused(BusCall *c, const JobView *v) {
        NovaException e = { .class_name = v->error, .message = v->message };

        bus_call_finish(c, -EIO, &e);
}

int bus_job_begin(Bus *b, sd_bus_message *m, RequestContext *context, const char *method, const json_t *args, const char *what,
                  int (*answer)(sd_bus_message *reply, const char *job, void *data), void *data, sd_bus_error *error) {
        _cleanup_(context_unrefp) RequestContext *as = context ? context_ref(context) : context_new_admin();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        BusCall *c;
        int r;

        if (!b->service) {
                free(data);
                return sd_bus_error_set(error, BUS_ERROR_NOT_RUNNING,
                                        "There is no service yet, or no more: the daemon is starting or ending");
        }
        r = bus_call_new(b, m, WAIT_JOB, what, &c, error);
        if (r < 0) {
                free(data);
                return r;
        }
        c->answer = answer;
        c->data = data;
        r = as ? service_begin(b->service, method, args, as, &c->job, &e) : -ENOMEM;
        if (r < 0) {
                bus_call_free(c);
                return bus_error_from(error, r, &e, what);
        }
        return 1;
}

/* ---- the table ---- */

static BusJob *job_add(Bus *b, const JobView *v) {
        BusJob *j = calloc(1, sizeof *j + _JOB_PROPERTY_MAX * sizeof j->told[0]);
        BusInstance *i;

        if (j)
                j->view = v;
        if (!j || !tsearch(j, &b->jobs, compare_id)) {
                free(j);
                return NULL;
        }
        bus_job_path(v->id, j->path);
        bus_object_init(&j->object, b, &job_interface, j->path, j->told, true);
        j->previous = b->last_job;
        *(b->last_job ? &b->last_job->next : &b->first_job) = j;
        b->last_job = j;
        b->n_jobs++;
        i = v->instance_uuid ? bus_instance_find(b, v->instance_uuid) : NULL;
        if (i)
                join(i, j);
        bus_object_learn(&j->object);
        return j;
}

static void job_remove(BusJob *j) {
        Bus *b = j->object.bus;

        leave(j);
        (void) tdelete(j, &b->jobs, compare_id);
        *(j->previous ? &j->previous->next : &b->first_job) = j->next;
        *(j->next ? &j->next->previous : &b->last_job) = j->previous;
        b->n_jobs--;
        bus_object_done(&j->object);
        free(j);
}

static void on_added(Bus *b, const JobView *v) {
        BusCall *c = v->origin == ORIGIN_BUS ? call_of(b, v->id) : NULL;
        BusJob *j = job_add(b, v);
        char path[JOB_PATH_MAX];

        bus_job_path(v->id, path);
        if (c)
                answer_accepted(c, path);
        if (j && bus_can_tell(b))
                tell_new(j);
        bus_object_changed(&b->manager_object, BUS_MANAGER_CHANGED_JOBS);
}

static void on_removed(Bus *b, BusJob *j) {
        if (bus_can_tell(b))
                tell_removed(j);
        job_remove(j);
        bus_object_changed(&b->manager_object, BUS_MANAGER_CHANGED_JOBS);
}

static void on_job(const JobView *v, JobChange change, void *userdata) {
        BusJob *j = job_find(userdata, v->id);
        Bus *b = userdata;
        BusCall *c;

        switch (change) {
        case JOB_ADDED:
                if (!j)
                        on_added(b, v);
                break;
        case JOB_CHANGED:
                if (j)
                        bus_object_changed(&j->object, CHANGED_STATE);
                break;
        case JOB_REMOVED:
                if (j)
                        on_removed(b, j);
                break;
        case JOB_REFUSED:
                c = call_of(b, v->id);
                if (c)
                        answer_refused(c, v);
                break;
        }
        bus_jobs_keep_pace(b);
}

static void add_known(const JobView *v, void *userdata) {
        on_job(v, JOB_ADDED, userdata);
}

void bus_jobs_set_table(Bus *b, JobTable *t) {
        if (b->job_table)
                job_table_observe(b->job_table, NULL, NULL);
        while (b->first_job) {
                if (bus_can_tell(b) && b->first_job->added)
                        (void) sd_bus_emit_interfaces_removed(b->bus, b->first_job->path, JOB_INTERFACE, NULL);
                job_remove(b->first_job);
        }
        bus_jobs_go_on(b);
        b->job_table = t;
        if (!t)
                return;
        job_table_observe(t, on_job, b);
        job_table_foreach(t, add_known, b);
}

void bus_jobs_stalled_changed(Bus *b) {
        for (BusJob *j = b->first_job; j; j = j->next)
                bus_object_changed(&j->object, CHANGED_STATE);
}

/* ---- Cancel ---- */

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusJob *j = userdata;
        Bus *b = j->object.bus;
        const BusInstance *i = j->instance;
        char id[32];
        const char *details[] = {
                "verb", "cancel",
                "job", id,
                "method", j->view->method->name,
                "instance.uuid", strempty(j->view->instance_uuid),
                "instance.name", i ? i->view->display_name : "",
                "project", i ? i->view->project_id : "",
                NULL,
        };
        int r;

        snprintf(id, sizeof id, "%" PRIu64, j->view->id);
        r = authority_check(b->authority, m, ACTION_CANCEL_JOBS, details, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = bus_refuse_options(m, error);
        if (r < 0)
                return r;
        if (!is_cancellable(j->view) && j->view->state != JOB_CANCELLING)
                return sd_bus_error_setf(error, BUS_ERROR_NOT_CANCELLABLE, "%s has begun, and has no safe point to stop at",
                                         j->view->method->name);
        r = b->service ? service_cancel_operation(b->service, j->view->id) : -ENOENT;
        if (r == -ENOENT)
                return sd_bus_error_setf(error, BUS_ERROR_NOT_CANCELLABLE, "%s has just ended", j->view->method->name);
        if (r < 0 && r != -EALREADY)
                return bus_error_from(error, r, NULL, "The job could not be cancelled");
        return sd_bus_reply_method_return(m, NULL);
}

/* ---- the interface ---- */

#define CONSTANT(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define PROPERTY(name, signature) SD_BUS_PROPERTY(name, signature, property_get, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        CONSTANT("Id", "t"),
        CONSTANT("Method", "s"),
        CONSTANT("Instance", "o"),
        CONSTANT("InstanceUuid", "s"),
        CONSTANT("Origin", "s"),
        CONSTANT("RequestId", "s"),
        CONSTANT("User", "s"),
        PROPERTY("State", "s"),
        PROPERTY("Step", "s"),
        PROPERTY("Progress", "u"),
        CONSTANT("AcceptedUSec", "t"),
        PROPERTY("StartedUSec", "t"),
        PROPERTY("DeadlineUSec", "t"),
        PROPERTY("Stalled", "b"),
        PROPERTY("Cancellable", "b"),
        SD_BUS_VTABLE_END,
};
