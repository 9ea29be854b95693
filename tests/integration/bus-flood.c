/* Somebody who means no good: keeps the daemon's queue on the bus full, from several connections at once, until it is killed.
 * usage: bus-flood KIND CONNECTIONS [PATH]
 *   get        reads a property                        getall     all of an interface
 *   objects    asks for all objects                    noreply    reads, and wants no answer
 *   verb       Stop of the instance at PATH, or        wrong      calls with a wrong signature
 *              without a path of the service
 *   big        a call with a text of 1 MiB             unknown    paths and interfaces that are none
 * Prints a line once all connections are there. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME "org.nova.Compute1"
#define MANAGER "/org/nova/Compute1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define WINDOW 100              /* calls under way of a connection: the bus allows 128 */
#define CONNECTIONS_MAX 64

typedef struct Attacker {
        sd_bus *bus;
        unsigned under_way;
} Attacker;

static const char *kind, *object;
static char *text;

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Attacker *a = userdata;

        a->under_way--;
        return 0;
}

static int make(sd_bus *bus, sd_bus_message **m) {
        int r;

        if (strcmp(kind, "get") == 0 || strcmp(kind, "noreply") == 0) {
                r = sd_bus_message_new_method_call(bus, m, NAME, MANAGER, PROPERTIES, "Get");
                return r < 0 ? r : sd_bus_message_append(*m, "ss", NAME ".Service", "Trouble");
        }
        if (strcmp(kind, "getall") == 0) {
                r = sd_bus_message_new_method_call(bus, m, NAME, MANAGER, PROPERTIES, "GetAll");
                return r < 0 ? r : sd_bus_message_append(*m, "s", NAME ".Service");
        }
        if (strcmp(kind, "objects") == 0)
                return sd_bus_message_new_method_call(bus, m, NAME, MANAGER, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        if (strcmp(kind, "verb") == 0) {
                r = sd_bus_message_new_method_call(bus, m, NAME, object, strcmp(object, MANAGER) == 0 ? NAME ".Service" : NAME ".Instance", "Stop");
                return r < 0 ? r : sd_bus_message_append(*m, "a{sv}", 0);
        }
        if (strcmp(kind, "wrong") == 0) {
                r = sd_bus_message_new_method_call(bus, m, NAME, MANAGER, NAME ".Service", "Disable");
                return r < 0 ? r : sd_bus_message_append(*m, "uv", 7, "s", "seven");
        }
        if (strcmp(kind, "big") == 0) {
                r = sd_bus_message_new_method_call(bus, m, NAME, MANAGER, NAME ".Manager", "GetInstance");
                return r < 0 ? r : sd_bus_message_append(*m, "s", text);
        }
        if (strcmp(kind, "unknown") == 0)
                return sd_bus_message_new_method_call(bus, m, NAME, MANAGER "/instance/none", "no.such.Interface", "Nothing");
        return -EINVAL;
}

static int attack(Attacker *a) {
        int r = 0;

        while (r >= 0 && a->under_way < WINDOW) {
                sd_bus_message *m = NULL;

                r = make(a->bus, &m);
                if (r >= 0 && strcmp(kind, "noreply") == 0) {
                        r = sd_bus_message_set_expect_reply(m, false);
                        if (r >= 0)
                                r = sd_bus_send(a->bus, m, NULL);
                        if (r >= 0)
                                r = sd_bus_flush(a->bus);
                        sd_bus_message_unref(m);
                        return r;
                }
                if (r >= 0)
                        r = sd_bus_call_async(a->bus, NULL, m, on_answer, a, UINT64_MAX);
                sd_bus_message_unref(m);
                if (r >= 0)
                        a->under_way++;
        }
        return r;
}

int main(int argc, char **argv) {
        Attacker attackers[CONNECTIONS_MAX] = {};
        int n = argc >= 3 ? atoi(argv[2]) : 0, r = 0;

        if (n < 1 || n > CONNECTIONS_MAX)
                return 2;
        kind = argv[1];
        object = argc > 3 ? argv[3] : MANAGER;
        text = malloc(1 << 20);
        if (!text)
                return 2;
        memset(text, 'x', (1 << 20) - 1);
        text[(1 << 20) - 1] = '\0';
        for (int i = 0; r >= 0 && i < n; i++)
                r = sd_bus_open_system(&attackers[i].bus);
        if (r >= 0) {
                puts("there");
                fflush(stdout);
        }
        while (r >= 0)
                for (int i = 0; r >= 0 && i < n; i++) {
                        r = attack(&attackers[i]);
                        while (r >= 0 && (r = sd_bus_process(attackers[i].bus, NULL)) > 0)
                                ;
                        if (r >= 0 && n == 1)
                                r = sd_bus_wait(attackers[i].bus, 1000);
                }
        fprintf(stderr, "bus-flood: %s\n", strerror(-r));
        return 1;
}
