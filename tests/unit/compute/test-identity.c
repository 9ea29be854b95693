#include "compute/identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "compute/resource-tracker.h"
#include "fixture.h"

#define A "aaaaaaaa-0000-4000-8000-000000000001"
#define B "bbbbbbbb-0000-4000-8000-000000000002"

static void the_verdict_compares_file_database_and_names(void **state _unused_) {
        static const struct {
                const char *what, *file;
                struct {
                        const char *uuid, *host, *node;
                } rows[2];
                const char *uuid;       /* NULL: made up */
                const char *refusal;    /* NULL: none; else what it names */
        } rows[] = {
                { "first start", NULL, {}, NULL, NULL },
                { "every other start", A, { { A, "node1", "machine" } }, A, NULL },
                { "others in the database are none of ours", A, { { B, "node2", "other" }, { A, "node1", "machine" } }, A, NULL },
                { "the database is lost", A, {}, A, NULL },
                { "the file is lost", NULL, { { A, "node1", "machine" } }, A, NULL },
                { "the file is lost, there are others", NULL, { { B, "node2", "other" }, { A, "node1", "machine" } }, A, NULL },
                { "the host is renamed", A, { { A, "former", "machine" } }, NULL, "by host former, not node1" },
                { "the machine is renamed", A, { { A, "node1", "former" } }, NULL, "as former, the hypervisor calls it machine" },
                { "both are renamed", A, { { A, "former", "older" } }, NULL, "by host former, not node1" },
                { "the file is another host's", B, { { A, "node1", "machine" } }, NULL, "is " B ", the database that it is " A },
                { "the database is another host's", B, { { A, "node2", "other" } }, NULL, "only node " A ", other of host node2" },
                { "the file is that of another host here", B, { { A, "node1", "machine" }, { B, "node2", "other" } }, NULL,
                  "by host node2, not node1" },
                { "the file is lost and the host renamed", NULL, { { A, "former", "machine" } }, NULL, "by host former, not node1" },
                { "the file is lost and the machine renamed", NULL, { { A, "node1", "former" } }, NULL, "as former, the hypervisor" },
        };

        for (size_t n = 0; n < ELEMENTSOF(rows); n++) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                ComputeNode nodes[2] = {};
                ComputeNodeList list = { .items = nodes };
                const char *uuid = NULL;
                int r;

                for (; list.n < 2 && rows[n].rows[list.n].uuid; list.n++)
                        nodes[list.n] = (ComputeNode) {
                                .uuid = (char *) rows[n].rows[list.n].uuid, .host = (char *) rows[n].rows[list.n].host,
                                .hypervisor_hostname = (char *) rows[n].rows[list.n].node,
                        };
                r = identity_judge(rows[n].file, &list, "node1", "machine", &uuid, &e);
                if (r != (rows[n].refusal ? -EINVAL : rows[n].uuid ? 1 : 0) || !streq_ptr(uuid, rows[n].uuid) ||
                    (rows[n].refusal && !strstr(e.message, rows[n].refusal)))
                        fail_msg("%s: %d, %s, %s", rows[n].what, r, strempty(uuid), strempty(e.message));
        }
}

/* ---- with files ---- */

static char *identity_path(Fixture *f) {
        char *path;

        assert_true(asprintf(&path, "%s/" IDENTITY_FILE, f->dir) > 0);
        return path;
}

static void put(Fixture *f, const char *text) {
        _cleanup_free_ char *path = identity_path(f);
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void read_back(Fixture *f, char buf[static 128]) {
        _cleanup_free_ char *path = identity_path(f);
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        buf[fread(buf, 1, 127, file)] = '\0';
        fclose(file);
}

static int start(Fixture *f, NovaException *e) {
        int r = compute_init_host(f->m, f->context, e);

        fixture_settle(f);
        return r < 0 ? r : resource_tracker_update(f->m, f->context, e);
}

static void the_first_start_writes_the_file_and_the_node_has_its_uuid(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(compute_node_done) ComputeNode row = {}, again = {};
        char text[128], later[128];

        fixture_service(f);
        assert_int_equal(start(f, &e), 0);
        read_back(f, text);
        assert_int_equal(strlen(text), 36);
        assert_true(uuid_is_valid(text));
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &row), 1);
        assert_string_equal(row.uuid, text);

        assert_int_equal(start(f, &e), 0);
        read_back(f, later);
        assert_string_equal(later, text);

        /* A row that went comes back as the same node. */
        assert_int_equal(f->store->ops->compute_node_destroy(f->store, row.id), 1);
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), 0);
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &again), 1);
        assert_string_equal(again.uuid, text);
}

static void a_file_that_is_there_before_the_database_is_believed(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(compute_node_done) ComputeNode row = {};

        put(f, " AAAAAAAA-0000-4000-8000-000000000001\n");
        fixture_service(f);
        assert_int_equal(start(f, &e), 0);
        assert_int_equal(f->store->ops->compute_node_get(f->store, "node1", "node1", &row), 1);
        assert_string_equal(row.uuid, A);
}

