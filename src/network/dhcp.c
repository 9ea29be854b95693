/* dnsmasq processes: see dhcp.h.
 *
 * A process id alone says little: the number may be another's by now. So a process is ours only if its arguments are ours, and
 * it is signalled by a descriptor of it that was opened before they were read. */
#define LOG_LOGGER "nova.network.linux_net"
#include "network/dhcp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "basic/id.h"
#include "basic/log.h"
#include "basic/path-util.h"
#include "basic/spawn.h"

#define END_TIMEOUT_MS 2000

static int refuse(const Config *config, const char *option, const char *value, const char *why, NovaException *e) {
        _cleanup_free_ char *origin = config_origin(config, option);

        return exception_setf(e, EXC_INVALID_CONFIGURATION, "%s: [DEFAULT] %s = '%.60s': %s", strempty(origin), option, value, why);
}

int dhcp_settings_read(DhcpSettings *ret, const Config *config, NovaException *e) {
        _cleanup_(dhcp_settings_done) DhcpSettings s = {};
        const char *const *dns = config_list(config, "dns_server");

        s.directory = strdup(strempty(config_string(config, "networks_path")));
        s.domain = strdup(strempty(config_string(config, "dhcp_domain")));
        s.config_file = strdup(strempty(config_string(config, "dnsmasq_config_file")));
        s.lease_time = (unsigned) MIN(config_integer(config, "dhcp_lease_time"), (int64_t) INT32_MAX);
        if (!s.directory || !s.domain || !s.config_file)
                return -ENOMEM;
        if (strpbrk(s.domain, " \t\n,"))
                return refuse(config, "dhcp_domain", s.domain, "must be one name, without blanks and commas", e);
        if (strpbrk(s.config_file, "\n"))
                return refuse(config, "dnsmasq_config_file", s.config_file, "must be the path of a file, in one line", e);
        if (strpbrk(s.directory, "\n"))
                return refuse(config, "networks_path", s.directory, "must be the path of a directory, in one line", e);
        for (; *dns && s.n_dns < NETWORK_DNS_MAX; dns++)
                if (ip_parse(*dns, &s.dns[s.n_dns++]) < 0)
                        return refuse(config, "dns_server", *dns, "must be an IP address", e);
        *ret = s;
        s = (DhcpSettings) {};
        return 0;
}

void dhcp_settings_done(DhcpSettings *s) {
        if (!s)
                return;
        free(s->directory);
        free(s->domain);
        free(s->config_file);
        *s = (DhcpSettings) {};
}

static char *file_name(const DhcpSettings *s, const char *id, const char *ending) {
        char *path;

        return asprintf(&path, "%s/%s.%s", s->directory, id, ending) < 0 ? NULL : path;
}

static int read_text(const char *path, char *buf, size_t size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, buf, size - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return (int) n;
}

/* ---- whose process it is ---- */

static bool is_ours(pid_t pid, const char *argument) {
        char path[64], arguments[1024], *second;
        int n;

        (void) snprintf(path, sizeof path, "/proc/%d/cmdline", (int) pid);
        n = read_text(path, arguments, sizeof arguments);
        if (n <= 0 || !streq(path_basename(arguments), "dnsmasq"))
                return false;
        second = arguments + strlen(arguments) + 1;
        return second < arguments + n && streq(second, argument);
}

/* A descriptor of the process, in *ret_fd. */
static int check_process(pid_t pid, const char *argument, int *ret_fd) {
        int fd = pidfd_open(pid, 0);

        if (fd < 0)
                return 0;
        if (!is_ours(pid, argument)) {
                (void) close(fd);
                return 0;
        }
        *ret_fd = fd;
        return 1;
}

