/* The inside of the fake driver, shared by its files. */
#pragma once

#include <pthread.h>

#include "basic/id.h"
#include "virt/fake/fake.h"
#include "virt/fake/fault.h"

typedef enum ResizeStage {
        RESIZE_NONE,
        RESIZE_LEFT,            /* migrate_disk_and_power_off: waits for confirm or revert */
        RESIZE_ARRIVED,         /* finish_migration ran here */
} ResizeStage;

typedef enum MoveStage {
        MOVE_NONE,
        MOVE_INCOMING,          /* pre_live_migration: not ours yet */
        MOVE_OUTGOING,          /* live_migration runs */
        MOVE_ABORTED,
        MOVE_FORCED,
} MoveStage;

typedef struct Guest Guest;
struct Guest {
        Guest *next;
        char uuid[UUID_TEXT_MAX];
        char *name;
        PowerState state;
        int64_t memory_mb, vcpus, disk_gb, root_gb;
        usec_t started;                 /* monotonic; 0 = is off */
        usec_t cpu_time;                /* of former runs */
        char *console;
        json_t *volumes;                /* mountpoint -> connection_info; these three are NULL until there is something in them */
        json_t *interfaces;             /* id -> VIF */
        json_t *metadata;               /* name -> text */
        bool rescued, quiesced;
        ResizeStage resize;
        MoveStage move;
};

typedef struct FakeDriver {
        ComputeDriver base;
        Config *config;                 /* one reference; set at construction */
        pthread_mutex_t lock;           /* of all that follows */
        pthread_cond_t changed;         /* a call ended, a migration was told something, the driver ends */
        Guest *guests;
        FaultList faults;
        char *fault_file;
        int guests_fd;                  /* fake.guests_file; -1 = guests end with the driver */
        char *host, *ip, *storage_ip;
        char **nodes;                   /* NULL-terminated; empty until init_host if not configured */
        int64_t vcpus, memory_mb, local_gb;
        usec_t migration_time;
        json_t *cached_images;          /* id -> true; NULL = none */
        bool enabled;
        bool connected;
        bool closing;
        unsigned in_flight;
        DriverEventCallback callback;
        void *callback_data;
} FakeDriver;

/* A call under way: holds the driver's lock from fake_enter to fake_leave, which also tells what happened. */
typedef struct FakeCall {
        FakeDriver *d;
        const char *method;
        int r;                          /* 0, or why the call must not be carried out */
        Guest *guest;                   /* of fake_enter_guest */
        bool tell;
        char uuid[UUID_TEXT_MAX];
        PowerState state;
} FakeCall;

/* Applies the faults to the call of @method, then takes the lock. When .r is negative, @e is set: return it. */
FakeCall fake_enter(ComputeDriver *driver, const char *method, NovaException *e);
/* The same for a call about @i: InstanceNotFound if there is no such guest. */
FakeCall fake_enter_guest(ComputeDriver *driver, const char *method, const Instance *i, NovaException *e);
void fake_leave(FakeCall *c);
#define _fake_call_ _cleanup_(fake_leave)

/* -ENOMEM, with @e saying in which call. */
int fake_no_memory(const FakeCall *c, NovaException *e);

/* Waits on the driver's condition up to @deadline (monotonic). The lock is held. */
void fake_wait(FakeDriver *d, usec_t deadline);

/* A guest by uuid, also one that is only on its way here; or NULL. */
Guest *fake_guest_find(FakeDriver *d, const char *uuid);
/* A new guest, off, as @i's flavor says. NULL when out of memory. */
Guest *fake_guest_new(FakeDriver *d, const Instance *i);
Guest *fake_guest_free(Guest *g);
/* Puts @value, which it takes over, into one of a guest's three maps. 0 or -ENOMEM, also for a NULL. */
int fake_guest_put(json_t **map, const char *key, json_t *value);
void fake_guest_remove(FakeDriver *d, Guest *g);
/* Changes the state, keeps cpu time and console, and has it told at the end of the call. */
void fake_guest_set_state(FakeCall *c, Guest *g, PowerState state);
uint64_t fake_guest_cpu_time_ns(const Guest *g);
/* InstanceInvalidState with what was wanted. */
int fake_refuse(FakeCall *c, const Guest *g, NovaException *e);
/* keep.c: opens fake.guests_file and takes over the guests in it; writes @g as it is now, or that it is no more. */
int fake_keep_open(FakeDriver *d, const char *path, NovaException *e);
void fake_keep(FakeDriver *d, const Guest *g);
void fake_keep_gone(FakeDriver *d, const Guest *g);
/* Puts the guest's volumes and interfaces as these say (either may be NULL). 0 or -ENOMEM. */
int fake_guest_set_devices(Guest *g, const json_t *network_info, const json_t *block_device_info);

/* The entries, by file. */
void fake_host_ops(ComputeDriverOps *ops);
void fake_guest_ops(ComputeDriverOps *ops);
void fake_info_ops(ComputeDriverOps *ops);
void fake_device_ops(ComputeDriverOps *ops);
void fake_migration_ops(ComputeDriverOps *ops);
