/* Answers; and verbs that are answered later: the message is kept, the loop goes on, the answer follows when the service has told. */
#include "bus/bus-internal.h"

#include <errno.h>

/* A verb waiting is a few hundred bytes; so many at once is a fault or an attack. */
#define CALLS_MAX 256

int bus_answer(sd_bus_message *m, int (*append)(sd_bus_message *reply, const void *data), const void *data) {
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append(reply, data);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

int bus_call_new(Bus *b, sd_bus_message *m, BusCallWait wait, const char *what, BusCall **ret, sd_bus_error *error) {
        BusCall *c;

        if (b->n_calls >= CALLS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for an answer");
        c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = (BusCall) {
                .bus = b,
                .message = sd_bus_message_ref(m),
                .wait = wait,
                .what = what,
                .next = b->calls,
        };
        if (c->next)
                c->next->previous = c;
        b->calls = c;
        b->n_calls++;
        *ret = c;
        return 0;
}

static void bus_call_unlink(BusCall *c) {
        if (c->previous)
                c->previous->next = c->next;
        else
                c->bus->calls = c->next;
        if (c->next)
                c->next->previous = c->previous;
        c->bus->n_calls--;
        c->bus = NULL;
        c->previous = c->next = NULL;
}

BusCall *bus_call_free(BusCall *c) {
        if (!c)
                return NULL;
        if (c->bus)
                bus_call_unlink(c);
        sd_bus_message_unref(c->message);
        free(c->data);
        free(c);
        return NULL;
}

static void bus_call_answer(BusCall *c, int r, const NovaException *e) {
        sd_bus_error error = SD_BUS_ERROR_NULL;

        if (!c->message)
                return;
        if (r < 0 || exception_is_set(e)) {
                (void) bus_error_from(&error, r, e, c->what);
                (void) sd_bus_reply_method_error(c->message, &error);
        } else
                (void) sd_bus_reply_method_return(c->message, NULL);
        sd_bus_error_free(&error);
        c->message = sd_bus_message_unref(c->message);
}

void bus_call_finish(BusCall *c, int r, const NovaException *e) {
        bus_call_answer(c, r, e);
        bus_call_free(c);
}

void bus_call_on_result(int r, const NovaException *e, void *userdata) {
        bus_call_finish(userdata, r, e);
}

static void finish_failed_start(BusCall *c, ServiceState state, const char *trouble) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *owned = NULL;

        if (state == SERVICE_FAILED)
                sd_bus_error_setf(&error, BUS_ERROR_START_FAILED, "%s: %s", c->what, bus_text(trouble, &owned));
        else
                sd_bus_error_setf(&error, BUS_ERROR_NOT_RUNNING, "%s: it was stopped meanwhile", c->what);
        (void) sd_bus_reply_method_error(c->message, &error);
        sd_bus_error_free(&error);
        bus_call_free(c);
}

void bus_calls_on_state(Bus *b) {
        ServiceState state = service_state(b->service);
        BusCall *next;

        for (BusCall *c = b->calls; c; c = next) {
                next = c->next;
                if (c->wait == WAIT_STARTED) {
                        if (state == SERVICE_RUNNING || state == SERVICE_DEGRADED)
                                bus_call_finish(c, 0, NULL);
                        else if (state == SERVICE_STARTING)
                                c->began = true;
                        else if (state == SERVICE_FAILED || c->began)
                                finish_failed_start(c, state, service_trouble(b->service));
                } else if (c->wait == WAIT_STOPPED && (state == SERVICE_STOPPED || state == SERVICE_FAILED))
                        bus_call_finish(c, 0, NULL);
        }
}

void bus_calls_on_no_service(Bus *b) {
        BusCall *next;

        for (BusCall *c = b->calls; c; c = next) {
                next = c->next;
                if (c->wait == WAIT_STOPPED)
                        bus_call_finish(c, 0, NULL);
                else if (c->wait == WAIT_STARTED || c->wait == WAIT_JOB)
                        bus_call_finish(c, -ECANCELED, NULL);
        }
}

void bus_calls_drop(Bus *b, bool answer) {
        BusCall *next;

        for (BusCall *c = b->calls; c; c = next) {
                next = c->next;
                if (answer)
                        bus_call_answer(c, -ECANCELED, NULL);
                c->message = sd_bus_message_unref(c->message);
                if (c->wait == WAIT_RESULT)
                        bus_call_unlink(c);     /* the service still has it, and frees it with its result */
                else
                        bus_call_free(c);
        }
}
