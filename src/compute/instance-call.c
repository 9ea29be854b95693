/* The wrapper of the methods about one instance: see instance-call.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/instance-call.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/text-util.h"
#include "basic/json.h"
#include "basic/log.h"
#include "compute/build.h"
#include "compute/instance-states.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"

#define FAULT_MESSAGE_MAX 255           /* bytes: the column of Nova's */
#define SHOWN_UUID_MAX 64               /* of something that is none */
#define REVERT_TRIES 16                 /* each lost to another writer of the row, of which there are few */

static const char *const changes_key = "nova_object.changes";

/* ---- words ---- */

static int not_found(NovaException *e, const char *uuid) {
        int r = exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", uuid);

        exception_kwarg(e, "instance_id", json_string(uuid));
        return r;
}

bool instance_call_overtaken(const NovaException *e) {
        return failure_is(e, EXC_INSTANCE_NOT_FOUND) || failure_is(e, EXC_UNEXPECTED_DELETING_TASK_STATE) ||
               failure_is(e, EXC_UNEXPECTED_TASK_STATE);
}

/* ---- the row ---- */

/* What the arguments name: the primitive of today's callers in *ret_object, or the uuid alone of Essex's. */
static int named_instance(const Operation *o, const json_t **ret_object, const char **ret_uuid, NovaException *e) {
        json_t *instance = json_object_get(o->args, "instance"), *value;

        if (json_is_object(instance)) {
                value = json_object_get(json_object_get(instance, "nova_object.data") ?: instance, "uuid");
                *ret_object = instance;
        } else {
                value = json_is_string(instance) ? instance : json_object_get(o->args, "instance_uuid");
                *ret_object = NULL;
        }
        if (!value && !instance)
                return exception_setf(e, EXC_TYPE_ERROR, "%s() is missing the argument 'instance': an Instance, or instance_uuid,"
                                      " is required", o->method->name);
        if (!json_is_string(value) || !uuid_is_valid(json_string_value(value))) {
                _cleanup_free_ char *shown = value ? json_text(value) : NULL;

                return exception_setf(e, EXC_INVALID_UUID, "Expected a uuid but received %.*s.", SHOWN_UUID_MAX,
                                      shown ? shown : "none");
        }
        *ret_uuid = json_string_value(value);
        return 0;
}

/* An instance that a Python nova-compute, or a store that was lost, left on this host. One that is still to be built is none of
 * them: its build was never begun here, or failed before a row could be made, and nothing would ever end it. */
static int adopt(InstanceCall *c, const json_t *object, const char *uuid, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        _cleanup_(instance_done) Instance deleted = {};
        Store *s = c->manager->store;
        int r;

        /* One that was deleted here stays deleted, whatever a late message says of it. */
        r = s->ops->instance_get(s, uuid, READ_DELETED_ONLY, &deleted);
        if (r != 0)
                return r < 0 ? exception_set_errno(e, r, "Cannot read the instance") : not_found(e, uuid);

        r = instance_from_object(object, c->i, e);
        if (r < 0)
                return r;
        if (!streq_ptr(c->i->host, c->manager->host) || c->i->deleted || c->i->vm_state == VM_BUILDING)
                return not_found(e, uuid);
        r = instance_name_fill(c->i, strempty(config_string(config, "instance_name_template")), e);
        if (r < 0)
                return r;
        r = s->ops->instance_create(s, c->i, e);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot adopt the instance");
        log_info("Instance %s is of this host and was not known: it is from now on.", uuid);
        return 0;
}

/* Whether the message says that its sender has set a task_state, as the API does before it sends. */
static bool changes_task(const json_t *object) {
        const json_t *change;
        size_t n;

        json_array_foreach(json_object_get(object, changes_key), n, change)
                if (json_is_string(change) && streq(json_string_value(change), "task_state"))
                        return true;
        return false;
}

/* The fields that the message brings; but states, place and power are the row's. A task_state is taken as what the sender asks
 * for, and checked with the rest. */
