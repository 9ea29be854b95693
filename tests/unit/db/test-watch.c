/* Watching instances: what there is comes first, then each change in its order; a table on a loop follows. */
#include "store-fixture.h"

#include <systemd/sd-event.h>

#include "basic/time-util.h"
#include "compute/instance-table.h"

#define UUID1 "6f9e3b1c-2f6f-4a55-9d30-0a3a6e1d2f10"
#define UUID2 "0d1f2b63-77de-4f5f-8a0e-3b60c8f0f7a2"

#define run_until(event, condition)                                                                       \
        do {                                                                                              \
                usec_t _until = now_monotonic() + 20 * USEC_PER_SEC;                                      \
                while (!(condition)) {                                                                    \
                        if (now_monotonic() > _until)                                                     \
                                fail_msg("%s:%d: not within the deadline: %s", __FILE__, __LINE__, #condition); \
                        assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                         \
        } while (0)

typedef struct Seen {
        unsigned added, changed, removed;
} Seen;

static void on_change(const InstanceView *v, InstanceChange change, void *userdata) {
        Seen *s = userdata;

        assert_non_null(v->uuid);
        s->added += change == INSTANCE_ADDED;
        s->changed += change == INSTANCE_CHANGED;
        s->removed += change == INSTANCE_REMOVED;
}

static Instance whole(const char *uuid, const char *host) {
        Instance i = sample_instance(uuid, host);

        json_decref(i.object);
        i.object = json_pack("{s:s, s:{s:{s:s}, s:s, s:s}}", "nova_object.name", "Instance", "nova_object.data", "metadata", "role", "web",
                             "key_name", "mine", "config_drive", "True");
        i.network_info = strdup("[{\"id\": \"p\", \"address\": \"fa:16:3e:00:00:01\", \"type\": \"bridge\", \"devname\": \"tapp\", \"network\":"
                                " {\"id\": \"n\", \"label\": \"inner\", \"bridge\": \"br0\", \"subnets\": [{\"cidr\": \"10.0.0.0/24\", \"ips\":"
                                " [{\"address\": \"10.0.0.5\"}]}]}}, 7]");
        return i;
}

static void assert_whole(const InstanceView *v) {
        assert_non_null(v);
        assert_string_equal(v->key_name, "mine");
        assert_true(v->config_drive);
        assert_string_equal(v->metadata[0], "role");
        assert_string_equal(v->metadata[1], "web");
        assert_null(v->metadata[2]);
        assert_int_equal(v->n_interfaces, 1);
        assert_string_equal(v->interfaces[0].device, "tapp");
        assert_string_equal(v->interfaces[0].network, "inner");
        assert_string_equal(v->interfaces[0].addresses[0], "10.0.0.5/24");
        assert_null(v->interfaces[0].addresses[1]);
        assert_string_equal(v->hostname, "");
}

static void a_table_follows_the_store(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance one = whole(UUID1, "host1"), two = whole(UUID2, "host2");
        const InstanceView *v;
        sd_event *event;
        InstanceTable *t;
        Seen seen = {};

        assert_return_code(sd_event_new(&event), 0);
        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->instance_create(s, &one, NULL), 0);
        assert_result(s->ops->instance_create(s, &two, NULL), 0);
        assert_result(s->ops->instance_fault_create(s, UUID1, "host1", 500, "old", NULL), 0);
        assert_result(s->ops->instance_fault_create(s, UUID1, "host1", 500, "why", NULL), 0);
        assert_return_code(instance_table_new(&t, event, s, "host1"), 0);
        instance_table_observe(t, on_change, &seen);
        assert_result(instance_table_watch(t), 0);
        assert_result(instance_table_watch(t), 0);

        /* what there was, of this host, read without the objects */
        run_until(event, seen.added == 1 && seen.changed == 1);
        v = instance_table_find(t, UUID1);
        assert_whole(v);
        assert_string_equal(v->fault, "why");
        assert_true(v->fault_at > 0);
        assert_null(instance_table_find(t, UUID2));

        /* a save without the object keeps what is known of it, and the view stays where it is */
        json_decref(one.object);
        one.object = NULL;
        one.vm_state = VM_STOPPED;
        assert_result(s->ops->instance_save(s, &one, NULL, NULL), 1);
        run_until(event, v->vm_state == VM_STOPPED);
        assert_ptr_equal(instance_table_find(t, UUID1), v);
        assert_whole(v);
        assert_string_equal(v->fault, "why");

        /* one that comes to this host, and one that leaves it; without a host it stays */
        free(two.host);
        two.host = strdup("host1");
        assert_result(s->ops->instance_save(s, &two, NULL, NULL), 1);
        run_until(event, instance_table_count(t) == 2);
        free(one.host);
        one.host = NULL;
        assert_result(s->ops->instance_save(s, &one, NULL, NULL), 1);
        one.host = strdup("host2");
        assert_result(s->ops->instance_save(s, &one, NULL, NULL), 1);
        run_until(event, seen.removed == 1);
        assert_null(instance_table_find(t, UUID1));

        assert_result(s->ops->instance_destroy(s, UUID2), 1);
        run_until(event, instance_table_count(t) == 0);
        assert_int_equal(seen.removed, 2);

        /* nobody watches any more */
        t = instance_table_free(t);
        assert_result(s->ops->instance_save(s, &one, NULL, NULL), 1);
        instance_done(&one);
        instance_done(&two);
        sd_event_unref(event);
}

static void another_file_is_told_anew(void **state) {
        Fixture *f = *state;
        Store *s = f->store;
        Instance one = whole(UUID1, "host1"), two = whole(UUID2, "host1");
        InstanceList list = {};
        sd_event *event;
        InstanceTable *t;

        assert_return_code(sd_event_new(&event), 0);
        assert_result(s->ops->open(s, NULL), 0);
        assert_result(s->ops->instance_create(s, &one, NULL), 0);
        assert_return_code(instance_table_new(&t, event, s, "host1"), 0);
        assert_result(instance_table_watch(t), 0);
        run_until(event, instance_table_count(t) == 1);
        assert_return_code(unlink(f->path), 0);
        assert_result(s->ops->instance_create(s, &two, NULL), 0);
        run_until(event, instance_table_count(t) == 1 && instance_table_find(t, UUID2));
        assert_return_code(unlink(f->path), 0);
        assert_result(s->ops->instance_list_by_host(s, "host1", READ_DELETED_NO, &list), 0);
        run_until(event, instance_table_count(t) == 0);
        instance_list_done(&list);
        t = instance_table_free(t);
        instance_done(&one);
        instance_done(&two);
        sd_event_unref(event);
}

#define test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        static const struct CMUnitTest tests[] = {
                test(a_table_follows_the_store),
                test(another_file_is_told_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
