/* The build of an instance (zed 6.1 to 6.3, essex 11.4), in its parts: what is asked for, and what is done about it. Private to
 * build.c and its tests, but for compute_build_undo. Workers only. */
#pragma once

#include "compute/instance-call.h"

/* What of the request concerns the guest: borrowed from the arguments, but for what is freed by build_request_done. */
typedef struct BuildRequest {
        json_t *image_meta;             /* the image service's dictionary, or what the instance says of its image */
        json_t *block_device_info;      /* Nova's: root_device_name, ephemerals, swap, no volumes */
        const json_t *injected_files;   /* [[path, base64]], or NULL */
        const char *admin_password;
        const json_t *requested_networks;
        const json_t *limits;
        const char *node;
        bool no_network;                /* the user wants none */
} BuildRequest;
void build_request_done(BuildRequest *q);

/* What the arguments ask for @i. Refused are flavors of no or absurd size, images that do not fit or are not there to be used,
 * files that are no base64, and volumes, which need a service that is not here: Nova's exceptions, @ret untouched. */
int build_request_read(const json_t *args, const Instance *i, BuildRequest *ret, NovaException *e);

/* A new row for the instance that @args of a build describe: of Nova's object, or of what Essex's scheduler sends along
 * (request_spec). building, scheduling, of no host yet. Failures name what is wrong. *ret untouched. */
int build_new_instance(ComputeManager *m, const json_t *args, const char *uuid, Instance *ret, NovaException *e);

/* Whether a guest of @i may have been made here: its build came as far as its claim. Until then a guest of its uuid is another's. */
bool instance_build_was_begun(const Instance *i);
/* Takes back what a build has half made: guest, files, interfaces, addresses. What is not there is fine; what cannot be given
 * back is logged. The row is not touched. 0, or -errno where the hypervisor could not be asked: then all is still there. */
int compute_build_undo(ComputeManager *m, RequestContext *c, const Instance *i);
/* The fields of one that could not be built: in error, without a task, of no host, node or network any more. @undone below 0: it stays
 * of this host, marked, until compute_recover_again has it taken back; the caller calls compute_recover_later when it is saved. */
void instance_set_unbuilt(Instance *i, int undone);
bool instance_is_half_built(const Instance *i);
