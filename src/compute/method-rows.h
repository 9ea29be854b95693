/* Rows of the method table, by theme: methods.c, methods-guest.c, methods-refused.c; and what they are written with. */
#pragma once

#include "compute/host.h"
#include "compute/instance-call.h"

#define BOTH (SERVED_ZED | SERVED_ESSEX)

/* polkit's, of those that D-Bus offers. */
#define ACTION_MANAGE_SERVICE "org.nova.compute1.manage-service"
#define ACTION_UPDATE_RESOURCES "org.nova.compute1.update-resources"
#define ACTION_MANAGE_INSTANCES "org.nova.compute1.manage-instances"
#define ACTION_READ_CONSOLE "org.nova.compute1.read-console"

extern const Method guest_methods[], refused_methods[];
extern const size_t n_guest_methods, n_refused_methods;

/* Method.run of a method of the host: a failure is notified. */
int compute_run_host(Operation *o, HostFunction f, json_t **ret, NovaException *e);
/* Its end, of one that needs the operation: @r and @x are its result. */
int compute_ran_host(Operation *o, int r, NovaException *x, NovaException *e);
#define RUN(name)                                                                       \
        static int run_##name(Operation *o, json_t **ret, NovaException *e) {           \
                return compute_run_host(o, host_##name, ret, e);                        \
        }

/* Who is meant: today's callers send the object, Essex's the uuid. The wrapper wants one of them. */
#define THE_INSTANCE                                                            \
        { "instance", ARGUMENT_ANY, ARGUMENT_OPTIONAL },                        \
        { "instance_uuid", ARGUMENT_ANY, ARGUMENT_OPTIONAL }

/* What goes on for long (spawn-hooks.c, snapshot.c). */
#define LOOKS_WHETHER_CANCELLED(kind) ((kind) == JOB_BUILD || (kind) == JOB_SNAPSHOT ? METHOD_CANCELLABLE : 0)

/* One about an instance: changes it, in its turn among all that concern it, and when there is a hypervisor; changes only what is
 * recorded of it; or only asks, and waits for nothing. */
#define INSTANCE_CALL(name_, arguments_, served_, flags_, kind_, deadline_, instance_, ...)                          \
        {                                                                                                           \
                .name = name_, .arguments = arguments_, .served = served_, \
                .flags = METHOD_CHANGES_STATE | METHOD_PER_INSTANCE | LOOKS_WHETHER_CANCELLED(kind_) | (flags_), .kind = kind_, \
                .deadline = deadline_, .run = instance_call_run, .instance = &instance_, __VA_ARGS__ \
        }
#define INSTANCE(name_, arguments_, served_, kind_, deadline_, instance_, ...) \
        INSTANCE_CALL(name_, arguments_, served_, METHOD_WHEN_READY, kind_, deadline_, instance_, __VA_ARGS__)
#define INSTANCE_RECORD(name_, arguments_, served_, kind_, deadline_, instance_, ...) \
        INSTANCE_CALL(name_, arguments_, served_, 0, kind_, deadline_, instance_, __VA_ARGS__)
#define INSTANCE_QUERY(name_, arguments_, served_, deadline_, instance_, ...)                                       \
        {                                                                                                           \
                .name = name_, .arguments = arguments_, .served = served_, .flags = METHOD_REPEATABLE, .kind = JOB_QUERY, \
                .deadline = deadline_, .run = instance_call_run, .instance = &instance_, __VA_ARGS__                \
        }
