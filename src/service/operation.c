/* Operations: from the checked request to the end that is told to whoever asked; and the gate that counts them. */
#define LOG_LOGGER "nova.service"
#include "service/operation-internal.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "basic/fault-step.h"
#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"

const char *operation_origin_to_string(OperationOrigin o) {
        static const char *const names[_ORIGIN_MAX] = {
                [ORIGIN_RPC] = "rpc",
                [ORIGIN_BUS] = "bus",
                [ORIGIN_PERIODIC] = "periodic",
                [ORIGIN_RECOVERY] = "recovery",
        };

        return o >= 0 && o < _ORIGIN_MAX ? names[o] : NULL;
}

const char *operation_result_to_string(OperationResult r) {
        static const char *const names[_OPERATION_RESULT_MAX] = {
                [OPERATION_DONE] = "done",
                [OPERATION_REFUSED] = "refused",
                [OPERATION_FAILED] = "failed",
                [OPERATION_CANCELLED] = "cancelled",
                [OPERATION_LEFT] = "left",
        };

        return r >= 0 && r < _OPERATION_RESULT_MAX ? names[r] : NULL;
}

OperationResult operation_result(const Operation *o) {
        if (o->left || !o->begun)
                return OPERATION_LEFT;
        if (!exception_is_set(&o->exception))
                return OPERATION_DONE;
        if (o->exception.error == -ECANCELED && operation_cancelled(o))
                return OPERATION_CANCELLED;
        return o->exception.code > 0 && o->exception.code < 500 ? OPERATION_REFUSED : OPERATION_FAILED;
}

/* ---- the gate ---- */

static int gate_on_idle(sd_event_source *s, int fd, uint32_t revents _unused_, void *userdata) {
        OperationGate *g = userdata;
        eventfd_t n;

        (void) eventfd_read(fd, &n);
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);    /* once */
        g->idle(g->userdata);                                   /* may drop the gate */
        return 0;
}

int operation_gate_new(OperationGate **ret, sd_event *event, void (*idle)(void *userdata), void *userdata) {
        _cleanup_(operation_gate_unrefp) OperationGate *g = NULL;
        int r;

        g = calloc(1, sizeof *g);
        if (!g)
                return -ENOMEM;
        atomic_init(&g->references, 1);
        g->idle = idle;
        g->userdata = userdata;
        (void) pthread_mutex_init(&g->lock, NULL);
        (void) pthread_cond_init(&g->woken, NULL);

        g->idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (g->idle_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &g->source, g->idle_fd, EPOLLIN, gate_on_idle, g);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(g->source, "operations-idle");

        *ret = TAKE_PTR(g);
        return 0;
}

OperationGate *operation_gate_ref(OperationGate *g) {
        (void) atomic_fetch_add(&g->references, 1);
        return g;
}

/* The source belongs to the loop: whoever owns the gate there detaches it before the last reference can be a worker's. */
OperationGate *operation_gate_unref(OperationGate *g) {
        if (!g || atomic_fetch_sub(&g->references, 1) > 1)
                return NULL;
        sd_event_source_disable_unref(g->source);
        if (g->idle_fd >= 0)
                (void) close(g->idle_fd);
        (void) pthread_cond_destroy(&g->woken);
        (void) pthread_mutex_destroy(&g->lock);
        (void) strv_free(g->before);
        (void) operation_metrics_unref(g->metrics);
        (void) job_feed_unref(g->feed);
        free(g->service);
        free(g);
        return NULL;
}

void operation_gate_detach(OperationGate *g) {
        g->source = sd_event_source_disable_unref(g->source);
}

/* With the lock held. */
static void gate_tell_idle(OperationGate *g) {
        if (g->closed && g->running == 0)
                (void) eventfd_write(g->idle_fd, 1);
}

