/* The texts that fields of Nova's objects allow (zed appendix A). See versioned-classes.h. */
#include "objects/versioned-classes.h"

#define ENUM(name) const ObjectType enum_##name = { .kind = OBJECT_ENUM, .choices = name##_choices }
#define FOLDED_ENUM_WITH_ALIASES(name)                                                                     \
        const ObjectType enum_##name = {                                                                   \
                .kind = OBJECT_ENUM, .choices = name##_choices, .aliases = name##_aliases, .folds = true   \
        }

static const char *const external_event_name_choices[] = {
        "network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted",
        "volume-extended", "power-update", "accelerator-request-bound", "volume-reimaged", NULL
};
ENUM(external_event_name);

static const char *const external_event_status_choices[] = {
        "failed", "completed", "in-progress", NULL
};
ENUM(external_event_status);

static const char *const architecture_choices[] = {
        "alpha", "armv6", "armv7l", "armv7b", "aarch64", "cris", "i686", "ia64", "lm32", "m68k",
        "microblaze", "microblazeel", "mips", "mipsel", "mips64", "mips64el", "openrisc", "parisc",
        "parisc64", "ppc", "ppcle", "ppc64", "ppc64le", "ppcemb", "s390", "s390x", "sh4", "sh4eb",
        "sparc", "sparc64", "unicore32", "x86_64", "xtensa", "xtensaeb", NULL
};
static const char *const architecture_aliases[][2] = {
        { "i386", "i686" },
        { "i486", "i686" },
        { "i586", "i686" },
        { "x86_32", "i686" },
        { "x86_32p", "i686" },
        { "amd64", "x86_64" },
        {},
};
FOLDED_ENUM_WITH_ALIASES(architecture);

static const char *const hv_type_choices[] = {
        "baremetal", "bhyve", "docker", "fake", "hyperv", "ironic", "kqemu", "kvm", "lxc", "lxd",
        "openvz", "parallels", "phyp", "qemu", "test", "uml", "vbox", "vz", "vmware", "xen", "zvm",
        "prsm", NULL
};
static const char *const hv_type_aliases[][2] = {
        { "xapi", "xen" },
        {},
};
FOLDED_ENUM_WITH_ALIASES(hv_type);

static const char *const vm_mode_choices[] = {
        "hvm", "xen", "uml", "exe", NULL
};
static const char *const vm_mode_aliases[][2] = {
        { "pv", "xen" },
        { "hv", "hvm" },
        { "baremetal", "hvm" },
        {},
};
FOLDED_ENUM_WITH_ALIASES(vm_mode);

static const char *const monitor_metric_type_choices[] = {
        "cpu.frequency", "cpu.user.time", "cpu.kernel.time", "cpu.idle.time", "cpu.iowait.time",
        "cpu.user.percent", "cpu.kernel.percent", "cpu.idle.percent", "cpu.iowait.percent",
        "cpu.percent", "numa.membw.max", "numa.membw.current", NULL
};
ENUM(monitor_metric_type);

static const char *const cpu_emulator_threads_policy_choices[] = {
        "share", "isolate", NULL
};
ENUM(cpu_emulator_threads_policy);

static const char *const cpu_allocation_policy_choices[] = {
        "dedicated", "shared", "mixed", NULL
};
ENUM(cpu_allocation_policy);

static const char *const cpu_thread_allocation_policy_choices[] = {
        "prefer", "isolate", "require", NULL
};
ENUM(cpu_thread_allocation_policy);

static const char *const cpu_mode_choices[] = {
        "custom", "host-model", "host-passthrough", NULL
};
ENUM(cpu_mode);

static const char *const cpu_match_choices[] = {
        "minimum", "exact", "strict", NULL
};
ENUM(cpu_match);

static const char *const cpu_feature_policy_choices[] = {
        "force", "require", "optional", "disable", "forbid", NULL
};
ENUM(cpu_feature_policy);

static const char *const pci_numa_affinity_policy_choices[] = {
        "required", "legacy", "preferred", "socket", NULL
};
ENUM(pci_numa_affinity_policy);

static const char *const pci_device_type_choices[] = {
        "type-PCI", "type-PF", "type-VF", "vdpa", NULL
};
ENUM(pci_device_type);

static const char *const pci_device_status_choices[] = {
        "available", "claimed", "allocated", "removed", "deleted", "unavailable", "unclaimable", NULL
};
ENUM(pci_device_status);

static const char *const disk_bus_choices[] = {
        "fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml", NULL
};
ENUM(disk_bus);

