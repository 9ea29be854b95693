/* Between the files of this room. */
#pragma once

#include "bus/bus.h"
#include "bus/errors.h"
#include "bus/polkit.h"
#include "bus/value.h"

#define ACTION_MANAGE_SERVICE "org.nova.compute1.manage-service"
#define ACTION_REPORT_STATE "org.nova.compute1.report-state"
#define ACTION_UPDATE_RESOURCES "org.nova.compute1.update-resources"

/* A row of an interface's table of properties. */
typedef struct BusProperty {
        const char *name;
        unsigned changes;               /* the observers' flags after which it may be another; 0 = const or not signalled */
} BusProperty;

#define PROPERTIES_MAX 64               /* of an interface: they are counted in the bits of a word */

/* What is signalled of one interface. */
typedef struct BusInterface {
        const char *name;
        const BusProperty *properties;
        size_t n;
        int (*value)(Bus *b, size_t property, BusValue *ret);
        uint64_t told[PROPERTIES_MAX];  /* hashes of the values last told */
        uint64_t dirty;                 /* a bit per property that may have changed since */
} BusInterface;

typedef enum BusCallWait {
        WAIT_RESULT,                    /* of something the service was asked */
        WAIT_STARTED,
        WAIT_STOPPED,
        _BUS_CALL_WAIT_MAX,
} BusCallWait;

/* A verb whose answer is still to come. While the service works on it the service holds it (as the userdata of
 * bus_call_on_result); @bus is NULL when the answer can reach nobody any more. */
typedef struct BusCall BusCall;
struct BusCall {
        Bus *bus;
        sd_bus_message *message;
        BusCallWait wait;
        bool began;                     /* WAIT_STARTED: the start was seen under way */
        const char *what;               /* begins the sentence of a failure; static */
        BusCall *previous, *next;
};

/* Calls kept for the time when there is a service to answer for; more are answered without. */
#define BUS_EARLY_MAX 64

struct Bus {
        sd_event *event;
        Launcher *launcher;
        Service *service;
        Manager *manager;               /* the service's */
        bool had_service;               /* no service now means stopped, not yet starting */
        BusCallbacks callbacks;

        const char *name;               /* asked for */
        sd_bus *bus;                    /* NULL between a loss and the next try */
        bool named;                     /* the name is ours */
        bool starting;                  /* bus_new is waiting: it sees to failures itself */
        sd_bus_message *early[BUS_EARLY_MAX];   /* calls that came while it waited, such as the one that activated us */
        unsigned n_early;
        int refused;                    /* -errno: the bus has refused us the name */
        bool was_lost;                  /* the log says it is away */
        unsigned attempt;
        sd_event_source *retry;         /* timer to the next try; also closes what has ended */
        sd_bus_slot *name_request;

        Authority *authority;
        BusCall *calls;
        unsigned n_calls;

        BusInterface service_interface, node_interface;
        sd_event_source *tell;          /* sends what is dirty, once per turn of the loop */
};

/* ---- bus.c ---- */

/* Marks the properties of @i that depend on @changes; they are compared and told at the end of the turn. */
void bus_interface_changed(Bus *b, BusInterface *i, unsigned changes);
/* The getter of every property: finds the row and appends the value. */
int bus_interface_get(Bus *b, BusInterface *i, const char *property, sd_bus_message *reply);

/* ---- calls.c ---- */

/* Keeps @m to be answered later. LimitsExceeded when too many wait. */
int bus_call_new(Bus *b, sd_bus_message *m, BusCallWait wait, const char *what, BusCall **ret, sd_bus_error *error);
/* Forgets it unanswered: for a handler that answers with an error itself. */
BusCall *bus_call_free(BusCall *c);
/* Answers, and frees it. */
void bus_call_finish(BusCall *c, int r, const NovaException *e);
/* ServiceDone: @userdata is the BusCall. */
void bus_call_on_result(int r, const NovaException *e, void *userdata);
/* The service is in another state: answers those who wait for it. */
void bus_calls_on_state(Bus *b);
/* The service goes: answers who waits for its state. */
void bus_calls_on_no_service(Bus *b);
/* The bus goes: with @answer tells those who wait, else (it is gone) only forgets them. */
void bus_calls_drop(Bus *b, bool answer);

/* ---- one file per interface ---- */

extern const sd_bus_vtable bus_service_vtable[], bus_node_vtable[], bus_log_control_vtable[];
void bus_service_init(Bus *b);
void bus_node_init(Bus *b);
/* A filter: the writable properties of LogControl1 go through polkit too, which a property's setter cannot wait for. */
int bus_log_control_filter(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* The periodic tasks of @m, of any class, or NULL: none. */
const PeriodicTask *bus_manager_tasks(Manager *m, size_t *ret_n);

/* ---- bus-verbs.c: handlers ---- */

int bus_verb_start(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_stop(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_kill(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_reload(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_report_state(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_update_available_resource(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_enable(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_disable(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_verb_run_periodic_task(sd_bus_message *m, void *userdata, sd_bus_error *error);
