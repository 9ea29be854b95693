/* From acceptance to recorded outcome: see operation-journal.h.
 *
 * An operation that changes state goes through these hands: it is written (by the journal's thread, with all that wait);
 * then it is acknowledged, its method hears of it, and it gets its turn under its instance's key. On the worker it is marked
 * as begun, unless it may be repeated without a thought, it runs, and its outcome is written before the key is let go and anybody is
 * told: so what the next one of that instance finds in the journal is true, and nobody hears what a crash could still undo.
 * The worker waits for the disk meanwhile, with all the others that wait. */
#define LOG_LOGGER "nova.service"
#include "service/operation-internal.h"

#include <assert.h>
#include <errno.h>

#include "basic/fault-step.h"
#include "basic/id.h"
#include "basic/json.h"
#include "basic/log.h"

int operation_journal_new(OperationJournal **ret, Journal *journal, unsigned max_open) {
        OperationJournal *j = calloc(1, sizeof *j);

        if (!j)
                return -ENOMEM;
        j->journal = journal;
        j->max_open = max_open;
        (void) pthread_mutex_init(&j->lock, NULL);
        *ret = j;
        return 0;
}

OperationJournal *operation_journal_free(OperationJournal *j) {
        if (!j)
                return NULL;
        (void) pthread_mutex_destroy(&j->lock);
        free(j);
        return NULL;
}

Journal *operation_journal_journal(const OperationJournal *j) {
        return j->journal;
}

unsigned operation_journal_open(OperationJournal *j) {
        unsigned n;

        (void) pthread_mutex_lock(&j->lock);
        n = j->open;
        (void) pthread_mutex_unlock(&j->lock);
        return n;
}

int operation_gate_set_journal(OperationGate *g, OperationJournal *j, const char *service) {
        char *copy = strdup(service);

        if (!copy)
                return -ENOMEM;
        free(g->service);
        g->service = copy;
        g->journal = j;
        return 0;
}

int operation_set_request(Operation *o, const char *unique_id, const char *content, bool redelivered, const RpcReplyAddress *reply) {
        JournalRow *row = &o->write.row;

        o->write.redelivered = redelivered;
        o->essex = reply->format == WIRE_ESSEX;
        if ((unique_id && !(row->unique_id = strdup(unique_id))) || (content && !(row->content = strdup(content))) ||
            (reply->msg_id && !(o->msg_id = strdup(reply->msg_id))) || (reply->reply_q && !(o->reply_q = strdup(reply->reply_q))))
                return -ENOMEM;
        return 0;
}

/* ---- arguments without secrets ---- */

/* Named like secrets, but needed to carry out what was asked, and kept in the instance's row anyway. */
static bool is_kept(const char *key) {
        return streq(key, "key_data") || streq(key, "user_data");
}

static bool is_nothing(const json_t *value) {
        const char *text = json_string_value(value);    /* of a volume's connection that is not there it is JSON in a string */

        return json_is_null(value) || (text && (!*text || streq(text, "{}") || streq(text, "null"))) ||
               (json_is_object(value) && json_object_size(value) == 0) || (json_is_array(value) && json_array_size(value) == 0);
}

static bool drop_nested(json_t *value, bool change) {
        bool dropped = false;
        json_t *member;
        const char *key;
        size_t i;

        if (json_is_object(value)) {
                void *next;

                json_object_foreach_safe(value, next, key, member) {
                        if (!json_key_is_secret(key) || is_kept(key) || is_nothing(member)) {
                                dropped |= drop_nested(member, change);
                                continue;
                        }
                        dropped = true;
                        if (change)
                                (void) json_object_set_new(value, key, json_null());
                }
        } else if (json_is_array(value))
                json_array_foreach(value, i, member)
                        dropped |= drop_nested(member, change);
        return dropped;
}

static bool drop_secrets(const Method *m, json_t *args, bool change) {
        bool dropped = false;

        for (const Argument *a = m->arguments; a && a->name; a++) {
                const json_t *value = json_object_get(args, a->name);

                if (!(a->flags & ARGUMENT_SECRET) || !value || is_nothing(value))
                        continue;
                dropped = true;
                if (change)
                        (void) json_object_del(args, a->name);
        }
        return drop_nested(args, change) || dropped;
}

