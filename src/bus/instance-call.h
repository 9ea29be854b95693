/* A verb of an instance as a row of a table, and a call of one: between instance-verbs.c and instance-queries.c. */
#pragma once

#include "bus/bus-internal.h"
#include "bus/options.h"

typedef struct VerbCall VerbCall;

typedef struct Verb {
        const char *member;             /* "Reboot" */
        const char *detail;             /* "reboot": what polkit's rules see */
        const char *action;
        const char *method;             /* of the compute API, or the manager's own */
        const char *what;               /* begins the sentence of a failure */
        const BusOption *options;       /* NULL = it takes none */
        int (*read)(VerbCall *c);       /* what comes before the options, into c->args; NULL = nothing does */
        int (*finish)(VerbCall *c);     /* what the options change; NULL = nothing */
} Verb;

struct VerbCall {
        Bus *bus;
        const BusInstance *i;
        const char *uuid;
        sd_bus_message *message;
        const Verb *verb;
        json_t *args;                   /* of the method */
        json_t *options;
        const char *image, *image_argument;     /* to be looked up first, and which argument it becomes; NULL = none */
        bool admin;                     /* asks as an administrator: whom a lock does not hold */
        RequestContext *context;
        sd_bus_error *error;
};
void bus_instance_call_done(VerbCall *c);

/* The rows of instance-verbs.c and then those of instance-queries.c; NULL beyond the last. */
const Verb *bus_instance_verb_at(size_t n);
const Verb *bus_instance_query_at(size_t n);    /* of the latter alone */
/* polkit's word, with what the instance is as details: as authority_check. */
int bus_instance_authorize(const BusInstance *i, sd_bus_message *m, const Verb *verb, sd_bus_error *error);
/* Reads arguments and options. */
int bus_instance_read_call(VerbCall *c);

/* What asks instead of changing; a handler. */
int bus_instance_query(sd_bus_message *m, void *userdata, sd_bus_error *error);
