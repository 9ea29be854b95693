/* Interfaces and addresses of instances that are there, on a local network of this host: a real bridge in a network namespace of
 * the test's own, leases in the store, the fake driver's guests. Attached, detached, taken away by an external event. */
#include "namespace.h"

#include <net/if.h>

#include "basic/json.h"
#include "compute/guest.h"
#include "fixture.h"
#include "objects/instance-object.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define NETWORK "aaaaaaaa-0000-4000-8000-0000000000cc"
#define PORT "bbbbbbbb-0000-4000-8000-000000000005"
#define ZED "\"instance\": {\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"2.7\"," \
            " \"nova_object.data\": {\"uuid\": \"" UUID1 "\"}}"

static Fixture *ready(const char *const *assignments) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(assignments);

        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
        return f;
}

static Fixture *networked(void) {
        static const char *const assignments[] = {
                "network=name=private,id=" NETWORK ",cidr=10.9.0.0/24,bridge=brtest", 
                "network_port=id=" PORT ",network=private,mac=fa:16:3e:00:00:05,address=10.9.0.55", NULL,
        };

        return ready(assignments);
}

/* The row's network information. */
static json_t *cached(Fixture *f) {
        _cleanup_(instance_done) Instance i = {};
        json_t *info;

        fixture_read(f, 1, &i);
        info = instance_network_info(&i);
        assert_non_null(info);
        return info;
}

static size_t n_cached(Fixture *f) {
        json_auto_t *info = cached(f);

        return json_array_size(info);
}

static void assert_leases(Fixture *f, int64_t vifs, int64_t addresses) {
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM virtual_interfaces"), vifs);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM fixed_ips"), addresses);
}

/* What the fake guest has: the driver refuses to detach what it has not. */
static bool guest_has(Fixture *f, const json_t *vif) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *list = NULL, *id = NULL;
        size_t n;
        const json_t *item;

        fixture_read(f, 1, &i);
        assert_int_equal(f->real->list_interfaces(f->driver, &i, &list, &e), 0);
        id = json_incref(json_object_get(vif, "id"));
        json_array_foreach(list, n, item)
                if (json_equal((json_t *) item, id))
                        return true;
        return false;
}

/* ---- attach and detach ---- */

static void an_interface_is_attached_and_detached(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        json_auto_t *info = NULL;
        char args[512];
        _answer_ Answer a;

        fixture_call(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\", \"port_id\": null, \"requested_ip\": \"10.9.0.77\", \"tag\": null}", &a);
        if (exception_is_set(&a.exception))
                fail_msg("%s", a.exception.message);
        /* The VIF as the caller is to have it. */
        assert_true(uuid_is_valid(json_member_string(a.result, "id")));
        assert_string_equal(json_member_string(json_object_get(a.result, "network"), "id"), NETWORK);
        assert_true(guest_has(f, a.result));
        assert_true(if_nametoindex("brtest") > 0);
        assert_leases(f, 1, 1);
        info = cached(f);
        assert_int_equal(json_array_size(info), 1);
        assert_true(json_equal(json_array_get(info, 0), a.result));

        snprintf(args, sizeof args, "{" ZED ", \"port_id\": \"%s\"}", json_member_string(a.result, "id"));
        fixture_do(f, "detach_interface", args);
        assert_int_equal(n_cached(f), 0);
        assert_false(guest_has(f, a.result));
        assert_leases(f, 0, 0);
        fixture_refused(f, "detach_interface", args, "PortNotFound");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE event IN "
                                          "('compute_attach_interface', 'compute_detach_interface') AND result = 'Success'"), 2);
}

