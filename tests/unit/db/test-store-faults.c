/* What a database does to us: read-only, full, locked, damaged, taken, foreign, gone. Each with the real library and the real
 * fault: the call says -errno and a sentence that names the file, and a later one works once the cause is gone. */
#include "store-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "db/schema.h"

#define PAGE 4096

static int set(Fixture *f, const char *value) {
        return f->store->ops->setting_set(f->store, "name", value);
}

static int get(Fixture *f) {
        char *text = NULL;
        int r = f->store->ops->setting_get(f->store, "name", &text);

        free(text);
        return r;
}

/* The failure expected, told in a sentence that names the file. */
#define assert_fails(call, expected, f)                                         \
        do {                                                                    \
                assert_result(call, expected);                                  \
                if (!strstr(store_last_error(), (f)->path))                     \
                        fail_msg("does not name the file: %s", store_last_error()); \
        } while (0)

#define assert_says(text)                                                                          \
        do {                                                                                       \
                if (!strstr(store_last_error(), text))                                             \
                        fail_msg("\"%s\" does not say \"%s\"", store_last_error(), (const char *) (text)); \
        } while (0)

/* Root may write everything, so as root these tests go on as nobody. */
static void drop_root(const Fixture *f) {
        if (getuid() != 0)
                return;
        assert_int_equal(chown(f->directory, 65534, 65534), 0);
        if (access(f->path, F_OK) == 0)
                assert_int_equal(chown(f->path, 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
}

static void modes(const Fixture *f, mode_t directory, mode_t file) {
        assert_int_equal(chmod(f->path, file), 0);
        assert_int_equal(chmod(f->directory, directory), 0);
}

/* checklist: 49 */
static void a_read_only_file_is_read_but_not_written_until_it_can_be(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;

        drop_root(f);
        assert_result(set(f, "one"), 0);
        fixture_restart(f);
        modes(f, 0700, 0400);

        assert_fails(f->store->ops->open(f->store, &e), -EROFS, f);
        assert_string_equal(e.class_name, "DBError");
        assert_int_equal(e.error, -EROFS);
        assert_fails(set(f, "two"), -EROFS, f);
        assert_says("read-only");

        modes(f, 0700, 0600);
        assert_result(set(f, "two"), 0);
        assert_result(get(f), 1);
}

/* checklist: 49 */
static void a_read_only_directory_is_named_and_what_is_there_can_be_read(void **state) {
        Fixture *f = *state;

        drop_root(f);
        assert_result(set(f, "one"), 0);
        /* As after a crash: the log is still there, so SQLite can read without writing. */
        Store *former = f->store;
        f->store = fixture_new_store(f);
        modes(f, 0500, 0400);

        assert_fails(set(f, "two"), -EROFS, f);
        assert_says(f->directory);
        assert_result(get(f), 1);

        modes(f, 0700, 0600);
        store_free(former);
        assert_result(set(f, "two"), 0);
}

static void a_read_only_file_that_comes_back_while_the_store_is_open_is_noticed(void **state) {
        Fixture *f = *state;

        drop_root(f);
        assert_result(set(f, "one"), 0);
        f->store->ops->close(f->store);
        modes(f, 0500, 0400);
        assert_fails(set(f, "two"), -EROFS, f);
        assert_fails(set(f, "two"), -EROFS, f);
        modes(f, 0700, 0600);
        assert_result(set(f, "two"), 0);
        f->store->ops->close(f->store);
        assert_query(f, "SELECT value FROM settings", "two");
}

static void a_missing_directory_is_named_and_used_once_it_is_there(void **state) {
        Fixture *f = *state;
        char elsewhere[512];

        (void) snprintf(elsewhere, sizeof elsewhere, "%s.away", f->directory);
        assert_int_equal(rename(f->directory, elsewhere), 0);
        assert_fails(set(f, "one"), -ENOENT, f);
        assert_says("directory");
        assert_int_equal(rename(elsewhere, f->directory), 0);
        assert_result(set(f, "one"), 0);
}

static void a_directory_that_may_not_be_written_is_named_with_the_user(void **state) {
        Fixture *f = *state;

        drop_root(f);
        assert_int_equal(chmod(f->directory, 0500), 0);
        assert_fails(f->store->ops->open(f->store, NULL), -EACCES, f);
        assert_says("cannot be written by user");
        assert_int_equal(chmod(f->directory, 0700), 0);
        assert_result(f->store->ops->open(f->store, NULL), 0);
}

static void what_is_no_file_is_refused_and_left_alone(void **state) {
        Fixture *f = *state;
        struct stat st;

        assert_int_equal(mkdir(f->path, 0700), 0);
        assert_fails(set(f, "one"), -EISDIR, f);
        assert_int_equal(rmdir(f->path), 0);
        assert_int_equal(mkfifo(f->path, 0600), 0);
        assert_fails(set(f, "one"), -EINVAL, f);
        assert_int_equal(stat(f->path, &st), 0);
        assert_true(S_ISFIFO(st.st_mode));
        assert_int_equal(unlink(f->path), 0);
        assert_result(set(f, "one"), 0);
}

/* Fills the store until it fails. */
static int fill(Fixture *f) {
        char name[32], *value = malloc(64 * 1024);
        int r = 0;

        assert_non_null(value);
        memset(value, 'x', 64 * 1024 - 1);
        value[64 * 1024 - 1] = 0;
        for (unsigned i = 0; r >= 0 && i < 200; i++) {
                (void) snprintf(name, sizeof name, "filler%u", i);
                r = f->store->ops->setting_set(f->store, name, value);
        }
        free(value);
        return r;
}

static void a_limit_on_file_size_is_no_room_and_what_was_there_stays(void **state) {
        Fixture *f = *state;
        struct rlimit before, small;
        void (*handler)(int);

        assert_result(set(f, "one"), 0);
        handler = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = (struct rlimit) { .rlim_cur = 512 * 1024, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int r = fill(f);
        bool named = strstr(store_last_error(), f->path);
        int got = get(f);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        (void) signal(SIGXFSZ, handler);

        assert_int_equal(r, -ENOSPC);
        assert_true(named);
        assert_int_equal(got, 1);
        assert_result(set(f, "two"), 0);
        assert_result(f->store->ops->setting_set(f->store, "big", "now there is room"), 0);
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
}

static int in_full_file_system(const Fixture *original, void *userdata) {
        Fixture copy = *original, *f = &copy;
        char filler[512], *text = NULL;
        int fd, r;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", f->directory, "tmpfs", 0, "size=2m") < 0)
                return 77;
        f->store = NULL;
        if (local_store_new(&f->store, &(LocalStoreSettings) { .path = f->path, .synchronous = true, .timeout = TEST_TIMEOUT }) < 0)
                return 1;
        if (set(f, "one") < 0)
                return 2;

        (void) snprintf(filler, sizeof filler, "%s/filler", f->directory);
        fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, f, 1) == 1 && write(fd, (char[4096]) {}, 4096) > 0)
                ;
        (void) close(fd);

        r = fill(f);
        if (r != -ENOSPC || !strstr(store_last_error(), f->path)) {
                (void) fprintf(stderr, "%d: %s\n", r, store_last_error());
                return 3;
        }
        if (f->store->ops->setting_get(f->store, "name", &text) != 1 || !streq(text, "one"))
                return 4;
        free(text);
        if (unlink(filler) < 0 || set(f, "two") < 0) {
                (void) fprintf(stderr, "after room was made: %s\n", store_last_error());
                return 5;
        }
        store_free(f->store);
        return 0;
}

static int in_read_only_file_system(const Fixture *original, void *userdata) {
        Fixture copy = *original, *f = &copy;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", f->directory, "tmpfs", 0, "size=2m") < 0)
                return 77;
        f->store = NULL;
        if (local_store_new(&f->store, &(LocalStoreSettings) { .path = f->path, .synchronous = true, .timeout = TEST_TIMEOUT }) < 0)
                return 1;
        if (set(f, "one") < 0)
                return 2;
        f->store->ops->close(f->store);
        if (mount(NULL, f->directory, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
                return 3;
        if (set(f, "two") != -EROFS || !strstr(store_last_error(), f->path)) {
                (void) fprintf(stderr, "%s\n", store_last_error());
                return 4;
        }
        if (mount(NULL, f->directory, NULL, MS_REMOUNT, NULL) < 0)
                return 5;
        if (set(f, "two") != 0)
                return 6;
        store_free(f->store);
        return 0;
}

static void run_in_namespace(Fixture *f, int (*run)(const Fixture *f, void *userdata)) {
        int status = -1;
        pid_t pid;

        if (getuid() != 0)
                skip();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run(f, NULL));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip();                 /* no right to mount here */
        assert_int_equal(status, 0);
}

static void a_full_file_system_is_no_room_until_there_is(void **state) {
        run_in_namespace(*state, in_full_file_system);
}

/* checklist: 49 */
static void a_read_only_file_system_is_told_until_it_is_writable(void **state) {
        run_in_namespace(*state, in_read_only_file_system);
}

typedef struct Holder {
        const char *sql;                /* NULL: a store of its own */
        int ready[2], stop[2];
        pid_t pid;
} Holder;

/* Another process that holds the database until told to end. */
static void hold(Holder *h, const Fixture *f) {
        char byte;

        assert_int_equal(pipe(h->ready), 0);
        assert_int_equal(pipe(h->stop), 0);
        h->pid = fork();
        assert_true(h->pid >= 0);
        if (h->pid == 0) {
                Store *s = NULL;
                sqlite3 *db;
                int r;

                (void) close(h->stop[1]);
                if (h->sql)
                        r = sqlite3_open(f->path, &db) == SQLITE_OK && sqlite3_exec(db, h->sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
                else {
                        r = local_store_new(&s, &(LocalStoreSettings) { .path = f->path, .timeout = TEST_TIMEOUT });
                        if (r >= 0)
                                r = s->ops->open(s, NULL);
                }
                if (r >= 0 && write(h->ready[1], "", 1) == 1)
                        (void) read(h->stop[0], &byte, 1);
                _exit(0);
        }
        (void) close(h->stop[0]);
        (void) close(h->ready[1]);
        assert_int_equal(read(h->ready[0], &byte, 1), 1);
}

static void let_go(Holder *h) {
        (void) close(h->stop[1]);
        (void) close(h->ready[0]);
        assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

static void a_lock_of_another_process_is_busy_after_the_timeout_and_heals(void **state) {
        Fixture *f = *state;
        Holder h = { .sql = "BEGIN IMMEDIATE" };
        usec_t before;

        assert_result(set(f, "one"), 0);
        hold(&h, f);
        before = now_monotonic();
        assert_fails(set(f, "two"), -EBUSY, f);
        assert_true(now_monotonic() - before >= TEST_TIMEOUT / 2);
        assert_says("locked by another process");
        assert_result(get(f), 1);               /* readers do not wait for a writer */
        let_go(&h);
        assert_result(set(f, "two"), 0);
}

static void a_database_that_is_locked_when_it_is_opened_is_busy_and_heals(void **state) {
        Fixture *f = *state;
        Holder h = { .sql = "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y)" };

        assert_result(set(f, "one"), 0);
        fixture_restart(f);
        hold(&h, f);
        assert_fails(f->store->ops->open(f->store, NULL), -EBUSY, f);
        assert_fails(get(f), -EBUSY, f);
        let_go(&h);
        assert_result(get(f), 1);
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
}

static void a_second_daemon_on_the_same_state_is_told_who_holds_it(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        Holder h = {};
        char pid[32];

        hold(&h, f);
        assert_fails(f->store->ops->open(f->store, &e), -EALREADY, f);
        (void) snprintf(pid, sizeof pid, "process %d,", (int) h.pid);
        assert_says(pid);
        assert_says("nova.sqlite.lock");
        assert_string_equal(e.message, store_last_error());
        assert_fails(set(f, "one"), -EALREADY, f);
        let_go(&h);
        assert_result(set(f, "one"), 0);
}

static void the_lock_is_given_back_on_close(void **state) {
        Fixture *f = *state;
        Store *other = fixture_new_store(f);

        assert_result(f->store->ops->open(f->store, NULL), 0);
        assert_result(other->ops->open(other, NULL), -EALREADY);
        f->store->ops->close(f->store);
        assert_result(other->ops->open(other, NULL), 0);
        assert_result(set(f, "one"), -EALREADY);
        store_free(other);
        assert_result(set(f, "one"), 0);
}

/* Damage is done by a child: closing a descriptor of the file here would drop the locks of our own connection. */
typedef struct Damage {
        off_t from, length;             /* length 0: truncate at @from */
} Damage;

static int do_damage(const Fixture *f, void *userdata) {
        const Damage *d = userdata;
        char junk[PAGE];
        int fd = open(f->path, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return 1;
        memset(junk, 0xa5, sizeof junk);
        if (d->length == 0)
                return ftruncate(fd, d->from) < 0;
        for (off_t at = d->from; at < d->from + d->length; at += PAGE)
                if (pwrite(fd, junk, sizeof junk, at) != (ssize_t) sizeof junk)
                        return 2;
        return 0;
}

static void damage(const Fixture *f, off_t from, off_t length) {
        fixture_in_child(do_damage, f, &(Damage) { .from = from, .length = length });
}

static off_t size_of(const Fixture *f, const char *name) {
        char path[512];
        struct stat st;

        (void) snprintf(path, sizeof path, "%s/%s", f->directory, name);
        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

/* A database of some hundred pages, all in the file and none in the log, closed. */
static off_t make_large(Fixture *f) {
        assert_result(set(f, "one"), 0);
        for (unsigned i = 0; i < 64; i++) {
                char name[32], value[3 * PAGE];

                (void) snprintf(name, sizeof name, "name%u", i);
                memset(value, 'x', sizeof value - 1);
                value[sizeof value - 1] = 0;
                assert_result(f->store->ops->setting_set(f->store, name, value), 0);
        }
        fixture_restart(f);
        return size_of(f, "nova.sqlite");
}

/* The damaged file is there under its new name, whole; one line told of it; a new one is in use. */
static void assert_kept(Fixture *f, off_t size) {
        char name[256];

        assert_int_equal(fixture_files(f, ".corrupt-", name), 1);
        assert_int_equal(size_of(f, name), size);
        assert_int_equal(fixture_log_lines(f, name), 1);
        assert_result(get(f), 0);
        assert_result(set(f, "new"), 0);
        assert_query(f, "SELECT count(*) FROM settings", "1");
}

static void a_file_that_is_no_database_is_kept_aside_at_the_start(void **state) {
        Fixture *f = *state;
        FILE *file = fopen(f->path, "we");

        assert_non_null(file);
        for (unsigned i = 0; i < 100; i++)
                (void) fprintf(file, "these are the notes of line %u\n", i);
        (void) fclose(file);
        off_t size = size_of(f, "nova.sqlite");

        assert_result(f->store->ops->open(f->store, NULL), 1);
        assert_kept(f, size);
}

static void damage_is_told_once_by_a_call_and_the_next_begins_anew(void **state) {
        Fixture *f = *state;
        off_t size = make_large(f);

        damage(f, PAGE, size - PAGE);
        assert_fails(set(f, "two"), -EUCLEAN, f);
        assert_says("is damaged");
        assert_says("it is kept as");
        assert_kept(f, size);
}

static void one_damaged_page_is_found_at_the_start(void **state) {
        Fixture *f = *state;
        off_t size = make_large(f);

        damage(f, size / PAGE / 2 * PAGE, PAGE);
        int r = f->store->ops->open(f->store, NULL);
        /* A page that only holds a part of a text has no form that junk could break but the number of the next one. */
        assert_int_equal(r, 1);
        assert_kept(f, size);
}

static void a_truncated_file_is_kept_aside(void **state) {
        static const int parts[] = { 2, 3, 10 };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                Fixture *f = *state;
                off_t size = make_large(f) / parts[i];

                damage(f, size, 0);
                assert_result(f->store->ops->open(f->store, NULL), 1);
                assert_kept(f, size);
                fixture_teardown(state);
                assert_int_equal(fixture_setup(state), 0);
        }
}

static void damage_under_an_open_store_is_told_by_the_call_that_meets_it(void **state) {
        Fixture *f = *state;
        off_t size = make_large(f);
        char *text = NULL;
        int r = 1;

        assert_result(f->store->ops->open(f->store, NULL), 0);
        damage(f, PAGE, size - PAGE);
        for (unsigned i = 0; i < 64 && r == 1; i++) {
                char name[32];

                (void) snprintf(name, sizeof name, "name%u", i);
                r = f->store->ops->setting_get(f->store, name, &text);
                if (r == 1)
                        free(text);
        }
        assert_int_equal(r, -EUCLEAN);
        assert_says(f->path);
        assert_kept(f, size);
}

/* As a daemon that was killed leaves it: rows in the log, none of them in the file. */
static int write_and_die(const Fixture *f, void *userdata) {
        Store *s = NULL;

        if (local_store_new(&s, &(LocalStoreSettings) { .path = f->path, .synchronous = true, .timeout = TEST_TIMEOUT }) < 0)
                return 1;
        return s->ops->setting_set(s, "name", "in the log") < 0;
}

static void what_a_killed_daemon_had_written_is_there(void **state) {
        Fixture *f = *state;

        fixture_in_child(write_and_die, f, NULL);
        assert_int_equal(fixture_companions(f, "nova.sqlite-", NULL), 1);
        assert_result(get(f), 1);
}

static void the_log_of_a_damaged_database_is_kept_with_it(void **state) {
        Fixture *f = *state;
        char name[256], kept[512], wal[300];
        off_t size;

        fixture_in_child(write_and_die, f, NULL);
        size = size_of(f, "nova.sqlite-wal");
        assert_true(size > 0);
        /* The log holds the first page, so junk in the file alone is healed by it: damage what both have. */
        assert_int_equal(truncate(f->path, 0), 0);
        damage(f, 0, PAGE);
        (void) snprintf(kept, sizeof kept, "%s-wal", f->path);
        assert_int_equal(truncate(kept, PAGE), 0);

        assert_result(f->store->ops->open(f->store, NULL), 1);
        assert_int_equal(fixture_companions(f, ".corrupt-", name), 1);
        assert_int_equal(size_of(f, name), PAGE);
        assert_non_null(startswith(name, "nova.sqlite.corrupt-"));
        (void) snprintf(wal, sizeof wal, "%.*s", (int) (strlen(name) - strlen("-wal")), name);
        assert_int_equal(size_of(f, wal), PAGE);
        assert_result(get(f), 0);
}

static void two_damages_in_a_second_are_both_kept(void **state) {
        Fixture *f = *state;
        char first[256];

        make_large(f);
        damage(f, 0, PAGE);
        assert_result(f->store->ops->open(f->store, NULL), 1);
        assert_int_equal(fixture_files(f, ".corrupt-", first), 1);
        make_large(f);
        damage(f, 0, PAGE);
        assert_result(f->store->ops->open(f->store, NULL), 1);
        assert_int_equal(fixture_files(f, ".corrupt-", NULL), 2);
        assert_int_equal(fixture_files(f, first, NULL) >= 1, 1);
}

static void damage_that_cannot_be_set_aside_is_told_until_it_can(void **state) {
        Fixture *f = *state;
        off_t size;

        drop_root(f);
        size = make_large(f);
        damage(f, PAGE, size - PAGE);
        modes(f, 0500, 0600);
        assert_int_equal(set(f, "two") < 0, 1);
        assert_int_equal(set(f, "two") < 0, 1);
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
        modes(f, 0700, 0600);
        assert_fails(set(f, "two"), -EUCLEAN, f);
        assert_kept(f, size);
}

static void a_newer_schema_is_refused_with_both_numbers_and_left_alone(void **state) {
        Fixture *f = *state;
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char ours[64];

        assert_result(set(f, "one"), 0);
        fixture_restart(f);
        fixture_sql(f, "PRAGMA user_version=99");
        assert_fails(f->store->ops->open(f->store, &e), -ENOTSUP, f);
        assert_says("99");
        (void) snprintf(ours, sizeof ours, "version %zu ", schema_n_migrations);
        assert_says(ours);
        assert_fails(get(f), -ENOTSUP, f);
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
        (void) snprintf(ours, sizeof ours, "PRAGMA user_version=%zu", schema_n_migrations);
        fixture_sql(f, ours);
        assert_result(get(f), 1);
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state) {
        Fixture *f = *state;

        fixture_sql(f, "CREATE TABLE services (id INTEGER); INSERT INTO services VALUES (7)");
        assert_fails(f->store->ops->open(f->store, NULL), -EINVAL, f);
        assert_says("another program's");
        assert_query(f, "SELECT group_concat(name) FROM sqlite_schema", "services");
        assert_query(f, "PRAGMA journal_mode", "delete");
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
}

static void a_replaced_file_is_opened_and_the_old_log_kept_away_from_it(void **state) {
        Fixture *f = *state;
        char other[512];

        /* A backup, as an operator would put it back. */
        assert_result(set(f, "backup"), 0);
        f->store->ops->close(f->store);
        (void) snprintf(other, sizeof other, "%s.backup", f->path);
        assert_int_equal(rename(f->path, other), 0);

        assert_result(set(f, "one"), 0);
        assert_result(f->store->ops->setting_set(f->store, "more", "only in the log"), 0);
        assert_int_equal(fixture_companions(f, "nova.sqlite-", NULL), 1);
        assert_int_equal(rename(other, f->path), 0);

        assert_result(set(f, "two"), 0);
        assert_int_equal(fixture_log_lines(f, "removed or replaced"), 1);
        assert_int_equal(fixture_companions(f, ".replaced-", NULL), 1);
        assert_query(f, "SELECT group_concat(name || value) FROM settings", "nametwo");
        assert_int_equal(fixture_files(f, "corrupt", NULL), 0);
}

static void a_removed_file_is_made_anew(void **state) {
        Fixture *f = *state;

        assert_result(set(f, "one"), 0);
        assert_int_equal(unlink(f->path), 0);
        assert_result(get(f), 0);
        assert_result(set(f, "two"), 0);
        assert_query(f, "SELECT value FROM settings", "two");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(a_read_only_file_is_read_but_not_written_until_it_can_be),
                CASE(a_read_only_directory_is_named_and_what_is_there_can_be_read),
                CASE(a_read_only_file_that_comes_back_while_the_store_is_open_is_noticed),
                CASE(a_missing_directory_is_named_and_used_once_it_is_there),
                CASE(a_directory_that_may_not_be_written_is_named_with_the_user),
                CASE(what_is_no_file_is_refused_and_left_alone),
                CASE(a_limit_on_file_size_is_no_room_and_what_was_there_stays),
                CASE(a_full_file_system_is_no_room_until_there_is),
                CASE(a_read_only_file_system_is_told_until_it_is_writable),
                CASE(a_lock_of_another_process_is_busy_after_the_timeout_and_heals),
                CASE(a_database_that_is_locked_when_it_is_opened_is_busy_and_heals),
                CASE(a_second_daemon_on_the_same_state_is_told_who_holds_it),
                CASE(the_lock_is_given_back_on_close),
                CASE(a_file_that_is_no_database_is_kept_aside_at_the_start),
                CASE(damage_is_told_once_by_a_call_and_the_next_begins_anew),
                CASE(one_damaged_page_is_found_at_the_start),
                CASE(a_truncated_file_is_kept_aside),
                CASE(damage_under_an_open_store_is_told_by_the_call_that_meets_it),
                CASE(what_a_killed_daemon_had_written_is_there),
                CASE(the_log_of_a_damaged_database_is_kept_with_it),
                CASE(two_damages_in_a_second_are_both_kept),
                CASE(damage_that_cannot_be_set_aside_is_told_until_it_can),
                CASE(a_newer_schema_is_refused_with_both_numbers_and_left_alone),
                CASE(a_database_of_another_program_is_refused_and_left_alone),
                CASE(a_replaced_file_is_opened_and_the_old_log_kept_away_from_it),
                CASE(a_removed_file_is_made_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
