/* From exceptions and errno to the names of errors.h. */
#include "bus/errors.h"

#include <errno.h>

#include "bus/value.h"

/* By class, for failures that say what they are. */
static const struct {
        const char *class_name, *name;
} by_class[] = {
        { "DBError", BUS_ERROR_MODEL_DISCONNECTED },
        { "HypervisorUnavailable", BUS_ERROR_HYPERVISOR_UNAVAILABLE },
        { "VirtDriverNotReady", BUS_ERROR_HYPERVISOR_UNAVAILABLE },
        { "InstanceNotFound", BUS_ERROR_NO_SUCH_INSTANCE },
        { "InstanceExists", BUS_ERROR_INSTANCE_EXISTS },
        { "InstanceInvalidState", BUS_ERROR_INVALID_STATE },
        { "InstanceNotReady", BUS_ERROR_INVALID_STATE },
        { "UnexpectedTaskStateError", BUS_ERROR_INVALID_STATE },
        { "UnexpectedDeletingTaskStateError", BUS_ERROR_INVALID_STATE },
        { "InstanceIsLocked", BUS_ERROR_INSTANCE_LOCKED },
        { "FlavorNotFound", BUS_ERROR_NO_SUCH_FLAVOR },
        { "NetworkNotFound", BUS_ERROR_NO_SUCH_NETWORK },
        { "NetworkAmbiguous", BUS_ERROR_AMBIGUOUS_NETWORK },
        { "ImageNotFound", BUS_ERROR_NO_SUCH_IMAGE },
        { "ImageUnacceptable", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "ImageNotActive", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "InvalidDiskFormat", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "FlavorDiskSmallerThanImage", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "FlavorDiskSmallerThanMinDisk", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "FlavorMemoryTooSmall", BUS_ERROR_IMAGE_UNACCEPTABLE },
        { "ConsoleNotAvailable", BUS_ERROR_NO_CONSOLE },
        { "ConsoleTypeUnavailable", BUS_ERROR_NO_CONSOLE },
        { "ConsoleTypeInvalid", BUS_ERROR_NO_CONSOLE },
        { "NotImplementedError", SD_BUS_ERROR_NOT_SUPPORTED },
        { "TypeError", SD_BUS_ERROR_INVALID_ARGS },
        { "ValueError", SD_BUS_ERROR_INVALID_ARGS },
        { "Invalid", SD_BUS_ERROR_INVALID_ARGS },
        { "InvalidInput", SD_BUS_ERROR_INVALID_ARGS },
        { "InvalidUUID", SD_BUS_ERROR_INVALID_ARGS },
        { "FixedIpInvalid", SD_BUS_ERROR_INVALID_ARGS },
        { "InvalidConfiguration", BUS_ERROR_CONFIG_INVALID },
};

static const struct {
        int error;
        const char *name, *text;
} by_errno[] = {
        { ESHUTDOWN, BUS_ERROR_NOT_RUNNING, "the service is not running" },
        { EHOSTDOWN, BUS_ERROR_HOST_GOES_DOWN, "the host goes down" },
        { ECANCELED, BUS_ERROR_NOT_RUNNING, "the service was stopped meanwhile" },
        { EBUSY, BUS_ERROR_BUSY, "the service is just starting or stopping" },
        { EOPNOTSUPP, SD_BUS_ERROR_NOT_SUPPORTED, NULL },
        { EINVAL, SD_BUS_ERROR_INVALID_ARGS, NULL },
        { ENOMEM, SD_BUS_ERROR_NO_MEMORY, NULL },
        { ETIMEDOUT, SD_BUS_ERROR_TIMEOUT, NULL },
};

int bus_error_from(sd_bus_error *error, int r, const NovaException *e, const char *what) {
        const char *name = BUS_ERROR_FAILED, *text = NULL;
        char *shown = NULL;

        if (r >= 0)
                r = exception_is_set(e) && e->error < 0 ? e->error : -EIO;
        for (size_t i = 0; i < ELEMENTSOF(by_errno); i++)
                if (by_errno[i].error == -r) {
                        name = by_errno[i].name;
                        text = by_errno[i].text;
                }
        if (exception_is_set(e)) {
                text = e->message;
                for (size_t i = 0; i < ELEMENTSOF(by_class); i++)
                        if (streq(by_class[i].class_name, e->class_name))
                                name = by_class[i].name;
        }
        text = bus_text(isempty(text) ? strerror(-r) : text, &shown);
        sd_bus_error_setf(error, name, "%s: %s", what, strempty(text));
        free(shown);
        return r;
}
