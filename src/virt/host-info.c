/* Reads /proc, utmp and statvfs: no shell, no program is run for what a file says. */
#include "virt/host-info.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <utmp.h>

#define FILE_MAX (64 * 1024)

int host_read_file(const char *path, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        if (fd < 0)
                return -errno;
        text = malloc(FILE_MAX + 1);
        if (!text)
                return -ENOMEM;

        while (n < FILE_MAX) {
                ssize_t k = read(fd, text + n, FILE_MAX - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        text[n] = '\0';

        *ret = TAKE_PTR(text);
        return 0;
}

int host_memory_parse(const char *meminfo, HostMemory *ret) {
        uint64_t total = 0, available = 0, free_kib = 0, buffers = 0, cached = 0;
        const struct {
                const char *key;
                uint64_t *value;
        } keys[] = { { "MemTotal:", &total }, { "MemAvailable:", &available }, { "MemFree:", &free_kib },
                     { "Buffers:", &buffers }, { "Cached:", &cached } };

        for (const char *line = meminfo; *line; line += strcspn(line, "\n"), line += *line == '\n')
                for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                        const char *v = startswith(line, keys[i].key);

                        if (v && sscanf(v, "%" SCNu64 " kB", keys[i].value) != 1)
                                return -EBADMSG;
                }

        if (total == 0)
                return -EBADMSG;
        if (available == 0)     /* kernels before 3.14 */
                available = free_kib + buffers + cached;
        *ret = (HostMemory){ .total_kib = total, .available_kib = MIN(available, total) };
        return 0;
}

int host_memory(HostMemory *ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = host_read_file("/proc/meminfo", &text);
        if (r < 0)
                return r;
        return host_memory_parse(text, ret);
}

int host_disk(const char *path, HostDisk *ret) {
        _cleanup_free_ char *p = strdup(isempty(path) ? "." : path);
        struct statvfs s;

        if (!p)
                return -ENOMEM;
        while (statvfs(p, &s) < 0) {
                char *slash = strrchr(p, '/');

                if (errno == EINTR)
                        continue;
                if (errno != ENOENT || !slash || streq(p, "/"))
                        return -errno;
                slash[slash == p] = '\0';
        }

        *ret = (HostDisk){ .total = (uint64_t) s.f_frsize * s.f_blocks,
                           .used = (uint64_t) s.f_frsize * (s.f_blocks - s.f_bfree),
                           .available = (uint64_t) s.f_frsize * s.f_bavail };
        return 0;
}

int host_uptime_format(usec_t now, uint64_t up, unsigned users, const char *loads, char **ret) {
        time_t t = (time_t) (now / USEC_PER_SEC);
        unsigned days = (unsigned) (up / 86400), hours = (unsigned) (up / 3600 % 24), minutes = (unsigned) (up / 60 % 60);
        char since[64] = "", clock[32];
        struct tm tm;

        if (!localtime_r(&t, &tm))
                return -EINVAL;
        snprintf(clock, sizeof clock, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
        if (days > 0)
                snprintf(since, sizeof since, "%u %s, ", days, days == 1 ? "day" : "days");
        if (hours > 0)
                snprintf(since + strlen(since), sizeof since - strlen(since), "%2u:%02u, ", hours, minutes);
        else
                snprintf(since + strlen(since), sizeof since - strlen(since), "%u min, ", minutes);

        if (asprintf(ret, " %s up %s%2u %s,  load average: %s", clock, since, users, users == 1 ? "user" : "users", loads) < 0)
                return -ENOMEM;
        return 0;
}

/* Who is logged in. getutent(3) keeps its place in a static, so that threads would disturb each other: read it here. */
static unsigned count_users(void) {
        _cleanup_close_ int fd = open(_PATH_UTMP, O_RDONLY | O_CLOEXEC);
        unsigned n = 0;
        struct utmp u;

        if (fd < 0)     /* many a host has no utmp any more: then nobody is known */
                return 0;
        while (read(fd, &u, sizeof u) == sizeof u)
                if (u.ut_type == USER_PROCESS && u.ut_user[0])
                        n++;
        return n;
}

int host_uptime(char **ret) {
        _cleanup_free_ char *up = NULL, *loads = NULL;
        char three[64];
        double seconds, a, b, c;
        int r;

        r = host_read_file("/proc/uptime", &up);
        if (r < 0)
                return r;
        r = host_read_file("/proc/loadavg", &loads);
        if (r < 0)
                return r;
        if (sscanf(up, "%lf", &seconds) != 1 || seconds < 0 || sscanf(loads, "%lf %lf %lf", &a, &b, &c) != 3)
                return -EBADMSG;

        snprintf(three, sizeof three, "%.2f, %.2f, %.2f", a, b, c);
        return host_uptime_format(now_realtime(), (uint64_t) seconds, count_users(), three, ret);
}

int host_iscsi_initiator(const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = host_read_file(path ?: "/etc/iscsi/initiatorname.iscsi", &text);
        if (r < 0)
                return r;
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *v = startswith(line + strspn(line, " \t"), "InitiatorName=");
                size_t n;

                if (!v)
                        continue;
                v += strspn(v, " \t");
                n = strcspn(v, " \t\r\n");
                if (n == 0)
                        continue;
                *ret = strndup(v, n);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}
