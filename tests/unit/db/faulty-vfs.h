/* SQLite's own file layer and allocator with one fault: the n-th write, sync or truncation, or the n-th allocation, fails.
 * The library above is the real one. */
#pragma once

#include <stdbool.h>

typedef enum FaultKind {
        FAULT_WRITE,
        FAULT_MALLOC,
} FaultKind;

/* Before any use of SQLite. */
int faulty_install(void);

/* From now on the @n-th call (from 1) of @kind fails, for writes with SQLite's @rc and the system's @error; all after it
 * too if @sticky. n = 0: none. */
void faulty_arm(FaultKind kind, unsigned n, int rc, int error, bool sticky);
/* Ends it. Whether a call failed meanwhile. */
bool faulty_disarm(void);
