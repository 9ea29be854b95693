/* Runs a fuzzer as a test: every file of its corpus, truncations and mutations of it, and what is too large to be kept as a
 * file. Nothing is left to chance: the same corpus gives the same inputs, so that a failure can be had again.
 *
 *     fuzz-y CORPUS ROUNDS     all of it, ROUNDS mutations per file
 *     fuzz-y FILE...           these inputs alone
 *
 * An input that kills the parser, or keeps it for longer than STUCK seconds, is left as fuzz-y.failed where it ran. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "fuzz.h"

#define STUCK 60
#define LARGE (1024 * 1024)
#define TRUNCATIONS_MAX 128
#define GROWN_MAX 65536

typedef struct Bytes {
        uint8_t *data;
        size_t size;
} Bytes;

typedef struct Corpus {
        struct dirent **entries;
        Bytes *files;
        size_t n;
} Corpus;

/* What is run just now; for the handlers of signals, which have no userdata. */
static Bytes current;
static char failed_path[PATH_MAX];

static void save_current(void) {
        int fd = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        for (size_t n = 0; fd >= 0 && n < current.size;) {
                ssize_t k = write(fd, current.data + n, current.size - n);

                if (k <= 0)
                        break;
                n += (size_t) k;
        }
        if (fd >= 0)
                close(fd);
}

static void on_signal(int signal_number) {
        static const char stuck[] = "stuck: the input takes too long\n";

        if (signal_number == SIGALRM && write(STDERR_FILENO, stuck, sizeof stuck - 1) < 0)
                _exit(2);
        save_current();
        signal(signal_number, SIG_DFL);
        raise(signal_number);
}

/* Sanitizers end the process by themselves: they call this before. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(const char *program) {
        static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
        const char *slash = strrchr(program, '/');

        snprintf(failed_path, sizeof failed_path, "%s.failed", slash ? slash + 1 : program);
        if (__sanitizer_set_death_callback)
                __sanitizer_set_death_callback(save_current);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                /* A sanitizer's own report of a crash is better than ours. */
                if (signals[i] == SIGABRT || signals[i] == SIGALRM || !__sanitizer_set_death_callback)
                        signal(signals[i], on_signal);
}

/* In memory of exactly its size, so that reading beyond it is seen. */
static void run_one(const void *data, size_t size) {
        static const struct itimerval limit = { .it_value.tv_sec = STUCK }, none;
        uint8_t *copy = malloc(size);

        if (!copy && size > 0)
                abort();
        if (size > 0)
                memcpy(copy, data, size);
        current = (Bytes) { copy, size };
        setitimer(ITIMER_REAL, &limit, NULL);
        (void) LLVMFuzzerTestOneInput(copy, size);
        setitimer(ITIMER_REAL, &none, NULL);
        current = (Bytes) {};
        free(copy);
}

static int read_bytes(const char *path, Bytes *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        ret->size = (size_t) st.st_size;
        ret->data = malloc(ret->size + 1);
        if (!ret->data)
                return -ENOMEM;
        return read(fd, ret->data, ret->size) == st.st_size ? 0 : -EIO;
}

static int is_file(const struct dirent *d) {
        return *d->d_name != '.';
}

