/* The daemon on D-Bus (design.md section 7): name org.nova.Compute1, objects under /org/nova/Compute1. All on the main
 * loop; reads are answered from the state of the rooms below, verbs go through polkit. */
#pragma once

#include <systemd/sd-bus.h>

#include "service/launcher.h"

typedef struct Bus Bus;

typedef struct BusCallbacks {
        int (*reload)(void *userdata, char **ret_error);        /* as SIGHUP; malloc'ed sentence on failure */
        void *userdata;
} BusCallbacks;

/* Connects to the system bus (or $DBUS_SYSTEM_BUS_ADDRESS), exports everything and asks for the name. A second daemon on
 * the same bus: -EEXIST. No bus at all: an error the caller logs; the daemon works on without (and retries). */
int bus_new(Bus **ret, sd_event *event, Launcher *launcher, const BusCallbacks *callbacks);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free)

/* Once there is a service: its properties appear and change from now on. */
int bus_set_service(Bus *b, Service *service);
bool bus_connected(const Bus *b);
