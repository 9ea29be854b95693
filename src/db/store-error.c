/* The last failure of each thread: see store-error.h. */
#include "db/store-error.h"

#include <stdarg.h>
#include <stdio.h>

#include "db/store.h"

static _Thread_local char last_error[1024];

const char *store_last_error(void) {
        return last_error;
}

/* SQLite's texts may have several lines; a sentence has one. */
static void one_line(char *text) {
        for (char *c = text; (c = strchr(c, '\n')); c++)
                *c = ' ';
}

int store_failed(int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(last_error, sizeof last_error, format, ap);
        va_end(ap);
        one_line(last_error);
        return r;
}

void store_failed_more(const char *format, ...) {
        size_t n = strlen(last_error);
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(last_error + n, sizeof last_error - n, format, ap);
        va_end(ap);
}

static int fail_with(NovaException *e, int r, const char *text) {
        if (e && !exception_is_set(e)) {
                (void) exception_setf(e, EXC_DB_ERROR, "%s", text);
                e->error = r;
        }
        return r;
}

int store_exception(NovaException *e, int r) {
        return fail_with(e, r, last_error);
}

int store_exception_for_peer(NovaException *e, int r) {
        char text[256];

        (void) snprintf(text, sizeof text, "the compute host's database failed: %s", strerror(-r));
        return fail_with(e, r, text);
}
