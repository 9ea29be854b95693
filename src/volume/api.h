/* volume.API of the seed: the client of the volume service (essex 17.3). Calls block: workers only. Thread-safe. */
#pragma once

#include "config/config.h"
#include "objects/messenger.h"

typedef struct VolumeApi VolumeApi;

/* By volume_api_class; an unknown name is ClassNotFound. */
int volume_api_new(VolumeApi **ret, const Config *config, Messenger *m, NovaException *e);
VolumeApi *volume_api_free(VolumeApi *a);
DEFINE_CLEANUP(VolumeApi *, volume_api_free)

/* @host: where the volume lives (topic volume.<host>). */
int volume_api_attach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, const char *instance_uuid,
                      const char *mountpoint, NovaException *e);
int volume_api_detach(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id, NovaException *e);
int volume_api_initialize_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                     const json_t *connector, json_t **ret, NovaException *e);
int volume_api_terminate_connection(VolumeApi *a, const RequestContext *c, const char *host, int64_t volume_id,
                                    const json_t *connector, NovaException *e);
int volume_api_check_for_export(VolumeApi *a, const RequestContext *c, const char *instance_uuid, NovaException *e);
