/* Modules for test-manager: a good one, one of another kind, one without the symbol. */
#include "service/manager.h"

#ifdef MODULE_SYMBOL
extern const ManagerClass MODULE_SYMBOL;
const ManagerClass MODULE_SYMBOL = {
        .magic = MODULE_MAGIC,
        .abi = MANAGER_ABI,
        .names = (const char *const[]){MODULE_NAME, NULL},
};
#else
extern const int nothing_of_interest;
const int nothing_of_interest = 1;
#endif
