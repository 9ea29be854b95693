/* A network namespace of the test's own, for what changes interfaces: each case begins with a new one, which has nothing but lo.
 * Cases are skipped, with the reason said, where none can be had. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "network/address.h"

/* As root, or as root of a user namespace of its own; -1: neither. */
static inline int namespace_enter(void) {
        if (unshare(CLONE_NEWNET) == 0)
                return 0;
        return unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static inline int namespace_setup(void **state) {
        Netlink *n = NULL;

        if (namespace_enter() < 0) {
                *state = NULL;
                return 0;
        }
        assert_int_equal(netlink_new(&n), 0);
        *state = n;
        return 0;
}

static inline int namespace_teardown(void **state) {
        netlink_free(*state);
        return 0;
}

static inline Netlink *namespace_or_skip(void **state) {
        if (!*state) {
                print_message("skipped: no network namespace can be made here\n");
                skip();
        }
        return *state;
}

#define NAMESPACE_CASE(f) cmocka_unit_test_setup_teardown(f, namespace_setup, namespace_teardown)