/* The arguments as they are stored, malloc'ed. */
static char *stored_arguments(const Operation *o, bool *ret_dropped) {
        json_auto_t *copy = NULL;

        *ret_dropped = drop_secrets(o->method, o->args, false);
        if (!*ret_dropped)
                return json_text(o->args);
        copy = json_deep_copy(o->args);
        if (!copy)
                return NULL;
        (void) drop_secrets(o->method, copy, true);
        return json_text(copy);
}

/* ---- acceptance ---- */

static void on_accepted(JournalWrite *w, int r);

static int fill_row(Operation *o) {
        JournalRow *row = &o->write.row;
        json_auto_t *context = context_safe_dict(o->context);

        row->service = strdup(o->gate->service);
        row->method = strdup(o->method->name);
        row->origin = strdup(operation_origin_to_string(o->origin));
        row->args = stored_arguments(o, &row->secrets_dropped);
        row->context = context ? json_text(context) : NULL;
        if (!row->service || !row->method || !row->origin || !row->args || !row->context ||
            (o->instance_uuid && !(row->instance_uuid = strdup(o->instance_uuid))) ||
            (o->msg_id && !(row->msg_id = strdup(o->msg_id))) || (o->reply_q && !(row->reply_q = strdup(o->reply_q))))
                return -ENOMEM;
        row->essex = o->essex;
        row->accepted_at = now_realtime();
        return 0;
}

static void accept(Operation *o) {
        JournalWrite *w = &o->write;

        if (fill_row(o) < 0) {
                on_accepted(w, -ENOMEM);
                return;
        }
        w->verb = JOURNAL_ACCEPT;
        /* The broker keeps what is not acknowledged; who asked on D-Bus waits for a word. */
        w->insist = o->origin == ORIGIN_RPC;
        w->done = on_accepted;
        journal_submit(o->gate->journal->journal, w);
}

void operation_journal_submit(Operation *o) {
        OperationJournal *j = o->gate->journal;
        bool wait;

        (void) pthread_mutex_lock(&j->lock);
        /* A part is waited for by what it is a part of, which is among the open. */
        wait = !o->is_part && j->max_open > 0 && j->open >= j->max_open;
        if (wait)
                operation_list_append(&j->waiting, o);
        else
                j->open++;
        (void) pthread_mutex_unlock(&j->lock);
        if (!wait)
                accept(o);
}

/* One less is open. */
static void leave(OperationJournal *j) {
        Operation *next;

        (void) pthread_mutex_lock(&j->lock);
        next = operation_list_pop(&j->waiting);
        if (!next)
                j->open--;
        (void) pthread_mutex_unlock(&j->lock);
        if (next)
                accept(next);
}

bool operation_must_wait(const OperationGate *g, const Operation *o) {
        if (g->recovered)
                return false;
        if (!g->loaded)
                return true;
        for (char **p = g->before; p && *p; p++)
                if (streq(*p, strempty(o->instance_uuid)))
                        return true;
        return false;
}

static void take_turn(Operation *o) {
        OperationGate *g = o->gate;
        bool closed, hold;

        (void) pthread_mutex_lock(&g->lock);
        closed = g->closed;
        hold = !closed && operation_must_wait(g, o);
        if (hold)
                operation_list_append(&g->held, o);
        (void) pthread_mutex_unlock(&g->lock);
        if (!hold)
                operation_to_pool(o);   /* of a closed gate it does not begin */
}

/* It was accepted before: its outcome is told again, or will be by who works on it. */
static void answer_known(Operation *o) {
        const JournalRow *row = &o->write.row;
        JournalState state = journal_state_from_string(row->state);

        log_debug("%s (%s) was accepted before and is %s", o->method->name, strempty(row->unique_id), strempty(row->state));
        if (journal_state_is_open(state)) {
                o->left = o->known = true;
                return;
        }
        o->journal_id = row->id;
        o->begun = o->known = true;
        if (row->failure) {
                json_auto_t *failure = NULL;

                (void) json_parse(row->failure, strlen(row->failure), &failure, NULL, 0);
                exception_from_wire(&o->exception, failure);
        } else if (row->result)
                (void) json_parse(row->result, strlen(row->result), &o->result, NULL, 0);
}