static OperationList gate_take_later(OperationGate *g) {
        OperationList later;

        (void) pthread_mutex_lock(&g->lock);
        later = g->later;
        g->later = (OperationList) {};
        (void) pthread_mutex_unlock(&g->lock);
        return later;
}

void operation_gate_put_off(OperationGate *g, bool on) {
        OperationList later;
        Operation *o;

        (void) pthread_mutex_lock(&g->lock);
        g->putting_off = on;
        (void) pthread_mutex_unlock(&g->lock);
        if (on)
                return;
        later = gate_take_later(g);
        while ((o = operation_list_pop(&later)))
                operation_to_pool(o);
}

void operation_gate_close(OperationGate *g) {
        OperationList later;
        Operation *o;

        (void) pthread_mutex_lock(&g->lock);
        if (!g->closed) {
                g->closed = true;
                gate_tell_idle(g);
                (void) pthread_cond_broadcast(&g->woken);
        }
        (void) pthread_mutex_unlock(&g->lock);
        if (g->journal)
                operation_journal_gate_closed(g);
        later = gate_take_later(g);
        while ((o = operation_list_pop(&later))) {
                (void) operation_refuse_stopping(o);
                if (o->journal_id > 0)
                        operation_journal_not_begun(o);
                operation_end(o);
        }
}

void operation_gate_wake(OperationGate *g) {
        (void) pthread_mutex_lock(&g->lock);
        (void) pthread_cond_broadcast(&g->woken);
        (void) pthread_mutex_unlock(&g->lock);
}

void operation_gate_set_metrics(OperationGate *g, OperationMetrics *m) {
        g->metrics = operation_metrics_ref(m);
}

void operation_gate_set_deadline(OperationGate *g, usec_t deadline) {
        (void) pthread_mutex_lock(&g->lock);
        g->deadline = deadline;
        (void) pthread_mutex_unlock(&g->lock);
}

void operation_gate_set_feed(OperationGate *g, JobFeed *feed) {
        g->feed = feed;
}

/* With the lock held. What is allowed in general bounds what a method allows itself: an operator who wants to hear of
 * calls after two seconds, or never, hears of none later, or at all. */
static usec_t gate_deadline(const OperationGate *g, const Method *m) {
        return m->deadline > 0 ? MIN(m->deadline, g->deadline) : g->deadline;
}

int operation_show(Operation *o, OperationGate *g) {
        usec_t deadline;

        if (!o->record) {
                (void) pthread_mutex_lock(&g->lock);
                deadline = gate_deadline(g, o->method);
                (void) pthread_mutex_unlock(&g->lock);
                o->record = job_record_new(g->feed, o, o->id, deadline);
        }
        return o->record ? 0 : -ENOMEM;
}

int operation_gate_enter(OperationGate *g, Operation *o) {
        int r = 0;

        (void) pthread_mutex_lock(&g->lock);
        if (g->closed && !o->is_part)   /* what it is a part of is in flight */
                r = -ESHUTDOWN;
        else {
                o->job.deadline = gate_deadline(g, o->method);
                o->gate = operation_gate_ref(g);
                o->gate_previous = g->last;
                *(g->last ? &g->last->gate_next : &g->first) = o;
                g->last = o;
                g->running++;
                g->accepted++;
        }
        (void) pthread_mutex_unlock(&g->lock);
        if (r >= 0 && (o->method->flags & METHOD_CHANGES_STATE))
                (void) operation_show(o, g);
        return r;
}

/* Out of the list: the operation is about to be answered and freed by others, but still counts as running. */
static void gate_unlist(OperationGate *g, Operation *o) {
        (void) pthread_mutex_lock(&g->lock);
        *(o->gate_previous ? &o->gate_previous->gate_next : &g->first) = o->gate_next;
        *(o->gate_next ? &o->gate_next->gate_previous : &g->last) = o->gate_previous;
        o->gate_previous = o->gate_next = NULL;
        if (exception_is_set(&o->exception))
                g->failures++;
        (void) pthread_mutex_unlock(&g->lock);
}

