/* What the tests of a service share: a directory, a configuration, the SQLite store behind one that can fail or hang, and a
 * manager that does as it is told and writes down what it was asked. */
#pragma once

#include "loop-test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "service/service.h"

/* A gate that work can be held at: closed, whoever comes waits until it is opened. */
typedef struct Hold {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool closed;
        unsigned waiting;       /* there now */
        unsigned passed;
} Hold;

void hold_close(Hold *h);
void hold_open(Hold *h);
void hold_pass(Hold *h);        /* called by the work */
unsigned hold_waiting(Hold *h);
unsigned hold_passed(Hold *h);

typedef struct TestStore {
        Store store;
        Store *real;
        atomic_int error;       /* what every call answers instead; 0 = the real one's answer */
        Hold hold;
} TestStore;

#define TRACE_MAX 128

typedef struct Fixture Fixture;

typedef struct TestManager {
        Manager manager;
        Fixture *fixture;
} TestManager;

struct Fixture {
        char directory[64];
        char log[96];
        sd_event *event;
        Pool *pool;
        Config *config;
        TestStore store;
        ServiceEnvironment environment;
        Service *service;

        pthread_mutex_t lock;
        char *trace[TRACE_MAX]; /* what the manager and the store were asked, in order */
        unsigned n_trace;

        /* how the manager behaves */
        atomic_int init_host_result, resources_result;
        atomic_int init_host_calls, resources_calls, cleanup_calls, told_enabled;
        Hold init_host, resources, task, method;
        atomic_int task_runs[4];
        const char *trouble;
        char constructed_host[256], constructed_driver[64], constructed_extra[64];
        unsigned reloads;
};

/* The configuration's "name=value" texts, NULL-terminated, after those of the fixture: state_path, sql_connection, host
 * "host1", no periodic_fuzzy_delay. Ends the test on a bad one. */
void fixture_begin(Fixture *f, const char *const *assignments);
void fixture_end(Fixture *f);
Config *fixture_config(Fixture *f, const char *const *assignments);

/* nova-compute with the test manager, not started. */
void fixture_service(Fixture *f);
void fixture_start(Fixture *f);                 /* fixture_service, started, and run until it is up */
void fixture_run_until_up(Fixture *f);          /* running or degraded */
void fixture_run_until(Fixture *f, ServiceState state);
void fixture_stop(Fixture *f);                  /* and runs until it is stopped */

void fixture_trace(Fixture *f, const char *what);
bool fixture_traced(Fixture *f, const char *what);
/* How many lines of the log hold @part. */
unsigned fixture_log_lines(const Fixture *f, const char *part);
/* SQL on the database by another connection; its first value as text. */
int64_t fixture_sql(Fixture *f, const char *sql, char *ret, size_t size);
/* Runs it and compares its first value. */
#define assert_sql(f, sql, expected)                                \
        do {                                                        \
                char _text[256];                                    \
                fixture_sql(f, sql, _text, sizeof _text);           \
                assert_string_equal(_text, expected);               \
        } while (0)

/* How a verb ended: a ServiceDone that keeps it. */
typedef struct Answer {
        unsigned n;
        int result;
        char text[256];
} Answer;
void answer_on_done(int r, const NovaException *e, void *userdata);

extern const ManagerClass test_manager_class;
