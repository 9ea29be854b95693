/* See store-fixture.h. */
#include "store-fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/log.h"

Store *fixture_new_store(const Fixture *f) {
        Store *s = NULL;

        assert_int_equal(local_store_new(&s, &(LocalStoreSettings) { .path = f->path, .synchronous = true, .timeout = TEST_TIMEOUT }), 0);
        return s;
}

int fixture_setup(void **state) {
        const char *tmp = getenv("TMPDIR");
        Fixture *f = calloc(1, sizeof *f);
        char why[256];

        if (!f)
                return -1;
        (void) snprintf(f->directory, sizeof f->directory, "%.40s/nova-db-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(f->directory))
                return -1;
        (void) snprintf(f->path, sizeof f->path, "%s/nova.sqlite", f->directory);
        (void) snprintf(f->log, sizeof f->log, "%s.log", f->directory);
        if (log_open(&(LogSettings) { .level = LOG_LEVEL_DEBUG, .target = LOG_TARGET_FILE, .program = "test", .log_file = f->log },
                     why, sizeof why) < 0)
                return -1;
        f->store = fixture_new_store(f);
        *state = f;
        return 0;
}

int fixture_teardown(void **state) {
        Fixture *f = *state;
        struct dirent *e;
        DIR *dir;

        (void) seteuid(getuid());
        store_free(f->store);
        log_close();
        (void) chmod(f->directory, 0700);
        dir = opendir(f->directory);
        while (dir && (e = readdir(dir)))
                (void) unlinkat(dirfd(dir), e->d_name, 0);
        if (dir)
                (void) closedir(dir);
        (void) rmdir(f->directory);
        (void) unlink(f->log);
        free(f);
        return 0;
}

void fixture_restart(Fixture *f) {
        store_free(f->store);
        f->store = fixture_new_store(f);
}

void fixture_in_child(int (*run)(const Fixture *f, void *userdata), const Fixture *f, void *userdata) {
        int status = -1;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run(f, userdata));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static int run_sql(const Fixture *f, void *userdata) {
        char *text = NULL;
        sqlite3 *db;

        if (sqlite3_open(f->path, &db) != SQLITE_OK || sqlite3_exec(db, userdata, NULL, NULL, &text) != SQLITE_OK) {
                (void) fprintf(stderr, "%s: %s\n", (const char *) userdata, text ? text : sqlite3_errmsg(db));
                return 1;
        }
        return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}

void fixture_sql(const Fixture *f, const char *sql) {
        fixture_in_child(run_sql, f, (void *) sql);
}

typedef struct Query {
        const char *sql;
        int fd;
} Query;

static int run_query(const Fixture *f, void *userdata) {
        Query *query = userdata;
        sqlite3_stmt *q;
        sqlite3 *db;

        if (sqlite3_open(f->path, &db) != SQLITE_OK || sqlite3_prepare_v2(db, query->sql, -1, &q, NULL) != SQLITE_OK) {
                (void) fprintf(stderr, "%s: %s\n", query->sql, sqlite3_errmsg(db));
                return 1;
        }
        if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_text(q, 0))
                (void) dprintf(query->fd, "%s", (const char *) sqlite3_column_text(q, 0));
        (void) sqlite3_finalize(q);
        return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}

char *fixture_query(const Fixture *f, const char *sql) {
        char *text = calloc(1, 4096);
        int fds[2];

        assert_non_null(text);
        assert_int_equal(pipe(fds), 0);
        fixture_in_child(run_query, f, &(Query) { .sql = sql, .fd = fds[1] });
        (void) close(fds[1]);
        assert_true(read(fds[0], text, 4095) >= 0);
        (void) close(fds[0]);
        return text;
}

static unsigned count_files(const Fixture *f, const char *part, bool wal, char *ret_name) {
        DIR *dir = opendir(f->directory);
        struct dirent *e;
        unsigned n = 0;

        assert_non_null(dir);
        while ((e = readdir(dir))) {
                size_t length = strlen(e->d_name);
                const char *end = e->d_name + (length > 4 ? length - 4 : 0);

                if (!strstr(e->d_name, part) || streq(end, "-shm") || streq(end, "-wal") != wal)
                        continue;
                n++;
                if (ret_name)
                        (void) snprintf(ret_name, 256, "%s", e->d_name);
        }
        (void) closedir(dir);
        return n;
}

unsigned fixture_files(const Fixture *f, const char *part, char *ret_name) {
        return count_files(f, part, false, ret_name);
}

unsigned fixture_companions(const Fixture *f, const char *part, char *ret_name) {
        return count_files(f, part, true, ret_name);
}

unsigned fixture_log_lines(const Fixture *f, const char *part) {
        FILE *file = fopen(f->log, "re");
        char line[2048];
        unsigned n = 0;

        if (!file)
                return 0;
        while (fgets(line, sizeof line, file))
                n += strstr(line, part) != NULL;
        (void) fclose(file);
        return n;
}

ServiceRecord sample_service(const char *host) {
        return (ServiceRecord) {
                .host = strdup(host),
                .binary = strdup("nova-compute"),
                .topic = strdup("compute"),
                .availability_zone = strdup("nova"),
                .version = 64,
        };
}

ComputeNode sample_node(const char *host, const char *name) {
        return (ComputeNode) {
                .host = strdup(host),
                .hypervisor_hostname = strdup(name),
                .hypervisor_type = strdup("QEMU"),
                .hypervisor_version = 7002022,
                .vcpus = 2,
                .memory_mb = 7514,
                .local_gb = 251,
                .vcpus_used = 1,
                .memory_mb_used = 640,
                .local_gb_used = 1,
                .free_ram_mb = 6874,
                .free_disk_gb = 250,
                .running_vms = 1,
                .disk_available_least = 75,
                .has_disk_available_least = true,
                .cpu_info = strdup("{\"arch\": \"x86_64\"}"),
                .host_ip = strdup("192.0.2.2"),
                .supported_hv_specs = json_pack("[[s,s,s]]", "x86_64", "kvm", "hvm"),
                .stats = json_pack("{s:s}", "failed_builds", "0"),
                .metrics = strdup("[]"),
                .cpu_allocation_ratio = 16.0,
                .ram_allocation_ratio = 1.5,
                .disk_allocation_ratio = 1.0,
        };
}

Instance sample_instance(const char *uuid, const char *host) {
        return (Instance) {
                .uuid = strdup(uuid),
                .host = strdup(host),
                .node = strdup("node1"),
                .display_name = strdup("web"),
                .vm_state = VM_ACTIVE,
                .power_state = POWER_RUNNING,
                .flavor_name = strdup("m1.tiny"),
                .memory_mb = 512,
                .vcpus = 1,
                .root_gb = 1,
                .object = json_pack("{s:s}", "nova_object.name", "Instance"),
                .launched_at = 1795365898541969,
        };
}
