/* Parses the fault lines of the fake driver (fake.h has the grammar). */
#include "virt/fake/fault.h"

#include <errno.h>
#include <stdio.h>

static ExceptionClass exception_by_name(const char *name) {
        for (int c = 0; c < _EXC_MAX; c++)
                if (streq(exception_class_name(c), name))
                        return c;
        return _EXC_MAX;
}

/* A whole number or fraction, nothing after it. */
static bool parse_seconds(const char *s, usec_t *ret) {
        double v;
        char rest;

        if (sscanf(s, "%lf%c", &v, &rest) != 1 || !(v >= 0) || v > 1e6)
                return false;
        *ret = (usec_t) (v * 1e6);
        return true;
}

static bool parse_count(const char *s, int64_t *ret) {
        unsigned v;
        char rest;

        if (*s < '0' || *s > '9' || sscanf(s, "%9u%c", &v, &rest) != 1)
                return false;
        *ret = v;
        return true;
}

static bool parse_what(char *rest, Fault *f) {
        char *what = strsep(&rest, ":"), *argument = strsep(&rest, ":"), *count = strsep(&rest, ":");

        if (!what || rest)
                return false;
        if (streq(what, "hang")) {
                f->kind = FAULT_HANG;
                return !argument;
        }
        if (streq(what, "slow")) {
                f->kind = FAULT_SLOW;
                return argument && parse_seconds(argument, &f->delay) && (!count || parse_count(count, &f->left));
        }
        if (streq(what, "fail")) {
                f->kind = FAULT_FAIL;
                f->exception = isempty(argument) ? EXC_NOVA : exception_by_name(argument);
                return f->exception != _EXC_MAX && (!count || parse_count(count, &f->left));
        }
        return false;
}

int fault_list_add(FaultList *l, const char *line, size_t length, NovaException *e) {
        _cleanup_free_ char *text = NULL;
        Fault f = { .left = -1 }, *items;
        char *rest, *method;

        while (length > 0 && (*line == ' ' || *line == '\t')) {
                line++;
                length--;
        }
        while (length > 0 && strchr(" \t\r\n", line[length - 1]))
                length--;
        if (length == 0 || *line == '#')
                return 0;

        rest = text = strndup(line, length);
        if (!text)
                return -ENOMEM;
        method = strsep(&rest, ":");
        if (!*method || !rest || !parse_what(rest, &f))
                return exception_setf(e, EXC_INVALID,
                                      "[fake] fault \"%.*s\" is not METHOD:hang, METHOD:slow:SECONDS[:COUNT] or "
                                      "METHOD:fail[:EXCEPTION[:COUNT]]", (int) MIN(length, 200u), line);

        items = reallocarray(l->items, l->n + 1, sizeof *items);
        if (!items)
                return -ENOMEM;
        l->items = items;
        f.method = strdup(method);
        if (!f.method)
                return -ENOMEM;
        l->items[l->n++] = f;
        return 0;
}

int fault_list_add_text(FaultList *l, const char *text, NovaException *e) {
        while (*text) {
                size_t n = strcspn(text, "\n");
                int r;

                r = fault_list_add(l, text, n, e);
                if (r < 0)
                        return r;
                text += n + (text[n] == '\n');
        }
        return 0;
}

void fault_list_done(FaultList *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i].method);
        free(l->items);
        *l = (FaultList){};
}
