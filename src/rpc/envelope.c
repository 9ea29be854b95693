/* Reads and writes message bodies. The common case is the hot path of the daemon: an envelope whose string needs no
 * more than removing backslashes is opened without a JSON parser, and replies are written in one pass, escaped as they
 * come. */
#include "rpc/envelope.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "rpc/plain-json.h"

#define VERSION_KEY "oslo.version"
#define MESSAGE_KEY "oslo.message"
#define CONTEXT_PREFIX "_context_"
#define DUMP_FLAGS (JSON_ENCODE_ANY | JSON_ENSURE_ASCII)

/* ---- reading ---- */

static size_t skip_blanks(const char *s, size_t n, size_t i) {
        while (i < n && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r'))
                i++;
        return i;
}

/* Whether @token stands at *i (after blanks); moves behind it and its blanks. */
static bool take(const char *s, size_t n, size_t *i, const char *token) {
        size_t at = skip_blanks(s, n, *i), len = strlen(token);

        if (n - at < len || memcmp(s + at, token, len) != 0)
                return false;
        *i = skip_blanks(s, n, at + len);
        return true;
}

/* {"oslo.version": "2.0", "oslo.message": "…"} as every peer writes it. True with where the inner message begins, behind its quote; false
 * when it is anything else: then the parser judges. */
static bool find_message(const char *s, size_t n, size_t *ret) {
        size_t i = 0;

        if (!(take(s, n, &i, "{") && take(s, n, &i, "\"" VERSION_KEY "\"") && take(s, n, &i, ":") &&
              take(s, n, &i, "\"2.0\"") && take(s, n, &i, ",") && take(s, n, &i, "\"" MESSAGE_KEY "\"") &&
              take(s, n, &i, ":")))
                return false;
        if (i >= n || s[i] != '"')
                return false;
        *ret = i + 1;
        return true;
}

/* Whether at @end there is the message's quote, and nothing behind it but what ends the envelope. */
static bool ends_envelope(const char *s, size_t n, size_t end) {
        size_t i = end + 1;

        return end < n && s[end] == '"' && take(s, n, &i, "}") && i == n;
}

/* The message that begins at @begin, its backslashes taken off where it stands. False, and it is untouched, when that is not all there is
 * to do. */
static bool open_quickly(char *s, size_t n, size_t begin, size_t *ret_size) {
        size_t i = begin, end, k;

        for (; i < n && s[i] != '"'; i++) {
                if ((unsigned char) s[i] < 0x20)
                        return false;
                if (s[i] != '\\')
                        continue;
                /* Other escapes are rare enough for the parser: what is inside has them escaped itself. */
                if (++i >= n || (s[i] != '"' && s[i] != '\\'))
                        return false;
        }
        end = i;
        if (!ends_envelope(s, n, end))
                return false;

        for (i = k = begin; i < end;) {
                char *backslash = memchr(s + i, '\\', end - i);
                size_t plain = backslash ? (size_t) (backslash - s) - i : end - i;

                memmove(s + k, s + i, plain);
                k += plain;
                i += plain;
                if (backslash) {
                        s[k++] = s[i + 1];
                        i += 2;
                }
        }
        *ret_size = k - begin;
        return true;
}

static int parse_object(const char *text, size_t size, const char *what, json_t **ret, char *why, size_t why_size) {
        char detail[160] = "";
        int r;

        r = json_parse(text, size, ret, detail, sizeof detail);
        if (r == -EBADMSG)
                snprintf(why, why_size, "%s is not valid JSON: %s", what, detail);
        if (r < 0)
                return r;
        if (!json_is_object(*ret)) {
                json_decref(*ret);
                *ret = NULL;
                snprintf(why, why_size, "%s is not a JSON object", what);
                return -EBADMSG;
        }
        return 0;
}

int envelope_version_parse(const char *s, unsigned *ret_major, unsigned *ret_minor) {
        unsigned part[3] = {};
        size_t n = 0;

        for (;;) {
                size_t digits = 0;

                while (*s >= '0' && *s <= '9' && digits < 6) {
                        part[n] = part[n] * 10 + (unsigned) (*s++ - '0');
                        digits++;
                }
                if (digits == 0)
                        return -EINVAL;
                n++;
                if (*s == '\0')
                        break;
                if (*s != '.' || n == ELEMENTSOF(part))
                        return -EINVAL;
                s++;
        }
        if (n < 2)
                return -EINVAL;
        *ret_major = part[0];
        *ret_minor = part[1];
        return 0;
}

static bool take_context(const char *name, size_t size, json_t *value, void *userdata) {
        return context_take(userdata, name, size, value) >= 0;
}

/* The message that begins at @begin, in two pieces. */
static bool parse_split(const char *body, size_t size, size_t begin, Envelope *ret) {
        _cleanup_(context_unrefp) RequestContext *c = context_begin();
        json_auto_t *message = NULL;
        size_t used;

        if (!c || !plain_json_parse(body + begin, size - begin, CONTEXT_PREFIX, take_context, c, &message, &used) ||
            !ends_envelope(body, size, begin + used))
                return false;
        ret->message = TAKE_PTR(message);
        ret->context = TAKE_PTR(c);
        return true;
}

static int parse(char *body, size_t size, bool split, Envelope *ret, char *why, size_t why_size) {
        json_t *outer = NULL;
        size_t begin, inner_size;
        int r;

        *ret = ENVELOPE_NULL;

        if (find_message(body, size, &begin)) {
                ret->format = WIRE_OSLO;
                if (split && parse_split(body, size, begin, ret))
                        return 0;
                if (open_quickly(body, size, begin, &inner_size))
                        return parse_object(body + begin, inner_size, "the message in the envelope", &ret->message, why, why_size);
                *ret = ENVELOPE_NULL;
        }

        if (size == 0) {
                snprintf(why, why_size, "the body is empty");
                return -EBADMSG;
        }
        r = parse_object(body, size, "the body", &outer, why, why_size);
        if (r < 0)
                return r;

        const json_t *version = json_object_get(outer, VERSION_KEY), *text = json_object_get(outer, MESSAGE_KEY);
        if (!version || !text) {
                ret->format = WIRE_ESSEX;
                ret->message = outer;
                return 0;
        }

        unsigned major = 0, minor = 0;
        bool known = json_is_string(version) && envelope_version_parse(json_string_value(version), &major, &minor) >= 0;

        ret->format = WIRE_OSLO;
        if (json_is_string(text))
                r = parse_object(json_string_value(text), json_string_length(text), "the message in the envelope",
                                 &ret->message, why, why_size);
        else {
                snprintf(why, why_size, "the message in the envelope is not a string");
                r = -EBADMSG;
        }
        if (!known || major != 2 || minor > 0) {
                if (known)
                        snprintf(why, why_size, "envelope version %u.%u is not supported, 2.0 is", major, minor);
                else
                        snprintf(why, why_size, "the version of the envelope is not a number of the form 2.0");
                r = r == -ENOMEM ? r : -EBADMSG;
        }
        json_decref(outer);
        return r;
}

int envelope_parse(char *body, size_t size, Envelope *ret, char *why, size_t why_size) {
        return parse(body, size, false, ret, why, why_size);
}

int envelope_parse_request(char *body, size_t size, Envelope *ret, char *why, size_t why_size) {
        return parse(body, size, true, ret, why, why_size);
}

/* A member that will be a name on the wire. 1 with *ret, 0 when absent or null, -EBADMSG otherwise. */
static int read_name(const json_t *message, const char *key, const char **ret, char *why, size_t why_size) {
        const json_t *value = json_object_get(message, key);

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value)) {
                snprintf(why, why_size, "%s is not a string", key);
                return -EBADMSG;
        }
        size_t n = json_string_length(value);
        if (n == 0 || n > ENVELOPE_NAME_MAX) {
                snprintf(why, why_size, "%s is %s", key, n == 0 ? "empty" : "longer than 255 bytes");
                return -EBADMSG;
        }
        *ret = json_string_value(value);
        return 1;
}

