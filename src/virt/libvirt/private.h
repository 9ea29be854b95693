/* The inside of the libvirt driver, shared by its files. Every virConnectPtr is used through LibvirtUse, which keeps the
 * connection and the driver alive for as long as a call needs them, however long libvirt keeps it. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/tree.h>
#include <pthread.h>
#include <stdatomic.h>

#include "virt/cpu-set.h"
#include "virt/driver.h"
#include "virt/libvirt/disk.h"
#include "virt/libvirt/domain-xml.h"

typedef struct LibvirtUse LibvirtUse;

/* One connection to libvirt. It changes hands: whoever uses it has it for itself. All but connection, event_id and in_process, which
 * never change, are under the driver's lock. */
typedef struct LibvirtConnection {
        virConnectPtr connection;
        int event_id;                   /* of the lifecycle events of the watched one; -1 = none */
        bool in_process;                /* the hypervisor is within this process: no client of libvirt's protocol, all calls share it */
        unsigned generation;            /* of which watched connection it is a companion */
        unsigned users;
        usec_t idle_since;
        struct LibvirtConnection *next; /* among the idle, or those to be closed */
} LibvirtConnection;

typedef struct LibvirtDriver {
        ComputeDriver base;
        atomic_uint refs;               /* the owner, each call under way, each callback known to libvirt, the connector */

        /* as constructed */
        char *uri;
        char *host;
        char *ip, *storage_ip;
        char *instances_path;
        CpuSet shared, dedicated;
        bool has_shared, has_dedicated;
        int keepalive_interval;         /* seconds; 0 = off */
        unsigned keepalive_count;
        usec_t call_timeout;            /* 0 = none */
        GuestOptions guests;
        DiskStore *disks;
        atomic_bool has_filters;        /* the hypervisor knows nwfilter */
        char *rescue_image, *rescue_kernel, *rescue_ramdisk;    /* NULL = the instance's own */
        usec_t soft_reboot_timeout;
        unsigned detach_attempts;
        usec_t detach_timeout;

        pthread_mutex_t open_lock;      /* only one opens; taken before lock, held while libvirt connects */
        pthread_mutex_t lock;           /* of what follows */
        pthread_cond_t changed;
        LibvirtConnection *watched;     /* the one that tells of events and of the loss of all; NULL = none */
        unsigned generation;            /* of it */
        bool lost;                      /* there is one, and it and its companions are of no use any more */
        LibvirtConnection *idle;        /* companions that nobody uses, the one used last first */
        unsigned companions;            /* of this generation, those in use and one being opened too */
        unsigned waiting;               /* calls that want one */
        bool opening;                   /* a thread opens one */
        pthread_cond_t idle_changed;    /* there is one more, or there will be none */
        LibvirtConnection *closing;     /* to be closed by the closer */
        bool has_closer;
        bool stopping;                  /* from cleanup_host to the next init_host */
        bool freed;                     /* and from free on for good */
        bool has_connector;             /* from the first success on */
        pthread_t connector;
        bool joinable;
        bool ended;                     /* the connector is done */
        unsigned telling;               /* callbacks under way */
        LibvirtUse *uses;               /* calls under way, the youngest first */
        usec_t connected_at;
        char *hostname;                 /* as libvirt said first: the node's name must not change */
        unsigned events;                /* lifecycle and device events so far: who waits for one looks again at each */
        int direct_io;                  /* whether O_DIRECT works in instances_path; -1 = not tried yet */
        uint8_t serial_taken[(UINT16_MAX + 1) / 8];     /* ports of serial consoles given to guests */
        DriverEventCallback callback;
        void *callback_data;
} LibvirtDriver;

LibvirtDriver *libvirt_driver_ref(LibvirtDriver *d);
void libvirt_driver_unref(LibvirtDriver *d);

/* event-loop.c: libvirt's own event loop in its thread, one for the process since libvirt has one. Counted: the first
 * starts it and waits until it has proven to turn, the last ends it. 0 or -errno with @e. */
int event_loop_ref(NovaException *e);
void event_loop_unref(void);

/* connection.c */
char *libvirt_uri_of(const Config *config);             /* malloc'ed */
bool libvirt_uri_is_local(const char *uri);             /* the hypervisor is this machine, and not libvirt's test double */
int libvirt_connect(LibvirtDriver *d, NovaException *e); /* what init_host does: connects, or finds it connected */
void libvirt_disconnect(LibvirtDriver *d);              /* returns within about a second whatever libvirt does */
bool libvirt_is_connected(LibvirtDriver *d);
/* The connections of @generation do not work any more: has them replaced, and told once. */
void libvirt_lost(LibvirtDriver *d, unsigned generation, const char *why);

/* open-close.c: opens one. NULL with the reason in @why, of @size bytes. */
LibvirtConnection *libvirt_open(LibvirtDriver *d, char *why, size_t size);
/* Whether the last error is that the hypervisor cannot do it, and we can do without. */
bool libvirt_unsupported(void);
/* Closes and frees @c, which nobody uses. It asks the other side, so it may wait for long. */
void libvirt_close(LibvirtDriver *d, LibvirtConnection *c);
/* Has that done aside. With the lock held; @c may be in no list any more. */
void libvirt_close_later(LibvirtDriver *d, LibvirtConnection *c);
/* The same of all that are idle, or of those but the first that have been since @before. */
void libvirt_close_idle(LibvirtDriver *d, bool all, usec_t before);
/* Does here what libvirt_close_later wanted. With the lock held, which is let go meanwhile. */
void libvirt_close_waiting(LibvirtDriver *d);
/* Begins what libvirt_close_later wanted, if that is under way already does nothing. Without the lock, not on libvirt's thread. */
void libvirt_closer_start(LibvirtDriver *d);
int libvirt_start_thread(pthread_t *ret, void *(*f)(void *data), void *data);   /* with all signals blocked. 0 or -errno */
void libvirt_on_close(virConnectPtr connection, int reason, void *userdata);    /* connection.c: the watched one's close callback */

