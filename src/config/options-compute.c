/* Options of the compute manager: operations, periodic tasks, resources. */
#include "config/options.h"

const Option options_compute[] = {
#define GROUP NULL
        /* drivers */
        STRING("compute_driver", "nova.virt.connection.get_connection", "Driver to use for controlling virtualization: "
               "libvirt.LibvirtDriver, fake.FakeDriver, or nova.virt.connection.get_connection, which goes by connection_type."),
        STRING("firewall_driver", "nova.virt.firewall.IptablesFirewallDriver", "Who filters the instances' traffic.",
               NAMES("libvirt_firewall_driver"), PLANNED),
        BOOLEAN("allow_same_net_traffic", "true", "Let instances of one network talk to each other.", PLANNED),
        LIST("compute_monitors", NULL, "Meters of the host; none is built.", ACCEPTED),

        /* names and places of instances */
        STRING("instances_path", "$state_path/instances", "Directory of the instances' disks."),
        STRING("instance_name_template", "instance-%08x", "Name of an instance's domain, made of its id or of %(column)s.",
                RELOADABLE),
        STRING("volume_name_template", "volume-%s", "Name of a volume, made of its id.", PLANNED),
        STRING("snapshot_name_template", "snapshot-%s", "Name of a snapshot, made of its id.", RELOADABLE),
        STRING("default_access_ip_network_name", NULL, "Network whose addresses become an instance's access addresses when it is built.",
                RELOADABLE),
        INTEGER("password_length", "12", "Characters of passwords that we make.", RANGE(1, 1024), RELOADABLE),
        MULTI("flavor", NULL, "A flavor that instances can be created of on D-Bus, as name=m1.small,vcpus=1,memory=2048,disk=20: a list "
              "of key=value. Keys: name; vcpus; memory (MiB); disk (GiB, 0: as large as the image); ephemeral (GiB); swap (MiB); and "
              "properties, which have a colon (hw:cpu_policy=dedicated). Unset: m1.tiny, m1.small, m1.medium, m1.large and m1.xlarge.",
              RELOADABLE),
        STRING("vpn_image_id", "0", "Image that marks a VPN instance.", ACCEPTED),

        /* starting the host */
        STRING("host_shutdown_guests", "shutdown", "What is done about running guests before the host is switched off or booted anew: shutdown, as "
               "at a stop and within the time that logind gives (InhibitDelayMaxSec), or leave.", CHOICES("leave", "shutdown"), RELOADABLE),
        BOOLEAN("start_guests_on_host_boot", "false", "After a boot of the host, start every instance that is off.", RELOADABLE),
        BOOLEAN("resume_guests_state_on_host_boot", "false", "After a boot of the host, start the instances that were running.",
                RELOADABLE),

        /* limits of operations */
        INTEGER("max_concurrent_builds", "10", "Builds at once; 0: any number.", AT_LEAST(0), RELOADABLE),
        INTEGER("max_concurrent_snapshots", "5", "Snapshots at once; 0: any number.", AT_LEAST(0), RELOADABLE),
        INTEGER("max_concurrent_live_migrations", "1", "Outgoing live migrations at once; 0: any number.", AT_LEAST(0), RELOADABLE),
        INTEGER("block_device_allocate_retries", "60", "Times a new volume is looked at until it is there.", AT_LEAST(0),
                PLANNED),
        INTEGER("block_device_allocate_retries_interval", "3", "Seconds between these looks.", AT_LEAST(0), PLANNED),
        INTEGER("network_allocate_retries", "0", "More tries to get an instance's network.", AT_LEAST(0), PLANNED),
        INTEGER("vif_plugging_timeout", "300", "Seconds to wait for the network service's word that a port is wired; 0: do not wait.",
                AT_LEAST(0), RELOADABLE),
        BOOLEAN("vif_plugging_is_fatal", "true", "Without that word the build fails.", RELOADABLE),
        INTEGER("arq_binding_timeout", "300", "Seconds to wait for accelerators to be bound.", AT_LEAST(1), PLANNED),
        INTEGER("reimage_timeout_per_gb", "20", "Seconds per GiB for a volume to be written anew.", AT_LEAST(1), PLANNED),
        INTEGER("maximum_instance_delete_attempts", "5", "Tries to delete the files of an instance, one per instance_delete_interval.",
                AT_LEAST(1), RELOADABLE),
        INTEGER("live_migration_retry_count", "30", "Tries, one a second, to prepare the network for a guest that arrives.", AT_LEAST(0),
                PLANNED),
        INTEGER("migrate_max_retries", "-1", "Other hosts to try for a cold migration; the conductor's.", ACCEPTED),
        INTEGER("max_local_block_devices", "3", "Local disks of an instance; the API's.", ACCEPTED),
        BOOLEAN("allow_resize_to_same_host", "false", "A resize may stay on its host.", PLANNED),
        LIST("non_inheritable_image_properties", "cache_in_nova, bittorrent", "Image properties that a snapshot does not get.", RELOADABLE),
        INTEGER("shutdown_timeout", "60", "Seconds for a guest to shut down before it is switched off.", AT_LEAST(0), RELOADABLE),

        /* periodic tasks */
        INTEGER("update_resources_interval", "0", "Seconds between updates of this host's resources; 0: each tick, below 0: never.",
                RELOADABLE),
        INTEGER("sync_power_state_interval", "600", "Seconds between comparisons of all power states with the hypervisor's; 0: the "
                "default, below 0: never.", RELOADABLE),
        INTEGER("sync_power_state_pool_size", "1000", "Comparisons at once; ours come from one listing.", ACCEPTED),
        INTEGER("heal_instance_info_cache_interval", "60", "Seconds between repairs of an instance's network cache; 0 or below: never.",
                RELOADABLE),
        INTEGER("host_state_interval", "120", "Seconds between looks at the host's capabilities.", RELOADABLE),
        BOOLEAN("publish_service_capabilities", "false", "Send these capabilities to every scheduler at each tick, as schedulers of "
                "2012 wanted.", RELOADABLE),
        INTEGER("bandwidth_poll_interval", "600", "Seconds between readings of the instances' traffic; 0 or below: never.", RELOADABLE,
                NAMES("bandwith_poll_interval")),
        INTEGER("volume_usage_poll_interval", "0", "Seconds between readings of the volumes' use; 0: never.", PLANNED),
        INTEGER("reboot_timeout", "0", "Seconds after which a stuck reboot is done hard; 0: never.", AT_LEAST(0), RELOADABLE),
        INTEGER("instance_build_timeout", "0", "Seconds after which a stuck build is an error; 0: never.", AT_LEAST(0), RELOADABLE),
        INTEGER("rescue_timeout", "0", "Seconds after which a rescued instance is unrescued; 0: never.", AT_LEAST(0), RELOADABLE),
        INTEGER("resize_confirm_window", "0", "Seconds after which a resize is confirmed; 0: never.", AT_LEAST(0), RELOADABLE),
        INTEGER("reclaim_instance_interval", "0", "Seconds for which a deleted instance may be restored; 0 or below: none.", RELOADABLE),
        INTEGER("instance_delete_interval", "300", "Seconds between tries to delete files that could not be deleted; 0: the default, below "
                "0: never.", RELOADABLE),
        INTEGER("scheduler_instance_sync_interval", "120", "Seconds between lists of our instances sent to schedulers; 0: the default, "
                "below 0: never.", PLANNED),
        INTEGER("shelved_offload_time", "0", "Seconds after which a shelved instance leaves this host; 0: at once, -1: never.", AT_LEAST(-1),
                PLANNED),
        INTEGER("shelved_poll_interval", "3600", "Seconds between looks for them.", PLANNED),
        STRING("running_deleted_instance_action", "reap", "What is done with a guest whose instance is deleted.",
               CHOICES("reap", "log", "shutdown", "noop"), RELOADABLE),
        INTEGER("running_deleted_instance_poll_interval", "1800", "Seconds between looks for such guests; 0 or below: never.", RELOADABLE),
        INTEGER("running_deleted_instance_timeout", "0", "Seconds after its deletion from which an instance is looked at.", RELOADABLE),
        INTEGER("zombie_instance_updated_at_window", "172800", "Never used by compute.", ACCEPTED),

        /* resources */
        INTEGER("reserved_host_memory_mb", "512", "MiB of memory kept from instances.", AT_LEAST(0), RELOADABLE),
        INTEGER("reserved_host_disk_mb", "0", "MiB of disk kept from instances.", AT_LEAST(0), RELOADABLE),
        INTEGER("reserved_host_cpus", "0", "Processors kept from instances.", AT_LEAST(0), RELOADABLE),
        MULTI("reserved_huge_pages", NULL, "node:<n>,size:<size>,count:<n>: huge pages kept from instances.", PLANNED),
        FLOAT("cpu_allocation_ratio", NULL, "Virtual processors per processor; unset: initial_cpu_allocation_ratio.", AT_LEAST(0), RELOADABLE),
        FLOAT("ram_allocation_ratio", NULL, "Memory given per memory there is; unset: initial_ram_allocation_ratio.", AT_LEAST(0), RELOADABLE),
        FLOAT("disk_allocation_ratio", NULL, "Disk given per disk there is; unset: initial_disk_allocation_ratio.", AT_LEAST(0), RELOADABLE),
        FLOAT("initial_cpu_allocation_ratio", "16.0", "cpu_allocation_ratio of a new host.", AT_LEAST(0), RELOADABLE),
        FLOAT("initial_ram_allocation_ratio", "1.5", "ram_allocation_ratio of a new host.", AT_LEAST(0), RELOADABLE),
        FLOAT("initial_disk_allocation_ratio", "1.0", "disk_allocation_ratio of a new host.", AT_LEAST(0), RELOADABLE),
        STRING("vcpu_pin_set", NULL, "Processors for instances, as 4-12,^8,15; today [compute] cpu_shared_set and cpu_dedicated_set."),

        /* disks and files of instances */
        BOOLEAN("cache_images", "true", "Keep base images; of another hypervisor.", ACCEPTED),
        BOOLEAN("use_cow_images", "true", "Disks are qcow2 layers over the base image."),
        BOOLEAN("force_raw_images", "true", "Base images are kept as raw."),
        STRING("preallocate_images", "none", "space: disks have all their blocks from the beginning.", CHOICES("none", "space")),
        STRING("default_ephemeral_format", NULL, "File system of ephemeral disks; unset: by the instance's system.",
               CHOICES("ext2", "ext3", "ext4", "xfs", "ntfs", "")),
        MULTI("virt_mkfs", NULL, "os_type=command that makes the file system of an ephemeral disk, with %(fs_label)s and %(target)s."),
        BOOLEAN("resize_fs_using_block_device", "false", "Grow a guest's file system through a block device; guests do that.", ACCEPTED),
        INTEGER("timeout_nbd", "10", "Seconds for a network block device to appear; disks of guests are not mounted.", ACCEPTED),
        INTEGER("max_nbd_devices", "16", "Network block devices; disks of guests are not mounted.", ACCEPTED),
        LIST("img_handlers", "loop, nbd, guestfs", "Ways to mount a guest's disk; they are not mounted.", ACCEPTED),
        BOOLEAN("force_config_drive", "false", "Give every instance a config drive."),
        STRING("config_drive_format", "iso9660", "File system of the config drive.", CHOICES("iso9660", "vfat")),
        STRING("mkisofs_cmd", "genisoimage", "Program that makes it."),
        STRING("injected_network_template", "$pybasedir/nova/virt/interfaces.template", "Template of a guest's network file.",
                PLANNED),
        BOOLEAN("flat_injected", "false", "Write the network file into the guest.", PLANNED),
        STRING("pointer_model", "usbtablet", "Pointing device of guests.", CHOICES("ps2mouse", "usbtablet", ""), PLANNED),
#undef GROUP

#define GROUP "compute"
        INTEGER("consecutive_build_service_disable_threshold", "10", "0: failed builds are not counted; else they are, for schedulers "
                "that prefer hosts without. No number of them disables the service.", AT_LEAST(0), RELOADABLE),
        INTEGER("shutdown_retry_interval", "10", "Seconds after which a guest is asked to shut down again.", AT_LEAST(1), RELOADABLE),
        INTEGER("resource_provider_association_refresh", "300", "Seconds between readings of this host's aggregates and traits; 0: once.",
                AT_LEAST(0), PLANNED),
        STRING("cpu_shared_set", NULL, "Processors for floating virtual processors, as 4-12,^8,15."),
        STRING("cpu_dedicated_set", NULL, "Processors for pinned virtual processors, as 4-12,^8,15."),
        BOOLEAN("live_migration_wait_for_vif_plug", "true", "Wait at the destination until its ports are wired.", PLANNED),
        INTEGER("max_concurrent_disk_ops", "0", "Copies of disks at once; 0: any number.", AT_LEAST(0)),
        INTEGER("max_disk_devices_to_attach", "-1", "Disks of one instance; -1: any number.", AT_LEAST(-1), PLANNED),
        STRING("provider_config_location", "/etc/nova/provider_config/", "Directory of files about this host's resources.",
                PLANNED),
        LIST("image_type_exclude_list", NULL, "Image formats this host does not take."),
        LIST("vmdk_allowed_types", "streamOptimized, monolithicSparse", "Kinds of VMDK images that are taken."),
        BOOLEAN("packing_host_numa_cells_allocation_strategy", "false", "Fill one NUMA node before the next.", RELOADABLE),
#undef GROUP

#define GROUP "conductor"
        INTEGER("workers", NULL, "Processes of the conductor.", ACCEPTED),
#undef GROUP

#define GROUP "devices"
        LIST("enabled_mdev_types", NULL, "Kinds of virtual devices that are offered.", NAMES("devices.enabled_vgpu_types"),
                PLANNED),
#undef GROUP

#define GROUP "pci"
        MULTI("alias", NULL, "Devices that flavors ask for by name, as JSON.", NAMES("pci_alias"), PLANNED),
        MULTI("device_spec", NULL, "Devices that are given to guests, as JSON.",
              NAMES("pci.passthrough_whitelist", "pci_passthrough_whitelist"), PLANNED),
        BOOLEAN("report_in_placement", "false", "Report them to placement.", PLANNED),
#undef GROUP

#define GROUP "filter_scheduler"
        BOOLEAN("track_instance_changes", "true", "Tell schedulers of changed instances.", NAMES("scheduler_tracks_instance_changes"),
                PLANNED),
#undef GROUP

#define GROUP "workarounds"
        BOOLEAN("disable_rootwrap", "false", "Use sudo alone; we use neither.", ACCEPTED),
        BOOLEAN("disable_libvirt_livesnapshot", "false", "Suspend a guest for its snapshot.", PLANNED),
        BOOLEAN("handle_virt_lifecycle_events", "true", "Follow the hypervisor's word that a guest stopped.", RELOADABLE),
        BOOLEAN("disable_group_policy_check_upcall", "false", "Do not check server groups again when building.", PLANNED),
        BOOLEAN("enable_numa_live_migration", "false", "Migrate guests with a NUMA topology; always so.", ACCEPTED),
        BOOLEAN("ensure_libvirt_rbd_instance_dir_cleanup", "false", "Remove an instance's directory though its disk is elsewhere.",
                PLANNED),
        BOOLEAN("disable_fallback_pcpu_query", "false", "The scheduler's.", ACCEPTED),
        BOOLEAN("never_download_image_if_on_rbd", "false", "Fail rather than fetch an image that could have been cloned.",
                PLANNED),
        BOOLEAN("reserve_disk_resource_for_image_cache", "false", "Count the image cache as reserved disk.", PLANNED),
        BOOLEAN("libvirt_disable_apic", "false", "Guests without an APIC, for emulators without one.", PLANNED),
        LIST("wait_for_vif_plugged_event_during_hard_reboot", NULL, "Kinds of ports to wait for at a hard reboot.", PLANNED),
        BOOLEAN("enable_qemu_monitor_announce_self", "false", "Have a migrated guest announce itself again.", PLANNED),
        BOOLEAN("disable_compute_service_check_for_ffu", "false", "Start beside services of much older releases.", PLANNED),
        BOOLEAN("unified_limits_count_pcpu_as_vcpu", "false", "The API's.", ACCEPTED),
        BOOLEAN("skip_cpu_compare_on_dest", "false", "Do not compare processors before a live migration.", PLANNED),
        BOOLEAN("skip_cpu_compare_at_startup", "false", "Do not compare the configured processor at start.", PLANNED),
        BOOLEAN("skip_hypervisor_version_check_on_lm", "false", "Migrate to an older hypervisor.", PLANNED),
        BOOLEAN("disable_deep_image_inspection", "false", "Do not look into images; they are always looked into.", ACCEPTED),
#undef GROUP
};
const size_t n_options_compute = ELEMENTSOF(options_compute);