int envelope_read_request(Envelope *e, char *why, size_t why_size) {
        const json_t *value;
        int r, failed = 0;

        /* The reply address first: what is wrong below can then be answered. */
        r = read_name(e->message, "_reply_q", &e->reply_q, why, why_size);
        if (r < 0)
                return r;
        r = read_name(e->message, "_msg_id", &e->msg_id, why, why_size);
        if (r < 0)
                return r;
        if (e->format == WIRE_OSLO && e->msg_id && !e->reply_q) {
                snprintf(why, why_size, "it has _msg_id but no _reply_q, so that nobody can be answered");
                failed = -EBADMSG;
        }

        e->major = 1;
        e->minor = 0;
        value = json_object_get(e->message, "_timeout");
        if (json_is_number(value)) {
                double seconds = json_number_value(value);

                if (seconds >= 0.1 && seconds < 1e7)
                        e->monitor = (usec_t) (seconds * (double) USEC_PER_SEC);
        }

        value = json_object_get(e->message, "args");
        if (json_is_object(value))
                e->args = value;
        else {
                e->own_args = json_object();
                if (!e->own_args)
                        return -ENOMEM;
                e->args = e->own_args;
                if (value && !json_is_null(value)) {
                        snprintf(why, why_size, "args is not an object");
                        failed = -EBADMSG;
                }
        }

        /* Without a usable id it cannot be told from a repetition; it is taken as new. */
        value = json_object_get(e->message, "_unique_id");
        if (json_is_string(value) && json_string_length(value) > 0 && json_string_length(value) <= ENVELOPE_NAME_MAX)
                e->unique_id = json_string_value(value);

        /* Neither will be a name on the wire, but both are quoted in answers and in the log. */
        if (read_name(e->message, "namespace", &e->namespace, why, why_size) < 0)
                failed = -EBADMSG;

        value = json_object_get(e->message, "version");
        if (value && !json_is_null(value) &&
            (!json_is_string(value) || envelope_version_parse(json_string_value(value), &e->major, &e->minor) < 0)) {
                snprintf(why, why_size, "version is not of the form 6.0");
                failed = -EBADMSG;
        }

        r = read_name(e->message, "method", &e->method, why, why_size);
        if (r == 0)
                snprintf(why, why_size, "it names no method");
        if (r <= 0)
                failed = -EBADMSG;
        return failed;
}

