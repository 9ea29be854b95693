/* The methods about a guest that is there: rescue, rebuild, snapshots and backups, consoles, diagnostics, its agent. By value and
 * by uuid, in wrong states, with bad arguments, and when the hypervisor fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/json.h"
#include "compute/guest.h"
#include "compute/refused.h"
#include "fixture.h"
#include "image/image.h"

#define UUID1 "6f9e2a10-0000-4000-8000-000000000001"
#define IMAGE1 "aaaaaaaa-0000-4000-8000-000000000001"
#define IMAGE2 "aaaaaaaa-0000-4000-8000-000000000002"
/* How today's callers name the instance, and how Essex's. */
#define ZED "\"instance\": {\"nova_object.name\": \"Instance\", \"nova_object.namespace\": \"nova\", \"nova_object.version\": \"2.7\"," \
            " \"nova_object.data\": {\"uuid\": \"" UUID1 "\"}}"
#define ESSEX "\"instance_uuid\": \"" UUID1 "\""

static Fixture *ready(const char *const *assignments) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Fixture *f = fixture_new(assignments);

        if (compute_init_host(f->m, f->context, &e) < 0)
                fail_msg("init_host: %s", e.message);
        return f;
}

static void running(Fixture *f) {
        fixture_instance(f, 1, VM_ACTIVE, TASK_NONE, POWER_RUNNING, POWER_RUNNING);
}

static void put_file(Fixture *f, const char *name, const char *text) {
        char path[256];
        FILE *file;

        snprintf(path, sizeof path, "%s/images", f->dir);
        (void) mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/images/%s", f->dir, name);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void put_image(Fixture *f, const char *id, const char *about) {
        char name[128];

        put_file(f, id, "the bytes of an image");
        snprintf(name, sizeof name, "%s.json", id);
        put_file(f, name, about);
}

/* NULL when there is none. */
static json_t *image(Fixture *f, const char *id) {
        _cleanup_(image_service_freep) ImageService *s = NULL;
        json_t *meta = NULL;

        assert_int_equal(image_service_new(&s, f->config, NULL), 0);
        return image_service_show(s, id, &meta, NULL) < 0 ? NULL : meta;
}

static void assert_states(Fixture *f, VmState vm, TaskState task, PowerState power) {
        _cleanup_(instance_done) Instance i = {};

        fixture_read(f, 1, &i);
        assert_string_equal(vm_state_to_string(i.vm_state), vm_state_to_string(vm));
        assert_string_equal(strempty(task_state_to_string(i.task_state)), strempty(task_state_to_string(task)));
        assert_int_equal(i.power_state, power);
}

static void assert_says(const Answer *a, const char *class_name, const char *message) {
        if (!exception_is_set(&a->exception))
                fail_msg("no %s", class_name);
        assert_string_equal(a->exception.class_name, class_name);
        assert_string_equal(a->exception.message, message);
}

#define assert_answer(f, method, args, class_name, message)                     \
        do {                                                                    \
                _answer_ Answer _a;                                             \
                fixture_call(f, method, args, &_a);                             \
                assert_says(&_a, class_name, message);                          \
        } while (0)

static int64_t faults(Fixture *f) {
        return fixture_query(f, "SELECT count(*) FROM instance_faults");
}

static int fail_with_internal_error(NovaException *e) {
        return exception_setf(e, EXC_INTERNAL_ERROR, "the hypervisor says no");
}

/* ---- rescue ---- */

static int rescue_fails(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                        const json_t *network_info _unused_, const json_t *image_meta _unused_, const char *password _unused_,
                        NovaException *e) {
        return fail_with_internal_error(e);
}

static void a_guest_is_rescued_and_unrescued(void **state _unused_) {
        static const char *const args[] = { "{" ZED ", \"rescue_password\": \"x\", \"rescue_image_ref\": \"" IMAGE1 "\", \"clean_shutdown\": true}",
                                            "{" ESSEX ", \"rescue_password\": null, \"rescue_image_ref\": \"" IMAGE1 "\"}" };

        for (size_t n = 0; n < ELEMENTSOF(args); n++) {
                _fixture_ Fixture *f = ready(NULL);

                put_image(f, IMAGE1, "{}");
                running(f);
                fixture_do(f, "rescue_instance", args[n]);
                assert_states(f, VM_RESCUED, TASK_NONE, POWER_RUNNING);
                assert_int_equal(fixture_query(f, "SELECT launched_at IS NOT NULL FROM instances"), 1);
                fixture_refused(f, "rescue_instance", args[n], "InstanceInvalidState");
                fixture_do(f, "unrescue_instance", n == 0 ? "{" ZED "}" : "{" ESSEX "}");
                assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
                fixture_refused(f, "unrescue_instance", "{" ESSEX "}", "InstanceInvalidState");
                assert_int_equal(faults(f), 0);
                assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_actions_events WHERE event IN "
                                                  "('compute_rescue_instance', 'compute_unrescue_instance') AND result = 'Success'"), 2);
        }
}