static void gate_leave(OperationGate *g) {
        (void) pthread_mutex_lock(&g->lock);
        g->running--;
        gate_tell_idle(g);
        (void) pthread_mutex_unlock(&g->lock);
        (void) operation_gate_unref(g);
}

/* Getters lock a const gate: the lock is not part of what it shows. */
#define GATE_READ(g, type, expression)                                            \
        ({                                                                        \
                OperationGate *_g = (OperationGate *) (g);                        \
                (void) pthread_mutex_lock(&_g->lock);                             \
                type _v = (expression);                                           \
                (void) pthread_mutex_unlock(&_g->lock);                           \
                _v;                                                               \
        })

bool operation_gate_closed(const OperationGate *g) {
        return GATE_READ(g, bool, g->closed);
}

unsigned operation_gate_running(const OperationGate *g) {
        return GATE_READ(g, unsigned, g->running);
}

uint64_t operation_gate_accepted(const OperationGate *g) {
        return GATE_READ(g, uint64_t, g->accepted);
}

uint64_t operation_gate_failures(const OperationGate *g) {
        return GATE_READ(g, uint64_t, g->failures);
}

void operation_gate_count_refused(OperationGate *g) {
        (void) pthread_mutex_lock(&g->lock);
        g->failures++;
        (void) pthread_mutex_unlock(&g->lock);
}

static void foreach_but(OperationGate *g, const Operation *but, void (*f)(const OperationInfo *info, void *userdata), void *userdata) {
        usec_t now = now_monotonic();

        (void) pthread_mutex_lock(&g->lock);
        for (Operation *o = g->first; o; o = o->gate_next) {
                OperationInfo info = {
                        .id = o->id,
                        .method = o->method->name,
                        .instance_uuid = o->instance_uuid,
                        .request_id = context_request_id(o->context),
                        .origin = o->origin,
                        .begun = o->begun,
                        .cancelled = operation_cancelled(o),
                        .progress = atomic_load(&o->progress),
                        .step = o->step,
                        .age = now - MIN(now, o->accepted),
                };
                if (o != but)
                        f(&info, userdata);
        }
        (void) pthread_mutex_unlock(&g->lock);
}

void operation_gate_foreach(OperationGate *g, void (*f)(const OperationInfo *info, void *userdata), void *userdata) {
        foreach_but(g, NULL, f, userdata);
}

void operation_foreach_other(const Operation *o, void (*f)(const OperationInfo *info, void *userdata), void *userdata) {
        if (o->gate)
                foreach_but(o->gate, o, f, userdata);
}

int operation_cancel(OperationGate *g, uint64_t id) {
        int r = -ENOENT;

        (void) pthread_mutex_lock(&g->lock);
        for (Operation *o = g->first; o; o = o->gate_next)
                if (o->id == id) {
                        r = atomic_exchange(&o->cancelled, true) ? -EALREADY : 0;
                        if (r >= 0) {
                                job_record_cancelled(o->record);
                                (void) pthread_cond_broadcast(&g->woken);
                                /* One that has not begun says so now, not after those before it; but not when it has to take back in
                                 * its turn what its acceptance did. */
                                (void) pool_let_ahead(o->pool, &o->job, !o->method->accepted);
                        }
                        break;
                }
        (void) pthread_mutex_unlock(&g->lock);
        return r;
}

/* ---- operations ---- */

/* Essex names the instance by uuid, today's callers send the whole object. */
static const char *arguments_instance_uuid(const json_t *args) {
        const json_t *instance = json_object_get(args, "instance");
        const char *uuid = json_member_string(args, "instance_uuid");

        if (!uuid && json_is_string(instance))
                uuid = json_string_value(instance);
        if (!uuid && json_is_object(instance))
                uuid = json_member_string(json_object_get(instance, "nova_object.data") ?: instance, "uuid");
        return uuid && uuid_is_valid(uuid) ? uuid : NULL;
}

