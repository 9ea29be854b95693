#include "recording-messenger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "basic/json.h"

static int record(Messenger *messenger, const char *kind, const MessageTarget *t, const char *method, const json_t *args) {
        RecordingMessenger *m = CONTAINER_OF(messenger, RecordingMessenger, messenger);
        json_t *entry;
        int r;

        entry = json_pack("{s:s, s:s?, s:s?, s:s, s:s?, s:O?}", "kind", kind, "topic", t->topic, "server", t->server, "format",
                          t->format == WIRE_ESSEX ? "essex" : "oslo", "method", method, "args", args);
        pthread_mutex_lock(&m->lock);
        (void) json_array_append_new(m->sent, json_deep_copy(entry));
        r = m->result;
        pthread_mutex_unlock(&m->lock);
        json_decref(entry);
        return r;
}

static int record_call(Messenger *messenger, const MessageTarget *t, const RequestContext *c _unused_, const char *method,
                       const json_t *args, usec_t timeout, json_t **ret, NovaException *e) {
        RecordingMessenger *m = CONTAINER_OF(messenger, RecordingMessenger, messenger);
        int r;

        r = record(messenger, "call", t, method, args);
        m->timeout = timeout;
        if (r < 0)
                exception_move(e, &m->failure);
        else
                *ret = m->answer ? json_deep_copy(m->answer) : NULL;
        return r;
}

static int record_cast(Messenger *m, const MessageTarget *t, const RequestContext *c _unused_, const char *method,
                       const json_t *args) {
        return record(m, "cast", t, method, args);
}

static int record_fanout_cast(Messenger *m, const MessageTarget *t, const RequestContext *c _unused_, const char *method,
                              const json_t *args) {
        return record(m, "fanout_cast", t, method, args);
}

static int record_notify(Messenger *m, const RequestContext *c _unused_, const char *topic, const char *priority,
                         const json_t *message, bool envelope) {
        const MessageTarget t = { .topic = topic, .format = envelope ? WIRE_OSLO : WIRE_ESSEX };

        return record(m, "notify", &t, priority, message);
}

void recording_messenger_init(RecordingMessenger *m) {
        *m = (RecordingMessenger) {
                .messenger = { record_call, record_cast, record_fanout_cast, record_notify },
                .sent = json_array(),
        };
        pthread_mutex_init(&m->lock, NULL);
}

void recording_messenger_done(RecordingMessenger *m) {
        json_decref(m->sent);
        json_decref(m->answer);
        exception_done(&m->failure);
        pthread_mutex_destroy(&m->lock);
}

size_t recording_messenger_count(RecordingMessenger *m) {
        size_t n;

        pthread_mutex_lock(&m->lock);
        n = json_array_size(m->sent);
        pthread_mutex_unlock(&m->lock);
        return n;
}

json_t *recording_messenger_get(RecordingMessenger *m, size_t n) {
        json_t *entry;

        pthread_mutex_lock(&m->lock);
        entry = json_incref(json_array_get(m->sent, n));
        pthread_mutex_unlock(&m->lock);
        return entry;
}

void recording_messenger_expect(RecordingMessenger *m, size_t n, const char *expected) {
        json_auto_t *got = recording_messenger_get(m, n), *want = NULL;
        _cleanup_free_ char *text = NULL;
        char why[200] = "";

        if (json_parse(expected, strlen(expected), &want, why, sizeof why) < 0)
                fail_msg("the test's own JSON is wrong: %s", why);
        if (json_equal(got, want))
                return;
        text = got ? json_dumps(got, JSON_SORT_KEYS) : NULL;
        fail_msg("message %zu is %s, not %s", n, text ? text : "not there", expected);
}
