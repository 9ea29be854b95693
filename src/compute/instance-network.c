/* The interfaces of an instance on this host: made ready before its guest starts, taken away when it is gone. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/compute.h"

#include "basic/log.h"

int compute_network_plug(ComputeManager *m _unused_, const Instance *i _unused_, const json_t *network_info _unused_,
                         NovaException *e _unused_) {
        return 0;
}

void compute_network_unplug(ComputeManager *m _unused_, const Instance *i _unused_, const json_t *network_info _unused_) {
}