int operation_new(Operation **ret, Manager *manager, const Method *method, RequestContext *context, const json_t *args,
                  OperationOrigin origin, void (*finished)(Operation *o), void *origin_data, NovaException *e) {
        json_auto_t *read = NULL;
        int r;

        r = method_check_arguments(method, args, e);
        if (r < 0)
                return r;
        if (r > 0)
                log_debug("%s was given %d arguments that it does not know", method->name, r);
        if (method->reads_objects)
                return operation_new_unchecked(ret, manager, method, context, args, origin, finished, origin_data);
        r = method_read_objects(method, args, &read, e);
        if (r < 0)
                return r;
        return operation_new_unchecked(ret, manager, method, context, read, origin, finished, origin_data);
}

int operation_new_unchecked(Operation **ret, Manager *manager, const Method *method, RequestContext *context, const json_t *args,
                            OperationOrigin origin, void (*finished)(Operation *o), void *origin_data) {
        static atomic_uint_fast64_t last_id;    /* of the process: the service's runs have a gate each */
        _cleanup_(operation_freep) Operation *o = NULL;
        const char *uuid;

        o = calloc(1, sizeof *o);
        if (!o)
                return -ENOMEM;
        o->id = atomic_fetch_add(&last_id, 1) + 1;
        o->method = method;
        o->manager = manager;
        o->origin = origin;
        o->accepted = now_monotonic();
        atomic_init(&o->unended, 1);
        o->context = context ? context_ref(context) : context_new_admin();
        o->args = args ? json_incref((json_t *) args) : json_object();
        if (!o->context || !o->args)
                return -ENOMEM;
        uuid = arguments_instance_uuid(o->args);
        if (uuid && !(o->instance_uuid = strdup(uuid)))
                return -ENOMEM;
        if (method->flags & METHOD_PER_INSTANCE)
                o->job.key = o->instance_uuid;
        o->finished = finished;
        o->origin_data = origin_data;

        *ret = TAKE_PTR(o);
        return 0;
}

Operation *operation_free(Operation *o) {
        if (!o)
                return NULL;
        (void) context_unref(o->context);
        json_decref(o->args);
        json_decref(o->result);
        exception_done(&o->exception);
        free(o->instance_uuid);
        free(o->step);
        free(o->msg_id);
        free(o->reply_q);
        journal_row_done(&o->write.row);
        free(o);
        return NULL;
}

/* An instance's story is in the journal: what changes it, when it began and how it ended. Queries are told at DEBUG. */
static bool is_told(const Operation *o) {
        return o->instance_uuid && (o->method->flags & METHOD_CHANGES_STATE);
}

static void tell_begin(const Operation *o) {
        if (is_told(o))
                log_event(LOG_LEVEL_INFO, MESSAGE_OPERATION_BEGUN, NULL, "Instance %s: %s begins (%s%s)", o->instance_uuid, o->method->name,
                          o->origin == ORIGIN_RPC ? "by RPC" : o->origin == ORIGIN_BUS ? "by D-Bus" : "by the host itself",
                          o->interrupted ? ", again after an interruption" : "");
        else
                log_debug("%s begins", o->method->name);
}

static void tell_end(const Operation *o, usec_t took) {
        if (exception_is_set(&o->exception)) {
                /* Below 500 it is the caller's affair: answered, and of no concern to who runs this host. */
                if (o->exception.code > 0 && o->exception.code < 500)
                        log_event(LOG_LEVEL_INFO, MESSAGE_OPERATION_FAILED, NULL, "%s was refused: %s", o->method->name,
                                  strempty(o->exception.message));
                else
                        log_event(LOG_LEVEL_ERROR, MESSAGE_OPERATION_FAILED, NULL, "Exception during message handling: %s: %s: %s",
                                  o->method->name, o->exception.class_name, strempty(o->exception.message));
        } else if (is_told(o))
                log_event(LOG_LEVEL_INFO, MESSAGE_OPERATION_DONE, NULL, "Instance %s: %s is done after %.1f s", o->instance_uuid,
                          o->method->name, (double) took / USEC_PER_SEC);
}

