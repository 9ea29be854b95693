/* Drift: where store, hypervisor and disk do not say the same (essex 11.7, zed 4.9), each case by its name. A finding is
 * told in the log when it comes and when it goes, with MESSAGE_ID and INSTANCE_UUID, not each time it is seen again; what
 * there is now can be listed. Thread-safe. */
#pragma once

#include "basic/time-util.h"
#include "objects/instance.h"
#include "virt/driver.h"

typedef struct ComputeManager ComputeManager;

typedef enum DriftKind {
        DRIFT_GUEST_UNKNOWN,            /* the hypervisor has a guest that no instance of this host knows; left alone */
        DRIFT_GUEST_DELETED,            /* a guest of a deleted instance */
        DRIFT_GUEST_MISSING,            /* an instance that should have a guest and has none */
        DRIFT_STATE,                    /* the guest's state is not one that goes with vm_state */
        DRIFT_DIRECTORY,                /* a directory in instances_path that belongs to no instance */
        _DRIFT_KIND_MAX,
} DriftKind;
const char *drift_kind_to_string(DriftKind k);          /* "guest-unknown", …; NULL beyond */

/* A finding. The name is a uuid, of a directory its own name. */
typedef struct Drift {
        DriftKind kind;
        char *name;
        char *text;                     /* the sentence for people */
        usec_t since;                   /* realtime */
} Drift;

typedef struct DriftList {
        Drift *items;
        size_t n, allocated;
} DriftList;
void drift_list_done(DriftList *l);
/* Collects; -ENOMEM drops the finding until the next pass. */
int drift_list_add(DriftList *l, DriftKind kind, const char *name, const char *format, ...) _printf_(4, 5);

/* What a pass that looks for the kinds in @kinds (bits 1 << DriftKind) has found, all of it: what is new is told, what is there
 * no more too. Empties @found. */
void compute_drift_settle(ComputeManager *m, unsigned kinds, DriftList *found);
/* Each finding there is now, in the order of kind and name, under the manager's lock: @f is short and calls nothing of it. */
void compute_drift_foreach(ComputeManager *m, void (*f)(const Drift *d, void *userdata), void *userdata);
size_t compute_drift_count(ComputeManager *m);

/* Whether a guest in that state is what one expects of an instance without a task, by its vm_state. Pure. */
bool drift_state_fits(VmState vm, PowerState guest);

/* Compares @rows (those not deleted of this host) with the guests, and with the directories, and settles all kinds.
 * Linear, but for sorting. Blocks on disk and store. */
void compute_drift_look(ComputeManager *m, const InstanceList *rows, const GuestState *guests, size_t n_guests);
