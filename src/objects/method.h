/* A method of a manager as one row of one table: name, arguments, flags, function. RPC, D-Bus, novactl and the
 * documentation all come from it (design.md section 4). */
#pragma once

#include <jansson.h>

#include "basic/pool.h"
#include "objects/exception.h"

typedef enum ArgumentType {
        ARGUMENT_ANY,
        ARGUMENT_STRING,
        ARGUMENT_INTEGER,
        ARGUMENT_BOOLEAN,
        ARGUMENT_OBJECT,                /* a JSON object */
        ARGUMENT_ARRAY,
        ARGUMENT_UUID,                  /* a string that uuid_is_valid */
        _ARGUMENT_TYPE_MAX,
} ArgumentType;

const char *argument_type_to_string(ArgumentType t);    /* "a string", "a uuid": for sentences and documentation */

enum {
        ARGUMENT_OPTIONAL = 1 << 0,     /* may be missing */
        ARGUMENT_NULLABLE = 1 << 1,     /* may be null */
        ARGUMENT_SECRET = 1 << 2,       /* never logged, never stored */
};

typedef struct Argument {
        const char *name;               /* NULL ends a list */
        ArgumentType type;
        unsigned flags;
} Argument;

enum {
        METHOD_CHANGES_STATE = 1 << 0,  /* goes through the journal */
        METHOD_PER_INSTANCE = 1 << 1,   /* one at a time per instance */
        METHOD_QUICK = 1 << 2,          /* never blocks and is thread-safe: run where the request arrives */
        METHOD_REPEATABLE = 1 << 3,     /* safe to run twice */
        METHOD_CANCELLABLE = 1 << 4,    /* while it runs it looks whether it was cancelled */
        METHOD_WHEN_READY = 1 << 5,     /* while the manager is not ready for it (ManagerOps.ready) it is not begun, within its deadline */
};

enum {
        SERVED_ZED = 1 << 0,            /* null namespace, 6.x and 5.x */
        SERVED_ESSEX = 1 << 1,          /* un-enveloped messages, by Essex's name */
        SERVED_BASEAPI = 1 << 2,        /* namespace baseapi 1.x */
        SERVED_RPC_PING = 1 << 3,       /* null namespace 1.0: oslo_rpc_server_ping */
        SERVED_SELF = 1 << 4,           /* nobody outside: the host asks for it itself */
};

typedef struct Operation Operation;     /* service/operation.h */

/* What a start does with an operation that an earlier run of the daemon accepted and did not finish. One that had not begun
 * simply runs. */
typedef enum MethodRecovery {
        RECOVER_FAIL,                   /* it ends failed, with a fault that says why; task_state is cleared */
        RECOVER_AGAIN,                  /* it runs again: the method finds out how far it had come */
        RECOVER_UNDO,                   /* undo puts back what was half made, then as RECOVER_FAIL */
        _RECOVER_MAX,
} MethodRecovery;
const char *method_recovery_to_string(MethodRecovery r);        /* "fail", "again", "undo" */

typedef struct Method {
        const char *name;
        const Argument *arguments;
        unsigned flags;
        unsigned served;                /* to whom: SERVED_… */
        JobKind kind;
        usec_t deadline;                /* 0 = none */
        const char *action;             /* polkit action when asked for on D-Bus; NULL = not offered there */
        int (*run)(Operation *o, json_t **ret_result, NovaException *e);        /* 0 or -errno with @e; *ret_result NULL = null */

        /* Once, right after the request is safe and before its turn: what the world may know at once. Not on the main loop;
         * may use the store. Operations of one instance are told in the order of acceptance. NULL = nothing. A method that has it is
         * run even when it was cancelled before its turn: to take that back, and to end with operation_refuse_cancelled. */
        void (*accepted)(Operation *o);
        MethodRecovery recovery;        /* of those that METHOD_CHANGES_STATE */
        /* Of RECOVER_UNDO: puts back what was half made. On a worker, under the operation's key. 0 or -errno with @e. */
        int (*undo)(Operation *o, NovaException *e);

        /* It reads the objects of its arguments itself (method_read_objects), in its turn, because it has something to record when
         * one is wrong. Of the others such a request is refused before it is accepted. */
        bool reads_objects;

        const struct InstanceMethod *instance;  /* what the wrapper of methods about one instance knows of it
                                                 * (compute/instance-call.h); NULL = it is about the host */
} Method;

/* Checks @args (a JSON object, or NULL = {}) against the list: missing ones and wrong types are TypeError with the
 * name, what was given and what is allowed (values of secrets never); unknown ones are accepted and counted in the
 * return value. */
int method_check_arguments(const Method *m, const json_t *args, NovaException *e);

/* The arguments with their objects read (zed 2.2, 2.3; object_parse_all): values coerced, wrong ones refused as Nova's
 * deserialization does, naming object and field. Only in arguments that the method has; those it does not know stay as they are.
 * *ret is a new reference, to @args itself (or an empty object) when there is no object in them. */
int method_read_objects(const Method *m, const json_t *args, json_t **ret, NovaException *e);

/* A copy of @args with secrets as "***", for logs and the journal. */
json_t *method_masked_arguments(const Method *m, const json_t *args);