/* Calls the method, here; lines that it logs carry the request. */
static void operation_run(Operation *o) {
        usec_t began = now_monotonic();
        LogFields before;
        int r;

        before = log_fields_set((LogFields){
                .request_id = context_request_id(o->context),
                .user_id = context_user_id(o->context),
                .project_id = context_project_id(o->context),
                .instance_uuid = o->instance_uuid,
                .operation = o->method->name,
        });

        tell_begin(o);
        if (o->manager->ops->before_method)
                o->manager->ops->before_method(o->manager, o);
        /* A method that has done something when it was accepted takes that back itself. */
        r = operation_cancelled(o) && !o->method->accepted ? operation_refuse_cancelled(o, &o->exception)
                                                           : o->method->run(o, &o->result, &o->exception);
        if (r < 0 && !exception_is_set(&o->exception))
                (void) exception_set_errno(&o->exception, r, o->method->name);

        tell_end(o, now_monotonic() - began);
        (void) log_fields_set(before);
}

void operation_run_if_due(Operation *o) {
        if (o->due && !o->due(o))
                log_debug("%s is not due any more", o->method->name);
        else
                operation_run(o);
}

int operation_settle(Operation *o) {
        int r = o->manager->ops->settle && o->method->flags & METHOD_CHANGES_STATE ? o->manager->ops->settle(o->manager) : 0;

        if (r < 0)
                log_warning("What %s wrote may not outlive a loss of power: %s", o->method->name, strerror(-r));
        return r;
}

/* The one end of every operation. */
void operation_end(Operation *o) {
        OperationGate *gate = o->gate;

        if (atomic_fetch_sub(&o->unended, 1) > 1)
                return;                 /* the last part ends it */
        if (atomic_load(&o->part_not_begun)) {
                o->begun = false;
                (void) operation_refuse_stopping(o);
        }
        if (gate) {
                operation_metrics_count(gate->metrics, o);
                operation_journal_forget(o);
                gate_unlist(gate, o);
                job_record_ended(TAKE_PTR(o->record), o);
        }
        o->finished(o);         /* @o is gone */
        if (gate)
                gate_leave(gate);
}

/* With the lock held. */
static bool gate_puts_off(const OperationGate *g, const Operation *o) {
        return g->putting_off && !g->closed && (o->method->flags & METHOD_CHANGES_STATE) && !(o->method->flags & METHOD_QUICK);
}

/* Marks it as begun; false when the gate was closed meanwhile, or puts it off: then it stays as it is. */
static bool operation_begin(Operation *o) {
        OperationGate *g = o->gate;

        if (g) {
                (void) pthread_mutex_lock(&g->lock);
                o->put_off = gate_puts_off(g, o);
                o->begun = !g->closed && !o->put_off;
                (void) pthread_mutex_unlock(&g->lock);
        } else
                o->begun = true;
        if (o->begun) {
                o->begun_at = now_monotonic();
                job_record_begun(o->record);
        }
        return o->begun;
}

/* Not longer than a little less than the time that the method has, so that it can still say what is wrong before it is called stalled. On
 * the worker, so that those of one instance stay in order. */
