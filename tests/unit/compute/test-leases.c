/* Leases on a real store: none is given twice, whoever asks, also across a kill. */
#include "fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "compute/leases.h"

static void sample(VirtualInterface *v, unsigned n, const char *address) {
        char uuid[UUID_TEXT_MAX], mac[32];

        snprintf(mac, sizeof mac, "fa:16:3e:00:%02x:%02x", n >> 8, n & 0xff);
        *v = (VirtualInterface) {
                .uuid = strdup(fixture_uuid(1000 + n, uuid)), .mac = strdup(mac), .network_id = strdup("net"),
        };
        v->instance_uuid = strdup(fixture_uuid(n, uuid));
        if (address)
                assert_int_equal(virtual_interface_add_address(v, address), 0);
}

static void interfaces_are_written_all_or_none_and_read_in_order(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_(virtual_interface_list_done) VirtualInterfaceList all = {}, one = {};
        VirtualInterface v[3] = {};
        StoreLeases l;
        char uuid[UUID_TEXT_MAX];

        store_leases_init(&l, f->store);
        sample(&v[0], 1, "10.0.0.2");
        assert_int_equal(virtual_interface_add_address(&v[0], "fd00::2"), 0);
        sample(&v[1], 2, NULL);
        sample(&v[2], 3, "10.0.0.2");
        assert_int_equal(l.leases.ops->create(&l.leases, v, 2), 0);

        /* The third wants an address that is taken, the fourth the hardware address of the first. */
        assert_int_equal(l.leases.ops->create(&l.leases, v + 2, 1), -EEXIST);
        free(v[2].mac);
        v[2].mac = strdup(v[0].mac);
        free(v[2].addresses[0]);
        v[2].addresses[0] = strdup("10.0.0.9");
        assert_int_equal(l.leases.ops->create(&l.leases, v + 2, 1), -EEXIST);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), 2);

        assert_int_equal(l.leases.ops->list(&l.leases, NULL, NULL, &all), 0);
        assert_int_equal(all.n, 2);
        assert_string_equal(all.items[0].mac, "fa:16:3e:00:00:01");
        assert_string_equal(all.items[0].addresses[0], "10.0.0.2");
        assert_string_equal(all.items[0].addresses[1], "fd00::2");
        assert_null(all.items[0].addresses[2]);
        assert_null(all.items[1].addresses);
        assert_int_equal(l.leases.ops->list(&l.leases, fixture_uuid(2, uuid), "net", &one), 0);
        assert_int_equal(one.n, 1);

        for (size_t n = 0; n < 3; n++)
                virtual_interface_done(&v[n]);
}

static void addresses_come_and_go_one_by_one_and_with_the_interface(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        VirtualInterface v[2] = {};
        StoreLeases l;

        store_leases_init(&l, f->store);
        sample(&v[0], 1, "10.0.0.2");
        sample(&v[1], 2, "10.0.0.3");
        assert_int_equal(l.leases.ops->create(&l.leases, v, 2), 0);
        assert_int_equal(l.leases.ops->address_add(&l.leases, v[0].uuid, "10.0.0.3"), -EEXIST);
        assert_int_equal(l.leases.ops->address_add(&l.leases, v[0].uuid, "10.0.0.4"), 1);
        assert_int_equal(l.leases.ops->address_add(&l.leases, "nobody", "10.0.0.5"), 0);
        assert_int_equal(l.leases.ops->address_remove(&l.leases, v[1].uuid, "10.0.0.4"), 0);
        assert_int_equal(l.leases.ops->address_remove(&l.leases, v[0].uuid, "10.0.0.2"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), 2);
        /* Another's instance does not end it, its own does, with what it had. */
        assert_int_equal(l.leases.ops->destroy(&l.leases, v[1].instance_uuid, v[0].uuid), 0);
        assert_int_equal(l.leases.ops->destroy(&l.leases, v[0].instance_uuid, NULL), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), 1);
        assert_int_equal(l.leases.ops->create(&l.leases, v, 1), 0);

        for (size_t n = 0; n < 2; n++)
                virtual_interface_done(&v[n]);
}

/* A child takes leases one by one and tells each over a pipe once the store said yes; it is killed while at it. What it was
 * told it has, it has; nothing is there by half. */
static void what_was_leased_outlives_a_kill(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        unsigned told = 0, n;
        int pipes[2], status;
        pid_t pid;

        f->store->ops->close(f->store);
        assert_int_equal(pipe(pipes), 0);
        pid = fork();
        if (pid == 0) {
                StoreLeases l;

                store_leases_init(&l, f->store);
                for (n = 1;; n++) {
                        VirtualInterface v;
                        char address[32];

                        snprintf(address, sizeof address, "10.0.%u.%u", n >> 8, n & 0xff);
                        sample(&v, n, address);
                        if (l.leases.ops->create(&l.leases, &v, 1) < 0 || write(pipes[1], &n, sizeof n) != sizeof n)
                                _exit(1);
                        virtual_interface_done(&v);
                }
        }
        assert_true(pid > 0);
        (void) close(pipes[1]);
        while (told < 20)
                assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read(pipes[0], &n, sizeof n) == sizeof n)
                told = n;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        (void) close(pipes[0]);

        n = (unsigned) fixture_query(f, "SELECT count(*) FROM fixed_ips");
        assert_true(n == told || n == told + 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces"), n);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips WHERE virtual_interface_id NOT IN"
                                       " (SELECT id FROM virtual_interfaces)"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(interfaces_are_written_all_or_none_and_read_in_order),
                cmocka_unit_test(addresses_come_and_go_one_by_one_and_with_the_interface),
                cmocka_unit_test(what_was_leased_outlives_a_kill),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
