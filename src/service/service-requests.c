/* Requests: from the RPC server, or asked for by name on D-Bus, to operations; and what the broker's link and the pool
 * tell meanwhile.
 *
 * A request arrives on the RPC server's thread, is matched against the manager's endpoints and methods, and becomes an
 * operation; what cannot be one is answered there with the exception that the caller's kind expects. Once the gate is
 * closed, requests are handed back: they stay in their queue for the next start. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/evp.h>

#include "basic/log.h"

/* ---- on the RPC server's thread, and on workers ---- */

static bool endpoint_has(unsigned served, const char *method, void *userdata) {
        return manager_method(userdata, method, served);
}

/* The operation goes first: it shares the arguments with the request, which may be gone as soon as it is answered. */
static void request_on_finished(Operation *o) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        RpcRequest *r = o->origin_data;
        json_t *result = TAKE_PTR(o->result);
        bool begun = o->begun, left = o->left;
        int64_t id = o->journal_id;

        exception_move(&e, &o->exception);
        (void) operation_free(o);
        if (left) {
                json_decref(result);
                rpc_request_end(r);
        } else if (id > 0) {
                RequestServer *q = rpc_request_userdata(r);
                RpcReplyAddress to;

                rpc_request_reply_address(r, &to);
                service_reply(q->rpc, q->journal, id, &to, result, &e);
                rpc_request_end(r);
        } else if (begun)
                rpc_request_finish(r, result, &e);
        else
                rpc_request_hand_back(r);
}

/* A peer of Essex knows neither versions nor namespaces: for it a method is an attribute of the manager. */
static void refusal_for_essex(const RpcRequest *r, const Manager *m, NovaException *e) {
        const char *class = strrchr(m->ops->class_name, '.');
        _cleanup_exception_ NovaException attribute = NOVA_EXCEPTION_NULL;

        if (rpc_request_format(r) != WIRE_ESSEX)
                return;
        (void) exception_setf(&attribute, EXC_ATTRIBUTE_ERROR, "'%s' object has no attribute '%s'",
                              class ? class + 1 : m->ops->class_name, rpc_request_method(r));
        exception_done(e);
        exception_move(e, &attribute);
}

static void request_on_recorded(Operation *o) {
        rpc_request_accept(o->origin_data);
}

/* Of a cast of Essex, which has no id: what it says, as a digest. Empty when out of memory. */
static void digest_of(const RpcRequest *r, char ret[static 2 * EVP_MAX_MD_SIZE + 1]) {
        json_auto_t *context = context_safe_dict(rpc_request_context(r));
        json_auto_t *whole = json_pack("{s:s, s:O, s:O?}", "method", rpc_request_method(r), "args", rpc_request_args(r), "context",
                                       context);
        _cleanup_free_ char *text = whole ? json_dumps(whole, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
        unsigned char hash[EVP_MAX_MD_SIZE];
        size_t n;

        ret[0] = '\0';
        if (!text || !EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), hash, &n))
                return;
        for (size_t i = 0; i < n; i++)
                snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

/* By which the journal knows it again, and where its reply goes. */
static int set_request(Operation *o, const RpcRequest *r) {
        char digest[2 * EVP_MAX_MD_SIZE + 1] = "", call[sizeof "call/" + 255];
        const char *id = rpc_request_unique_id(r);
        RpcReplyAddress to;

        rpc_request_reply_address(r, &to);
        if (!id && to.msg_id) {
                snprintf(call, sizeof call, "call/%s", to.msg_id);
                id = call;
        }
        if (!id)
                digest_of(r, digest);
        return operation_set_request(o, id, *digest ? digest : NULL, rpc_request_redelivered(r), &to);
}