bool operation_wait_until_ready(Operation *o) {
        bool (*ready)(Manager *m) = o->manager->ops->ready;
        usec_t deadline = o->job.deadline ?: o->method->deadline, until = (o->begun_at ?: now_monotonic()) + deadline - deadline / 10;
        OperationGate *g = o->gate;
        bool told = false, is_ready;

        if (!g || !ready)
                return false;
        (void) pthread_mutex_lock(&g->lock);
        while (!(is_ready = ready(o->manager)) && !g->closed && !operation_cancelled(o) && now_monotonic() < until) {
                usec_t next = MIN(until, now_monotonic() + USEC_PER_SEC);       /* what is not told is looked at */
                const struct timespec t = { .tv_sec = (time_t) (next / USEC_PER_SEC), .tv_nsec = (long) (next % USEC_PER_SEC) * 1000 };

                if (!told)
                        log_debug("%s%s%s waits for the hypervisor", o->method->name, o->instance_uuid ? " of instance " : "",
                                  strempty(o->instance_uuid));
                told = true;
                (void) pthread_cond_clockwait(&g->woken, &g->lock, CLOCK_MONOTONIC, &t);
        }
        is_ready = is_ready && !g->closed && !operation_cancelled(o);
        (void) pthread_mutex_unlock(&g->lock);
        return is_ready;
}

static int operation_on_work(Job *j) {
        Operation *o = CONTAINER_OF(j, Operation, job);

        /* A hypervisor that is away is no failure of who asked: it is waited for. */
        if (o->method->flags & METHOD_WHEN_READY)
                (void) operation_wait_until_ready(o);
        /* What waited for a worker while the service was told to stop does not begin. */
        if (!operation_begin(o))
                return -ECANCELED;
        if (operation_is_journalled(o))
                operation_journal_work(o);
        else {
                operation_run_if_due(o);
                (void) operation_settle(o);
        }
        return 0;
}

int operation_refuse_stopping(Operation *o) {
        return exception_setf(&o->exception, EXC_NOVA, "%s was not begun: the service stops", o->method->name);
}

static void operation_on_done(Job *j, int r _unused_) {
        Operation *o = CONTAINER_OF(j, Operation, job);

        if (o->put_off) {
                operation_to_pool(o);
                return;
        }
        if (!o->begun) {
                (void) operation_refuse_stopping(o);
                if (o->journal_id > 0)
                        operation_journal_not_begun(o);
        }
        operation_end(o);
}

/* By age: who had its turn in the pool comes later than who was put off on its way there, and may be older. */
static void append_by_age(OperationList *l, Operation *o) {
        Operation *before = NULL;

        if (!l->last || l->last->id < o->id) {
                operation_list_append(l, o);
                return;
        }
        for (Operation *i = l->first; i->id < o->id; i = i->list_next)
                before = i;
        o->list_next = before ? before->list_next : l->first;
        *(before ? &before->list_next : &l->first) = o;
}

/* Whether it waits for the gate to put off no more. */
static bool wait_for_gate(Operation *o) {
        OperationGate *g = o->gate;
        bool wait;

        if (!g)
                return false;
        (void) pthread_mutex_lock(&g->lock);
        o->put_off = false;
        wait = gate_puts_off(g, o);
        if (wait)
                append_by_age(&g->later, o);
        (void) pthread_mutex_unlock(&g->lock);
        return wait;
}

void operation_to_pool(Operation *o) {
        int r;

        if (wait_for_gate(o))
                return;
        o->job.kind = o->method->kind;
        o->job.name = o->method->name;
        if (!o->gate)
                o->job.deadline = o->method->deadline;
        o->job.work = operation_on_work;
        o->job.done = operation_on_done;
        o->job.done_on_worker = true;
        r = pool_submit(o->pool, &o->job);
        if (r >= 0)
                return;
        if (o->journal_id > 0) {
                /* Accepted is accepted: the next start runs it. */
                (void) operation_refuse_stopping(o);
                operation_journal_not_begun(o);
        } else if (r == -ESHUTDOWN)
                (void) operation_refuse_stopping(o);
        else {
                (void) exception_setf(&o->exception, EXC_NOVA, "%s was refused: no thread can be had (%s)", o->method->name,
                                      strerror(-r));
                (void) operation_begin(o);      /* to be answered, not handed back: it would come again at once */
        }
        operation_end(o);
}

