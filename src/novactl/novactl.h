/* novactl: what its parts share. One Ctl is one run of the command. It talks to the daemon by D-Bus only. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "novactl/output.h"

#define BUS_NAME "org.nova.Compute1"
#define BUS_PATH "/org/nova/Compute1"
#define INSTANCE_PREFIX BUS_PATH "/instance/"
#define JOB_PREFIX BUS_PATH "/job/"
#define INTERFACE_SERVICE BUS_NAME ".Service"
#define INTERFACE_NODE BUS_NAME ".Node"
#define INTERFACE_MANAGER BUS_NAME ".Manager"
#define INTERFACE_INSTANCE BUS_NAME ".Instance"
#define INTERFACE_JOB BUS_NAME ".Job"
#define INTERFACE_PROPERTIES "org.freedesktop.DBus.Properties"
#define INTERFACE_OBJECTS "org.freedesktop.DBus.ObjectManager"

/* What the command exits with; novactl(1) has the same list. */
typedef enum ExitStatus {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,                /* refused or failed, a job did, or one of several */
        EXIT_USAGE = 2,                 /* verb, option or argument that is none */
        EXIT_OFFLINE = 3,               /* is-online: not well, or not there */
        EXIT_NO_SUCH = 4,               /* no such instance or job, or more than one goes by that name */
        EXIT_UNREACHABLE = 5,           /* no bus, no daemon on it, no answer in time */
        EXIT_DENIED = 6,                /* not authorized */
        EXIT_INTERRUPTED = 130,         /* Ctrl-C while waiting; the job goes on */
} ExitStatus;

typedef enum OptionId {
        OPTION_HELP,
        OPTION_VERSION,
        OPTION_HOST,
        OPTION_JSON,
        OPTION_J,
        OPTION_NO_LEGEND,
        OPTION_NO_PAGER,
        OPTION_NO_ASK_PASSWORD,
        OPTION_FULL,
        OPTION_QUIET,
        OPTION_NO_BLOCK,
        OPTION_PROPERTY,
        OPTION_VALUE,
        OPTION_STATE,
        OPTION_LINES,
        OPTION_NO_FOLLOW,
        OPTION_RAW,
        OPTION_DRY_RUN,
        OPTION_HARD,
        OPTION_TIMEOUT,
        OPTION_FORCE,
        OPTION_SOFT,
        OPTION_IMAGE,
        OPTION_FLAVOR,
        OPTION_VCPUS,
        OPTION_MEMORY,
        OPTION_DISK,
        OPTION_EPHEMERAL,
        OPTION_SWAP,
        OPTION_NETWORK,
        OPTION_FIXED_IP,
        OPTION_USER_DATA,
        OPTION_METADATA,
        OPTION_KEY_NAME,
        OPTION_PUBLIC_KEY,
        OPTION_PASSWORD_FILE,
        OPTION_CONFIG_DRIVE,
        OPTION_ZONE,
        OPTION_UUID,
        OPTION_PROJECT,
        OPTION_USER,
        _OPTION_MAX,
} OptionId;

/* What was given for an option, in order: all of them for one that may be repeated, of others the last counts. */
typedef struct OptionValues {
        const char **values;
        size_t n;
} OptionValues;

typedef struct Verb Verb;

typedef struct Ctl {
        Output out;
        sd_bus *bus;
        const Verb *verb;
        OptionValues options[_OPTION_MAX];
        const char *host;               /* -H; NULL = here */
        pid_t agent;                    /* pkttyagent; 0 = none */
} Ctl;

/* Prints "novactl: " and the sentence to standard error. */
void ctl_error(const char *format, ...) _printf_(1, 2);

static inline bool ctl_has(const Ctl *c, OptionId id) {
        return c->options[id].n > 0;
}
/* The last value given, or NULL. */
static inline const char *ctl_value(const Ctl *c, OptionId id) {
        return c->options[id].n > 0 ? c->options[id].values[c->options[id].n - 1] : NULL;
}
