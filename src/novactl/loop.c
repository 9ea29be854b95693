#include "novactl/loop.h"

#include <errno.h>
#include <signal.h>

static int loop_on_signal(sd_event_source *s _unused_, const struct signalfd_siginfo *si _unused_, void *userdata) {
        Loop *l = userdata;

        l->stopped = true;
        return 0;
}

int loop_open(Loop *l, Ctl *c) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t mask;
        int r;

        l->ctl = c;
        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&mask, signals[i]);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);

        r = sd_event_new(&l->event);
        for (size_t i = 0; i < ELEMENTSOF(signals) && r >= 0; i++)
                r = sd_event_add_signal(l->event, NULL, signals[i], loop_on_signal, l);
        if (r >= 0)
                r = sd_bus_attach_event(c->bus, l->event, 0);
        return MIN(r, 0);
}

int loop_run(Loop *l, bool (*is_over)(const void *userdata), const void *userdata) {
        while (!is_over(userdata)) {
                int r;

                if (l->stopped)
                        return 0;
                r = sd_event_run(l->event, UINT64_MAX);
                if (r < 0)
                        return r;
                if (sd_event_get_state(l->event) == SD_EVENT_FINISHED || sd_bus_is_open(l->ctl->bus) <= 0)
                        return -ENOTCONN;
        }
        return 1;
}

void loop_done(Loop *l) {
        if (!l->event)
                return;
        (void) sd_bus_detach_event(l->ctl->bus);
        l->event = sd_event_unref(l->event);
}

void loop_flush(Loop *l) {
        if (fflush(l->ctl->out.file) != 0)
                l->stopped = true;
}

int loop_watch_daemon(Ctl *c, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata) {
        return sd_bus_add_match(c->bus, ret, "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME "'", handler,
                                userdata);
}