static int corpus_read(Corpus *c, const char *folder) {
        int n = scandir(folder, &c->entries, is_file, alphasort);

        if (n < 0)
                return -errno;
        c->files = calloc((size_t) n + 1, sizeof *c->files);
        if (!c->files)
                return -ENOMEM;
        for (c->n = 0; c->n < (size_t) n; c->n++) {
                char path[PATH_MAX];
                int r;

                snprintf(path, sizeof path, "%s/%s", folder, c->entries[c->n]->d_name);
                r = read_bytes(path, &c->files[c->n]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void corpus_done(Corpus *c) {
        for (size_t i = 0; i < c->n; i++) {
                free(c->files[i].data);
                free(c->entries[i]);
        }
        free(c->files);
        free(c->entries);
}

/* ---- mutations ---- */

/* xorshift64*: the same everywhere. */
static uint64_t draw(uint64_t *state) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t below(uint64_t *state, size_t n) {
        return n == 0 ? 0 : (size_t) (draw(state) % n);
}

/* What has broken parsers before. */
static const char *const tokens[] = {
        "", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xef\xbb\xbf", "\\u0000", "\\ud800", "\\", "\"", "'", "{", "}",
        "[", "]", ",", ":", ";", "=", "@", "/", "?", "&", "#", "%", "%00", "%zz", "$", "${", "}", "*", "^", "-", "--", "+", ".", "~",
        " ", "\t", "\n", "\r\n", "0", "-1", "65536", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "1e999", "-0.0", "0x10", "NaN", "null", "true", "false", "[]", "{}", "[[", "<", ">", "</", "&amp;", "<![CDATA[",
        "_context_", "_msg_id", "DEFAULT", "flagfile", "%s%n", "\x1b[0m",
};

/* Replaces @cut bytes at @at by @n bytes of @from. */
static void replace(Bytes *b, size_t at, size_t cut, const void *from, size_t n) {
        uint8_t *data;

        if (b->size - cut + n > GROWN_MAX)
                return;
        data = malloc(b->size - cut + n + 1);
        if (!data)
                abort();
        memcpy(data, b->data, at);
        if (n > 0)
                memcpy(data + at, from, n);
        memcpy(data + at + n, b->data + at + cut, b->size - at - cut);
        free(b->data);
        *b = (Bytes) { data, b->size - cut + n };
}

static void mutate_once(Bytes *b, const Corpus *c, uint64_t *state) {
        size_t at = below(state, b->size + 1), left = b->size - at;
        const char *token = tokens[below(state, ELEMENTSOF(tokens))];
        const Bytes *other = &c->files[below(state, c->n)];
        size_t from = below(state, other->size), n = below(state, other->size - from + 1);
        uint8_t byte = (uint8_t) draw(state);

        switch (below(state, 8)) {
        case 0:         /* a bit */
                if (left > 0)
                        b->data[at] ^= (uint8_t) (1 << (byte & 7));
                return;
        case 1:         /* a byte */
                if (left > 0)
                        b->data[at] = byte;
                return;
        case 2:         /* one more */
                replace(b, at, 0, &byte, 1);
                return;
        case 3:         /* a piece less */
                replace(b, at, below(state, MIN(left, 32u) + 1), NULL, 0);
                return;
        case 4:
                replace(b, at, 0, token, strlen(token));
                return;
        case 5:
                replace(b, at, MIN(left, strlen(token)), token, strlen(token));
                return;
        case 6:         /* a piece of another file, or of this one again */
                replace(b, at, 0, other->data + from, n);
                return;
        default:
                replace(b, at, MIN(left, n), other->data + from, n);
        }
}

static unsigned run_mutations(const Corpus *c, size_t file, unsigned rounds) {
        const Bytes *original = &c->files[file];
        uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

        for (const char *p = c->entries[file]->d_name; *p; p++)
                state = (state ^ (uint8_t) *p) * UINT64_C(0x100000001b3) | 1;

        for (unsigned i = 0; i < rounds; i++) {
                Bytes b = { malloc(original->size + 1), original->size };

                if (!b.data)
                        abort();
                memcpy(b.data, original->data, original->size);
                for (size_t k = 1 + below(&state, 4); k > 0; k--)
                        mutate_once(&b, c, &state);
                run_one(b.data, b.size);
                free(b.data);
        }
        return rounds;
}

static unsigned run_truncated(const Bytes *b, unsigned rounds) {
        size_t step = b->size / MIN(rounds + 1, TRUNCATIONS_MAX) + 1;
        unsigned n = 0;

        for (size_t size = 0; size < b->size; size += step, n++)
                run_one(b->data, size);
        return n;
}

/* ---- what is too large, or too dull, to be kept ---- */

/* @n times @unit, between @head and @tail. */
static unsigned run_repeated(const char *head, const void *unit, size_t unit_size, size_t n, const char *tail) {
        size_t head_size = strlen(head), tail_size = strlen(tail), size = head_size + n * unit_size + tail_size;
        uint8_t *data = malloc(size + 1), *p = data;

        if (!data)
                abort();
        p = (uint8_t *) memcpy(p, head, head_size) + head_size;
        for (size_t i = 0; i < n; i++)
                p = (uint8_t *) memcpy(p, unit, unit_size) + unit_size;
        memcpy(p, tail, tail_size);
        run_one(data, size);
        free(data);
        return 1;
}

static unsigned run_generated(const Corpus *c) {
        static const char *const nests[] = { "[", "{\"a\":", "<a>", "(", "${", "$", "%(" };
        unsigned n = 0;
        uint8_t all[256];

        run_one("", 0);
        for (size_t i = 0; i < sizeof all; i++)
                all[i] = (uint8_t) i;
        run_one(all, sizeof all);
        n += 2 + run_repeated("", "\0", 1, LARGE, "") + run_repeated("", "a", 1, LARGE, "") + run_repeated("", "9", 1, LARGE, "");
        n += run_repeated("", "\n", 1, LARGE, "") + run_repeated("", "1,", 2, LARGE / 2, "");
        n += run_repeated("\"", "a", 1, LARGE, "\"") + run_repeated("{\"method\": \"", "a", 1, LARGE, "\"}");
        n += run_repeated("{\"oslo.version\": \"2.0\", \"oslo.message\": \"", "\\\\", 2, LARGE / 2, "\"}");
        for (size_t i = 0; i < ELEMENTSOF(nests); i++)
                n += run_repeated("", nests[i], strlen(nests[i]), LARGE / 10, "");
        for (size_t i = 0; i < c->n; i++) {
                const Bytes *b = &c->files[i];

                if (b->size > 0)
                        n += run_repeated("", b->data, b->size, GROWN_MAX / b->size, "");
        }
        return n;
}

int main(int argc, char *argv[]) {
        Corpus c = {};
        unsigned count = 0, rounds;
        char *end;
        int r;

        if (argc < 2) {
                fprintf(stderr, "usage: %s CORPUS ROUNDS | FILE...\n", argv[0]);
                return 2;
        }
        watch(argv[0]);

        rounds = argc == 3 ? (unsigned) strtoul(argv[2], &end, 10) : 0;
        if (argc != 3 || *end) {
                for (char **path = argv + 1; *path; path++) {
                        Bytes b = {};

                        r = read_bytes(*path, &b);
                        if (r < 0) {
                                fprintf(stderr, "%s: %s\n", *path, strerror(-r));
                                return 2;
                        }
                        run_one(b.data, b.size);
                        free(b.data);
                }
                printf("%d inputs\n", argc - 1);
                return 0;
        }

        r = corpus_read(&c, argv[1]);
        if (r < 0 || c.n == 0) {
                fprintf(stderr, "%s: %s\n", argv[1], r < 0 ? strerror(-r) : "there are no files");
                return 2;
        }
        for (size_t i = 0; i < c.n; i++) {
                run_one(c.files[i].data, c.files[i].size);
                count += 1 + run_truncated(&c.files[i], rounds) + run_mutations(&c, i, rounds);
        }
        count += run_generated(&c);
        printf("%zu files, %u inputs\n", c.n, count);
        corpus_done(&c);
        return 0;
}
