/* Python's %-formats, as far as log lines need them. See log-format.h. */
#include "basic/log-format.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "basic/path-util.h"

const LogFormats log_formats_builtin = {
        .date = "%Y-%m-%d %H:%M:%S",
        .context = "%(asctime)s %(levelname)s %(name)s [%(request_id)s %(user_id)s %(project_id)s] "
                   "%(instance)s%(message)s",
        .standard = "%(asctime)s %(levelname)s %(name)s [-] %(instance)s%(message)s",
        .debug_suffix = "from (pid=%(process)d) %(funcName)s %(pathname)s:%(lineno)d",
        .instance = "[instance: %(uuid)s] ",
};

/* A number or a text that a variable of a format stands for. */
typedef struct Value {
        const char *text;       /* or NULL: the number */
        int64_t number;
        char buf[192];
        char *allocated;
} Value;

typedef struct Variable {
        const char *name;
        void (*get)(Value *v, const LogFormats *f, const LogRecord *r);
} Variable;

static void get_asctime(Value *v, const LogFormats *f, const LogRecord *r) {
        time_t seconds = (time_t) (r->time / USEC_PER_SEC);
        struct tm tm;

        v->text = v->buf;
        if (!localtime_r(&seconds, &tm))
                return;
        /* The operator's own format; strftime writes no more than the size, whatever it holds. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (strftime(v->buf, sizeof v->buf, f->date, &tm) == 0)
                v->buf[0] = '\0';
#pragma GCC diagnostic pop
}

static void get_created(Value *v, const LogFormats *f, const LogRecord *r) {
        (void) snprintf(v->buf, sizeof v->buf, "%llu.%06u", (unsigned long long) (r->time / USEC_PER_SEC),
                        (unsigned) (r->time % USEC_PER_SEC));
        v->text = v->buf;
}

static void get_user_identity(Value *v, const LogFormats *f, const LogRecord *r) {
        (void) snprintf(v->buf, sizeof v->buf, "%s %s - - -", r->fields.user_id ?: "-", r->fields.project_id ?: "-");
        v->text = v->buf;
}

static void get_instance(Value *v, const LogFormats *f, const LogRecord *r);

#define TEXT_VARIABLE(name, expression)                                                            \
        static void get_##name(Value *v, const LogFormats *f, const LogRecord *r) {                \
                v->text = (expression) ?: "-";                                                     \
        }
#define NUMBER_VARIABLE(name, expression)                                                          \
        static void get_##name(Value *v, const LogFormats *f, const LogRecord *r) {                \
                v->number = (int64_t) (expression);                                                \
        }
TEXT_VARIABLE(levelname, log_level_to_string(r->level))
TEXT_VARIABLE(name, r->logger)
TEXT_VARIABLE(message, r->message)
TEXT_VARIABLE(request_id, r->fields.request_id)
TEXT_VARIABLE(global_request_id, r->fields.global_request_id)
TEXT_VARIABLE(user_id, r->fields.user_id)
TEXT_VARIABLE(project_id, r->fields.project_id)
TEXT_VARIABLE(uuid, r->fields.instance_uuid)
TEXT_VARIABLE(program, r->program)
TEXT_VARIABLE(pathname, r->file)
TEXT_VARIABLE(filename, path_basename(strempty(r->file)))
TEXT_VARIABLE(func, r->func)
TEXT_VARIABLE(none, (const char *) NULL)
TEXT_VARIABLE(empty, "")
NUMBER_VARIABLE(msecs, r->time / 1000 % 1000)
NUMBER_VARIABLE(levelno, r->level)
NUMBER_VARIABLE(lineno, r->line)
NUMBER_VARIABLE(process, r->pid)
NUMBER_VARIABLE(thread, r->tid)

/* The variables of Python's LogRecord, of Nova's contexts and of oslo.log. What we do not have is "-". */
static const Variable variables[] = {
        {"asctime", get_asctime},
        {"msecs", get_msecs},
        {"created", get_created},
        {"process", get_process},
        {"processName", get_program},
        {"thread", get_thread},
        {"threadName", get_thread},
        {"levelname", get_levelname},
        {"levelno", get_levelno},
        {"name", get_name},
        {"message", get_message},
        {"pathname", get_pathname},
        {"filename", get_filename},
        {"module", get_filename},
        {"funcName", get_func},
        {"lineno", get_lineno},
        {"request_id", get_request_id},
        {"global_request_id", get_global_request_id},
        {"user_id", get_user_id},
        {"user", get_user_id},
        {"project_id", get_project_id},
        {"project", get_project_id},
        {"tenant", get_project_id},
        {"user_identity", get_user_identity},
        {"user_name", get_none},
        {"project_name", get_none},
        {"domain", get_none},
        {"user_domain", get_none},
        {"project_domain", get_none},
        {"system_scope", get_none},
        {"is_admin", get_none},
        {"read_deleted", get_none},
        {"roles", get_none},
        {"remote_address", get_none},
        {"timestamp", get_asctime},
        {"instance", get_instance},
        {"resource", get_empty},
        {"instance_uuid", get_uuid},
        {"uuid", get_uuid},
        {"color", get_empty},
        {"reset_color", get_empty},
        {"error_summary", get_empty},
        {"hostname", get_none},
        {"nova_version", get_none},
};

static const Variable *find_variable(const char *name, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                if (strlen(variables[i].name) == n && strncmp(variables[i].name, name, n) == 0)
                        return &variables[i];
        return NULL;
}

/* A %(name)-08.3d in pieces. */
typedef struct Spec {
        const Variable *variable;
        bool left, zero;
        int width, precision;   /* -1: none */
        char conversion;
} Spec;

static int take_digits(const char **p) {
        int n = -1;

        for (; **p >= '0' && **p <= '9'; (*p)++)
                if (n < 1000)
                        n = MAX(n, 0) * 10 + (**p - '0');
        return MIN(n, 1000);
}

/* Reads what follows a % and moves *p behind it. Returns 1 for a variable, 0 for %%, -EINVAL with *ret_problem. */
static int take_spec(const char **p, Spec *ret, const char **ret_problem) {
        Spec s = {.width = -1, .precision = -1};
        const char *end;

        if (**p == '%') {
                (*p)++;
                return 0;
        }
        *ret_problem = "a % must be followed by (name) or another %";
        if (**p != '(')
                return -EINVAL;
        end = strchr(*p, ')');
        *ret_problem = "a parenthesis is not closed";
        if (!end)
                return -EINVAL;
        s.variable = find_variable(*p + 1, (size_t) (end - *p - 1));
        *ret_problem = "there is no variable of this name";
        if (!s.variable)
                return -EINVAL;

        for (*p = end + 1; **p && strchr("-0 +#", **p); (*p)++) {
                s.left = s.left || **p == '-';
                s.zero = s.zero || **p == '0';
        }
        s.width = take_digits(p);
        if (**p == '.') {
                (*p)++;
                s.precision = take_digits(p);
                s.precision = MAX(s.precision, 0);
        }
        *ret_problem = "a variable must end with one of s, r, d, i, u and f";
        if (!**p || !strchr("srdiuf", **p))
                return -EINVAL;
        s.conversion = *(*p)++;
        *ret = s;
        return 1;
}

int log_format_check(const char *format, char *why, size_t why_size) {
        const char *p = format, *problem = NULL;
        Spec s;

        assert(format);
        while ((p = strchr(p, '%'))) {
                const char *at = p++;

                if (take_spec(&p, &s, &problem) < 0) {
                        if (why)
                                (void) snprintf(why, why_size, "%s in the log format, at '%.40s'", problem, at);
                        return -EINVAL;
                }
        }
        return 0;
}

/* Bytes that would end the line or reach a terminal, made visible. Tabs and all beyond ASCII stay. */
static void put_text(FILE *out, const char *text, size_t n) {
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c == '\n')
                        (void) fputs("\\n", out);
                else if (c == '\r')
                        (void) fputs("\\r", out);
                else if ((c < 0x20 && c != '\t') || c == 0x7f)
                        (void) fprintf(out, "\\x%02x", c);
                else
                        (void) fputc_unlocked(c, out);
        }
}

