/* The verbs of org.nova.Compute1.Manager. */
#include "bus/bus-internal.h"

int bus_manager_verb(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_NOT_SUPPORTED, "%s cannot be done here", sd_bus_message_get_member(m));
}
