/* Named points at which a test ends the process as a crash would. Compiled in by the build option fault_steps; without it a
 * step costs nothing. Thread-safe. */
#pragma once

#include "config.h"

/* With NOVA_FAULT_STEP=<step> in the environment the process kills itself (SIGKILL) when @step is reached; with <step>:<n>
 * when it is reached for the n-th time. */
#if FAULT_STEPS
void fault_step(const char *step);
#else
static inline void fault_step(const char *step) {
        (void) step;
}
#endif