/* A call under way, or several one after the other. It must not be moved, and belongs to its thread. */
struct LibvirtUse {
        LibvirtDriver *d;
        virConnectPtr connection;       /* for this thread alone */
        LibvirtConnection *owner;       /* of @connection; NULL = it is not one of the driver's */
        unsigned generation;
        pthread_t thread;
        int r;                          /* 0, or HypervisorUnavailable's errno, with @e set */
        const char *method;
        usec_t started;
        bool patient;                   /* inside a call that may take any time */
        LibvirtUse *next, **link;
};
/* The CPUs that are online (host.c); how many. */
int libvirt_online_cpus(const LibvirtUse *u, const virNodeInfo *info, CpuSet *ret);
/* Fills @u, which libvirt_use_done ends. Waits while a connection is opened; within another use of the same thread it has the
 * connection of that. Returns u->r. */
int libvirt_use(LibvirtUse *u, ComputeDriver *driver, const char *method, NovaException *e);
void libvirt_use_done(LibvirtUse *u);
#define _libvirt_use_ _cleanup_(libvirt_use_done)
/* The next of several calls begins: its time counts from now. @patient: it may take any time (a guest's memory is written). */
void libvirt_use_again(LibvirtUse *u, bool patient);

/* calls.c: waits until something happened to a guest since @seen (libvirt_events_seen), or @deadline (monotonic), at most a second: what
 * is waited for must be looked at again, since events may be lost. */
void libvirt_count_event(LibvirtDriver *d);             /* connection.c: wakes them; on libvirt's thread */
unsigned libvirt_events_seen(LibvirtUse *u);
void libvirt_wait_event(LibvirtUse *u, unsigned seen, usec_t deadline);

/* calls.c; both under the lock, which they give up while they wait. */
void libvirt_wait(LibvirtDriver *d, usec_t deadline);   /* until told that something changed, or @deadline (monotonic) */
/* Until something is to be done about the connection. A call that has overrun libvirt.call_timeout is named, and its
 * connection taken for lost: it may have used up what libvirt's daemon grants to one client. */
void libvirt_watch_calls(LibvirtDriver *d);

/* error.c: fills @e of libvirt's last error of this thread, in the sentence "<what>: <libvirt's text>", or as the class of
 * Nova that says the same. @i: whose domain it is about, or NULL. Has a dead connection replaced. Returns the errno. */
int libvirt_failed(const LibvirtUse *u, const char *what, const Instance *i, NovaException *e);
/* The errno of an error code of libvirt, and the class of exception. For the table in its test. */
int libvirt_error_errno(int code, ExceptionClass *ret_class);
/* Whether an error says that the connection is gone (essex F48). */
bool libvirt_error_is_connection(int code, int domain);

/* guest.c */
PowerState libvirt_power_state(int domain_state);
/* The state that a lifecycle event tells of; false if it tells none. */
bool libvirt_event_state(int event, int detail, PowerState *ret);
virDomainPtr libvirt_domain(const LibvirtUse *u, const Instance *i, NovaException *e);
static inline void domain_freep(virDomainPtr *d) {
        if (*d)
                (void) virDomainFree(*d);
}

/* The errno that libvirt_domain left in @e, which may be NULL. */
int libvirt_no_domain(const NovaException *e);
/* libvirt_use, and libvirt_domain in it. 0 or -errno; @u is to be ended in either case. */
int libvirt_use_domain(LibvirtUse *u, ComputeDriver *driver, const char *method, const Instance *i, virDomainPtr *ret, NovaException *e);
/* The domain of @i and its XML: @flags as virDomainGetXMLDesc's. 0 or -errno with @e. */
int libvirt_domain_and_xml(const LibvirtUse *u, const Instance *i, unsigned flags, virDomainPtr *ret_domain, xmlDocPtr *ret_xml, NovaException *e);

typedef struct DomainList {
        virDomainPtr *items;
        size_t n;
} DomainList;
/* @flags: VIR_CONNECT_LIST_DOMAINS_…; 0 = all. Without Xen's own domain. 0 or -errno with @e. */
int libvirt_domains(const LibvirtUse *u, unsigned flags, DomainList *ret, NovaException *e);
void domain_list_done(DomainList *l);

/* The entries, by file. */
void libvirt_host_ops(ComputeDriverOps *ops);
void libvirt_guest_ops(ComputeDriverOps *ops);
void libvirt_states_ops(ComputeDriverOps *ops);
void libvirt_life_ops(ComputeDriverOps *ops);
void libvirt_power_ops(ComputeDriverOps *ops);
void libvirt_rescue_ops(ComputeDriverOps *ops);
void libvirt_snapshot_ops(ComputeDriverOps *ops);
void libvirt_console_ops(ComputeDriverOps *ops);
void libvirt_diagnostics_ops(ComputeDriverOps *ops);
void libvirt_agent_ops(ComputeDriverOps *ops);
void libvirt_interface_ops(ComputeDriverOps *ops);
