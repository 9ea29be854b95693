/* Serves the metrics on a listening stream socket that somebody else made (systemd, for a socket unit): to HTTP/1.0 and 1.1
 * clients who ask GET / or /metrics, and, without any header, to who connects, says nothing and closes its side. On the main
 * loop; nothing waits for a client. */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"

typedef struct MetricsServer MetricsServer;

/* Takes over @fd, on success. @text makes the text anew (malloc'ed; 0 or -errno): at most once a second. */
int metrics_server_new(MetricsServer **ret, sd_event *event, int fd, int (*text)(void *userdata, char **ret), void *userdata);
/* Clients being served hear no more. Takes NULL. */
MetricsServer *metrics_server_free(MetricsServer *s);
DEFINE_CLEANUP(MetricsServer *, metrics_server_free)

/* Takes the listening socket @name out of what systemd passed: its descriptor; -1 if there is none. What else was passed is closed,
 * with a line in the log. Once, at the start. */
int metrics_server_socket(const char *name);