static void a_lost_file_is_written_again(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *path = identity_path(f);
        char text[128], later[128];

        fixture_service(f);
        assert_int_equal(start(f, &e), 0);
        read_back(f, text);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(start(f, &e), 0);
        read_back(f, later);
        assert_string_equal(later, text);
}

static void files_that_hold_no_uuid_are_refused_and_left_alone(void **state _unused_) {
        static const char *const texts[] = { "", "\n", "not a uuid", "aaaaaaaa-0000-4000-8000-00000000000",
                                             A " " B, "aaaaaaaa000040008000000000000001", "../../etc/passwd" };

        for (size_t n = 0; n < ELEMENTSOF(texts); n++) {
                _fixture_ Fixture *f = fixture_new(NULL);
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                char text[128];

                put(f, texts[n]);
                assert_int_equal(start(f, &e), -EINVAL);
                assert_string_equal(e.class_name, "InvalidConfiguration");
                assert_non_null(strstr(e.message, "compute_id does not hold the uuid"));
                read_back(f, text);
                assert_string_equal(text, texts[n]);
        }
}

/* One building and one deleting: recovery would fail the one and destroy the other. */
static void another_hosts_state_is_refused_and_nothing_is_recovered(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(instance_done) Instance building = {}, deleting = {};
        ComputeNode stray = { .service_id = fixture_service(f) };

        stray.host = strdup("node1");
        stray.hypervisor_hostname = strdup("former-name");
        assert_true(f->store->ops->compute_node_create(f->store, &stray) >= 0);
        put(f, stray.uuid);
        compute_node_done(&stray);
        fixture_instance(f, 0, VM_BUILDING, TASK_SPAWNING, POWER_NOSTATE, POWER_RUNNING);
        fixture_instance(f, 1, VM_ACTIVE, TASK_DELETING, POWER_RUNNING, POWER_RUNNING);

        assert_int_equal(start(f, &e), -EINVAL);
        assert_non_null(strstr(e.message, "former-name"));
        fixture_read(f, 0, &building);
        fixture_read(f, 1, &deleting);
        assert_int_equal(building.vm_state, VM_BUILDING);
        assert_false(deleting.deleted);
        assert_int_equal(fixture_guest(f, 1), POWER_RUNNING);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE deleted = 0"), 1);
}

static int renamed_node(ComputeDriver *d _unused_, char ***ret, NovaException *e _unused_) {
        *ret = calloc(2, sizeof **ret);
        (*ret)[0] = strdup("renamed");
        return 0;
}

static void a_machine_renamed_while_we_run_gets_no_second_node(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, none = NOVA_EXCEPTION_NULL;

        fixture_service(f);
        assert_int_equal(start(f, &none), 0);
        f->ops.get_available_nodes = renamed_node;
        assert_int_equal(resource_tracker_update(f->m, f->context, &e), -EINVAL);
        assert_string_equal(e.message, "This host's node is node1, the hypervisor calls it renamed now: its resources are not updated "
                                       "until it has its name again");
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes WHERE hypervisor_hostname = 'node1' AND deleted = 0"), 1);
        assert_int_equal(fixture_query(f, "SELECT count(*) FROM compute_nodes"), 1);
        f->ops.get_available_nodes = f->real->get_available_nodes;
        assert_int_equal(resource_tracker_update(f->m, f->context, &none), 0);
}

static void a_directory_that_takes_no_file_may_pass(void **state _unused_) {
        _fixture_ Fixture *f = fixture_new(NULL);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL, none = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *path = identity_path(f), *temporary = NULL;

        assert_true(asprintf(&temporary, "%s.new", path) > 0);
        assert_int_equal(mkdir(temporary, 0700), 0);
        assert_int_equal(compute_init_host(f->m, f->context, &e), -EISDIR);
        assert_non_null(strstr(e.message, IDENTITY_FILE));
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rmdir(temporary), 0);
        assert_int_equal(compute_init_host(f->m, f->context, &none), 0);
        assert_int_equal(access(path, F_OK), 0);
}

static void a_driver_of_several_nodes_has_no_file(void **state _unused_) {
        const char *assignments[] = { "fake.nodes=big,small", NULL };
        _fixture_ Fixture *f = fixture_new(assignments);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *path = identity_path(f);

        fixture_service(f);
        assert_int_equal(start(f, &e), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(fixture_query(f, "SELECT count(DISTINCT uuid) FROM compute_nodes WHERE deleted = 0"), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_verdict_compares_file_database_and_names),
                cmocka_unit_test(the_first_start_writes_the_file_and_the_node_has_its_uuid),
                cmocka_unit_test(a_file_that_is_there_before_the_database_is_believed),
                cmocka_unit_test(a_lost_file_is_written_again),
                cmocka_unit_test(files_that_hold_no_uuid_are_refused_and_left_alone),
                cmocka_unit_test(another_hosts_state_is_refused_and_nothing_is_recovered),
                cmocka_unit_test(a_machine_renamed_while_we_run_gets_no_second_node),
                cmocka_unit_test(a_directory_that_takes_no_file_may_pass),
                cmocka_unit_test(a_driver_of_several_nodes_has_no_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