static void request_on_arrival(RpcRequest *r, void *userdata) {
        RequestServer *q = userdata;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const RpcEndpoint *endpoints;
        const Method *method = NULL;
        Operation *o = NULL;
        size_t n;
        int k;

        if (operation_gate_closed(q->gate)) {
                rpc_request_hand_back(r);
                return;
        }

        endpoints = q->manager->ops->endpoints(q->manager, &n);
        k = rpc_dispatch(endpoints, n, r, endpoint_has, q->manager, &e);
        if (k >= 0)
                method = manager_method(q->manager, rpc_request_method(r), endpoints[k].served);
        else
                refusal_for_essex(r, q->manager, &e);
        if (rpc_request_repeated(r) && !(method && (method->flags & METHOD_CHANGES_STATE))) {
                rpc_request_end(r);     /* it was answered */
                return;
        }
        if (method)
                k = operation_new(&o, q->manager, method, rpc_request_context(r), rpc_request_args(r), ORIGIN_RPC,
                                  request_on_finished, r, &e);
        if (o && q->journal && (method->flags & METHOD_CHANGES_STATE)) {
                o->recorded = request_on_recorded;
                k = set_request(o, r);
                if (k < 0)
                        o = operation_free(o);
        }
        if (!o) {
                if (!exception_is_set(&e))
                        (void) exception_set_errno(&e, k < 0 ? k : -ENOENT, rpc_request_method(r));
                log_info("Refused %s: %s", rpc_request_method(r), e.message);
                operation_gate_count_refused(q->gate);
                rpc_request_finish(r, NULL, &e);
                return;
        }
        operation_submit(o, q->gate, q->pool);
}

/* ---- the server, on the loop ---- */

static void broker_set(Service *s, const RpcStatus *status) {
        (void) service_replace_text(&s->broker_address, status->address);
        (void) service_replace_text(&s->broker_error, status->error);
        s->broker = *status;
        s->broker.address = strempty(s->broker_address);
        s->broker.error = strempty(s->broker_error);
}

static void broker_on_status(const RpcStatus *status, void *userdata) {
        RequestServer *q = userdata;
        Service *s = q->service;
        const char *error;

        if (!s || s->requests != q)
                return;
        broker_set(s, status);
        if (q->server) {
                (void) strv_free(s->queues);
                s->queues = strv_copy((char *const *) rpc_server_queues(q->server));
        }
        service_notify(s, SERVICE_CHANGED_BROKER);

        error = isempty(s->broker_error) ? "not connected" : s->broker_error;
        if (status->state == RPC_LINK_CONNECTED) {
                service_update_step_done(s, SERVICE_STEP_CONNECTION);
                if (status->consumers >= N_CONSUMERS)
                        service_update_step_done(s, SERVICE_STEP_CONSUMERS);
        } else if (status->state == RPC_LINK_WAITING)
                /* It will try again by itself: no reason for the chain to wait. */
                for (ServiceStep step = SERVICE_STEP_CONNECTION; step <= SERVICE_STEP_CONSUMERS; step++)
                        if (s->steps[step].state == STEP_UNDER_WAY)
                                service_step_ended(s, step, -ENOTCONN, error);
        service_update_state(s);
}

/* A retired server is freed once it is closed and nothing of it is worked on: from the gate, or from the close. */
static void request_server_reap(RequestServer *q) {
        Service *s = q->service;

        if (!q->closed || operation_gate_running(q->gate) > 0)
                return;
        for (RequestServer **p = &s->retired; *p; p = &(*p)->next)
                if (*p == q) {
                        *p = q->next;
                        s->requests_before += operation_gate_accepted(q->gate);
                        s->failures_before += operation_gate_failures(q->gate);
                        (void) request_server_free(q);
                        service_unref_when_idle(s);
                        return;
                }
}

static void gate_on_idle(void *userdata) {
        RequestServer *q = userdata;

        if (q->service->requests == q)
                service_stop_drained(q->service);
        else
                request_server_reap(q);
}

RequestServer *request_server_free(RequestServer *q) {
        if (!q)
                return NULL;
        if (q->server)
                (void) rpc_server_free(q->server);
        if (q->gate)
                operation_gate_detach(q->gate);
        (void) operation_gate_unref(q->gate);
        free(q);
        return NULL;
}

static int set_journal(Service *s, RequestServer *q) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s@%s", s->binary, s->host) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return operation_gate_set_journal(q->gate, q->journal, name);
}

