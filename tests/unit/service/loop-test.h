/* For tests that run an event loop until something has happened, or a deadline has passed. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <systemd/sd-event.h>

#include "basic/time-util.h"

#define TEST_DEADLINE (20 * USEC_PER_SEC)

/* Runs the loop until @condition holds; fails the test when it does not within TEST_DEADLINE. */
#define run_until(event, condition)                                                                       \
        do {                                                                                              \
                usec_t _until = now_monotonic() + TEST_DEADLINE;                                          \
                while (!(condition)) {                                                                    \
                        if (now_monotonic() > _until)                                                     \
                                fail_msg("%s:%d: not within the deadline: %s", __FILE__, __LINE__, #condition); \
                        assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                         \
        } while (0)

/* Runs the loop for @time: to see that something does not happen. */
#define run_for(event, time)                                                                              \
        do {                                                                                              \
                usec_t _end = now_monotonic() + (time);                                                   \
                while (now_monotonic() < _end)                                                            \
                        assert_true(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);                         \
        } while (0)
