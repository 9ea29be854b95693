/* What the journal asks of a service: at its start, the requests that an earlier run accepted get their outcome, and replies
 * that were not sent are; and every reply of a journalled request is sent from here, since it may outlive its connection. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/log.h"

/* ---- replies ---- */

typedef struct ReplyTicket {
        OperationJournal *journal;
        int64_t id;
} ReplyTicket;

static void on_reply_done(int r, void *userdata) {
        _cleanup_free_ ReplyTicket *t = userdata;

        operation_journal_replied(t->journal, t->id, r);
}

void service_reply(Rpc *rpc, OperationJournal *j, int64_t id, const RpcReplyAddress *to, json_t *result, const NovaException *e) {
        ReplyTicket *t;
        int r;

        if (!rpc || !to->msg_id) {      /* without a broker it stays unsent until there is one */
                json_decref(result);
                return;
        }
        t = malloc(sizeof *t);
        if (!t) {
                json_decref(result);
                r = -ENOMEM;
        } else {
                *t = (ReplyTicket) {j, id};
                r = rpc_send_reply(rpc, to, result, e, on_reply_done, t);
                if (r < 0)
                        free(t);
        }
        if (r < 0 && r != -ESHUTDOWN)
                log_error("A reply could not be sent, the next start will: %s", strerror(-r));
}

static void recovered_on_finished(Operation *o) {
        RequestServer *q = o->origin_data;
        RpcReplyAddress to = {.format = o->essex ? WIRE_ESSEX : WIRE_OSLO, .msg_id = o->msg_id, .reply_q = o->reply_q};

        if (!o->left && o->journal_id > 0)
                service_reply(q->rpc, q->journal, o->journal_id, &to, TAKE_PTR(o->result), &o->exception);
        (void) operation_free(o);
}

/* ---- the step ---- */

/* It may hang, and the run that it is of may be over meanwhile: of the server nothing is touched but its gate. */
typedef struct InitJob {
        ServiceJob job;
        RequestServer *requests;        /* for operations, which keep it alive */
        OperationGate *gate;            /* one reference */
        OperationJournal *journal;
        Rpc *rpc;
        Pool *pool;
        bool first;                     /* of the process: what is unsent then is nobody's */
} InitJob;

static void send_unanswered(const JournalRow *row, void *userdata) {
        const InitJob *i = userdata;
        RpcReplyAddress to = {.format = row->essex ? WIRE_ESSEX : WIRE_OSLO, .msg_id = row->msg_id, .reply_q = row->reply_q};
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_t *result = NULL;

        if (row->failure) {
                json_auto_t *failure = NULL;

                (void) json_parse(row->failure, strlen(row->failure), &failure, NULL, 0);
                exception_from_wire(&e, failure);
        } else if (row->result)
                (void) json_parse(row->result, strlen(row->result), &result, NULL, 0);
        log_info("The reply of request %lld of an earlier run, %s, is sent", (long long) row->id, row->method);
        service_reply(i->rpc, i->journal, row->id, &to, result, &e);
}

static int init_host(InitJob *i) {
        Manager *m = i->job.manager;
        int r;

        if (!m->ops->init_host)
                return 0;
        m->gate = i->gate;
        r = m->ops->init_host(m, i->job.context, &i->job.exception);
        m->gate = NULL;
        return r;
}

static int init_work(ServiceJob *j) {
        _cleanup_(operation_recovery_freep) OperationRecovery *recovery = NULL;
        InitJob *i = CONTAINER_OF(j, InitJob, job);
        int r;

        if (!i->journal)
                return init_host(i);

        r = operation_recovery_load(&recovery, i->gate, &j->exception);
        if (r < 0)
                return r;
        if (i->first)
                operation_recovery_foreach_unanswered(recovery, i->gate, send_unanswered, i);
        j->manager->open_instances = operation_recovery_instances(recovery);
        r = init_host(i);
        j->manager->open_instances = NULL;
        if (r >= 0)
                operation_recovery_run(recovery, i->gate, i->pool, j->manager, recovered_on_finished, i->requests);
        return r;
}

static void init_release(ServiceJob *j) {
        (void) operation_gate_unref(CONTAINER_OF(j, InitJob, job)->gate);
}

ServiceJob *service_init_job(Service *s, void (*ended)(ServiceJob *j, int r)) {
        InitJob *i;

        i = service_job_new(s, sizeof *i, init_work, ended);
        if (!i)
                return NULL;
        i->requests = s->requests;
        i->gate = operation_gate_ref(s->requests->gate);
        i->journal = s->environment.journal;
        i->rpc = s->environment.rpc;
        i->pool = s->environment.pool;
        i->first = s->run == 1;
        i->job.release = init_release;
        return &i->job;
}
