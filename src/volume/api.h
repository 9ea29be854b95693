/* volume.API of the seed: the client of the volume service (essex 17.3). Messages go out in Essex's form to
 * <volume_topic>.<host of the volume>. All are calls and block until the service answers or rpc_response_timeout has
 * passed: workers only. Thread-safe. Ids are the integers of that era.
 *
 * Failures: what the Messenger returned, with @e; -ENOTCONN when there is no Messenger. */
#pragma once

#include "config/config.h"
#include "objects/messenger.h"

typedef struct VolumeApi VolumeApi;

/* By volume_api_class; an unknown name is ClassNotFound. @m is borrowed, may be NULL and be set later. */
int volume_api_new(VolumeApi **ret, const Config *config, Messenger *m, NovaException *e);
VolumeApi *volume_api_free(VolumeApi *a);
DEFINE_CLEANUP(VolumeApi *, volume_api_free)
/* Before other threads use @a. */
void volume_api_set_messenger(VolumeApi *a, Messenger *m);

/* @host: where the volume lives. */
int volume_api_attach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, int64_t instance_id,
                      const char *mountpoint, NovaException *e);
int volume_api_detach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, NovaException *e);
/* *ret: {driver_volume_type, data}, a new reference. */
int volume_api_initialize_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                     const json_t *connector, json_t **ret, NovaException *e);
int volume_api_terminate_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                    const json_t *connector, NovaException *e);
/* To any volume service: whether the instance's volumes are exported (live migration). */
int volume_api_check_for_export(VolumeApi *a, const RequestContext *c, int64_t instance_id, NovaException *e);