static int take_changes(InstanceCall *c, const json_t *object, TaskState *ret_asked, NovaException *e) {
        Instance *i = c->i;
        VmState vm = i->vm_state;
        TaskState task = i->task_state;
        PowerState power = i->power_state;
        bool locked = i->locked, cleaned = i->cleaned, deleted = i->deleted;
        _cleanup_free_ char *host = NULL, *node = NULL;
        int r;

        *ret_asked = c->method->task;
        if ((c->method->flags & INSTANCE_NEW) || json_array_size(json_object_get(object, changes_key)) == 0)
                return 0;
        if ((i->host && !(host = strdup(i->host))) || (i->node && !(node = strdup(i->node))))
                return -ENOMEM;
        r = instance_merge_changes(i, object, e);
        if (r < 0)
                return r;
        if (changes_task(object))
                *ret_asked = i->task_state;
        i->vm_state = vm;
        i->task_state = task;
        i->power_state = power;
        i->locked = locked;
        i->cleaned = cleaned;
        i->deleted = deleted;
        free(i->host);
        i->host = TAKE_PTR(host);
        free(i->node);
        i->node = TAKE_PTR(node);
        return 0;
}

/* 1, or 0: there is no such instance and that is well. */
static int find_row(InstanceCall *c, const json_t **ret_object, NovaException *e) {
        const json_t *object = NULL;
        const char *uuid = NULL;
        int r;

        r = named_instance(c->operation, &object, &uuid, e);
        if (r < 0)
                return r;
        c->i = calloc(1, sizeof *c->i);
        if (!c->i)
                return -ENOMEM;

        if (c->method->flags & INSTANCE_NEW) {
                r = c->method->find(c, uuid, e);
                c->task = c->i->task_state;
                return r;
        }
        r = c->manager->store->ops->instance_get(c->manager->store, uuid, READ_DELETED_NO, c->i);
        c->store_failed = r < 0;
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read the instance");
        if (r > 0 && c->i->host && !streq(c->i->host, c->manager->host))
                r = not_found(e, uuid);
        else if (r == 0)
                r = object ? adopt(c, object, uuid, e) : not_found(e, uuid);
        if (r < 0 && failure_is(e, EXC_INSTANCE_NOT_FOUND) && (c->method->flags & INSTANCE_ABSENT_OK)) {
                exception_done(e);
                log_info("%s: instance %s is not here; nothing is to be done.", c->operation->method->name, uuid);
                return 0;
        }
        if (r < 0)
                return r;

        c->task = c->i->task_state;
        *ret_object = object;
        return 1;
}

/* ---- the API's half ---- */

static bool is_deleting(TaskState t) {
        return t == TASK_DELETING || t == TASK_SOFT_DELETING;
}

static int check_lock(const InstanceCall *c, NovaException *e) {
        if (!(c->method->flags & INSTANCE_LOCKABLE) || !c->i->locked || context_is_admin(c->context))
                return 0;
        return instance_is_locked(e, c->i->uuid);
}

/* What the host asks of itself it has found out by itself: a guest that runs though it should not is stopped, whatever the API
 * would let a user stop (Nova's force_stop). So it is when an earlier run had begun it. */
static bool may_begin_anywhere(const InstanceCall *c) {
        return c->operation->origin == ORIGIN_PERIODIC ||
               (operation_is_interrupted(c->operation) && c->method->task != TASK_NONE && c->task == c->method->task);
}

/* What the API checks and writes before it sends. @asked is the task_state that the sender of today set itself, or ours. 1: it
 * was done already. */
static int begin_as_api(InstanceCall *c, TaskState asked, NovaException *e) {
        const InstanceMethod *m = c->method;
        const char *verb = m->verb ? m->verb : m->action ? m->action : c->operation->method->name;
        TaskState allowed[_TASK_STATE_MAX + 1];
        int r;

        r = check_lock(c, e);
        if (r < 0)
                return r;
        if (m->vm_states && !vm_state_in(m->vm_states, c->i->vm_state) && !may_begin_anywhere(c)) {
                if (m->done && operation_is_interrupted(c->operation) && vm_state_in(m->done, c->i->vm_state))
                        return 1;
                return instance_invalid_state(e, c->i->uuid, "vm_state", vm_state_to_string(c->i->vm_state), verb);
        }
        /* One that could not be built is of no host: there is nothing to be started again, only a row to be deleted. */
        if (m->vm_states && (!c->i->host || instance_is_half_built(c->i)) && !(m->flags & (INSTANCE_NEW | INSTANCE_OVERRIDES)))
                return instance_not_ready(e, c->i->uuid);
        if (m->flags & INSTANCE_ANY_TASK)
                return 0;

        instance_method_tasks(m, allowed);
        /* One that is being deleted is told by the save, in the words of the race that it is. */
        if (!task_state_in(allowed, c->task) && !is_deleting(c->task))
                return instance_invalid_state(e, c->i->uuid, "task_state", task_state_to_string(c->task), verb);
        if (!task_state_in(allowed, asked) && !(m->flags & INSTANCE_OVERRIDES))
                return instance_invalid_state(e, c->i->uuid, "task_state", task_state_to_string(asked), verb);
        if (m->flags & INSTANCE_OVERRIDES)
                asked = m->task;
        if (asked == TASK_NONE)
                asked = m->task != TASK_NONE ? m->task : c->task;
        /* A build has its state already, and goes on from there when a killed daemon had begun it. */
        if ((m->flags & INSTANCE_NEW) && c->task != TASK_NONE && !is_deleting(c->task))
                return 0;
        c->i->task_state = asked;
        return instance_call_save(c, allowed, e);
}