static void a_rescue_that_fails_leaves_the_guest_as_it_was(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        assert_answer(f, "rescue_instance", "{" ESSEX ", \"rescue_image_ref\": \"" IMAGE1 "\"}", "InstanceNotRescuable",
                      "Instance " UUID1 " cannot be rescued: Image " IMAGE1 " could not be found.");
        assert_answer(f, "rescue_instance", "{" ESSEX "}", "InstanceNotRescuable",
                      "Instance " UUID1 " cannot be rescued: it was not made of an image, and none is given");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);

        put_image(f, IMAGE1, "{}");
        f->ops.rescue = rescue_fails;
        assert_answer(f, "rescue_instance", "{" ESSEX ", \"rescue_image_ref\": \"" IMAGE1 "\"}", "InstanceNotRescuable",
                      "Instance " UUID1 " cannot be rescued: Driver Error: the hypervisor says no");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(faults(f), 3);
}

/* ---- rebuild ---- */

static int spawn_fails(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                       const json_t *image_meta _unused_, const json_t *injected_files _unused_, const char *password _unused_,
                       const json_t *network_info _unused_, const json_t *block_device_info _unused_,
                       const DriverHooks *hooks _unused_, NovaException *e) {
        return fail_with_internal_error(e);
}

static void a_rebuilt_instance_is_of_the_new_image(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        put_image(f, IMAGE1, "{\"disk_format\": \"raw\", \"min_disk\": 5, \"properties\": {\"hw_disk_bus\": \"scsi\"}}");
        running(f);
        fixture_do(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\", \"orig_image_ref\": null, \"injected_files\": [],"
                                          " \"new_pass\": \"x\", \"recreate\": false, \"preserve_ephemeral\": false}");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE image_ref = '" IMAGE1 "'"
                                          " AND object LIKE '%\"image_hw_disk_bus\":\"scsi\"%' AND object LIKE '%\"image_min_disk\":\"5\"%'"
                                          " AND launched_at IS NOT NULL"), 1);
        /* What the old image said of itself is forgotten. */
        put_image(f, IMAGE2, "{\"disk_format\": \"raw\"}");
        fixture_do(f, "rebuild_instance", "{" ESSEX ", \"image_ref\": \"" IMAGE2 "\"}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instances WHERE image_ref = '" IMAGE2 "' AND object NOT LIKE '%hw_disk_bus%'"), 1);
        assert_int_equal(faults(f), 0);
}

static void a_stopped_instance_is_stopped_again_when_it_is_rebuilt(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        put_image(f, IMAGE1, "{\"disk_format\": \"raw\"}");
        fixture_instance(f, 1, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
        fixture_do(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\"}");
        assert_states(f, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
        assert_int_equal(fixture_guest(f, 1), POWER_SHUTDOWN);
}

static void what_cannot_be_rebuilt_is_left_alone(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        put_image(f, IMAGE1, "{\"disk_format\": \"raw\", \"min_disk\": 11}");
        put_image(f, IMAGE2, "{\"disk_format\": \"raw\", \"min_ram\": 513}");
        running(f);
        assert_answer(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\", \"recreate\": true}",
                      "InstanceEvacuateNotSupported", "Instance evacuate is not supported.");
        assert_answer(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\", \"preserve_ephemeral\": true}",
                      "PreserveEphemeralNotSupported", "The current driver does not support preserving ephemeral partitions.");
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\", \"reimage_boot_volume\": true}",
                        "CinderConnectionFailed");
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\", \"injected_files\": [[\"/a\"]]}", "TypeError");
        assert_int_equal(faults(f), 0);
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\"}", "ImageUnacceptable");
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE2 "\"}", "ImageUnacceptable");
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"\"}", "ImageUnacceptable");
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"../../etc/passwd\"}", "ImageNotFound");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(faults(f), 4);
}