static void put_padding(FILE *out, int width, size_t length, char c) {
        for (size_t i = length; width > 0 && i < (size_t) width; i++)
                (void) fputc_unlocked(c, out);
}

static void put_value(FILE *out, const Spec *s, const Value *v) {
        char number[32];
        const char *text = v->text;
        bool zero = s->zero && !s->left && !v->text;
        size_t n;

        if (!text) {
                (void) snprintf(number, sizeof number, "%lld", (long long) v->number);
                text = number;
        }
        n = strlen(text);
        if (v->text && s->precision >= 0 && s->conversion != 'd')
                n = MIN(n, (size_t) s->precision);

        if (!s->left)
                put_padding(out, s->width, n, zero ? '0' : ' ');
        put_text(out, text, n);
        if (s->left)
                put_padding(out, s->width, n, ' ');
}

/* Formats were checked when they were set; what is wrong all the same stands as it is. */
static void put_format(FILE *out, const char *format, const LogFormats *f, const LogRecord *r) {
        const char *p = format, *problem;

        while (*p) {
                const char *at = p;
                Value v = {};
                Spec s;
                int k;

                if (*p++ != '%') {
                        (void) fputc_unlocked(*at, out);
                        continue;
                }
                k = take_spec(&p, &s, &problem);
                if (k <= 0) {
                        (void) fputc_unlocked('%', out);
                        if (k < 0)
                                p = at + 1;
                        continue;
                }
                s.variable->get(&v, f, r);
                put_value(out, &s, &v);
                free(v.allocated);
        }
}

static void get_instance(Value *v, const LogFormats *f, const LogRecord *r) {
        size_t n = 0;
        FILE *out;

        v->text = "";
        /* A format of instances that has %(instance)s would never end. */
        if (!r->fields.instance_uuid || strstr(f->instance, "%(instance)"))
                return;
        out = open_memstream(&v->allocated, &n);
        if (!out)
                return;
        put_format(out, f->instance, f, r);
        if (fclose(out) == 0 && v->allocated)
                v->text = v->allocated;
}

char *log_format_line(const LogFormats *f, const LogRecord *r) {
        char *line = NULL;
        size_t n = 0;
        FILE *out;

        assert(f && r);
        out = open_memstream(&line, &n);
        if (!out)
                return NULL;
        put_format(out, r->fields.request_id ? f->context : f->standard, f, r);
        if (r->level <= LOG_LEVEL_DEBUG && *f->debug_suffix) {
                (void) fputc_unlocked(' ', out);
                put_format(out, f->debug_suffix, f, r);
        }
        if (fclose(out) != 0) {
                free(line);
                return NULL;
        }
        return line;
}