int instance_call_save(InstanceCall *c, const TaskState *expected, NovaException *e) {
        const TaskState as_left[] = { c->task, _TASK_STATE_INVALID };
        int r;

        r = compute_instance_save(c->manager, c->context, c->i, expected ? expected : as_left, e);
        if (r == 0)
                return not_found(e, c->i->uuid);
        c->store_failed = c->store_failed || (r < 0 && r != -ESTALE);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot save the instance");
        c->task = c->i->task_state;
        return 0;
}

int instance_call_save_done(InstanceCall *c, VmState vm, const TaskState *expected, NovaException *e) {
        PowerState power;

        /* When it cannot be had the old one stays; the next synchronization finds out. */
        if (compute_instance_power(c->manager, c->i, &power, NULL) >= 0)
                c->i->power_state = power;
        c->i->vm_state = vm;
        c->i->task_state = TASK_NONE;
        return instance_call_save(c, expected, e);
}

/* The row may be written by one other thread meanwhile: the one that accepts a delete. */
void instance_call_accepted(Operation *o) {
        ComputeManager *m = manager_to_compute(o->manager);
        const InstanceMethod *method = o->method->instance;

        for (unsigned n = 0; n < REVERT_TRIES; n++) {
                _cleanup_(instance_done) Instance i = {};
                TaskState expected[] = { TASK_NONE, _TASK_STATE_INVALID };
                int r;

                if (!o->instance_uuid || m->store->ops->instance_get(m->store, o->instance_uuid, READ_DELETED_NO, &i) <= 0)
                        return;
                /* A row of another host is not ours to mark; a locked one will be refused; one that goes already, goes. */
                if ((i.host && !streq(i.host, m->host)) || (i.locked && !context_is_admin(o->context)) ||
                    i.task_state == TASK_DELETING || i.task_state == method->task)
                        return;
                expected[0] = i.task_state;
                i.task_state = method->task;
                r = compute_instance_save(m, o->context, &i, expected, NULL);
                if (r > 0)      /* what waits for its network need not wait any more */
                        (void) event_registry_cancel(m->events, i.uuid);
                if (r != -ESTALE)
                        return;
        }
}

/* ---- what is recorded ---- */

/* The paths of @text that lead into this host become "<path>": details are shown to users' administrators. Devices stay: they
 * are the guest's. In place; what it writes is never longer. */
static void hide_paths(char *text) {
        static const char shown[] = "<path>";
        char *to = text, before = ' ';

        for (char *p = text; *p;) {
                size_t n = *p == '/' ? strcspn(p, " \t\n'\":,;)") : 0;
                bool begins = strchr(" \t\n'\"(=", before) != NULL;

                before = *p;
                if (begins && n > sizeof shown && !startswith(p, "/dev/")) {
                        to = stpcpy(to, shown);
                        p += n;
                        before = 'x';
                } else
                        *to++ = *p++;
        }
        *to = '\0';
}

/* As Python would print it, without our source lines. malloc'ed. */
static char *traceback_text(int r, const NovaException *e) {
        const char *module = exception_is_set(e) ? strempty(e->module) : exception_class_module(EXC_NOVA);
        const char *name = exception_is_set(e) ? e->class_name : exception_class_name(EXC_NOVA);
        char *text;

        if (asprintf(&text, "Traceback (most recent call last):\n%s%s%s: %s\n", module, isempty(module) ? "" : ".", name,
                     failure_text(r, e)) < 0)
                return NULL;
        hide_paths(text);
        return text;
}

/* The text of Nova's exceptions, of others the class. malloc'ed. */
static char *message_text(int r, const NovaException *e) {
        bool foreign = exception_is_set(e) && !streq(strempty(e->module), exception_class_module(EXC_NOVA));

        return strdup(foreign ? e->class_name : failure_text(r, e));
}

