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

/* ---- payloads, each a new reference or NULL when out of memory ---- */

/* Nova's info_from_instance. @network: with fixed_ips. */
json_t *notify_unversioned_payload(const Instance *i, bool network, const NovaException *exception, const json_t *extra);
/* The primitive of the action's payload class: InstanceCreatePayload 1.12, InstanceActionPayload 1.8, … */
json_t *notify_versioned_payload(const RequestContext *c, const Instance *i, const char *action, const NovaException *exception,
                                 bool block_devices, const json_t *extra);
/* The fixed addresses of network_info: [{address, version, …, label, vif_mac}]. */
json_t *notify_fixed_ips(const json_t *network_info);