/* Also without a broker: the gate counts what is asked for on D-Bus. */
int service_requests_open(Service *s) {
        RequestServer *q = s->requests;
        int r;

        if (!q) {
                q = calloc(1, sizeof *q);
                if (!q)
                        return -ENOMEM;
                q->service = s;
                q->manager = s->manager;
                q->pool = s->environment.pool;
                r = operation_gate_new(&q->gate, s->environment.event, gate_on_idle, q);
                if (r < 0) {
                        free(q);
                        return r;
                }
                operation_gate_set_deadline(q->gate, service_seconds_option(s, "stall_timeout"));
                operation_gate_set_metrics(q->gate, s->metrics);
                operation_gate_set_feed(q->gate, job_table_feed(s->job_table));
                q->rpc = s->environment.rpc;
                q->journal = s->environment.journal;
                r = q->journal ? set_journal(s, q) : 0;
                if (r < 0) {
                        (void) request_server_free(q);
                        return r;
                }
                operation_gate_put_off(q->gate, s->putting_off);
                s->requests = q;
                broker_set(s, &(RpcStatus){.address = "", .error = ""});
        }
        if (q->server || !s->environment.rpc)
                return 0;
        r = rpc_server_new(&q->server, s->environment.rpc, s->topic, s->host, request_on_arrival, q);
        if (r < 0)
                return r;
        s->broker.state = RPC_LINK_CONNECTING;
        rpc_server_set_status_handler(q->server, broker_on_status, q);
        rpc_server_set_repeats(q->server, q->journal);
        (void) strv_free(s->queues);
        s->queues = strv_copy((char *const *) rpc_server_queues(q->server));
        return 0;
}

int service_requests_consume(Service *s) {
        return s->requests->server ? rpc_server_start(s->requests->server) : -ENOTCONN;
}

static void on_cancelled(void *userdata _unused_) {
}

/* No more operations: the gate refuses them here, and the broker is told to keep them. Its answer need not be waited
 * for: what still arrives is handed back. */
void service_requests_refuse(Service *s) {
        operation_gate_close(s->requests->gate);
        if (s->requests->server && s->consuming)
                (void) rpc_server_cancel(s->requests->server, on_cancelled, NULL);
}

typedef struct CloseJob {
        ServiceJob job;
        RequestServer *server;
        usec_t wait;
        bool worked;
} CloseJob;

static int close_work(ServiceJob *j) {
        CloseJob *c = CONTAINER_OF(j, CloseJob, job);

        rpc_server_close(c->server->server, c->wait);
        c->worked = true;
        return 0;
}

static void close_release(ServiceJob *j) {
        CloseJob *c = CONTAINER_OF(j, CloseJob, job);
        RequestServer *q = c->server;

        if (!c->worked)         /* the pool ended before its turn */
                rpc_server_close(q->server, 0);
        q->closed = true;
        request_server_reap(q);
}

static void close_ended(ServiceJob *j, int r _unused_) {
        service_stop_closed(j->service, j->run);
}

/* The server leaves the service: closed on a worker, which may take a while, then freed when its last request has
 * ended. */
void service_requests_retire(Service *s, usec_t wait) {
        RequestServer *q = TAKE_PTR(s->requests);
        CloseJob *j;

        if (!q)
                return;
        operation_gate_close(q->gate);
        q->next = s->retired;
        s->retired = q;
        s->broker.state = RPC_LINK_CLOSED;
        s->broker.consumers = 0;
        service_notify(s, SERVICE_CHANGED_BROKER);

        if (q->server) {
                j = service_job_new(s, sizeof *j, close_work, close_ended);
                if (j) {
                        j->server = q;
                        j->wait = wait;
                        if (service_job_submit(&j->job, JOB_SERVICE, "close", LINE_CONNECTION, 0) >= 0) {
                                j->job.release = close_release;
                                return;
                        }
                }
                rpc_server_close(q->server, 0);         /* no worker to be had: here, without waiting */
        }
        q->closed = true;
        request_server_reap(q);
        service_stop_closed(s, s->run);
}

