/* Reads a property of the daemon over D-Bus so many times, one after another, and prints p50 and p99 in milliseconds.
 * usage: bus-read COUNT */
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv) {
        int count = argc == 2 ? atoi(argv[1]) : 0;
        double *took = calloc((size_t) count + 1, sizeof *took);
        sd_bus *bus = NULL;

        if (count < 1 || !took || sd_bus_open_system(&bus) < 0)
                return 2;
        for (int i = 0; i < count; i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                char *host = NULL;
                double began = now();

                if (sd_bus_get_property_string(bus, "org.nova.Compute1", "/org/nova/Compute1", "org.nova.Compute1.Service", "Host",
                                               &error, &host) < 0) {
                        fprintf(stderr, "bus-read: %s\n", error.message);
                        return 1;
                }
                took[i] = now() - began;
                free(host);
        }
        qsort(took, (size_t) count, sizeof *took, by_value);
        printf("%.3f %.3f\n", took[count / 2], took[count * 99 / 100]);
        sd_bus_unref(bus);
        return 0;
}
