/* Modules that are none, each in its way; -DWRONG_… says which. */
#include <errno.h>

#include "virt/driver.h"

extern const ComputeDriverModule nova_compute_driver_module;

#if defined(WRONG_SYMBOL)

extern int nova_compute_something_else;
int nova_compute_something_else = 1;

#elif defined(WRONG_UNRESOLVED)

int a_function_that_no_library_has(void);
ComputeDriver *construct(const Config *config, NovaException *e);
ComputeDriver *construct(const Config *config, NovaException *e) {
        return a_function_that_no_library_has() ? NULL : NULL;
}
const ComputeDriverModule nova_compute_driver_module = { COMPUTE_DRIVER_MAGIC, COMPUTE_DRIVER_ABI, "wrong", construct };

#else

static ComputeDriver *construct_something_else(const Config *config _unused_, NovaException *e _unused_) {
        static ComputeDriver not_a_driver = { .magic = 42 };

        return &not_a_driver;
}

static ComputeDriver *construct_nothing(const Config *config _unused_, NovaException *e) {
        (void) exception_setf(e, EXC_INVALID, "the moon is not full");
        return NULL;
}

const ComputeDriverModule nova_compute_driver_module = {
#if defined(WRONG_MAGIC)
        .magic = 42,
#else
        .magic = COMPUTE_DRIVER_MAGIC,
#endif
#if defined(WRONG_ABI)
        .abi = COMPUTE_DRIVER_ABI + 6,
#else
        .abi = COMPUTE_DRIVER_ABI,
#endif
        .name = "wrong",
#if defined(WRONG_NOTHING)
        .construct = construct_nothing,
#else
        .construct = construct_something_else,
#endif
};
static _unused_ ComputeDriver *(*const unused[])(const Config *, NovaException *) = { construct_something_else, construct_nothing };

#endif
