/* logind and this host's end: a delay lock is held while there are guests to care for, and what logind announces is passed on
 * (systemd's INHIBITOR_LOCKS.md). All on the main loop; a logind that is not there changes nothing. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct Logind Logind;

typedef struct LogindCallbacks {
        bool (*delays)(void *userdata);                         /* whether the machine is to wait for us */
        /* It goes down: logind_ready once it need not wait any longer, at @until (monotonic) at the latest. */
        void (*goes_down)(usec_t until, void *userdata);
        void (*stays_up)(void *userdata);                       /* it does not go down after all */
        void *userdata;
} LogindCallbacks;

int logind_new(Logind **ret, const LogindCallbacks *callbacks);
Logind *logind_free(Logind *l);
DEFINE_CLEANUP(Logind *, logind_free)

/* There is a connection to the system bus; it is gone. A lock that is held stays held. */
void logind_connected(Logind *l, sd_bus *bus);
void logind_disconnected(Logind *l);
/* What delays says may be another now. */
void logind_reconsider(Logind *l);
/* Nothing keeps the machine any more. */
void logind_ready(Logind *l);
