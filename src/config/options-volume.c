/* Options of volumes. */
#include "config/options.h"

const Option options_volume[] = {
#define GROUP NULL
        STRING("iscsi_ip_prefix", "$my_ip", "Addresses of volume hosts.", ACCEPTED),
        INTEGER("iscsi_port", "3260", "Port of iSCSI.", PORT, PLANNED),
#undef GROUP

#define GROUP "key_manager"
        STRING("backend", "barbican", "Who keeps keys of encrypted volumes; none is built.", ACCEPTED),
        STRING("fixed_key", NULL, "Key for tests.", .flags = OPTION_SECRET | OPTION_ACCEPTED),
#undef GROUP

#define GROUP "ephemeral_storage_encryption"
        BOOLEAN("enabled", "false", "Encrypt ephemeral disks on logical volumes; not built.", ACCEPTED),
        STRING("cipher", "aes-xts-plain64", "Its cipher.", ACCEPTED),
        INTEGER("key_size", "512", "Its key's bits.", ACCEPTED),
#undef GROUP
};
const size_t n_options_volume = ELEMENTSOF(options_volume);
