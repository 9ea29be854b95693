/* What makes the fake driver a module. */
#include "virt/fake/fake.h"

extern const ComputeDriverModule nova_compute_driver_module;
_public_ const ComputeDriverModule nova_compute_driver_module = {
        .magic = COMPUTE_DRIVER_MAGIC,
        .abi = COMPUTE_DRIVER_ABI,
        .name = "fake",
        .construct = fake_driver_construct,
};