static int call(Service *s, const char *method, const json_t *args, RequestContext *c, OperationOrigin origin,
                bool (*due)(Operation *o), void (*finished)(Operation *o), void *origin_data, uint64_t *ret_id, NovaException *e) {
        json_auto_t *copy = NULL;
        const Method *m;
        Operation *o;
        int r;

        if (!service_is_up(s) || !s->requests) {
                (void) exception_setf(e, EXC_NOVA, "Service %s on %s is %s", s->binary, s->host, service_state_to_string(s->state));
                return -ESHUTDOWN;
        }
        m = manager_method(s->manager, method, ~0u);
        if (!m) {
                (void) exception_setf(e, EXC_NO_SUCH_METHOD, "Endpoint does not support RPC method %s", method);
                return -ENOENT;
        }
        if (s->putting_off && origin == ORIGIN_BUS && (m->flags & METHOD_CHANGES_STATE)) {
                (void) exception_setf(e, EXC_NOVA, "the host goes down");
                return -EHOSTDOWN;
        }
        /* A value of its own: the caller keeps his, and two threads must not share its count of references. */
        if (args && !(copy = json_deep_copy(args)))
                return -ENOMEM;
        r = operation_new(&o, s->manager, m, c, copy, origin, finished, origin_data, e);
        if (r < 0)
                return r;
        json_decref(TAKE_PTR(copy));
        o->due = due;
        if (ret_id) {
                r = operation_show(o, s->requests->gate);
                if (r < 0) {
                        (void) operation_free(o);
                        return r;
                }
                *ret_id = operation_id(o);
        }
        operation_submit(o, s->requests->gate, s->environment.pool);
        return 0;
}

int service_call(Service *s, const char *method, const json_t *args, RequestContext *c, OperationOrigin origin,
                 void (*finished)(Operation *o), void *origin_data, NovaException *e) {
        return call(s, method, args, c, origin, NULL, finished, origin_data, NULL, e);
}

void service_put_off(Service *s, bool on) {
        s->putting_off = on;
        if (s->requests)
                operation_gate_put_off(s->requests->gate, on);
}

static void begun_on_finished(Operation *o) {
        (void) operation_free(o);
}

int service_begin(Service *s, const char *method, const json_t *args, RequestContext *c, uint64_t *ret_id, NovaException *e) {
        return call(s, method, args, c, ORIGIN_BUS, NULL, begun_on_finished, NULL, ret_id, e);
}

int service_on_manager_request(void *service, const char *method, const json_t *args, RequestContext *c,
                               bool (*due)(Operation *o), void (*finished)(Operation *o), void *origin_data, NovaException *e) {
        return call(service, method, args, c, ORIGIN_PERIODIC, due, finished, origin_data, NULL, e);
}

/* ---- after many ---- */

static int trim_work(ServiceJob *j _unused_) {
        (void) malloc_trim(0);
        return 0;
}

static void trim_ended(ServiceJob *j, int r _unused_) {
        j->service->trimming = false;
}

/* What they held goes back to the system: on a worker, for that takes a while. */
void service_give_memory_back(Service *s) {
        ServiceJob *j = s->trimming ? NULL : service_job_new(s, sizeof *j, trim_work, trim_ended);

        if (j)
                s->trimming = service_job_submit(j, JOB_PERIODIC, "malloc_trim", NULL, 0) >= 0;
}

void service_on_jobs_emptied(void *userdata) {
        service_give_memory_back(userdata);
}

/* ---- calls that overrun their deadline ---- */

void service_on_stalled(const JobInfo *info, bool ended, void *userdata) {
        Service *s = userdata;
        _cleanup_free_ char *operation = NULL;
        StalledCall **p = &s->stalled, *c;
        double seconds = (double) info->running / USEC_PER_SEC;

        if (asprintf(&operation, "OPERATION=%s", info->name) < 0)
                operation = NULL;
        const char *const fields[] = {operation, NULL};

        while (*p && !(streq((*p)->name, info->name) && streq_ptr((*p)->key, info->key)))
                p = &(*p)->next;
        if (ended) {
                log_event(LOG_LEVEL_INFO, MESSAGE_CALL_STALLED, fields, "%s%s%s has ended after %.1f s", info->name,
                          info->key ? " of " : "", strempty(info->key), seconds);
                if ((c = *p)) {
                        *p = c->next;
                        free(c->name);
                        free(c->key);
                        free(c);
                }
        } else {
                log_event(LOG_LEVEL_WARNING, MESSAGE_CALL_STALLED, fields, "%s%s%s has not ended after %.1f s", info->name,
                          info->key ? " of " : "", strempty(info->key), seconds);
                while (*p)
                        p = &(*p)->next;
                c = calloc(1, sizeof *c);
                if (c) {
                        c->name = strdup(info->name);
                        c->key = info->key ? strdup(info->key) : NULL;
                        c->since = now_monotonic() - info->running;
                }
                if (!c || !c->name || (info->key && !c->key)) {
                        if (c) {
                                free(c->name);
                                free(c->key);
                        }
                        free(c);
                        return;         /* told in the journal, not on display */
                }
                *p = c;
        }
        service_update_state(s);
        service_notify(s, SERVICE_CHANGED_STALLED);
}

