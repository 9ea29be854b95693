/* Turns among callers, and what polkit is asked about meanwhile: the other end of the bus is a socket of this test's, which is bus and
 * polkit in one and reads when it wants to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/bus-internal.h"

#define CALLER ":1.7"
#define PATH "/org/nova/Compute1"
#define INTERFACE "org.nova.Compute1.Test"

typedef struct World {
        Bus bus;                        /* as much of it as turns need */
        sd_bus *peer;
        sd_bus_slot *object, *filter;
        unsigned asked, began, done;    /* CheckAuthorization arrived; the handler ran; it went on */
        sd_bus_message *question;       /* not answered yet */
        unsigned answers;               /* arrived at the peer */
} World;

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        World *w = userdata;
        int r;

        if (!sd_bus_message_is_method_call(m, INTERFACE, "Verb"))
                return 0;
        w->began++;
        r = authority_check(w->bus.authority, m, "org.nova.compute1.test", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        w->done++;
        return sd_bus_reply_method_return(m, NULL);
}

/* What a bus and polkit answer; CheckAuthorization waits until the test wants it. */
static int on_peer(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        World *w = userdata;

        if (sd_bus_message_is_method_call(m, NULL, "GetConnectionUnixUser"))
                return sd_bus_reply_method_return(m, "u", 1000u);
        if (sd_bus_message_is_method_call(m, NULL, "CheckAuthorization")) {
                w->asked++;
                sd_bus_message_unref(w->question);
                w->question = sd_bus_message_ref(m);
                return 1;
        }
        if (sd_bus_message_is_method_call(m, NULL, NULL))
                return sd_bus_reply_method_return(m, NULL);
        return 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        World *w = userdata;

        assert_false(sd_bus_message_is_method_error(m, NULL));
        w->answers++;
        return 0;
}

/* The loop of ours, until it has nothing to do. Whether it had. */
static bool run_ours(World *w) {
        bool any = false;

        while (sd_event_run(w->bus.event, 0) > 0)
                any = true;
        return any;
}

static bool run_peer(World *w) {
        bool any = false;

        while (sd_bus_process(w->peer, NULL) > 0)
                any = true;
        return any;
}

/* Both, until there is nothing to do for either. */
static void run_all(World *w) {
        for (unsigned idle = 0; idle < 3; idle++) {
                bool ours = run_ours(w), peers = run_peer(w);

                if (ours || peers)
                        idle = 0;
        }
}

static void world_begin(World *w) {
        sd_id128_t id = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef);
        int fd[2];

        *w = (World) {};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
        assert_true(sd_event_new(&w->bus.event) >= 0);
        assert_true(sd_bus_new(&w->bus.bus) >= 0 && sd_bus_new(&w->peer) >= 0);
        assert_true(sd_bus_set_fd(w->bus.bus, fd[0], fd[0]) >= 0 && sd_bus_set_fd(w->peer, fd[1], fd[1]) >= 0);
        assert_true(sd_bus_set_server(w->peer, true, id) >= 0);
        assert_true(sd_bus_start(w->peer) >= 0 && sd_bus_start(w->bus.bus) >= 0);

        assert_true(fairness_new(&w->bus.fairness, &w->bus) >= 0);
        assert_true(authority_new(&w->bus.authority, w->bus.event, NULL, NULL) >= 0);
        assert_true(sd_bus_add_filter(w->bus.bus, NULL, fairness_on_message, &w->bus) >= 0);
        assert_true(sd_bus_add_object(w->bus.bus, &w->object, PATH, on_call, w) >= 0);
        assert_true(sd_bus_add_filter(w->peer, &w->filter, on_peer, w) >= 0);
        assert_true(sd_bus_attach_event(w->bus.bus, w->bus.event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        run_all(w);                     /* they greet each other */
}

static void world_end(World *w) {
        authority_free(w->bus.authority);
        fairness_free(w->bus.fairness);
        sd_bus_slot_unref(w->object);
        sd_bus_slot_unref(w->filter);
        sd_bus_message_unref(w->question);
        sd_bus_close_unref(w->bus.bus);
        sd_bus_close_unref(w->peer);
        sd_event_unref(w->bus.event);
}

static void call(World *w) {
        sd_bus_message *m = NULL;

        assert_true(sd_bus_message_new_method_call(w->peer, &m, "org.nova.Compute1", PATH, INTERFACE, "Verb") >= 0);
        assert_true(sd_bus_message_set_sender(m, CALLER) >= 0);
        assert_true(sd_bus_call_async(w->peer, NULL, m, on_reply, w, 0) >= 0);
        sd_bus_message_unref(m);
}

static void polkit_says_yes(World *w) {
        assert_non_null(w->question);
        assert_true(sd_bus_reply_method_return(w->question, "(bba{ss})", 1, 0, 0) >= 0);
        w->question = sd_bus_message_unref(w->question);
        assert_true(sd_bus_flush(w->peer) >= 0);
}

/* The peer does not read: what we tell stays with us. */
static void fill(World *w) {
        static char text[256 * 1024];

        memset(text, 'x', sizeof text - 1);
        for (unsigned n = 0; bus_unsent(&w->bus) <= UNSENT_MAX; n++) {
                assert_true(n < 1000);
                assert_true(sd_bus_emit_signal(w->bus.bus, PATH, INTERFACE, "Said", "s", text) >= 0);
        }
}

static void a_call_that_polkit_allows_is_carried_out_once(void **state) {
        World w;

        world_begin(&w);
        call(&w);
        run_all(&w);
        assert_int_equal(w.asked, 1);
        assert_int_equal(w.done, 0);
        polkit_says_yes(&w);
        run_all(&w);
        assert_int_equal(w.asked, 1);
        assert_int_equal(w.began, 2);
        assert_int_equal(w.done, 1);
        assert_int_equal(w.answers, 1);
        world_end(&w);
}

/* While the bus takes nothing nobody is served; what polkit has answered is, or its verdict would be thrown away when the loop is idle. */
static void an_answered_call_waits_for_no_second_turn(void **state) {
        World w;

        world_begin(&w);
        call(&w);
        run_all(&w);
        assert_int_equal(w.asked, 1);
        fill(&w);
        polkit_says_yes(&w);
        run_ours(&w);
        assert_true(bus_unsent(&w.bus) > UNSENT_MAX);
        assert_int_equal(w.done, 1);
        run_all(&w);
        assert_int_equal(w.asked, 1);
        assert_int_equal(w.began, 2);
        assert_int_equal(w.answers, 1);
        world_end(&w);
}

/* The same bus, full: a call that comes anew is not begun before there is room. */
static void a_new_call_waits_until_the_bus_has_taken_what_was_told(void **state) {
        World w;

        world_begin(&w);
        call(&w);
        run_all(&w);                    /* both know each other by then */
        polkit_says_yes(&w);
        run_all(&w);
        fill(&w);
        call(&w);
        assert_true(sd_bus_flush(w.peer) >= 0);
        run_ours(&w);
        assert_int_equal(w.began, 2);
        run_peer(&w);
        run_all(&w);
        assert_int_equal(w.began, 3);
        assert_int_equal(w.asked, 2);
        world_end(&w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_call_that_polkit_allows_is_carried_out_once),
                cmocka_unit_test(an_answered_call_waits_for_no_second_turn),
                cmocka_unit_test(a_new_call_waits_until_the_bus_has_taken_what_was_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