/* By its file, and if that does not tell, among all processes: the file may be gone while the process is not. */
static int find_process(const DhcpSettings *s, const char *id, pid_t *ret, int *ret_fd) {
        _cleanup_free_ char *path = file_name(s, id, "pid"), *argument = NULL;
        char text[32];
        struct dirent *d;
        DIR *proc;
        int pid;

        if (!path || asprintf(&argument, "--conf-file=%s/%s.conf", s->directory, id) < 0)
                return -ENOMEM;
        if (read_text(path, text, sizeof text) > 0 && sscanf(text, "%9d", &pid) == 1 && pid > 1 &&
            check_process(pid, argument, ret_fd) > 0) {
                *ret = pid;
                return 1;
        }
        proc = opendir("/proc");
        if (!proc)
                return -errno;
        while ((d = readdir(proc))) {
                if (!isdigit((unsigned char) *d->d_name) || sscanf(d->d_name, "%9d", &pid) != 1)
                        continue;
                if (is_ours(pid, argument) && check_process(pid, argument, ret_fd) > 0) {
                        (void) closedir(proc);
                        *ret = pid;
                        return 1;
                }
        }
        (void) closedir(proc);
        return 0;
}

int dhcp_find(const DhcpSettings *s, const char *network_id, pid_t *ret) {
        _cleanup_close_ int fd = -1;

        return find_process(s, network_id, ret, &fd);
}

static void end_process(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        (void) pidfd_send_signal(fd, SIGTERM, NULL, 0);
        if (poll(&p, 1, END_TIMEOUT_MS) == 0) {
                (void) pidfd_send_signal(fd, SIGKILL, NULL, 0);
                (void) poll(&p, 1, END_TIMEOUT_MS);
        }
}

/* ---- files ---- */

/* Writes it unless that is what it holds: 1, or 0. Whole or not at all; it need not outlive a loss of power, being written anew. */
static int write_text(const char *path, const char *text) {
        _cleanup_free_ char *there = NULL, *temporary = NULL;
        _cleanup_close_ int fd = -1;
        size_t size = strlen(text), done = 0;
        int r = 0;

        there = malloc(size + 2);
        if (!there || asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        if (read_text(path, there, size + 2) == (int) size && memcmp(there, text, size) == 0)
                return 0;

        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        /* dnsmasq reads it again when it is no longer who it was. */
        if (fchmod(fd, 0644) < 0)
                r = -errno;
        while (r >= 0 && done < size) {
                ssize_t n = write(fd, text + done, size - done);

                if (n < 0 && errno != EINTR)
                        r = -errno;
                else if (n > 0)
                        done += (size_t) n;
        }
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r < 0 ? r : 1;
}

static int start(const DhcpSettings *s, const DeclaredNetwork *n, NovaException *e) {
        _cleanup_(spawn_result_done) SpawnResult result = {};
        const SpawnOptions o = { .timeout = DHCP_START_TIMEOUT };
        _cleanup_free_ char *argument = NULL;
        int r;

        if (asprintf(&argument, "--conf-file=%s/%s.conf", s->directory, n->id) < 0)
                return -ENOMEM;
        /* It goes to the background when it has its sockets; what is wrong it says before. */
        r = spawn_run((const char *const[]) { "dnsmasq", argument, NULL }, &o, &result);
        if (r == -ENOENT) {
                (void) exception_setf(e, EXC_NOVA, "Network %s asks for DHCP, but dnsmasq is not installed (Debian: dnsmasq-base)", n->name);
                return -ENOENT;
        }
        if (r < 0)
                return exception_set_errno(e, r, "Cannot run dnsmasq");
        if (r > 0) {
                (void) exception_setf(e, EXC_NOVA, "dnsmasq for network %s ended with %d: %.400s", n->name, result.status, result.error);
                return -EIO;
        }
        log_info("dnsmasq answers DHCP in network %s (%s)", n->name, n->bridge);
        return 1;
}

int dhcp_update(const DhcpSettings *s, const DeclaredNetwork *n, const VirtualInterfaceList *vifs, NovaException *e) {
        _cleanup_free_ char *conf = dhcp_configuration(s, n), *hosts = dhcp_hosts(s, n, vifs);
        _cleanup_free_ char *conf_path = file_name(s, n->id, "conf"), *hosts_path = file_name(s, n->id, "hosts");
        _cleanup_close_ int fd = -1;
        int conf_changed, hosts_changed, r;
        pid_t pid;

        if (!conf || !hosts || !conf_path || !hosts_path)
                return -ENOMEM;
        r = make_directories(s->directory, 0755);
        if (r < 0)
                return exception_set_errno(e, r, s->directory);
        r = hosts_changed = write_text(hosts_path, hosts);
        if (r >= 0)
                r = conf_changed = write_text(conf_path, conf);
        if (r < 0)
                return exception_set_errno(e, r, s->directory);

        r = find_process(s, n->id, &pid, &fd);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot look for dnsmasq");
        if (r == 0)
                return start(s, n, e);
        if (conf_changed) {
                log_info("dnsmasq of network %s is started anew: its configuration has changed", n->name);
                end_process(fd);
                return start(s, n, e);
        }
        if (!hosts_changed)
                return 0;
        return pidfd_send_signal(fd, SIGHUP, NULL, 0) < 0 ? start(s, n, e) : 1;
}

int dhcp_stop(const DhcpSettings *s, const char *network_id) {
        static const char *const endings[] = { "conf", "hosts", "pid", "leases" };
        _cleanup_close_ int fd = -1;
        pid_t pid;
        int r;

        r = find_process(s, network_id, &pid, &fd);
        if (r < 0)
                return r;
        if (r > 0) {
                end_process(fd);
                log_info("dnsmasq of network %s is ended", network_id);
        }
        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                _cleanup_free_ char *path = file_name(s, network_id, endings[i]);

                if (path)
                        (void) unlink(path);
        }
        return r;
}

