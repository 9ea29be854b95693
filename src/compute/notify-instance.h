/* Notifications about what is done to an instance (zed 1.7, essex 5.2): in Nova's unversioned form, its versioned form, or both, by
 * notification_format; nothing where no notification driver is configured, which is the default. Thread-safe; never blocks,
 * never fails: what cannot be sent is logged. */
#pragma once

#include "compute/compute.h"

typedef enum NotifyPhase {
        NOTIFY_START,
        NOTIFY_END,
        NOTIFY_ERROR,
        NOTIFY_ONCE,                    /* an event without phases: "lock" */
        _NOTIFY_PHASE_MAX,
} NotifyPhase;

/* Tells that @action ("power_off", "create", "soft_delete": the names of Nova's NotificationAction) on @i began, ended or
 * failed: compute.instance.<action>.<phase> from compute.<host>, instance.<action>.<phase> from nova-compute:<host>; with
 * priority ERROR in phase NOTIFY_ERROR, else INFO. @i is told as it is now, whole: its ->object should be there. @exception
 * is the reason of a failure; NULL otherwise. */
void compute_notify_instance(ComputeManager *m, const RequestContext *context, const Instance *i, const char *action,
                             NotifyPhase phase, const NovaException *exception);

/* The same with what only some actions tell, an object: the unversioned payload has all of it (it overrides), the versioned one what its
 * class has a field for: rescue_image_ref of a rescue, snapshot_image_id of a snapshot, which the unversioned one never has. Nova tells unversioned
 * {"image_name"} with create.start, {"message": "Success"} with create.end, {"rescue_image_name"} with rescue. Borrowed, may
 * be NULL. */
void compute_notify_instance_with(ComputeManager *m, const RequestContext *context, const Instance *i, const char *action,
                                  NotifyPhase phase, const NovaException *exception, const json_t *extra);

/* What a member of @extra is called in both forms, and for "update" and "exists" must be there: times of any form that time_parse
 * takes; the unversioned payload has them as they are. */
#define AUDIT_BEGINNING "audit_period_beginning"
#define AUDIT_ENDING "audit_period_ending"

/* ---- notify-update.c ---- */

/* Tells that the row of @i was written: compute.instance.update and instance.update, as notify_on_state_change says; with what
 * @before says it was. @context NULL: the host's own doing. */
void compute_notify_update(ComputeManager *m, const RequestContext *context, const Instance *i, const InstanceBefore *before);
/* What is particular to that, as Nova computes it: {old_state, state, old_task_state, new_task_state, old_display_name where it is
 * another, and the audit period}. */
json_t *notify_update_extra(const Instance *i, const InstanceBefore *before, StateChanges changes, usec_t begin, usec_t now);

/* How rows of instances are written in this room: StoreOps.instance_save and, of an instance that was in @i's states, instance_destroy,
 * after which who listens is told. Results are those of the store's; @context may be NULL. */
int compute_instance_save(ComputeManager *m, const RequestContext *context, Instance *i, const TaskState *expected, NovaException *e);
int compute_instance_destroy(ComputeManager *m, const RequestContext *context, const Instance *i);

/* ---- usage-audit.c ---- */

/* Nova's _instance_usage_audit: with instance_usage_audit, tells compute.instance.exists and instance.exists of each instance that this
 * host had during the last completed period, once for a period, also over restarts. One that is cut short is begun anew. */
int compute_usage_audit(ComputeManager *m, const RequestContext *context, NovaException *e);
/* Tells compute.instance.exists and instance.exists of @i for the current period so far, whether there are usage audits or not: Nova does
 * so before an instance becomes another, by a rebuild or a resize. */
void compute_notify_usage(ComputeManager *m, const RequestContext *context, const Instance *i);
/* The bounds of the last completed period, of which the end is the beginning of the current one. -EINVAL and an exception that names the
 * value when instance_usage_audit_period is wrong. */
int compute_audit_period(ComputeManager *m, usec_t now, usec_t *ret_begin, usec_t *ret_end, NovaException *e);

/* ---- payloads, each a new reference or NULL when out of memory ---- */

/* Nova's info_from_instance. @network: with fixed_ips. */
json_t *notify_unversioned_payload(const Instance *i, bool network, const NovaException *exception, const json_t *extra);
/* The primitive of the action's payload class: InstanceCreatePayload 1.12, InstanceActionPayload 1.8, … */
json_t *notify_versioned_payload(const RequestContext *c, const Instance *i, const char *action, const NovaException *exception,
                                 bool block_devices, const json_t *extra);
/* The fixed addresses of network_info: [{address, version, …, label, vif_mac}]. */
json_t *notify_fixed_ips(const json_t *network_info);
