/* What is shown of an instance: its row, made small and ready to be read, without the object. Plain value; texts are never
 * NULL but where said. */
#pragma once

#include "objects/instance.h"

typedef struct InterfaceView {
        char *port, *mac, *network, *network_uuid, *bridge, *device, *type;     /* "" where it is not known */
        char **addresses;               /* "192.0.2.3/24"; NULL-terminated */
} InterfaceView;

typedef struct InstanceView {
        const char *uuid, *name, *display_name, *hostname, *project_id, *user_id, *flavor_name, *image_ref, *availability_zone;
        char *texts;                    /* holds those, in one piece: there may be thousands of views */
        char *key_name;
        char *fault;                    /* the last one, or "" */
        usec_t fault_at;
        VmState vm_state;
        TaskState task_state;
        PowerState power_state;
        bool locked, config_drive;
        int64_t vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb;
        usec_t created_at, launched_at, updated_at, terminated_at;      /* 0 = never */
        char **metadata;                /* key, value, key, value, …; NULL-terminated */
        InterfaceView *interfaces;
        size_t n_interfaces;
        bool brief;                     /* made of a row without its object: what comes from there is missing */
} InstanceView;

/* Copies what is to be shown. 0 or -ENOMEM. What a row holds that is of no use (a network_info that is none) is left out. */
int instance_view_new(const Instance *row, InstanceView **ret);
InstanceView *instance_view_free(InstanceView *v);              /* takes NULL, returns NULL */
DEFINE_CLEANUP(InstanceView *, instance_view_free)
/* @v is newer than @before and was made of a row without its object: takes over what @before knows of that. And the
 * fault, always. @before loses both. */
void instance_view_inherit(InstanceView *v, InstanceView *before);
/* 0 or -ENOMEM. */
int instance_view_set_fault(InstanceView *v, const char *message, usec_t at);