static void a_rebuild_that_cannot_spawn_is_an_error_with_its_fault(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        put_image(f, IMAGE1, "{\"disk_format\": \"raw\"}");
        running(f);
        f->ops.spawn = spawn_fails;
        fixture_refused(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\"}", "InternalError");
        assert_states(f, VM_ERROR, TASK_NONE, POWER_NOSTATE);
        assert_int_equal(fixture_guest(f, 1), POWER_NOSTATE);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message = 'the hypervisor says no'"), 1);
        /* And it can be tried again. */
        f->ops.spawn = f->real->spawn;
        fixture_do(f, "rebuild_instance", "{" ZED ", \"image_ref\": \"" IMAGE1 "\"}");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
}

/* ---- snapshot, backup ---- */

static int snapshot_fails(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                          const char *image_id _unused_, const json_t *image_meta _unused_, const DriverHooks *hooks,
                          NovaException *e) {
        int r = driver_task_state(hooks, TASK_IMAGE_PENDING_UPLOAD, TASK_IMAGE_SNAPSHOT, e);

        return r < 0 ? r : fail_with_internal_error(e);
}

static int snapshot_of_vanished(ComputeDriver *d _unused_, const RequestContext *c _unused_, const Instance *i _unused_,
                                const char *image_id _unused_, const json_t *image_meta _unused_, const DriverHooks *hooks _unused_,
                                NovaException *e) {
        return exception_setf(e, EXC_INSTANCE_NOT_FOUND, "gone");
}