void envelope_done(Envelope *e) {
        json_decref(e->message);
        json_decref(e->own_args);
        context_unref(e->context);
        *e = ENVELOPE_NULL;
}

/* ---- writing ---- */

typedef struct Writer {
        char *data;
        size_t n, allocated;
        bool escape;                    /* what comes is inside the envelope's string */
        bool failed;
} Writer;

static char *writer_space(Writer *w, size_t n) {
        if (w->failed)
                return NULL;
        if (w->allocated - w->n < n) {
                size_t want = MAX(MAX(w->allocated * 2, w->n + n), (size_t) 512);
                char *p = realloc(w->data, want);

                if (!p) {
                        w->failed = true;
                        return NULL;
                }
                w->data = p;
                w->allocated = want;
        }
        return w->data + w->n;
}

/* The length of @s if a dump of it would be @s itself between quotes: most names are that plain. -1 = it would not. */
static ssize_t plain_length(const char *s) {
        const char *p = s;

        while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
                p++;
        return *p ? -1 : p - s;
}

static int writer_copy(Writer *w, const char *s, size_t n) {
        char *p = writer_space(w, n);

        if (!p)
                return -1;
        memcpy(p, s, n);
        w->n += n;
        return 0;
}

static int writer_add(const char *s, size_t n, void *userdata) {
        Writer *w = userdata;
        char *p;

        if (!w->escape)
                return writer_copy(w, s, n);
        p = writer_space(w, 2 * n);
        if (!p)
                return -1;
        /* The dump is ASCII without control characters: only these two need a backslash. */
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '"' || s[i] == '\\')
                        *p++ = '\\';
                *p++ = s[i];
        }
        w->n = (size_t) (p - w->data);
        return 0;
}

static void writer_text(Writer *w, const char *s) {
        (void) writer_add(s, strlen(s), w);
}

static void writer_value(Writer *w, const json_t *value) {
        if (!value)
                writer_text(w, "null");
        else if (json_dump_callback(value, writer_add, w, DUMP_FLAGS) < 0)
                w->failed = true;
}

/* @s as a JSON string, or null. */
static void writer_string(Writer *w, const char *s) {
        ssize_t n = s ? plain_length(s) : -1;
        json_t *value;

        if (!s) {
                writer_text(w, "null");
                return;
        }
        if (n >= 0) {
                const char *quote = w->escape ? "\\\"" : "\"";

                (void) writer_copy(w, quote, strlen(quote));
                (void) writer_copy(w, s, (size_t) n);
                (void) writer_copy(w, quote, strlen(quote));
                return;
        }
        value = json_string(s);
        if (!value) {
                w->failed = true;
                return;
        }
        writer_value(w, value);
        json_decref(value);
}

static void writer_begin(Writer *w, bool envelope) {
        if (envelope) {
                writer_text(w, "{\"" VERSION_KEY "\": \"2.0\", \"" MESSAGE_KEY "\": \"");
                w->escape = true;
        }
}

static int writer_end(Writer *w, Body *ret) {
        if (w->escape) {
                w->escape = false;
                writer_text(w, "\"}");
        }
        if (w->failed) {
                free(w->data);
                return -ENOMEM;
        }
        ret->data = w->data;
        ret->size = w->n;
        return 0;
}

void body_done(Body *b) {
        free(b->data);
        *b = (Body){};
}