static void a_declared_port_is_attached_once(void **state) {
        static const char *const args = "{" ZED ", \"network_id\": null, \"port_id\": \"" PORT "\", \"requested_ip\": null, \"tag\": null}";
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _answer_ Answer a;

        fixture_call(f, "attach_interface", args, &a);
        assert_string_equal(strempty(json_member_string(a.result, "id")), PORT);
        assert_string_equal(strempty(json_member_string(a.result, "address")), "fa:16:3e:00:00:05");
        fixture_refused(f, "attach_interface", args, "PortInUse");
        assert_leases(f, 1, 1);
        assert_int_equal(n_cached(f), 1);
}

static void what_cannot_be_attached_is_refused_in_novas_words(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _fixture_ Fixture *without = ready(NULL);

        fixture_refused(f, "attach_interface", "{" ZED ", \"network_id\": \"" UUID1 "\"}", "NetworkNotFound");
        fixture_refused(f, "attach_interface", "{" ZED ", \"port_id\": \"" UUID1 "\"}", "PortNotFound");
        fixture_refused(f, "attach_interface", "{" ZED ", \"network_id\": 7}", "TypeError");
        assert_leases(f, 0, 0);
        fixture_refused(without, "attach_interface", "{" ZED "}", "InterfaceAttachFailedNoNetwork");
        without->ops.attach_interface = NULL;
        fixture_refused(without, "attach_interface", "{" ZED "}", "AttachInterfaceNotSupported");
        fixture_do(f, "suspend_instance", "{" ZED "}");
        fixture_refused(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\"}", "InstanceInvalidState");
}

static int no(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
              const json_t *image_meta _unused_, const json_t *vif _unused_, NovaException *e) {
        return exception_setf(e, EXC_INTERNAL_ERROR, "no slot is free");
}

static int not_away(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                    const json_t *vif _unused_, NovaException *e) {
        return exception_setf(e, EXC_DEVICE_DETACH_FAILED, "the guest holds it");
}

static void an_attachment_that_fails_leaves_nothing(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        char args[512];
        _answer_ Answer a;

        f->ops.attach_interface = no;
        fixture_refused(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\"}", "InterfaceAttachFailed");
        assert_leases(f, 0, 0);
        assert_int_equal(n_cached(f), 0);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE vm_state = 'active' AND task_state IS NULL"), 1);

        /* One that cannot be detached stays. */
        f->ops.attach_interface = f->real->attach_interface;
        fixture_call(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\"}", &a);
        snprintf(args, sizeof args, "{" ZED ", \"port_id\": \"%s\"}", json_member_string(a.result, "id"));
        f->ops.detach_interface = not_away;
        fixture_refused(f, "detach_interface", args, "InterfaceDetachFailed");
        assert_leases(f, 1, 1);
        assert_int_equal(n_cached(f), 1);
}

/* ---- addresses ---- */

static void addresses_are_added_and_removed(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _answer_ Answer a;

        fixture_call(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\", \"requested_ip\": \"10.9.0.7\"}", &a);
        fixture_do(f, "add_fixed_ip_to_instance", "{" ZED ", \"network_id\": \"" NETWORK "\"}");
        assert_leases(f, 1, 2);
        {
                json_auto_t *info = cached(f);
                json_t *subnet = json_array_get(json_object_get(json_object_get(json_array_get(info, 0), "network"), "subnets"), 0);

                assert_int_equal(json_array_size(json_object_get(subnet, "ips")), 2);
        }
        fixture_do(f, "remove_fixed_ip_from_instance", "{\"instance_uuid\": \"" UUID1 "\", \"address\": \"10.9.0.7\"}");
        assert_leases(f, 1, 1);
        fixture_refused(f, "remove_fixed_ip_from_instance", "{" ZED ", \"address\": \"10.9.0.7\"}", "FixedIpNotFoundForSpecificInstance");
        fixture_refused(f, "add_fixed_ip_to_instance", "{" ZED ", \"network_id\": \"" UUID1 "\"}", "NetworkNotFound");
        fixture_do(f, "inject_network_info", "{" ZED "}");
        fixture_do(f, "reset_network", "{\"instance_uuid\": \"" UUID1 "\"}");
        assert_int_equal(n_cached(f), 1);
}

