/* Reads a property of the daemon over D-Bus so many times, one after another, and prints p50 and p99 in milliseconds; or all of its
 * objects; or pings another connection. "idle" is such a one, that does nothing but answer: how long it takes to answer is what the bus
 * and the machine take. Run as root, who may queue for the daemon's name, it may be called by all who may call the daemon.
 * usage: bus-read COUNT [objects | ping NAME]
 *        bus-read idle             prints its name */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

static int read_property(sd_bus *bus, sd_bus_error *error) {
        char *host = NULL;
        int r;

        r = sd_bus_get_property_string(bus, "org.nova.Compute1", "/org/nova/Compute1", "org.nova.Compute1.Service", "Host", error, &host);
        free(host);
        return r;
}

static int read_objects(sd_bus *bus, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, "org.nova.Compute1", "/org/nova/Compute1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                               error, &reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static const char *pinged;

static int ping(sd_bus *bus, sd_bus_error *error) {
        return sd_bus_call_method(bus, pinged, "/", "org.freedesktop.DBus.Peer", "Ping", error, NULL, NULL);
}

/* Waits in line for the name, so that the bus lets others call it; the daemon keeps it. */
static int idle(void) {
        const char *name;
        sd_bus *bus;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_request_name(bus, "org.nova.Compute1", SD_BUS_NAME_QUEUE);
        if (r >= 0)
                r = sd_bus_get_unique_name(bus, &name);
        if (r >= 0) {
                puts(name);
                fflush(stdout);
        }
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        fprintf(stderr, "bus-read: %s\n", strerror(-r));
        return 1;
}

int main(int argc, char **argv) {
        int (*call)(sd_bus *bus, sd_bus_error *error) = argc == 2 ? read_property
                                                      : argc == 3 && strcmp(argv[2], "objects") == 0 ? read_objects
                                                      : argc == 4 && strcmp(argv[2], "ping") == 0 ? ping : NULL;
        int count = call ? atoi(argv[1]) : 0;
        double *took = calloc((size_t) count + 1, sizeof *took);
        sd_bus *bus = NULL;

        if (argc == 2 && strcmp(argv[1], "idle") == 0)
                return idle();
        pinged = argc == 4 ? argv[3] : NULL;
        if (count < 1 || !took || sd_bus_open_system(&bus) < 0)
                return 2;
        for (int i = 0; i < count; i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                double began = now();

                if (call(bus, &error) < 0) {
                        fprintf(stderr, "bus-read: %s\n", error.message);
                        return 1;
                }
                took[i] = now() - began;
        }
        qsort(took, (size_t) count, sizeof *took, by_value);
        printf("%.3f %.3f\n", took[count / 2], took[count * 99 / 100]);
        free(took);
        sd_bus_unref(bus);
        return 0;
}
