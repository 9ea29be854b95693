/* A whole ComputeManager for tests: the fake driver, a SQLite store in a directory of its own, a Messenger that records,
 * a real pool and loop. */
#pragma once

#include "compute/compute.h"
#include "recording-messenger.h"
#include "virt/fake/fake.h"

typedef struct Fixture {
        char dir[64];
        sd_event *event;
        Pool *pool;
        Config *config;
        Store *store;
        ComputeDriver *driver;          /* the manager's */
        ComputeDriverOps ops;           /* what it is called through: a test may replace entries */
        const ComputeDriverOps *real;   /* the fake's own */
        RecordingMessenger messenger;
        ComputeManager *m;
        RequestContext *context;
        unsigned notified;              /* MANAGER_CHANGED_… seen since the test cleared it */
        unsigned notifications;
} Fixture;

/* @assignments: options besides those of the directory, NULL-terminated, may be NULL. */
Fixture *fixture_new(const char *const *assignments);
void fixture_free(Fixture *f);
/* All but the manager and the pool, which the test has freed itself. */
void fixture_free_rest(Fixture *f);
static inline void fixture_freep(Fixture **f) {
        if (*f)
                fixture_free(*f);
}
#define _fixture_ _cleanup_(fixture_freep)

/* Runs the loop until @done says so, or fails the test after ten seconds. */
void fixture_wait(Fixture *f, bool (*done)(Fixture *f));
/* Until the pool has nothing to do and every note has been read. */
void fixture_settle(Fixture *f);

/* The uuid of the n-th instance of a test. */
const char *fixture_uuid(unsigned n, char buf[static UUID_TEXT_MAX]);
/* A row of this host, with 512 MiB, 1 vCPU, 10 GiB. */
void fixture_row(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power);
/* The same with a guest in state @guest; POWER_NOSTATE = no guest. */
void fixture_instance(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power, PowerState guest);
/* Reads it anew, deleted or not; fails the test if it is not there. */
void fixture_read(Fixture *f, unsigned n, Instance *ret);
PowerState fixture_guest(Fixture *f, unsigned n);       /* POWER_NOSTATE: there is none */
/* Fails the test, naming all of it, if row and guest are not so. */
void fixture_expect(Fixture *f, unsigned n, VmState vm, TaskState task, PowerState power, PowerState guest);
/* The first column of the first row of a query, as a number; -1 = no row. */
int64_t fixture_query(Fixture *f, const char *sql);
/* Makes the row of services that the tracker wants. */
int64_t fixture_service(Fixture *f);

/* What a method answered. */
typedef struct Answer {
        bool done;
        json_t *result;
        NovaException exception;
} Answer;
void answer_done(Answer *a);
#define _answer_ _cleanup_(answer_done)

/* Calls the method @name, as a request of RPC by f->context, with the arguments that @args (JSON text) holds, and waits for its
 * end. */
void fixture_call(Fixture *f, const char *name, const char *args, Answer *ret);
void fixture_call_as(Fixture *f, const char *name, const char *args, OperationOrigin origin, Answer *ret);
/* The same; fails the test unless it ends well, or with this class of exception. */
void fixture_do(Fixture *f, const char *name, const char *args);
void fixture_refused(Fixture *f, const char *name, const char *args, const char *class_name);
