/* The launcher: starts servers on the loop, one turn each, and keeps account of how they end. */
#define LOG_LOGGER "nova.service"
#include "service/launcher.h"

#include <errno.h>

#include "basic/log.h"

typedef struct Entry Entry;
struct Entry {
        Launcher *launcher;
        Server *server;
        sd_event_source *start;         /* until its turn has come */
        ServerState state;
        int result;
        char *why;
        Entry *next;
};

struct Launcher {
        sd_event *event;
        Entry *entries, *last;
        Entry *failed;                  /* the first that failed */
        Observers observers;
        bool stopping;
        void (*done)(void *userdata);
        void *userdata;
        sd_event_source *done_source;
};

int launcher_new(Launcher **ret, sd_event *event) {
        Launcher *l = calloc(1, sizeof *l);

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        *ret = l;
        return 0;
}

static Entry *entry_free(Entry *e) {
        sd_event_source_disable_unref(e->start);
        if (e->server)
                (void) e->server->free(e->server);
        free(e->why);
        free(e);
        return NULL;
}

Launcher *launcher_free(Launcher *l) {
        Entry *e;

        if (!l)
                return NULL;
        observers_done(&l->observers);
        sd_event_source_disable_unref(l->done_source);
        while ((e = l->entries)) {
                l->entries = e->next;
                (void) entry_free(e);
        }
        sd_event_unref(l->event);
        free(l);
        return NULL;
}

static Entry *launcher_find(const Launcher *l, const Server *s) {
        for (Entry *e = l->entries; e; e = e->next)
                if (e->server == s)
                        return e;
        return NULL;
}

size_t launcher_running(const Launcher *l) {
        size_t n = 0;

        for (const Entry *e = l->entries; e; e = e->next)
                n += e->state != SERVER_ENDED;
        return n;
}

static int launcher_on_done(sd_event_source *source _unused_, void *userdata) {
        Launcher *l = userdata;
        void (*done)(void *userdata) = l->done;

        l->done_source = sd_event_source_disable_unref(l->done_source);
        l->done = NULL;
        l->stopping = false;
        if (done)
                done(l->userdata);
        return 0;
}

/* From the loop, never from inside launcher_stop. */
static int launcher_check_done(Launcher *l) {
        if (!l->stopping || l->done_source || launcher_running(l) > 0)
                return 0;
        return sd_event_add_defer(l->event, &l->done_source, launcher_on_done, l);
}

static void entry_ended(Entry *e, int r, const char *why) {
        Launcher *l = e->launcher;

        if (e->state == SERVER_ENDED)
                return;
        e->start = sd_event_source_disable_unref(e->start);
        e->state = SERVER_ENDED;
        e->result = MIN(r, 0);
        if (r < 0) {
                free(e->why);
                e->why = strdup(isempty(why) ? strerror(-r) : why);
                if (!l->failed)
                        l->failed = e;
                log_error("Server %s ended: %s", e->server->name, strempty(e->why));
        } else
                log_debug("Server %s ended", e->server->name);
        observers_notify(&l->observers, LAUNCHER_CHANGED_SERVERS);
        r = launcher_check_done(l);
        if (r < 0)
                log_error("The end of the servers cannot be told: %s", strerror(-r));
}

void launcher_server_ended(Launcher *l, Server *s, int r, const char *why) {
        Entry *e = launcher_find(l, s);

        if (e)
                entry_ended(e, r, why);
}

void launcher_server_began(Launcher *l, Server *s) {
        Entry *e = launcher_find(l, s);

        if (!e || e->state == SERVER_RUNNING)
                return;
        e->start = sd_event_source_disable_unref(e->start);
        e->state = SERVER_RUNNING;
        observers_notify(&l->observers, LAUNCHER_CHANGED_SERVERS);
}

static int entry_on_turn(sd_event_source *source _unused_, void *userdata) {
        Entry *e = userdata;
        int r;

        e->start = sd_event_source_disable_unref(e->start);
        launcher_server_began(e->launcher, e->server);
        r = e->server->start(e->server);
        if (r < 0)
                entry_ended(e, r, NULL);
        return 0;
}

int launcher_serve(Launcher *l, Server *s) {
        Entry *e;
        int r;

        e = calloc(1, sizeof *e);
        if (!e)
                return -ENOMEM;
        e->launcher = l;
        e->state = SERVER_WAITING;
        r = sd_event_add_defer(l->event, &e->start, entry_on_turn, e);
        if (r < 0) {
                free(e);
                return r;
        }
        (void) sd_event_source_set_description(e->start, s->name);
        e->server = s;
        s->launcher = l;
        *(l->last ? &l->last->next : &l->entries) = e;
        l->last = e;
        return 0;
}

static void entry_stop(Entry *e) {
        int r;

        if (e->state == SERVER_WAITING) {       /* its turn never came */
                entry_ended(e, 0, NULL);
                return;
        }
        r = e->server->stop(e->server);
        if (r < 0)
                entry_ended(e, r, NULL);
}

int launcher_stop_server(Launcher *l, Server *s) {
        Entry *e = launcher_find(l, s);

        if (!e)
                return -ENOENT;
        if (e->state != SERVER_ENDED)
                entry_stop(e);
        return 0;
}

int launcher_stop(Launcher *l, void (*done)(void *userdata), void *userdata) {
        if (l->stopping)
                return -EBUSY;
        l->stopping = true;
        l->done = done;
        l->userdata = userdata;
        for (Entry *e = l->entries; e; e = e->next)
                if (e->state != SERVER_ENDED)
                        entry_stop(e);
        return launcher_check_done(l);
}

size_t launcher_servers(const Launcher *l, Server **ret, size_t max) {
        size_t n = 0;

        for (const Entry *e = l->entries; e && n < max; e = e->next)
                ret[n++] = e->server;
        return n;
}

ServerState launcher_server_state(const Launcher *l, const Server *s) {
        const Entry *e = launcher_find(l, s);

        return e ? e->state : SERVER_ENDED;
}

int launcher_result(const Launcher *l, const char **ret_why) {
        if (!l->failed)
                return 0;
        if (ret_why)
                *ret_why = strempty(l->failed->why);
        return l->failed->result;
}

Observers *launcher_observers(Launcher *l) {
        return &l->observers;
}

/* ---- a Service as a server ---- */

static void server_on_service(unsigned what, void *userdata) {
        Server *server = userdata;
        Service *service = server->userdata;

        if (!server->launcher || !(what & SERVICE_CHANGED_STATE))
                return;
        switch (service_state(service)) {
        case SERVICE_STOPPED:
                launcher_server_ended(server->launcher, server, 0, NULL);
                return;
        case SERVICE_FAILED:
                launcher_server_ended(server->launcher, server, service_failure(service), service_trouble(service));
                return;
        default:                /* also one that is started again by its own verb */
                launcher_server_began(server->launcher, server);
                return;
        }
}

static int server_start(Server *s) {
        return service_start(s->userdata);
}

static int server_stop(Server *s) {
        return service_stop(s->userdata);
}

static Server *server_free(Server *s) {
        observers_remove(service_observers(s->userdata), server_on_service, s);
        (void) service_free(s->userdata);
        free(s);
        return NULL;
}

int server_from_service(Service *service, Server **ret) {
        Server *s;
        int r;

        s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        *s = (Server){
                .name = service_binary(service),
                .start = server_start,
                .stop = server_stop,
                .free = server_free,
                .userdata = service,
        };
        r = observers_add(service_observers(service), server_on_service, s);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

Service *server_service(const Server *s) {
        return s->start == server_start ? s->userdata : NULL;
}