static void on_accepted(JournalWrite *w, int r) {
        Operation *o = CONTAINER_OF(w, Operation, write);
        OperationJournal *j = o->gate->journal;

        if (r > 0) {
                o->journal_id = w->id;
                journal_row_done(&w->row);
                operation_journal_remember(o, false);
                job_record_accepted(o->record);
                if (o->recorded)
                        o->recorded(o);
                fault_step("request-acked");
                if (o->method->accepted && !o->due)
                        o->method->accepted(o);
                take_turn(o);
                return;
        }

        if (r == 0)
                answer_known(o);
        else if (r == -ECANCELED)
                (void) operation_refuse_stopping(o);
        else {
                (void) exception_setf(&o->exception, EXC_NOVA, "%s was not accepted, as the journal cannot be written: %s", o->method->name,
                                      strerror(-r));
                o->begun = true;        /* to be answered: it would come again at once */
        }
        o->write.id = 0;
        leave(j);
        operation_end(o);
}

void operation_journal_remember(Operation *o, bool count) {
        OperationJournal *j = o->gate->journal;

        (void) pthread_mutex_lock(&j->lock);
        j->open += count;
        o->flight_next = j->flight;
        if (j->flight)
                j->flight->flight_previous = o;
        j->flight = o;
        (void) pthread_mutex_unlock(&j->lock);
}

void operation_journal_forget(Operation *o) {
        OperationJournal *j = o->gate->journal;

        if (!j || o->write.id == 0 || o->journal_id == 0)
                return;
        (void) pthread_mutex_lock(&j->lock);
        if (o->flight_previous)
                o->flight_previous->flight_next = o->flight_next;
        else
                j->flight = o->flight_next;
        if (o->flight_next)
                o->flight_next->flight_previous = o->flight_previous;
        o->flight_previous = o->flight_next = NULL;
        (void) pthread_mutex_unlock(&j->lock);
        o->write.id = 0;
        leave(j);
}

/* On the loop. What is held stays in the journal; what is not written was never accepted. */
void operation_journal_gate_closed(OperationGate *g) {
        OperationJournal *j = g->journal;
        OperationList mine = {}, others = {}, held;
        Operation *o;

        (void) pthread_mutex_lock(&j->lock);
        while ((o = operation_list_pop(&j->waiting)))
                operation_list_append(o->gate == g ? &mine : &others, o);
        j->waiting = others;
        (void) pthread_mutex_unlock(&j->lock);
        (void) pthread_mutex_lock(&g->lock);
        held = g->held;
        g->held = (OperationList) {};
        (void) pthread_mutex_unlock(&g->lock);

        while ((o = operation_list_pop(&mine))) {
                (void) operation_refuse_stopping(o);
                operation_end(o);
        }
        while ((o = operation_list_pop(&held))) {
                (void) operation_refuse_stopping(o);
                operation_journal_not_begun(o);
                operation_end(o);
        }
}

/* ---- outcome ---- */

/* A write that nobody waits for. */
typedef struct Note {
        JournalWrite write;
        char *owned;                    /* its text */
} Note;

static void on_note_written(JournalWrite *w, int r _unused_) {
        Note *n = CONTAINER_OF(w, Note, write);

        free(n->owned);
        free(n);
}

/* Written with the next that is written anyway: what it is for, a start after a crash, has to look at the world in any case. */
void operation_journal_step(Operation *o, const char *step) {
        Note *n = calloc(1, sizeof *n);

        if (!n || (!isempty(step) && !(n->owned = strdup(step)))) {
                free(n);
                return;
        }
        n->write = (JournalWrite) { .verb = JOURNAL_STEP, .id = o->journal_id, .text = n->owned, .done = on_note_written };
        journal_submit(o->gate->journal->journal, &n->write);
}

/* Who asked over RPC has been told that it is accepted and hears when it has been done, by whatever run. Others are told now
 * that it was not, so it must not happen later. */