int dhcp_list(const DhcpSettings *s, char ***ret) {
        char **list = calloc(1, sizeof *list);
        struct dirent *d;
        size_t n = 0;
        DIR *dir;

        if (!list)
                return -ENOMEM;
        dir = opendir(s->directory);
        while (dir && (d = readdir(dir))) {
                size_t length = strlen(d->d_name);
                char **bigger, id[UUID_TEXT_MAX];

                if (length != UUID_TEXT_MAX - 1 + 5 || !streq(d->d_name + UUID_TEXT_MAX - 1, ".conf"))
                        continue;
                memcpy(id, d->d_name, UUID_TEXT_MAX - 1);
                id[UUID_TEXT_MAX - 1] = '\0';
                if (!uuid_is_valid(id))
                        continue;
                bigger = reallocarray(list, n + 2, sizeof *list);
                if (!bigger || !((list = bigger)[n] = strdup(id))) {
                        (void) closedir(dir);
                        strv_free(list);
                        return -ENOMEM;
                }
                list[++n] = NULL;
        }
        if (dir)
                (void) closedir(dir);
        *ret = list;
        return 0;
}

/* ---- a release in the name of a guest that is gone (RFC 2131, 4.4.6) ---- */

typedef struct ReleaseMessage {
        uint8_t op, type, length, hops;
        uint32_t transaction;
        uint16_t seconds, flags;
        uint8_t client[4], your[4], server[4], relay[4];
        uint8_t mac[16];
        uint8_t name[64], file[128];
        uint8_t cookie[4];
        uint8_t options[64];
} __attribute__((packed)) ReleaseMessage;

int dhcp_release(const DeclaredNetwork *n, const char *mac, const IpAddress *address) {
        const Subnet *s = network_subnet_of(n, address);
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(67) };
        ReleaseMessage m = { .op = 1, .type = 1, .length = 6, .cookie = { 99, 130, 83, 99 }, .options = { 53, 1, 7, 54, 4 } };
        _cleanup_close_ int fd = -1;
        unsigned b[6];

        if (!s || address->family != AF_INET || !ip_is_set(&s->host) ||
            sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
                return -EINVAL;
        (void) !getrandom(&m.transaction, sizeof m.transaction, GRND_NONBLOCK);
        memcpy(m.client, address->bytes, 4);
        memcpy(m.options + 5, s->host.bytes, 4);
        m.options[9] = 255;
        for (size_t i = 0; i < 6; i++)
                m.mac[i] = (uint8_t) b[i];

        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* So that it is one of that interface, though it never leaves this host. */
        if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, n->bridge, (socklen_t) strlen(n->bridge)) < 0)
                return -errno;
        memcpy(&to.sin_addr, s->host.bytes, 4);
        return sendto(fd, &m, sizeof m, 0, (struct sockaddr *) &to, sizeof to) < 0 ? -errno : 0;
}
