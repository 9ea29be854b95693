/* What a driver reads of the host itself rather than from its hypervisor: memory, disk, uptime, iSCSI name.
 * All of it blocks on files and is thread-safe. The functions that take text are the parsers behind, for tests. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"

typedef struct HostMemory {
        uint64_t total_kib;
        uint64_t available_kib;         /* MemAvailable: what can be had without swapping (essex F58) */
} HostMemory;

int host_memory(HostMemory *ret);                                       /* of /proc/meminfo; 0 or -errno */
int host_memory_parse(const char *meminfo, HostMemory *ret);            /* 0 or -EBADMSG */

typedef struct HostDisk {
        uint64_t total, used, available;        /* bytes; available: to those who are not root */
} HostDisk;

/* The file system that holds @path; where that does not exist yet, its nearest ancestor that does. 0 or -errno. */
int host_disk(const char *path, HostDisk *ret);

/* The line of uptime(1), without newline, made of /proc/uptime, /proc/loadavg and utmp. 0 with *ret malloc'ed, or -errno. */
int host_uptime(char **ret);
/* The same from values: @now realtime in the zone of the process, @up seconds, @users logged in, loads as text. */
int host_uptime_format(usec_t now, uint64_t up, unsigned users, const char *loads, char **ret);

/* InitiatorName= of @path (NULL: /etc/iscsi/initiatorname.iscsi). 0 with *ret malloc'ed; -ENOENT if there is none. */
int host_iscsi_initiator(const char *path, char **ret);

/* Reads a whole small file (up to 64 KiB), NUL-terminated. 0 or -errno. */
int host_read_file(const char *path, char **ret);