void operation_journal_not_begun(Operation *o) {
        json_auto_t *failure = NULL;
        Note *n;

        if (o->origin == ORIGIN_RPC || o->origin == ORIGIN_RECOVERY) {
                o->left = true;
                return;
        }
        n = calloc(1, sizeof *n);
        failure = exception_to_oslo(&o->exception);
        if (n && failure && (n->owned = json_text(failure))) {
                n->write = (JournalWrite) { .verb = JOURNAL_FINISH, .id = o->journal_id, .state = JOURNAL_FAILED,
                                            .failure = n->owned, .done = on_note_written };
                journal_submit(o->gate->journal->journal, &n->write);
        } else
                free(n);
}

void operation_journal_replied(OperationJournal *j, int64_t id, int r) {
        Note *n;

        if (r == -ECANCELED || r == -ESHUTDOWN)         /* the next start sends it */
                return;
        fault_step("reply-sent");
        n = calloc(1, sizeof *n);
        if (!n)
                return;
        n->write = (JournalWrite) { .verb = JOURNAL_REPLIED, .id = id, .text = r < 0 ? "lost" : "sent", .done = on_note_written };
        journal_submit(j->journal, &n->write);
}

static int write_finish(Operation *o) {
        JournalWrite w = { .verb = JOURNAL_FINISH, .id = o->journal_id };
        _cleanup_free_ char *result = NULL, *failure = NULL;

        if (exception_is_set(&o->exception)) {
                json_auto_t *x = exception_to_oslo(&o->exception);

                w.state = o->undone ? JOURNAL_UNDONE : JOURNAL_FAILED;
                w.failure = failure = x ? json_text(x) : NULL;
                if (!failure)
                        w.failure = "{}";
        } else {
                w.state = JOURNAL_DONE;
                w.result = result = o->result ? json_text(o->result) : NULL;
        }
        return journal_write(o->gate->journal->journal, &w);
}

/* ---- on the worker ---- */

static void run_interrupted(Operation *o) {
        LogFields before = log_fields_set((LogFields) {
                .request_id = context_request_id(o->context),
                .instance_uuid = o->instance_uuid,
                .operation = o->method->name,
        });

        if (o->interrupted && o->method->recovery == RECOVER_UNDO && o->method->undo) {
                _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
                int r = o->method->undo(o, &x);

                o->undone = r >= 0;
                if (r < 0)
                        log_error("What the interrupted %s had made could not be put back: %s", o->method->name,
                                  isempty(x.message) ? strerror(-r) : x.message);
        }
        if (o->interrupted)
                (void) exception_setf(&o->exception, EXC_NOVA, "%s was interrupted: nova-compute ended while it ran%s%s", o->method->name,
                                      isempty(o->step) ? "" : ", at the step ", strempty(o->step));
        else
                (void) exception_setf(&o->exception, EXC_NOVA, "%s was not begun: nova-compute ended while it waited, and its secret "
                                      "arguments are not kept", o->method->name);
        log_warning("%s%s", o->exception.message, o->undone ? "; what it had made was put back" : "");
        if (o->manager->ops->interrupted)
                o->manager->ops->interrupted(o->manager, o);
        (void) log_fields_set(before);
}

void operation_journal_work(Operation *o) {
        bool again = o->method->recovery == RECOVER_AGAIN;

        if (o->secrets_dropped || (o->interrupted && !again))
                run_interrupted(o);
        else {
                if (!(o->method->flags & METHOD_REPEATABLE) && !o->interrupted) {
                        JournalWrite w = { .verb = JOURNAL_BEGIN, .id = o->journal_id };

                        if (journal_write(o->gate->journal->journal, &w) < 0) {
                                (void) pthread_mutex_lock(&o->gate->lock);
                                o->begun = false;
                                (void) pthread_mutex_unlock(&o->gate->lock);
                                return;
                        }
                        fault_step("operation-begun");
                }
                operation_run_if_due(o);
        }
        fault_step("operation-ran");
        if (operation_settle(o) < 0 || write_finish(o) < 0) {
                log_warning("The outcome of %s could not be recorded: the next start finds out", o->method->name);
                o->left = true;
        }
        fault_step("outcome-recorded");
}
