/* Options of the process and the service: who we are, where our files are, intervals, managers. */
#include "config/config-internal.h"
#include "config/options.h"

const Option options_service[] = {
#define GROUP NULL
        /* identity */
        STRING("host", "<name of this machine>", "Name of this node: key of its services row, suffix of its queue, host of its "
               "instances. Any text without blanks.", .dynamic = dynamic_hostname),
        STRING("my_ip", "<address the default route leaves from>", "Address by which other hosts reach this one.",
               .dynamic = dynamic_my_ip),
        STRING("my_block_storage_ip", "$my_ip", "Address of this host towards block storage."),
        STRING("node_availability_zone", "nova", "Zone written to the services row when it is created.",
               NAMES("default_availability_zone"), RELOADABLE),
        STRING("internal_service_availability_zone", "internal", "Zone of services that are not compute; the API's.", ACCEPTED),
        STRING("default_schedule_zone", NULL, "Zone for instances that name none; the API's.", ACCEPTED),

        /* where things are */
        STRING("state_backend", "local", "Where the truth about instances lives: local is a database file on this host. conductor, "
               "a cell of an OpenStack control plane, is not yet built.", CHOICES("local", "conductor")),
        STRING("state_path", "/var/lib/nova", "Directory of all that must survive a restart."),
        STRING("pybasedir", "/usr/lib/python3/dist-packages", "Where the Python service is installed; only for $pybasedir in other values."),
        STRING("bindir", "/usr/bin", "Where programs of this service are; for $bindir in other values."),
        STRING("tempdir", NULL, "Directory for temporary files; none are made.", ACCEPTED),
        STRING("module_path", "<where this build installs them>", "Directory of loadable managers and drivers: <kind>/<name>.so.",
               .dynamic = dynamic_module_path),
        STRING("root_helper", "sudo", "Prefix of commands run as root. We have the capabilities that we need and run none.", ACCEPTED),
        STRING("rootwrap_config", "/etc/nova/rootwrap.conf", "Filters of the Python service's root helper.", ACCEPTED),
        BOOLEAN("use_rootwrap_daemon", "false", "Keep the root helper running; we have none.", ACCEPTED),

        /* the service */
        INTEGER("report_interval", "10", "Seconds between two reports of this service's state to the store; 0: never.", AT_LEAST(0),
                RELOADABLE),
        INTEGER("service_down_time", "60", "Seconds after its last report for which a service counts as up.", AT_LEAST(1), RELOADABLE),
        INTEGER("periodic_interval", "60", "Seconds between two ticks of the periodic tasks; 0: none run.", AT_LEAST(0), RELOADABLE),
        BOOLEAN("periodic_enable", "true", "Run periodic tasks at all.", RELOADABLE),
        INTEGER("periodic_fuzzy_delay", "60", "Upper bound of the random delay in seconds before the first tick, so that many hosts "
                "do not tick together.", AT_LEAST(0)),
        BOOLEAN("run_external_periodic_tasks", "true", "Run periodic tasks that an outside process could run; always so here.", ACCEPTED),
        BOOLEAN("enable_new_services", "true", "A newly created services row starts enabled.", RELOADABLE),
        STRING("servicegroup_driver", "db", "How other services learn that this one is up; by reports in the store.", CHOICES("db", "mc"),
                ACCEPTED),
        INTEGER("graceful_shutdown_timeout", "60", "Longest time in seconds for running operations at a stop, if stop_timeout is not "
                "shorter; 0: as long as stop_timeout allows.", AT_LEAST(0), RELOADABLE),
        INTEGER("stop_timeout", "15", "Seconds within which a stop is over. The unit's TimeoutStopSec= is longer.", RANGE(1, 3600), RELOADABLE),
        INTEGER("start_step_timeout", "5", "Seconds that the start waits for one step (init_host, services row, resources, "
                "connection, consumers) before it goes on with that step pending.", RANGE(1, 3600), RELOADABLE),
        INTEGER("stall_timeout", "300", "Seconds after which a running operation is named in the journal, in the unit's status and on "
                "D-Bus, if its method has no shorter time of its own; 0: never.", AT_LEAST(0), RELOADABLE),
        BOOLEAN("dbus", "true", "Take org.nova.Compute1 on the system bus."),
        STRING("dbus_name", "org.nova.Compute1", "The name taken on the bus; another one for a second instance in a test."),
        STRING("backdoor_port", NULL, "Port of the Python service's debugging shell; we have D-Bus instead.", ACCEPTED),
        STRING("backdoor_socket", NULL, "Socket of the Python service's debugging shell; we have D-Bus instead.", ACCEPTED),
        BOOLEAN("log_options", "true", "Write all options to the log at DEBUG when the service starts, secrets masked."),
        BOOLEAN("fake_network", "false", "Log changes to the host's network instead of making them.", PLANNED),
        STRING("stub_network", "False", "Skip network allocation. Declared as text in its day: any text but false, no, off, 0 and "
               "nothing means yes.", RELOADABLE),
        BOOLEAN("fake_call", "false", "Skip calls to the network service; of another binary.", ACCEPTED),
        LIST("memcached_servers", NULL, "Shared cache servers; compute uses none.", ACCEPTED),
        STRING("auth_strategy", "noauth", "How the API authenticates.", ACCEPTED, NAMES("api.auth_strategy")),
        STRING("connection_type", "libvirt", "Which hypervisor nova.virt.connection.get_connection connects to: libvirt and fake are "
               "built; xenapi, vmwareapi, baremetal and hyperv are known by name and refused. Not read when compute_driver names a "
               "driver itself."),

        /* hooks around methods */
        BOOLEAN("monkey_patch", "false", "Put the hooks of monkey_patch_modules around methods."),
        LIST("monkey_patch_modules",
             "nova.api.ec2.cloud:nova.notifier.api.notify_decorator, nova.compute.api:nova.notifier.api.notify_decorator",
             "module:decorator pairs. nova.compute.manager:nova.notifier.api.notify_decorator notifies before each method of the "
             "compute manager; modules that this service does not have are skipped."),

        /* topics and the classes that serve them */
        STRING("compute_topic", "compute", "Topic of the compute services."),
        STRING("network_topic", "network", "Topic of the network services."),
        STRING("volume_topic", "volume", "Topic of the volume services."),
        STRING("scheduler_topic", "scheduler", "Topic of the schedulers."),
        STRING("console_topic", "console", "Topic of the console proxies.", RELOADABLE),
        STRING("cert_topic", "cert", "Topic of the certificate service; of another binary.", ACCEPTED),
        STRING("consoleauth_topic", "consoleauth", "Topic of the service that checks console tokens; of another binary.",
                ACCEPTED),
        STRING("compute_manager", "nova.compute.manager.ComputeManager", "Manager of the topic compute."),
        STRING("network_manager", "nova.network.manager.VlanManager", "Network manager that compute loads beside its own."),
        STRING("volume_manager", "nova.volume.manager.VolumeManager", "Manager of the topic volume."),
        STRING("scheduler_manager", "nova.scheduler.manager.SchedulerManager", "Manager of the topic scheduler."),
        STRING("console_manager", "nova.console.manager.ConsoleProxyManager", "Manager of the topic console."),
        STRING("cert_manager", "nova.cert.manager.CertManager", "Manager of the topic cert."),
        STRING("network_api_class", "nova.network.api.API", "How compute talks to the network service."),
        STRING("volume_api_class", "nova.volume.api.API", "How compute talks to the volume service."),
        STRING("compute_api_class", "nova.compute.api.API", "How drivers reach the compute API; ours have no need of it.",
                ACCEPTED),
        STRING("network_driver", "nova.network.linux_net", "What changes the host's network.", PLANNED),
        STRING("l3_lib", "nova.network.l3.LinuxNetL3", "Routing of the network manager; of another binary.", ACCEPTED),
        STRING("security_group_handler", "nova.network.quantum.sg.NullSecurityGroupHandler",
               "Who is told of changed security groups; the API's.", ACCEPTED),
#undef GROUP

#define GROUP "oslo_concurrency"
        STRING("lock_path", "$state_path/lock", "Directory of lock files shared between processes.", NAMES("lock_path")),
        BOOLEAN("disable_process_locking", "false", "Lock nothing between processes.", NAMES("disable_process_locking")),
#undef GROUP

#define GROUP "upgrade_levels"
        STRING("compute", NULL, "Version of the compute RPC API to speak to other hosts; unset: what they serve.", PLANNED),
        STRING("cert", NULL, "Version for the certificate service, which is gone.", ACCEPTED),
        STRING("scheduler", NULL, "Version of the scheduler RPC API to speak.", PLANNED),
        STRING("conductor", NULL, "Version of the conductor RPC API to speak.", PLANNED),
        STRING("baseapi", NULL, "Version of the base RPC API to speak.", PLANNED),
#undef GROUP
};
const size_t n_options_service = ELEMENTSOF(options_service);