static const char *const firmware_type_choices[] = {
        "uefi", "bios", NULL
};
ENUM(firmware_type);

static const char *const input_bus_choices[] = {
        "usb", "virtio", NULL
};
ENUM(input_bus);

static const char *const pointer_model_type_choices[] = {
        "usbtablet", NULL
};
ENUM(pointer_model_type);

static const char *const block_device_type_choices[] = {
        "cdrom", "disk", "floppy", "fs", "lun", NULL
};
ENUM(block_device_type);

static const char *const rng_model_choices[] = {
        "virtio", NULL
};
ENUM(rng_model);

static const char *const scsi_model_choices[] = {
        "buslogic", "ibmvscsi", "lsilogic", "lsisas1068", "lsisas1078", "virtio-scsi", "vmpvscsi",
        NULL
};
static const char *const scsi_model_aliases[][2] = {
        { "lsilogicsas", "lsisas1068" },
        { "paravirtual", "vmpvscsi" },
        {},
};
FOLDED_ENUM_WITH_ALIASES(scsi_model);

static const char *const video_model_choices[] = {
        "cirrus", "qxl", "vga", "vmvga", "xen", "virtio", "gop", "none", "bochs", NULL
};
ENUM(video_model);

static const char *const vif_model_choices[] = {
        "virtio", "ne2k_pci", "pcnet", "rtl8139", "e1000", "e1000e", "netfront", "spapr-vlan",
        "lan9118", "sriov", "vmxnet", "vmxnet3", NULL
};
static const char *const vif_model_aliases[][2] = {
        { "virtuale1000", "e1000" },
        { "virtuale1000e", "e1000e" },
        { "virtualpcnet32", "pcnet" },
        { "virtualsriovethernetcard", "sriov" },
        { "virtualvmxnet", "vmxnet" },
        { "virtualvmxnet3", "vmxnet3" },
        {},
};
FOLDED_ENUM_WITH_ALIASES(vif_model);

static const char *const viommu_model_choices[] = {
        "intel", "smmuv3", "virtio", "auto", NULL
};
ENUM(viommu_model);

static const char *const watchdog_action_choices[] = {
        "none", "pause", "poweroff", "reset", "disabled", NULL
};
ENUM(watchdog_action);

static const char *const tpm_model_choices[] = {
        "tpm-tis", "tpm-crb", NULL
};
ENUM(tpm_model);

static const char *const tpm_version_choices[] = {
        "1.2", "2.0", NULL
};
ENUM(tpm_version);

static const char *const block_device_encryption_format_type_choices[] = {
        "plain", "luks", "luksv2", NULL
};
ENUM(block_device_encryption_format_type);

static const char *const config_drive_policy_choices[] = {
        "optional", "mandatory", NULL
};
ENUM(config_drive_policy);

static const char *const image_signature_hash_type_choices[] = {
        "SHA-224", "SHA-256", "SHA-384", "SHA-512", NULL
};
ENUM(image_signature_hash_type);

static const char *const image_signature_key_type_choices[] = {
        "DSA", "ECC_SECP384R1", "ECC_SECP521R1", "ECC_SECT409K1", "ECC_SECT409R1", "ECC_SECT571K1",
        "ECC_SECT571R1", "RSA-PSS", NULL
};
ENUM(image_signature_key_type);

static const char *const secure_boot_choices[] = {
        "required", "disabled", "optional", NULL
};
ENUM(secure_boot);

static const char *const os_type_choices[] = {
        "linux", "windows", NULL
};
const ObjectType enum_os_type = { .kind = OBJECT_ENUM, .choices = os_type_choices, .folds = true };

static const char *const block_device_source_type_choices[] = {
        "blank", "image", "snapshot", "volume", NULL
};
ENUM(block_device_source_type);

static const char *const block_device_destination_type_choices[] = {
        "local", "volume", NULL
};
ENUM(block_device_destination_type);

static const char *const migration_type_choices[] = {
        "migration", "resize", "live-migration", "evacuation", NULL
};
ENUM(migration_type);

static const char *const instance_power_state_choices[] = {
        "pending", "running", "_unused", "paused", "shutdown", "_unused", "crashed", "suspended", NULL
};
const ObjectType enum_instance_power_state = { .kind = OBJECT_POWER_STATE, .choices = instance_power_state_choices };

static const char *const hypervisor_driver_choices[] = {
        "libvirt", "xenapi", "vmwareapi", "ironic", "hyperv", NULL
};
ENUM(hypervisor_driver);