void operation_submit(Operation *o, OperationGate *gate, Pool *pool) {
        o->pool = pool;
        if (gate && operation_gate_enter(gate, o) < 0) {
                (void) operation_refuse_stopping(o);
                job_record_ended(TAKE_PTR(o->record), o);
                o->finished(o);
                return;
        }
        if (operation_is_journalled(o)) {
                operation_journal_submit(o);
                return;
        }
        job_record_accepted(o->record);
        if (o->method->accepted && !o->due)
                o->method->accepted(o);

        if (o->method->flags & METHOD_QUICK) {
                if (operation_begin(o))
                        operation_run(o);
                else
                        (void) operation_refuse_stopping(o);
                operation_end(o);
                return;
        }
        operation_to_pool(o);
}

/* ---- of one that runs ---- */

static void part_on_finished(Operation *o) {
        Operation *whole = o->follows;

        if (whole && !o->begun)
                atomic_store(&whole->part_not_begun, true);
        if (!o->begun)
                log_info("%s%s%s was not begun, it comes again", o->method->name, o->instance_uuid ? " of instance " : "",
                         strempty(o->instance_uuid));
        (void) operation_free(o);
        if (whole)
                operation_end(whole);
}

/* The journal writes in the order in which it is asked to: this one's acceptance before the other's outcome. */
int operation_follow(Operation *o, const char *method, json_t *args, NovaException *e) {
        json_auto_t *given = args;
        const Method *m = manager_method(o->manager, method, ~0u);
        char id[64];
        Operation *part;
        int r;

        if (!m)
                return exception_setf(e, EXC_NO_SUCH_METHOD, "Endpoint does not support RPC method %s", method);
        r = operation_new(&part, o->manager, m, o->context, given, ORIGIN_RPC, part_on_finished, NULL, e);
        if (r < 0)
                return r;
        json_decref(TAKE_PTR(given));   /* counts of references are not safe between threads */
        part->is_part = true;
        if (o->journal_id > 0 && o->gate && (m->flags & METHOD_CHANGES_STATE)) {
                snprintf(id, sizeof id, "part/%lld/%u", (long long) o->journal_id, o->parts++);
                r = operation_set_request(part, id, NULL, false, &(RpcReplyAddress) {});
                if (r < 0) {
                        (void) operation_free(part);
                        return r;
                }
        } else {
                part->follows = o;
                (void) atomic_fetch_add(&o->unended, 1);
        }
        operation_submit(part, o->gate, o->pool);
        return 0;
}

int operation_step(Operation *o, const char *step) {
        OperationGate *g = o->gate;
        char *copy = NULL, *before;

        if (!isempty(step) && !(copy = strdup(step)))
                return -ENOMEM;
        if (g)
                (void) pthread_mutex_lock(&g->lock);
        before = o->step;
        o->step = copy;
        if (g)
                (void) pthread_mutex_unlock(&g->lock);
        free(before);
        job_record_step(o->record, step);
        fault_step(strempty(step));
        if (o->journal_id > 0)
                operation_journal_step(o, step);
        return 0;
}

void operation_progress(Operation *o, unsigned percent) {
        atomic_store(&o->progress, MIN(percent, 100u));
        job_record_progress(o->record, MIN(percent, 100u));
}

uint64_t operation_id(const Operation *o) {
        return o->id;
}

bool operation_is_interrupted(const Operation *o) {
        return o->interrupted;
}

const char *operation_last_step(const Operation *o) {
        return o->step;
}

bool operation_cancelled(const Operation *o) {
        return atomic_load(&o->cancelled);
}

int operation_refuse_cancelled(const Operation *o, NovaException *e) {
        (void) exception_setf(e, EXC_NOVA, "%s was cancelled", o->method->name);
        if (e)
                e->error = -ECANCELED;
        return -ECANCELED;
}
