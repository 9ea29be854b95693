/* The faults of the fake driver: their text form, and which apply to a call. */
#pragma once

#include "basic/macros.h"
#include "basic/time-util.h"
#include "objects/exception.h"

typedef enum FaultKind { FAULT_SLOW, FAULT_HANG, FAULT_FAIL } FaultKind;

typedef struct Fault {
        char *method;                   /* "*" = all */
        FaultKind kind;
        usec_t delay;                   /* FAULT_SLOW */
        ExceptionClass exception;       /* FAULT_FAIL */
        int64_t left;                   /* calls it still holds for; -1 = for ever */
} Fault;

typedef struct FaultList {
        Fault *items;
        size_t n;
} FaultList;

/* Adds what @line (of @length bytes) says; blank lines and those that begin with # say nothing. Returns 0, or -EINVAL
 * with @e naming what is wrong and what is allowed, or -ENOMEM. */
int fault_list_add(FaultList *l, const char *line, size_t length, NovaException *e);
/* Adds every line of @text. */
int fault_list_add_text(FaultList *l, const char *text, NovaException *e);
void fault_list_done(FaultList *l);

static inline bool fault_applies(const Fault *f, const char *method) {
        return f->left != 0 && (streq(f->method, "*") || streq(f->method, method));
}
