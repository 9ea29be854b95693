/* A Messenger that sends nothing: it writes down what it was given, and answers calls with what the test has laid out. */
#pragma once

#include <pthread.h>

#include "objects/messenger.h"

typedef struct RecordingMessenger {
        Messenger messenger;
        pthread_mutex_t lock;
        json_t *sent;                   /* [{"kind", "topic", "server", "format", "method", "args"}, …] */
        json_t *answer;                 /* what calls return; NULL = null */
        int result;                     /* what every function returns; negative = failure */
        NovaException failure;          /* given with it by calls */
        usec_t timeout;                 /* of the last call */
} RecordingMessenger;

void recording_messenger_init(RecordingMessenger *m);
void recording_messenger_done(RecordingMessenger *m);
size_t recording_messenger_count(RecordingMessenger *m);
/* Compares the n-th with this JSON text, and fails the test with both when they differ. */
void recording_messenger_expect(RecordingMessenger *m, size_t n, const char *expected);
/* The n-th: a new reference. */
json_t *recording_messenger_get(RecordingMessenger *m, size_t n);