void instance_fault_record(ComputeManager *m, const char *uuid, int r, const NovaException *why) {
        bool novas = exception_is_set(why) && streq(strempty(why->module), exception_class_module(EXC_NOVA));
        _cleanup_free_ char *message = message_text(r, why), *details = NULL;
        int code = novas && why->code > 0 ? why->code : 500, q;

        if (code == 500)
                details = traceback_text(r, why);
        if (message)
                message[text_cut_bytes(message, FAULT_MESSAGE_MAX)] = '\0';
        q = m->store->ops->instance_fault_create(m->store, uuid, m->host, code, strempty(message), strempty(details));
        if (q < 0)
                log_warning("Cannot record the fault of instance %s: %s", uuid, failure_text(q, NULL));
}

void instance_call_record_fault(InstanceCall *c, int r, const NovaException *why) {
        if (c->fault_recorded || !(c->method->flags & WRAP_FAULT) || failure_is(why, EXC_INSTANCE_NOT_FOUND))
                return;
        instance_fault_record(c->manager, c->i->uuid, r, why);
        c->fault_recorded = true;
}

void instance_call_set_error(InstanceCall *c, int r, const NovaException *why) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;

        log_error("Instance %s is set to error: %s", c->i->uuid, failure_text(r, why));
        instance_call_record_fault(c, r, why);
        r = instance_call_save_done(c, VM_ERROR, NULL, &x);
        if (r < 0 && !instance_call_overtaken(&x))
                log_error("Cannot write that instance %s is in error: %s", c->i->uuid, failure_text(r, &x));
}

static int start_event(InstanceCall *c, NovaException *e) {
        char name[128];
        const ActionEvent event = {
                .instance_uuid = c->i->uuid,
                .action = c->method->action,
                .event = c->method->event ? c->method->event : name,
                .request_id = context_request_id(c->context),
                .user_id = context_user_id(c->context),
                .project_id = context_project_id(c->context),
                .host = c->manager->host,
        };
        Store *s = c->manager->store;
        int r;

        if (!(c->method->flags & WRAP_EVENT))
                return 0;
        assert(c->method->action);
        (void) snprintf(name, sizeof name, "compute_%s", c->operation->method->name);
        r = s->ops->action_event_start(s, &event, &c->event);
        c->store_failed = c->store_failed || r < 0;
        return r < 0 ? exception_set_errno(e, r, "Cannot record the event") : 0;
}

static void finish_event(InstanceCall *c, int result, const NovaException *why) {
        _cleanup_free_ char *message = NULL, *traceback = NULL;
        Store *s = c->manager->store;
        int r;

        if (c->event == 0)
                return;
        if (result < 0) {
                message = message_text(result, why);
                traceback = traceback_text(result, why);
                if (!message)
                        message = strdup("");
        }
        r = s->ops->action_event_finish(s, c->event, message, traceback);
        if (r < 0)
                log_warning("Cannot record the end of %s of instance %s: %s", c->operation->method->name, c->i->uuid,
                            failure_text(r, NULL));
}

void instance_call_interrupted(const Operation *o, const NovaException *why) {
        InstanceCall c = {
                .manager = manager_to_compute(o->manager),
                .operation = (Operation *) o,
                .method = o->method->instance,
                .context = o->context,
                .args = o->args,
                .i = &(Instance) { .uuid = o->instance_uuid },
        };

        if (!c.method || !c.method->action || !o->instance_uuid)
                return;
        if (start_event(&c, NULL) >= 0)
                finish_event(&c, -ECANCELED, why);
}

/* The task ends with the method; but a deletion that was accepted meanwhile keeps its mark. False when the store could not be written. */
static bool revert_task(InstanceCall *c) {
        Store *s = c->manager->store;
        int r = 0;

        for (unsigned n = 0; n < REVERT_TRIES; n++) {
                _cleanup_(instance_done) Instance row = {};
                TaskState expected[] = { TASK_NONE, _TASK_STATE_INVALID };

                r = s->ops->instance_get(s, c->i->uuid, READ_DELETED_NO, &row);
                if (r == 0 || (r > 0 && (row.task_state == TASK_NONE ||
                                         (is_deleting(row.task_state) && row.task_state != c->method->task))))
                        return true;
                if (r < 0)
                        break;
                expected[0] = row.task_state;
                row.task_state = TASK_NONE;
                r = compute_instance_save(c->manager, c->context, &row, expected, NULL);
                if (r != -ESTALE)
                        break;
        }
        if (r < 0) {
                c->store_failed = true;
                log_error("Cannot clear the task_state of instance %s: %s", c->i->uuid, failure_text(r, NULL));
        }
        return r >= 0 || r == -ESTALE;
}