bool service_is_stalled(const Service *s, const char *name, const char *key) {
        for (const StalledCall *c = s->stalled; c; c = c->next)
                if (streq(c->name, name) && streq_ptr(c->key, key))
                        return true;
        return false;
}

void service_foreach_stalled(const Service *s, void (*f)(const char *name, const char *key, usec_t running, void *userdata), void *userdata) {
        usec_t now = now_monotonic();

        for (const StalledCall *c = s->stalled; c; c = c->next)
                f(c->name, c->key, now - MIN(now, c->since), userdata);
}

void service_stalled_clear(Service *s) {
        StalledCall *c;

        while ((c = s->stalled)) {
                s->stalled = c->next;
                free(c->name);
                free(c->key);
                free(c);
        }
        s->stalled_texts = strv_free(s->stalled_texts);
}

/* The texts hold seconds, so they are made when asked for. */
char *const *service_stalled(const Service *s) {
        Service *cache = (Service *) s;
        usec_t now = now_monotonic();
        size_t n = 0;

        for (const StalledCall *c = s->stalled; c; c = c->next)
                n++;
        (void) strv_free(cache->stalled_texts);
        cache->stalled_texts = calloc(n + 1, sizeof(char *));
        if (!cache->stalled_texts)
                return NULL;
        n = 0;
        for (const StalledCall *c = s->stalled; c; c = c->next)
                if (asprintf(cache->stalled_texts + n, "%s (%.0f s)", c->name, (double) (now - c->since) / USEC_PER_SEC) > 0)
                        n++;
                else
                        cache->stalled_texts[n] = NULL;
        return cache->stalled_texts;
}

/* ---- what is shown ---- */

const RpcStatus *service_broker(const Service *s) {
        return &s->broker;
}

const char *const *service_queues(const Service *s) {
        static const char *const none[] = {NULL};

        return s->queues ? (const char *const *) s->queues : none;
}

static uint64_t count(const Service *s, uint64_t before, uint64_t (*of)(const OperationGate *g)) {
        if (s->requests)
                before += of(s->requests->gate);
        for (const RequestServer *q = s->retired; q; q = q->next)
                before += of(q->gate);
        return before;
}

uint64_t service_requests(const Service *s) {
        return count(s, s->requests_before, operation_gate_accepted);
}

uint64_t service_failures(const Service *s) {
        return count(s, s->failures_before, operation_gate_failures);
}

int service_cancel_operation(Service *s, uint64_t id) {
        int r = s->requests ? operation_cancel(s->requests->gate, id) : -ENOENT;

        for (const RequestServer *q = s->retired; q && r == -ENOENT; q = q->next)
                r = operation_cancel(q->gate, id);
        return r;
}

unsigned service_operations_running(const Service *s) {
        unsigned n = s->requests ? operation_gate_running(s->requests->gate) : 0;

        for (const RequestServer *q = s->retired; q; q = q->next)
                n += operation_gate_running(q->gate);
        return n;
}

void service_foreach_operation(const Service *s, void (*f)(const OperationInfo *info, void *userdata), void *userdata) {
        for (const RequestServer *q = s->retired; q; q = q->next)
                operation_gate_foreach(q->gate, f, userdata);
        if (s->requests)
                operation_gate_foreach(s->requests->gate, f, userdata);
}
