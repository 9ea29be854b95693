/* The fake driver: a small hypervisor in memory, the test double of everything above it. Guests have states, disks,
 * interfaces and a console, and do what the life-cycle calls say; calls that make no sense are refused as a real
 * hypervisor would. A snapshot uploads a few bytes, if its image is described. Configured by [fake]: vcpus, memory_mb,
 * local_gb, nodes, migration_seconds, guests_file, fault and fault_file.
 *
 * A fault is a line METHOD:WHAT, METHOD being an entry of ComputeDriverOps, "*" for all, or "connection":
 *   spawn:slow:0.5                     the call takes half a second more
 *   get_info:hang                      it does not return until the line is gone from fault_file, or the driver is freed
 *   spawn:fail                         NovaException
 *   spawn:fail:InstanceNotFound        that exception (any name of objects/exception.h)
 *   init_host:fail:HypervisorUnavailable:2     the first two calls only
 *   connection:fail                    the hypervisor is away: every call fails with HypervisorUnavailable
 * Those of the option fault hold for the driver's life; fault_file is read again before every call, so that a test can
 * break and heal a running daemon. Each is applied in order; the first that fails ends the call.
 *
 * As a module this is found by name; a unit test may link the dependency fake_driver and call these. */
#pragma once

#include "virt/driver.h"

/* As the module's construct: NULL with @e set for bad options. */
ComputeDriver *fake_driver_construct(const Config *config, NovaException *e);

/* A guest changes by itself (crashes, is shut down from inside, is killed): sets its state and tells the subscriber.
 * Returns 0, or -ENOENT. Thread-safe. */
int fake_driver_set_guest_state(ComputeDriver *driver, const char *uuid, PowerState state);
/* The connection is lost, or back, and the subscriber told. Thread-safe. */
void fake_driver_set_connected(ComputeDriver *driver, bool connected, const char *why);
/* Calls of the driver under way now. Thread-safe. */
unsigned fake_driver_in_flight(ComputeDriver *driver);
