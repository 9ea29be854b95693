/* The daemon on D-Bus (design.md section 7): name org.nova.Compute1, objects under /org/nova/Compute1. All on the main
 * loop; reads are answered from the state of the rooms below, verbs go through polkit. */
#pragma once

#include <systemd/sd-bus.h>

#include "service/launcher.h"

#define BUS_NAME "org.nova.Compute1"
#define BUS_PATH "/org/nova/Compute1"

typedef struct Bus Bus;

typedef struct BusCallbacks {
        int (*reload)(void *userdata, char **ret_error);        /* as SIGHUP; malloc'ed sentence on failure */
        void *userdata;
        const char *name;                                       /* taken instead of BUS_NAME; NULL, or outlives the Bus */
} BusCallbacks;

/* Connects to the system bus (or $DBUS_SYSTEM_BUS_ADDRESS), exports everything and asks for the name, waiting for the bus
 * at most 5 s. @launcher (may be NULL) is borrowed and outlives the Bus. Returns
 *   1        the name is ours;
 *   0        there is no bus (that was logged): *ret tries again with growing intervals, as it does after a loss;
 *   -EEXIST  another process owns the name: *ret is not set;
 *   -errno   of ours (memory, the loop). */
int bus_new(Bus **ret, sd_event *event, Launcher *launcher, const BusCallbacks *callbacks);
/* Says good-bye: changes not yet told are told, verbs still waiting are answered with Error.NotRunning. Objects are not taken
 * apart, they end with the name. What the service still carries out for verbs ends without effect here; so the Bus may go before
 * the Service. Takes NULL, returns NULL. */
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus *, bus_free)

/* Once there is a service: its properties appear and change from now on. NULL before it is freed: everything still
 * answers, with empty values. Returns 0 or -ENOMEM. */
int bus_set_service(Bus *b, Service *service);
/* The configuration is another: whether the machine is to wait for us when it goes down may be too. */
void bus_reconsider_host(Bus *b);
/* Whether the name is ours now. */
bool bus_connected(const Bus *b);
