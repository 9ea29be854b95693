/* Errors on the bus: a short list of our own names, the standard ones where they fit, a sentence in each. */
#pragma once

#include <systemd/sd-bus.h>

#include "objects/exception.h"

#define BUS_ERROR_NOT_RUNNING "org.nova.Compute1.Error.NotRunning"              /* there is no running service to ask */
#define BUS_ERROR_HOST_GOES_DOWN "org.nova.Compute1.Error.HostGoesDown"         /* the host is being shut down: nothing is begun any more */
#define BUS_ERROR_BUSY "org.nova.Compute1.Error.Busy"                           /* starting or stopping is under way */
#define BUS_ERROR_START_FAILED "org.nova.Compute1.Error.StartFailed"            /* a step of the start has failed for good */
#define BUS_ERROR_NO_SUCH_TASK "org.nova.Compute1.Error.NoSuchTask"             /* there is no periodic task of that name */
#define BUS_ERROR_NO_SUCH_INSTANCE "org.nova.Compute1.Error.NoSuchInstance"     /* no instance goes by that name, uuid or path */
#define BUS_ERROR_INSTANCE_EXISTS "org.nova.Compute1.Error.InstanceExists"      /* one of this uuid is, or was, here */
#define BUS_ERROR_INVALID_STATE "org.nova.Compute1.Error.InvalidState"          /* the states of the instance do not allow the verb */
#define BUS_ERROR_INSTANCE_LOCKED "org.nova.Compute1.Error.InstanceLocked"      /* it is locked: Unlock comes first */
#define BUS_ERROR_NO_SUCH_FLAVOR "org.nova.Compute1.Error.NoSuchFlavor"         /* Flavors has none of that name */
#define BUS_ERROR_NO_SUCH_NETWORK "org.nova.Compute1.Error.NoSuchNetwork"       /* Networks has none of that name or uuid */
#define BUS_ERROR_AMBIGUOUS_NETWORK "org.nova.Compute1.Error.AmbiguousNetwork"  /* none is named, and there are several */
#define BUS_ERROR_NO_SUCH_INTERFACE "org.nova.Compute1.Error.NoSuchInterface"   /* the instance has none of that address or port */
#define BUS_ERROR_NO_SUCH_IMAGE "org.nova.Compute1.Error.NoSuchImage"           /* none, or none for this project */
#define BUS_ERROR_IMAGE_UNACCEPTABLE "org.nova.Compute1.Error.ImageUnacceptable"        /* it does not fit, or is not what it says */
#define BUS_ERROR_NO_CONSOLE "org.nova.Compute1.Error.NoConsole"                /* the instance has no console of that kind */
#define BUS_ERROR_NOT_FOLLOWING "org.nova.Compute1.Error.NotFollowing"          /* the caller does not follow a console by that number */
#define BUS_ERROR_AMBIGUOUS_NAME "org.nova.Compute1.Error.AmbiguousName"        /* several instances have it */
#define BUS_ERROR_NOT_CANCELLABLE "org.nova.Compute1.Error.NotCancellable"      /* the job has no safe point to stop at any more */
#define BUS_ERROR_MODEL_DISCONNECTED "org.nova.Compute1.Error.ModelDisconnected"        /* the database does not answer */
#define BUS_ERROR_HYPERVISOR_UNAVAILABLE "org.nova.Compute1.Error.HypervisorUnavailable"        /* libvirt does not answer */
#define BUS_ERROR_CONFIG_INVALID "org.nova.Compute1.Error.ConfigInvalid"        /* the configuration has a mistake, the former one stays in force */
#define BUS_ERROR_FAILED "org.nova.Compute1.Error.Failed"                       /* anything else; the sentence says what */

/* Fills @error from a failure of the rooms below: @e where it is set, else what @r means. @what begins the sentence
 * ("The state could not be reported"). Returns a negative errno for a handler to return. */
int bus_error_from(sd_bus_error *error, int r, const NovaException *e, const char *what);
