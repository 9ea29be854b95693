/* How the store says what failed: one sentence per thread, kept until the thread's next failure (store_last_error), and
 * Nova's exception for who needs one. Private to db. Thread-safe. */
#pragma once

#include "basic/macros.h"
#include "objects/exception.h"

/* Keeps the sentence and returns @r (negative), so that a function may `return store_failed(…)`. */
int store_failed(int r, const char *format, ...) _printf_(2, 3);

/* Appends to the sentence kept last. */
void store_failed_more(const char *format, ...) _printf_(1, 2);

/* Fills @e (may be NULL) as DBError with the sentence kept last. For who starts the daemon: it names files of this host. */
int store_exception(NovaException *e, int r);

/* The same for who may sit behind the broker: names no file. */
int store_exception_for_peer(NovaException *e, int r);
