/* The methods of the host itself, behind the table in methods.c. */
#pragma once

#include "compute/compute.h"

/* @args is checked against the method's list. *ret untouched = null. 0, or -errno with @e. */
typedef int (*HostFunction)(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);

int host_service_version(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_service_config(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_ping(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_get_backdoor_port(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_rpc_server_ping(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_get_host_uptime(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_set_host_enabled(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_maintenance_mode(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_power_action(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_update_available_resource(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_publish_service_capabilities(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_refresh_security_group_rules(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_refresh_security_group_members(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_refresh_provider_fw_rules(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_refresh_instance_security_rules(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_compare_cpu(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_get_instance_disk_info(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);

/* ---- console.c ---- */
int host_get_console_topic(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_get_console_pool_info(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);

/* ---- external-event.c, cache-images.c ---- */
int compute_run_external_instance_event(Operation *o, json_t **ret, NovaException *e);
int host_cache_images(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);

/* ---- shared-storage.c ---- */
int host_check_instance_shared_storage(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_create_shared_storage_test_file(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_check_shared_storage_test_file(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
int host_cleanup_shared_storage_test_file(ComputeManager *m, RequestContext *c, const json_t *args, json_t **ret, NovaException *e);