static int write_message(const json_t *message, bool envelope, Body *ret) {
        Writer w = {};

        writer_begin(&w, envelope);
        writer_value(&w, message);
        return writer_end(&w, ret);
}

int envelope_request(const RequestHead *h, const RequestContext *c, const char *method, const json_t *args, Body *ret) {
        json_auto_t *m = json_object();
        bool oslo = h->format == WIRE_OSLO;
        int r;

        if (!m)
                return -ENOMEM;

        r = json_object_set_new(m, "method", json_string(method));
        r |= args ? json_object_set(m, "args", (json_t *) args) : json_object_set_new(m, "args", json_object());
        if (oslo) {
                if (h->namespace)
                        r |= json_object_set_new(m, "namespace", json_string(h->namespace));
                r |= json_object_set_new(m, "version", json_string(h->version ? h->version : "1.0"));
        }
        if (h->msg_id)
                r |= json_object_set_new(m, "_msg_id", json_string(h->msg_id));
        if (oslo && h->msg_id) {
                r |= json_object_set_new(m, "_reply_q", json_string_or_null(h->reply_q));
                r |= json_object_set_new(m, "_timeout",
                                         h->monitor > 0 ? json_integer((json_int_t) (h->monitor / USEC_PER_SEC))
                                                        : json_null());
        }
        if (oslo && h->unique_id)
                r |= json_object_set_new(m, "_unique_id", json_string(h->unique_id));
        if (r != 0)
                return -ENOMEM;

        r = context_to_message(c, h->format, m);
        if (r < 0)
                return r;
        return write_message(m, oslo, ret);
}

int envelope_notification(const RequestContext *c, const json_t *message, const char *unique_id, bool envelope,
                          Body *ret) {
        json_auto_t *m = json_copy((json_t *) message), *safe = context_safe_dict(c);
        const char *key;
        json_t *value;

        if (!m || !safe)
                return -ENOMEM;
        json_object_foreach(safe, key, value) {
                char name[256];

                snprintf(name, sizeof name, "_context_%s", key);
                if (json_object_set(m, name, value) < 0)
                        return -ENOMEM;
        }
        if (unique_id && json_object_set_new(m, "_unique_id", json_string(unique_id)) < 0)
                return -ENOMEM;
        return write_message(m, envelope, ret);
}

static int reply_oslo(const ReplyHead *h, const json_t *result, const char *failure, bool ending, Body *ret) {
        Writer w = {};

        /* A bare request with a reply queue comes from the releases between Essex and the envelope: answered bare. */
        writer_begin(&w, h->format == WIRE_OSLO);
        writer_text(&w, "{\"result\": ");
        writer_value(&w, result);
        writer_text(&w, ", \"failure\": ");
        writer_string(&w, failure);
        writer_text(&w, ending ? ", \"ending\": true, \"_msg_id\": " : ", \"ending\": false, \"_msg_id\": ");
        writer_string(&w, h->msg_id);
        writer_text(&w, ", \"_unique_id\": ");
        writer_string(&w, h->unique_id);
        writer_text(&w, "}");
        return writer_end(&w, ret);
}

static int reply_essex(const json_t *result, const json_t *failure, Body ret[static 2]) {
        Writer w = {}, end = {};
        int r;

        writer_text(&w, "{\"result\": ");
        writer_value(&w, result);
        writer_text(&w, ", \"failure\": ");
        writer_value(&w, failure);
        writer_text(&w, "}");
        r = writer_end(&w, &ret[0]);
        if (r < 0 || failure)
                return r < 0 ? r : 1;

        writer_text(&end, "{\"result\": null, \"failure\": null, \"ending\": true}");
        r = writer_end(&end, &ret[1]);
        if (r < 0) {
                body_done(&ret[0]);
                return r;
        }
        return 2;
}

int envelope_reply(const ReplyHead *h, const json_t *result, const NovaException *e, Body ret[static 2]) {
        bool failed = exception_is_set(e);
        int r;

        if (!h->reply_q) {
                json_auto_t *failure = failed ? exception_to_essex(e) : NULL;

                if (failed && !failure)
                        return -ENOMEM;
                return reply_essex(failed ? NULL : result, failure, ret);
        }

        _cleanup_free_ char *text = NULL;
        if (failed) {
                json_auto_t *failure = exception_to_oslo(e);

                text = failure ? json_dumps(failure, DUMP_FLAGS) : NULL;
                if (!text)
                        return -ENOMEM;
        }
        r = reply_oslo(h, failed ? NULL : result, text, true, &ret[0]);
        return r < 0 ? r : 1;
}

int envelope_heartbeat(const ReplyHead *h, Body *ret) {
        return reply_oslo(h, NULL, NULL, false, ret);
}
