/* What is left of deleted instances (essex 11.7, zed 4.9): guests that run still, files that could not be removed. Found by the
 * periodic tasks, done as operations of the host's own. */
#pragma once

#include "service/operation.h"

typedef struct ComputeManager ComputeManager;

/* Guests of rows that are deleted, since running_deleted_instance_timeout: what running_deleted_instance_action says. */
int compute_clean_deleted_guests(ComputeManager *m, NovaException *e);
/* Directories of rows that are deleted, also those on their way out (<uuid>_del): each is tried to be removed at most
 * maximum_instance_delete_attempts times in the life of the process. */
int compute_clean_deleted_files(ComputeManager *m, NovaException *e);

/* Method.run of the rows of methods.c that only the host itself asks for. */
int compute_run_reap_deleted(Operation *o, json_t **ret, NovaException *e);
int compute_run_shutdown_deleted(Operation *o, json_t **ret, NovaException *e);
int compute_run_remove_deleted_files(Operation *o, json_t **ret, NovaException *e);
