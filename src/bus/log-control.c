/* org.freedesktop.LogControl1, the interface of `systemctl service-log-level` and `service-log-target`. */
#define LOG_LOGGER "nova.bus"
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/log.h"

int bus_log_control_filter(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const char *const details[] = { "verb", "set-log", NULL };
        Bus *b = userdata;
        int r;

        if (!sd_bus_message_is_method_call(m, NULL, "Set") ||
            !streq_ptr(sd_bus_message_get_path(m), "/org/freedesktop/LogControl1"))
                return 0;
        r = authority_check(b->authority, m, ACTION_MANAGE_SERVICE, details, error);
        return r < 0 ? r : r == 0;      /* 0: goes on to the setter */
}

static int get_level(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property _unused_,
                     sd_bus_message *reply, void *userdata _unused_, sd_bus_error *error _unused_) {
        return sd_bus_message_append(reply, "s", log_level_to_syslog_string(log_level()));
}

static int set_level(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property _unused_,
                     sd_bus_message *value, void *userdata _unused_, sd_bus_error *error) {
        const char *text;
        LogLevel level;
        int r;

        r = sd_bus_message_read(value, "s", &text);
        if (r < 0)
                return r;
        if (log_level_from_syslog_string(text, &level) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Unknown log level: one of emerg, alert, crit, err, warning, notice, info, debug");
        log_set_level(level);
        log_info("log level set to %s", log_level_to_syslog_string(level));
        return 0;
}

static int get_target(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property _unused_,
                      sd_bus_message *reply, void *userdata _unused_, sd_bus_error *error _unused_) {
        return sd_bus_message_append(reply, "s", log_target_to_string(log_target()));
}

static int set_target(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property _unused_,
                      sd_bus_message *value, void *userdata _unused_, sd_bus_error *error) {
        const char *text;
        LogTarget target;
        int r;

        r = sd_bus_message_read(value, "s", &text);
        if (r < 0)
                return r;
        if (log_target_from_string(text, &target) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "Unknown log target: one of auto, journal, console, syslog, file, null");
        r = log_set_target(target);
        if (r < 0)
                return bus_error_from(error, r, NULL, "The log target could not be set");
        log_info("log target set to %s", log_target_to_string(log_target()));
        return 0;
}

static int get_identifier(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, const char *property _unused_,
                          sd_bus_message *reply, void *userdata _unused_, sd_bus_error *error _unused_) {
        return sd_bus_message_append(reply, "s", strempty(log_program()));
}

/* Not signalled: a reload changes them too. Writing is free here because the filter has asked polkit before. */
const sd_bus_vtable bus_log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", get_target, set_target, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