/* Whether it failed since the store could not be written: then it could not write how it leaves the instance, either. An errno does
 * not tell: a driver has the same for a guest of its own. */
static bool is_of_the_store(const InstanceCall *c, const NovaException *e) {
        return c->store_failed || failure_is(e, EXC_DB_ERROR);
}

/* Nova's order: the fault, the event, the task. */
static void record_end(InstanceCall *c, int result, const NovaException *why) {
        bool task_differs = failure_is(why, EXC_UNEXPECTED_TASK_STATE) || failure_is(why, EXC_UNEXPECTED_DELETING_TASK_STATE);

        if (result < 0)
                instance_call_record_fault(c, result, why);
        finish_event(c, result, why);
        if (result < 0 && (c->method->flags & WRAP_REVERT) && !task_differs && !is_of_the_store(c, why))
                (void) revert_task(c);  /* else instance_call_run does */
}

/* ---- the call ---- */

/* What a notification tells of the request besides the instance: the images that a rescue and a snapshot name. */
static json_t *told_besides(const InstanceCall *c) {
        return json_pack("{s:O*, s:O*}", "rescue_image_ref", json_object_get(c->args, "rescue_image_ref"), "snapshot_image_id",
                         json_object_get(c->args, "image_id"));
}

static void notify(const InstanceCall *c, NotifyPhase phase, const NovaException *why) {
        json_auto_t *besides = NULL;

        if (!c->method->notify)
                return;
        besides = told_besides(c);
        compute_notify_instance_with(c->manager, c->context, c->i, c->method->notify, phase, why, besides);
}

static int run(InstanceCall *c, json_t **ret, NovaException *e) {
        const json_t *object = NULL;
        TaskState asked;
        int r, done;

        r = c->method->check ? c->method->check(c->args, e) : 0;
        if (r < 0)
                return r;
        r = find_row(c, &object, e);
        if (r <= 0)
                return r;
        r = take_changes(c, object, &asked, e);
        if (r < 0)
                return r;
        done = begin_as_api(c, asked, e);
        if (done < 0)
                return done;
        if (done > 0)
                log_info("%s of instance %s was done by the run that ended.", c->operation->method->name, c->i->uuid);
        r = start_event(c, e);
        if (r >= 0 && done == 0) {
                if (c->method->flags & INSTANCE_TELLS_USAGE)
                        compute_notify_usage(c->manager, c->context, c->i);
                notify(c, NOTIFY_START, NULL);
                r = operation_cancelled(c->operation) && !(c->method->flags & INSTANCE_NEW) ? operation_refuse_cancelled(c->operation, e)
                                                                                          : c->method->body(c, ret, e);
                if (r >= 0)
                        notify(c, NOTIFY_END, NULL);
                else if (c->method->flags & INSTANCE_TELLS_FAILURE)
                        notify(c, NOTIFY_ERROR, e);
        }
        record_end(c, r, e);
        return r < 0 ? r : 0;
}

int instance_call_run(Operation *o, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        const InstanceMethod *method = o->method->instance;
        InstanceCall c = {
                .manager = manager_to_compute(o->manager),
                .operation = o,
                .context = o->context,
                .args = o->args,
        };
        int r;

        assert(method);
        c.method = method->variant ? method->variant(o->args) : method;
        r = run(&c, ret, &x);
        /* Before it had begun, too: a delete has marked the row when it was accepted. */
        if (r < 0 && o->instance_uuid && (c.method->flags & WRAP_REVERT) && is_of_the_store(&c, &x)) {
                do
                        compute_recover_when_stored(c.manager, c.context, o->instance_uuid);
                while (c.i && c.i->uuid && !revert_task(&c) && !c.manager->stopping);
        }
        if (r < 0) {
                if (c.method->flags & WRAP_NOTIFY)
                        compute_notify_failure(c.manager, o, r, &x);
                if (!exception_is_set(&x))
                        (void) exception_set_errno(&x, r, o->method->name);
                exception_move(e, &x);
        }
        instance_free(c.i);
        return r;
}
