/* The daemon around the services: event loop, signals, systemd's protocol, reload, and what all services share.
 * One object, made by main(); all on the main loop. */
#pragma once

#include "config/config.h"
#include "service/launcher.h"

typedef struct Daemon Daemon;

/* Takes a reference of @config. Blocks the signals it handles, so it comes before any thread. On failure @e says why. */
int daemon_new(Daemon **ret, Config *config, NovaException *e);
Daemon *daemon_free(Daemon *d);
DEFINE_CLEANUP(Daemon *, daemon_free)

/* logging.setup() of the seed: opens the sinks that the configuration names. -EINVAL with @error. Before daemon_new. */
int daemon_setup_logging(const Config *config, const char *program, ConfigError *error);

/* Service.create(binary=…) of the seed; the caller hands the service to daemon_serve. */
int daemon_create_service(Daemon *d, const char *binary, Service **ret, NovaException *e);
/* service.serve(): starts it when the loop runs; owns it. */
int daemon_serve(Daemon *d, Service *s);
/* service.wait(): runs the loop until told to stop; returns the exit status. */
int daemon_wait(Daemon *d);