/* ---- external events ---- */

#define EVENT(name, tag) \
        "{\"instances\": [{\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"2.7\", \"nova_object.data\": {\"uuid\": \"" UUID1 "\"}}]," \
        " \"events\": [{\"nova_object.name\": \"InstanceExternalEvent\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"1.5\", \"nova_object.data\": {\"instance_uuid\": \"" UUID1 "\"," \
        " \"name\": \"" name "\", \"status\": \"completed\", \"tag\": " tag ", \"data\": {}}}]}"

static void a_deleted_port_is_taken_from_instance_and_guest(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _answer_ Answer a;

        fixture_call(f, "attach_interface", "{" ZED ", \"port_id\": \"" PORT "\"}", &a);
        assert_true(guest_has(f, a.result));
        fixture_do(f, "external_instance_event", EVENT("network-vif-deleted", "\"" PORT "\""));
        fixture_settle(f);
        assert_int_equal(n_cached(f), 0);
        assert_false(guest_has(f, a.result));
        assert_leases(f, 0, 0);
        /* A second time there is nothing to do, which is no failure. */
        fixture_do(f, "external_instance_event", EVENT("network-vif-deleted", "\"" PORT "\""));
        fixture_settle(f);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults"), 0);
}

static void a_changed_network_is_read_anew(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _cleanup_(instance_done) Instance i = {};
        _answer_ Answer a;

        fixture_call(f, "attach_interface", "{" ZED ", \"port_id\": \"" PORT "\"}", &a);
        fixture_read(f, 1, &i);
        free(i.network_info);
        i.network_info = strdup("[]");
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, NULL), 1);
        assert_int_equal(n_cached(f), 0);
        fixture_do(f, "external_instance_event", EVENT("network-changed", "null"));
        fixture_settle(f);
        assert_int_equal(n_cached(f), 1);
}

/* ---- a start after a kill ---- */

static void an_attachment_that_was_cut_short_is_taken_back(void **state) {
        (void) namespace_or_skip(state);
        _fixture_ Fixture *f = networked();
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(operation_freep) Operation *o = NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *args = NULL, *kept = NULL;
        _answer_ Answer a;

        /* One interface is the instance's; of another the row knows nothing. */
        fixture_call(f, "attach_interface", "{" ZED ", \"port_id\": \"" PORT "\"}", &a);
        kept = cached(f);
        fixture_do(f, "attach_interface", "{" ZED ", \"network_id\": \"" NETWORK "\"}");
        assert_leases(f, 2, 2);
        fixture_read(f, 1, &i);
        free(i.network_info);
        i.network_info = json_text(kept);
        assert_int_equal(f->store->ops->instance_save(f->store, &i, NULL, NULL), 1);

        args = json_pack("{s:s}", "instance_uuid", UUID1);
        assert_int_equal(operation_new(&o, &f->m->manager, manager_method(&f->m->manager, "attach_interface", SERVED_ZED), f->context, args,
                                       ORIGIN_RECOVERY, NULL, NULL, &e), 0);
        assert_int_equal(guest_undo_attach(o, &e), 0);
        assert_leases(f, 1, 1);
        assert_true(guest_has(f, a.result));
        assert_int_equal(n_cached(f), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NAMESPACE_CASE(an_interface_is_attached_and_detached),
                NAMESPACE_CASE(a_declared_port_is_attached_once),
                NAMESPACE_CASE(what_cannot_be_attached_is_refused_in_novas_words),
                NAMESPACE_CASE(an_attachment_that_fails_leaves_nothing),
                NAMESPACE_CASE(addresses_are_added_and_removed),
                NAMESPACE_CASE(a_deleted_port_is_taken_from_instance_and_guest),
                NAMESPACE_CASE(a_changed_network_is_read_anew),
                NAMESPACE_CASE(an_attachment_that_was_cut_short_is_taken_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