static void a_snapshot_is_an_image_that_says_of_what_it_is(void **state _unused_) {
        static const char *const args[] = { "{" ZED ", \"image_id\": \"" IMAGE1 "\"}",
                                            "{" ESSEX ", \"image_id\": \"" IMAGE1 "\", \"image_type\": \"snapshot\", \"backup_type\": null, \"rotation\": null}" };

        for (size_t n = 0; n < ELEMENTSOF(args); n++) {
                _fixture_ Fixture *f = ready(NULL);
                json_auto_t *meta = NULL;

                fixture_instance(f, 1, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN, POWER_SHUTDOWN);
                fixture_do(f, "snapshot_instance", args[n]);
                assert_states(f, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
                meta = image(f, IMAGE1);
                assert_non_null(meta);
                assert_string_equal(json_member_string(meta, "name"), "snapshot-" IMAGE1);
                assert_string_equal(json_member_string(meta, "status"), "active");
                assert_string_equal(json_member_string(meta, "disk_format"), "raw");
                assert_string_equal(image_meta_property(meta, "image_type"), "snapshot");
                assert_string_equal(image_meta_property(meta, "instance_uuid"), UUID1);
                assert_string_equal(image_meta_property(meta, "user_id"), "u1");
                assert_null(image_meta_property(meta, "backup_type"));
                /* A second one under that id would be another image. */
                assert_answer(f, "snapshot_instance", args[n], "ImageUnacceptable", "Image " IMAGE1 " is unacceptable: it exists already");
                assert_states(f, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
                json_decref(meta);
                meta = image(f, IMAGE1);
                assert_non_null(meta);
        }
}

static void a_snapshot_that_fails_leaves_no_image(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        f->ops.snapshot = snapshot_fails;
        fixture_refused(f, "snapshot_instance", "{" ZED ", \"image_id\": \"" IMAGE1 "\"}", "InternalError");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_null(image(f, IMAGE1));
        assert_int_equal(faults(f), 1);
        fixture_refused(f, "snapshot_instance", "{" ZED ", \"image_id\": \"../x\"}", "ImageNotFound");
        f->ops.snapshot = NULL;
        fixture_refused(f, "snapshot_instance", "{" ZED ", \"image_id\": \"" IMAGE1 "\"}", "NotImplementedError");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        /* A guest that went away meanwhile is no failure. */
        f->ops.snapshot = snapshot_of_vanished;
        fixture_do(f, "snapshot_instance", "{" ZED ", \"image_id\": \"" IMAGE1 "\"}");
        assert_null(image(f, IMAGE1));
}

static void of_backups_the_newest_are_kept(void **state _unused_) {
        static const char *const zed = "{" ZED ", \"image_id\": \"%s%d\", \"backup_type\": \"daily\", \"rotation\": 2}";
        static const char *const essex = "{" ESSEX ", \"image_id\": \"%s%d\", \"image_type\": \"backup\", \"backup_type\": \"daily\", \"rotation\": \"2\"}";
        _fixture_ Fixture *f = ready(NULL);
        char args[512], id[64], about[256];
        json_auto_t *daily = NULL, *weekly = NULL, *others = NULL;

        running(f);
        /* Older ones, of this kind and others. */
        for (int n = 1; n <= 4; n++) {
                snprintf(id, sizeof id, "old%d", n);
                snprintf(about, sizeof about, "{\"disk_format\": \"raw\", \"created_at\": \"2020-01-0%dT00:00:00Z\", \"properties\": {\"image_type\": \"backup\","
                         " \"backup_type\": \"%s\", \"instance_uuid\": \"%s\"}}", n, n == 3 ? "weekly" : "daily", n == 4 ? IMAGE2 : UUID1);
                put_image(f, id, about);
        }
        snprintf(args, sizeof args, zed, "new", 1);
        fixture_do(f, "backup_instance", args);
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        assert_null(image(f, "old1"));
        json_decref(image(f, "old2"));
        assert_non_null(daily = image(f, "old2"));
        snprintf(args, sizeof args, essex, "new", 2);
        fixture_do(f, "snapshot_instance", args);
        assert_null(image(f, "old2"));
        assert_non_null(weekly = image(f, "old3"));
        assert_non_null(others = image(f, "old4"));
        fixture_do(f, "rotate_backups", "{" ESSEX ", \"backup_type\": \"daily\", \"rotation\": 0}");
        assert_null(image(f, "new1"));
        assert_null(image(f, "new2"));
        fixture_do(f, "rotate_backups", "{" ESSEX ", \"backup_type\": \"none such\", \"rotation\": 1}");
}

static void rotations_that_make_no_sense_are_refused(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        fixture_refused(f, "snapshot_instance", "{" ESSEX ", \"image_id\": \"x\", \"image_type\": \"snapshot\", \"rotation\": 1}", "ImageRotationNotAllowed");
        fixture_refused(f, "snapshot_instance", "{" ESSEX ", \"image_id\": \"x\", \"image_type\": \"backup\", \"backup_type\": \"d\"}", "RotationRequiredForBackup");
        fixture_refused(f, "snapshot_instance", "{" ESSEX ", \"image_id\": \"x\", \"image_type\": \"other\"}", "Invalid");
        fixture_refused(f, "backup_instance", "{" ZED ", \"image_id\": \"x\", \"backup_type\": \"d\", \"rotation\": -1}", "Invalid");
        fixture_refused(f, "backup_instance", "{" ZED ", \"image_id\": \"x\", \"backup_type\": \"d\", \"rotation\": \"many\"}", "Invalid");
        fixture_refused(f, "backup_instance", "{" ZED ", \"image_id\": \"x\", \"backup_type\": \"d\"}", "TypeError");
        assert_int_equal(faults(f), 0);
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
}

/* ---- consoles ---- */

static void the_console_s_output_is_its_end(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _answer_ Answer a;

        running(f);
        fixture_call(f, "get_console_output", "{" ZED ", \"tail_length\": 1}", &a);
        assert_string_equal(json_string_value(a.result), "LAST LINE");
        answer_done(&a);
        fixture_call(f, "get_console_output", "{" ESSEX ", \"tail_length\": \"2\"}", &a);
        assert_string_equal(json_string_value(a.result), "ANOTHER\nLAST LINE");
        answer_done(&a);
        fixture_call(f, "get_console_output", "{" ZED ", \"tail_length\": null}", &a);
        assert_string_equal(json_string_value(a.result), "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE");
}

static void a_console_that_is_not_there_yet_is_not_ready(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        fixture_row(f, 1, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
        assert_answer(f, "get_console_output", "{" ZED "}", "InstanceNotReady", "Instance " UUID1 " is not ready");
        assert_answer(f, "get_vnc_console", "{" ZED ", \"console_type\": \"novnc\"}", "InstanceNotReady", "Instance " UUID1 " is not ready");
        fixture_refused(f, "get_console_output", "{\"instance_uuid\": \"" IMAGE1 "\"}", "InstanceNotFound");
        /* The build's state is its own. */
        assert_states(f, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE);
}

static void a_console_s_token_is_stored_and_let_in_until_the_instance_is_deleted(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _cleanup_(console_token_done) ConsoleToken t = {};
        _cleanup_free_ char *url = NULL;
        const char *token;
        _answer_ Answer a;

        running(f);
        fixture_call(f, "get_vnc_console", "{" ZED ", \"console_type\": \"novnc\"}", &a);
        token = json_member_string(a.result, "token");
        assert_true(uuid_is_valid(token));
        assert_true(asprintf(&url, "http://127.0.0.1:6080/vnc_auto.html?path=%%3Ftoken%%3D%s", token) > 0);
        assert_string_equal(json_member_string(a.result, "access_url"), url);
        assert_string_equal(json_member_string(a.result, "host"), "fakevncconsole.com");
        assert_int_equal(json_member_integer(a.result, "port", 0), 6969);
        assert_int_equal(json_object_size(a.result), 5);
        assert_int_equal(f->store->ops->console_token_get(f->store, token, &t), 1);
        assert_string_equal(t.instance_uuid, UUID1);
        assert_string_equal(t.console_type, "novnc");
        assert_int_equal(t.port, 6969);
        assert_true(t.expires > now_realtime() + 590 * USEC_PER_SEC && t.expires <= now_realtime() + 600 * USEC_PER_SEC);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM console_auth_tokens"), 1);

        fixture_do(f, "terminate_instance", "{" ZED "}");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM console_auth_tokens"), 0);
}

static void consoles_are_of_the_kinds_that_are_enabled(void **state _unused_) {
        const char *all[] = { "spice.enabled=true", "serial_console.enabled=true", "consoleauth.token_ttl=0", NULL };
        const char *none[] = { "vnc.enabled=false", NULL };
        _fixture_ Fixture *f = ready(all), *without = ready(none);
        _cleanup_(console_token_done) ConsoleToken t = {};
        _answer_ Answer a;

        running(f);
        fixture_call(f, "get_spice_console", "{" ZED ", \"console_type\": \"spice-html5\"}", &a);
        assert_non_null(strstr(strempty(json_member_string(a.result, "access_url")), "http://127.0.0.1:6082/spice_auto.html?token="));
        /* Good for no time at all. */
        assert_int_equal(f->store->ops->console_token_get(f->store, json_member_string(a.result, "token"), &t), 0);
        answer_done(&a);
        fixture_call(f, "get_serial_console", "{" ZED ", \"console_type\": \"serial\"}", &a);
        assert_non_null(strstr(strempty(json_member_string(a.result, "access_url")), "ws://127.0.0.1:6083/?token="));
        answer_done(&a);
        fixture_call(f, "get_vnc_console", "{" ESSEX ", \"console_type\": \"xvpvnc\"}", &a);
        assert_non_null(strstr(strempty(json_member_string(a.result, "access_url")), "http://127.0.0.1:6081/console?token="));
        answer_done(&a);
        fixture_call(f, "get_vnc_console", "{" ESSEX ", \"console_type\": \"novnc\"}", &a);
        assert_non_null(strstr(strempty(json_member_string(a.result, "access_url")), "vnc_auto.html?token="));

        assert_answer(f, "get_vnc_console", "{" ZED ", \"console_type\": \"xvpvnc\"}", "ConsoleTypeInvalid", "Invalid console type xvpvnc");
        assert_answer(f, "get_spice_console", "{" ZED ", \"console_type\": \"novnc\"}", "ConsoleTypeInvalid", "Invalid console type novnc");
        assert_answer(f, "get_rdp_console", "{" ZED ", \"console_type\": \"rdp-html5\"}", "ConsoleTypeUnavailable", "Unavailable console type rdp-html5.");
        assert_answer(f, "get_mks_console", "{" ZED ", \"console_type\": \"webmks\"}", "ConsoleTypeUnavailable", "Unavailable console type webmks.");
        fixture_refused(f, "get_vnc_console", "{" ZED "}", "TypeError");

        running(without);
        fixture_refused(without, "get_vnc_console", "{" ZED ", \"console_type\": \"novnc\"}", "ConsoleTypeUnavailable");
        fixture_refused(without, "get_spice_console", "{" ZED ", \"console_type\": \"spice-html5\"}", "ConsoleTypeUnavailable");
        fixture_refused(without, "get_serial_console", "{" ZED ", \"console_type\": \"serial\"}", "ConsoleTypeUnavailable");
}

static void a_port_is_valid_while_it_is_the_console_s(void **state _unused_) {
        static const struct {
                const char *args;
                bool valid;
        } rows[] = {
                { "{" ZED ", \"port\": 6969, \"console_type\": \"novnc\"}", true },
                { "{" ZED ", \"port\": \"6969\", \"console_type\": \"novnc\"}", true },
                { "{" ZED ", \"port\": 6969, \"console_type\": \"spice-html5\"}", true },
                { "{" ZED ", \"port\": 6969, \"console_type\": \"serial\"}", true },
                { "{" ZED ", \"port\": 6970, \"console_type\": \"novnc\"}", false },
                { "{" ZED ", \"port\": \"6969x\", \"console_type\": \"novnc\"}", false },
                { "{" ZED ", \"port\": null, \"console_type\": \"novnc\"}", false },
        };
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        for (size_t n = 0; n < ELEMENTSOF(rows) - 1; n++) {
                _answer_ Answer a;

                fixture_call(f, "validate_console_port", rows[n].args, &a);
                if (!json_is_boolean(a.result) || json_boolean_value(a.result) != rows[n].valid)
                        fail_msg("%s: %s", rows[n].args, strempty(a.exception.message));
        }
        fixture_refused(f, "validate_console_port", "{" ZED ", \"port\": 6969, \"console_type\": \"teletype\"}", "ConsoleTypeInvalid");
        fixture_refused(f, "validate_console_port", "{" ZED ", \"port\": 6969, \"console_type\": \"webmks\"}", "ConsoleTypeUnavailable");
}

static void essex_asks_where_consoles_are(void **state _unused_) {
        const char *options[] = { "console_host=proxy1", NULL };
        _fixture_ Fixture *f = ready(options);
        _answer_ Answer a;

        fixture_call(f, "get_console_topic", "{}", &a);
        assert_string_equal(json_string_value(a.result), "console.proxy1");
        answer_done(&a);
        fixture_call(f, "get_console_pool_info", "{\"console_type\": \"novnc\"}", &a);
        assert_true(json_is_object(a.result));
}

/* ---- diagnostics, agent ---- */

static void diagnostics_are_of_a_running_guest(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _answer_ Answer a;

        running(f);
        fixture_call(f, "get_diagnostics", "{" ZED "}", &a);
        assert_true(json_member_integer(a.result, "memory", 0) > 0);
        answer_done(&a);
        fixture_call(f, "get_instance_diagnostics", "{" ZED "}", &a);
        assert_string_equal(json_member_string(a.result, "nova_object.name"), "Diagnostics");
        answer_done(&a);

        fixture_do(f, "stop_instance", "{" ZED "}");
        assert_answer(f, "get_diagnostics", "{" ZED "}", "InstanceInvalidState",
                      "Instance " UUID1 " in power state shutdown. Cannot get_diagnostics while the instance is in this state.");
        fixture_refused(f, "get_instance_diagnostics", "{" ZED "}", "InstanceInvalidState");
        fixture_call(f, "get_diagnostics", "{" ESSEX "}", &a);
        assert_false(exception_is_set(&a.exception));
        assert_null(a.result);
        assert_states(f, VM_STOPPED, TASK_NONE, POWER_SHUTDOWN);
}

static int no_agent(ComputeDriver *d _unused_, const Instance *i _unused_, const char *password _unused_, NovaException *e) {
        return exception_setf(e, EXC_QEMU_GUEST_AGENT_NOT_ENABLED, "QEMU guest agent is not enabled");
}

static int tells_the_password(ComputeDriver *d _unused_, const Instance *i _unused_, const char *password, NovaException *e) {
        return exception_setf(e, EXC_INTERNAL_ERROR, "cannot set %s", password);
}

static char generated[64];

static int keeps_the_password(ComputeDriver *d _unused_, const Instance *i _unused_, const char *password, NovaException *e _unused_) {
        snprintf(generated, sizeof generated, "%s", password);
        return 0;
}

static void a_password_is_set_by_the_agent_or_refused_in_novas_words(void **state _unused_) {
        static const char *const zed = "{" ZED ", \"new_pass\": \"Wh1sper\"}";
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        fixture_do(f, "set_admin_password", zed);
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        f->ops.set_admin_password = keeps_the_password;
        fixture_do(f, "set_admin_password", "{" ESSEX "}");
        assert_int_equal(strlen(generated), 12);

        f->ops.set_admin_password = no_agent;
        assert_answer(f, "set_admin_password", zed, "QemuGuestAgentNotEnabled", "QEMU guest agent is not enabled");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
        f->ops.set_admin_password = NULL;
        assert_answer(f, "set_admin_password", zed, "NotImplementedError",
                      "set_admin_password is not implemented by this driver or guest instance.");
        /* What the hypervisor says may hold the password: it is not told, nor stored. */
        f->ops.set_admin_password = tells_the_password;
        assert_answer(f, "set_admin_password", zed, "InstancePasswordSetFailed",
                      "Failed to set admin password on " UUID1 " because error setting admin password");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM instance_faults WHERE message || details LIKE '%Wh1sper%'"), 0);
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);

        assert_int_equal(fake_driver_set_guest_state(f->driver, UUID1, POWER_SHUTDOWN), 0);
        assert_answer(f, "set_admin_password", zed, "InstancePasswordSetFailed",
                      "Failed to set admin password on " UUID1 " because instance " UUID1 " is not running");
        assert_int_equal(fixture_query(f, "SELECT task_state IS NULL FROM instances"), 1);
}

static void files_are_injected_in_base64(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        fixture_do(f, "inject_file", "{" ESSEX ", \"path\": \"L2V0Yy9tb3Rk\", \"file_contents\": \"aGVsbG8=\"}");
        fixture_do(f, "inject_file", "{" ESSEX ", \"path\": \"L2V0Yy9tb3Rk\", \"file_contents\": \"\"}");
        fixture_refused(f, "inject_file", "{" ESSEX ", \"path\": \"/etc/motd\", \"file_contents\": \"aGVsbG8=\"}", "Invalid");
        fixture_refused(f, "inject_file", "{" ESSEX ", \"path\": \"\", \"file_contents\": \"aGVsbG8=\"}", "Invalid");
        fixture_refused(f, "inject_file", "{" ESSEX ", \"path\": \"L2V0Yy9tb3Rk\", \"file_contents\": \"hello!\"}", "Invalid");
        f->ops.inject_file = NULL;
        fixture_refused(f, "inject_file", "{" ESSEX ", \"path\": \"L2V0Yy9tb3Rk\", \"file_contents\": \"aGVsbG8=\"}", "NotImplementedError");
        fixture_do(f, "agent_update", "{" ESSEX ", \"url\": \"http://a/b\", \"md5hash\": \"0\"}");
        assert_states(f, VM_ACTIVE, TASK_NONE, POWER_RUNNING);
}

static void disks_are_quieted_and_dumps_triggered(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);

        running(f);
        fixture_do(f, "quiesce_instance", "{" ZED "}");
        fixture_do(f, "unquiesce_instance", "{" ZED ", \"mapping\": {}}");
        assert_int_equal(faults(f), 0);
        f->ops.quiesce = NULL;
        fixture_refused(f, "quiesce_instance", "{" ZED "}", "NotImplementedError");
        assert_int_equal(faults(f), 0);         /* Nova records none there */
        fixture_do(f, "trigger_crash_dump", "{" ZED "}");
        assert_int_equal(fixture_guest(f, 1), POWER_CRASHED);
}

/* ---- the host ---- */

static void images_are_cached_once(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        json_auto_t *cached = json_pack("{s:s, s:s}", "a", "cached", "b", "cached"), *existing = json_pack("{s:s}", "a", "existing");
        json_auto_t *unsupported = json_pack("{s:s}", "c", "unsupported");
        _answer_ Answer a;

        fixture_call(f, "cache_images", "{\"image_ids\": [\"a\", \"b\"]}", &a);
        assert_true(json_equal(a.result, cached));
        answer_done(&a);
        fixture_call(f, "cache_images", "{\"image_ids\": [\"a\"]}", &a);
        assert_true(json_equal(a.result, existing));
        answer_done(&a);
        f->ops.cache_image = NULL;
        fixture_call(f, "cache_images", "{\"image_ids\": [\"c\"]}", &a);
        assert_true(json_equal(a.result, unsupported));
        fixture_refused(f, "cache_images", "{\"image_ids\": [7]}", "TypeError");
}

static void shared_storage_is_looked_for_in_the_instances_directory_only(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        char path[256], args[512];
        const char *name;
        _answer_ Answer a, b;

        snprintf(path, sizeof path, "%s/instances", f->dir);
        (void) mkdir(path, 0755);
        fixture_call(f, "create_shared_storage_test_file", "{}", &a);
        name = json_string_value(a.result);
        assert_non_null(name);
        snprintf(args, sizeof args, "{\"filename\": \"%s\"}", name);
        fixture_call(f, "check_shared_storage_test_file", args, &b);
        assert_true(json_is_true(b.result));
        snprintf(args, sizeof args, "{\"data\": {\"filename\": \"%s/%s\"}}", path, name);
        fixture_call(f, "check_instance_shared_storage", args, &b);
        assert_true(json_is_true(b.result));
        snprintf(args, sizeof args, "{\"filename\": \"%s\"}", name);
        fixture_do(f, "cleanup_shared_storage_test_file", args);
        fixture_call(f, "check_shared_storage_test_file", args, &b);
        assert_true(json_is_false(b.result));

        fixture_refused(f, "check_shared_storage_test_file", "{\"filename\": \"../nova.sqlite\"}", "InvalidInput");
        fixture_refused(f, "check_shared_storage_test_file", "{\"filename\": \"..\"}", "InvalidInput");
        fixture_refused(f, "check_instance_shared_storage", "{\"data\": {\"filename\": \"/etc/passwd\"}}", "InvalidInput");
        fixture_refused(f, "check_instance_shared_storage", "{\"data\": {}}", "InvalidInput");
        /* Only what create made is removed. */
        fixture_refused(f, "cleanup_shared_storage_test_file", "{\"filename\": \"disk\"}", "InvalidInput");
        fixture_refused(f, "cleanup_shared_storage_test_file", "{\"filename\": \"../tmp1\"}", "InvalidInput");
}

static void essex_compares_processors_and_lists_disks(void **state _unused_) {
        _fixture_ Fixture *f = ready(NULL);
        _answer_ Answer a;

        running(f);
        fixture_call(f, "get_instance_disk_info", "{\"instance_name\": \"instance-00000001\"}", &a);
        assert_true(json_is_string(a.result));
        fixture_refused(f, "get_instance_disk_info", "{\"instance_name\": \"instance-00000002\"}", "InstanceNotFound");
        fixture_refused(f, "compare_cpu", "{\"cpu_info\": \"nonsense\"}", "InvalidCPUInfo");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_guest_is_rescued_and_unrescued),
                cmocka_unit_test(a_rescue_that_fails_leaves_the_guest_as_it_was),
                cmocka_unit_test(a_rebuilt_instance_is_of_the_new_image),
                cmocka_unit_test(a_stopped_instance_is_stopped_again_when_it_is_rebuilt),
                cmocka_unit_test(what_cannot_be_rebuilt_is_left_alone),
                cmocka_unit_test(a_rebuild_that_cannot_spawn_is_an_error_with_its_fault),
                cmocka_unit_test(a_snapshot_is_an_image_that_says_of_what_it_is),
                cmocka_unit_test(a_snapshot_that_fails_leaves_no_image),
                cmocka_unit_test(of_backups_the_newest_are_kept),
                cmocka_unit_test(rotations_that_make_no_sense_are_refused),
                cmocka_unit_test(the_console_s_output_is_its_end),
                cmocka_unit_test(a_console_that_is_not_there_yet_is_not_ready),
                cmocka_unit_test(a_console_s_token_is_stored_and_let_in_until_the_instance_is_deleted),
                cmocka_unit_test(consoles_are_of_the_kinds_that_are_enabled),
                cmocka_unit_test(a_port_is_valid_while_it_is_the_console_s),
                cmocka_unit_test(essex_asks_where_consoles_are),
                cmocka_unit_test(diagnostics_are_of_a_running_guest),
                cmocka_unit_test(a_password_is_set_by_the_agent_or_refused_in_novas_words),
                cmocka_unit_test(files_are_injected_in_base64),
                cmocka_unit_test(disks_are_quieted_and_dumps_triggered),
                cmocka_unit_test(images_are_cached_once),
                cmocka_unit_test(shared_storage_is_looked_for_in_the_instances_directory_only),
                cmocka_unit_test(essex_compares_processors_and_lists_disks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
