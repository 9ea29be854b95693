/* Launcher, serve() and wait() of the seed (essex 7.6, 7.7): holds the services of the process, of any kind. */
#pragma once

#include <systemd/sd-event.h>

#include "service/service.h"

/* Anything that can be served: a Service, or another kind (the WSGI services of the seed). */
typedef struct Server Server;
struct Server {
        const char *name;
        int (*start)(Server *s);                /* returns at once */
        int (*stop)(Server *s);                 /* returns at once; ends with launcher_server_ended */
        Server *(*free)(Server *s);
        void *userdata;
        struct Launcher *launcher;              /* set by serve */
};

typedef struct Launcher Launcher;

typedef enum ServerState {
        SERVER_WAITING,                 /* for its turn of the loop */
        SERVER_RUNNING,
        SERVER_ENDED,
} ServerState;

enum {
        LAUNCHER_CHANGED_SERVERS = 1 << 0,      /* a server began or ended */
};

int launcher_new(Launcher **ret, sd_event *event);
Launcher *launcher_free(Launcher *l);           /* frees the servers */
DEFINE_CLEANUP(Launcher *, launcher_free)

/* Owns @s, on success, and starts it on the next turn of the loop: serving does not block. One that cannot start has
 * ended with that failure; the others go on. */
int launcher_serve(Launcher *l, Server *s);
/* Makes a Service servable; owns it, on success. */
int server_from_service(Service *service, Server **ret);
Service *server_service(const Server *s);       /* NULL if it is of another kind */

/* A server has ended, by itself (@r < 0: with the failure in @why) or after stop. From the main loop. */
void launcher_server_ended(Launcher *l, Server *s, int r, const char *why);
/* One that had ended was started again by other means. From the main loop. */
void launcher_server_began(Launcher *l, Server *s);
int launcher_stop_server(Launcher *l, Server *s);       /* the others go on */
/* Stops all; @done once all have ended, later on the loop. -EBUSY while an earlier one is under way. */
int launcher_stop(Launcher *l, void (*done)(void *userdata), void *userdata);

/* In the order served, also those that have ended. */
size_t launcher_servers(const Launcher *l, Server **ret, size_t max);
ServerState launcher_server_state(const Launcher *l, const Server *s);
size_t launcher_running(const Launcher *l);             /* how many have not ended */
/* wait() of the seed: the first failure of a server, or 0. */
int launcher_result(const Launcher *l, const char **ret_why);
Observers *launcher_observers(Launcher *l);             /* a server began or ended */
