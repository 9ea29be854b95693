/* Consoles of guests (zed 7.11, essex 11.6): the end of their log, and tokens for VNC, SPICE and serial lines. Whoever has the
 * token is let in by a proxy, so it is told to the caller alone and stored as its hash. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/guest.h"
#include "compute/instance-methods.h"

#include <sys/inotify.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "basic/log.h"
#include "compute/console-text.h"
#include "compute/host.h"

/* Essex's callers name the instance by its uuid. */
static bool is_essex(const InstanceCall *c) {
        return !json_object_get(c->args, "instance");
}

static int console_output(InstanceCall *c, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_free_ char *log = NULL, *text = NULL;
        int r;

        log_info("Get console output");
        r = driver_result(driver_call(c->manager, get_console_output, &x, c->i, CONSOLE_OUTPUT_MAX, &log), "get_console_output", &x);
        if (r < 0)
                return guest_not_here(c, r, &x, e);

        text = console_ascii(console_tail(strempty(log), json_object_get(c->args, "tail_length")), is_essex(c));
        *ret = text ? json_string(text) : NULL;
        return *ret ? 0 : -ENOMEM;
}

/* ---- followed ---- */

#define FOLLOW_MAX (64 * 1024)          /* bytes at once */

/* The last @lines lines; one that has no end yet is one. */
static size_t skip_to_lines(const char *data, size_t size, int64_t lines) {
        size_t at = size;

        if (lines <= 0)
                return size;
        if (at > 0 && data[at - 1] == '\n')
                at--;
        for (; at > 0; at--)
                if (data[at - 1] == '\n' && --lines == 0)
                        break;
        return at;
}

static ConsolePosition position_of(const json_t *position) {
        return (ConsolePosition) {
                .begun = json_is_object(position),
                .device = (uint64_t) json_member_integer(position, "device", 0),
                .inode = (uint64_t) json_member_integer(position, "inode", 0),
                .offset = (uint64_t) json_member_integer(position, "offset", 0),
        };
}

int compute_run_follow_console(Operation *o, json_t **ret, NovaException *e) {
        ComputeManager *m = manager_to_compute(o->manager);
        int inotify = (int) json_member_integer(o->args, "inotify", -1), watch = -1, r;
        ConsolePosition p = position_of(json_object_get(o->args, "position"));
        _cleanup_(console_text_done) ConsoleText text = {}, more = {};
        _cleanup_(instance_done) Instance i = {};
        _cleanup_free_ char *encoded = NULL;
        bool first = !p.begun;
        size_t from = 0;

        r = m->store->ops->instance_get(m->store, strempty(o->instance_uuid), READ_DELETED_NO, &i);
        if (r <= 0)
                return r < 0 ? exception_set_errno(e, r, "Cannot read the instance")
                             : exception_setf(e, EXC_INSTANCE_NOT_FOUND, "Instance %s could not be found.", strempty(o->instance_uuid));
        r = driver_result(driver_call(m, follow_console, e, &i, &p, FOLLOW_MAX, &text), "follow_console", e);
        if (r < 0)
                return r;
        /* What comes after this is heard of; what came before it is read now. */
        if (text.path && inotify >= 0)
                watch = inotify_add_watch(inotify, text.path, IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONESHOT);
        if (watch >= 0 && text.size < FOLLOW_MAX) {
                r = driver_result(driver_call(m, follow_console, e, &i, &p, FOLLOW_MAX, &more), "follow_console", e);
                if (r < 0)
                        return r;
        }
        if (more.size > 0) {
                char *whole = realloc(text.data, text.size + more.size + 1);

                if (!whole)
                        return -ENOMEM;
                memcpy(whole + text.size, more.data, more.size);
                text.data = whole;
                text.size += more.size;
        }
        if (first)
                from = skip_to_lines(strempty(text.data), text.size, json_member_integer(o->args, "lines", 0));
        encoded = base64_encode(strempty(text.data) + from, text.size - from);
        *ret = encoded ? json_pack("{s:s, s:{s:I, s:I, s:I}, s:b, s:i}", "data", encoded, "position", "device", (json_int_t) p.device, "inode",
                                   (json_int_t) p.inode, "offset", (json_int_t) p.offset, "more", text.size >= FOLLOW_MAX, "watch", watch) : NULL;
        return *ret ? 0 : -ENOMEM;
}

/* ---- tokens ---- */

typedef struct ConsoleKind {
        const char *type;               /* "novnc" */
        const char *enabled;            /* option; NULL = there is none here */
        const char *base_url;           /* option */
} ConsoleKind;

static const ConsoleKind vnc = { "novnc", "vnc.enabled", "vnc.novncproxy_base_url" };
static const ConsoleKind spice = { "spice-html5", "spice.enabled", "spice.html5proxy_base_url" };
static const ConsoleKind serial = { "serial", "serial_console.enabled", "serial_console.base_url" };

static int refuse_type(ExceptionClass class, const char *type, NovaException *e) {
        int r = exception_setf(e, class, class == EXC_CONSOLE_TYPE_INVALID ? "Invalid console type %.64s" : "Unavailable console type %.64s.", type);

        exception_kwarg(e, "console_type", json_string(type));
        return r;
}

/* Where the hypervisor has it: {host, port, internal_access_path, tlsPort}. */
static int connect_info(InstanceCall *c, const ConsoleKind *kind, json_t **ret, NovaException *e) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int r;

        if (kind == &vnc)
                r = driver_result(driver_call(c->manager, get_vnc_console, &x, c->i, ret), "get_vnc_console", &x);
        else if (kind == &spice)
                r = driver_result(driver_call(c->manager, get_spice_console, &x, c->i, ret), "get_spice_console", &x);
        else
                r = driver_result(driver_call(c->manager, get_serial_console, &x, c->i, ret), "get_serial_console", &x);
        return r < 0 ? guest_not_here(c, r, &x, e) : 0;
}

/* The token, good for as long as [consoleauth] token_ttl says, in the store. */
static int authorize(InstanceCall *c, const char *type, const char *base, const json_t *where, const char *token, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        usec_t ttl = (usec_t) config_integer(config, "consoleauth.token_ttl") * USEC_PER_SEC;
        const char *host = json_member_string(where, "host"), *path = json_member_string(where, "internal_access_path");
        int64_t port = json_member_integer(where, "port", json_member_integer(where, "tlsPort", 0));
        _cleanup_(console_token_done) ConsoleToken t = {
                .console_type = strdup(type), .host = strdup(strempty(host)), .port = port,
                .internal_access_path = path ? strdup(path) : NULL, .instance_uuid = strdup(c->i->uuid),
                .access_url_base = strdup(base), .expires = now_realtime() + ttl,
        };
        int r;

        if (!t.console_type || !t.host || !t.instance_uuid || !t.access_url_base || (path && !t.internal_access_path))
                return -ENOMEM;
        if (!host || port <= 0)
                return exception_setf(e, EXC_CONSOLE_NOT_AVAILABLE, "Guest does not have a console available.");
        r = c->manager->store->ops->console_token_create(c->manager->store, &t, token);
        return r < 0 ? exception_set_errno(e, r, "Cannot store the console's token") : 0;
}

static int get_console(InstanceCall *c, const ConsoleKind *kind, json_t **ret, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(c->manager);
        const char *type = strempty(json_member_string(c->args, "console_type")), *option = kind->base_url, *base;
        _cleanup_free_ char *url = NULL;
        json_auto_t *where = NULL;
        char token[UUID_TEXT_MAX];
        int r;

        if (!config_boolean(config, kind->enabled))
                return refuse_type(EXC_CONSOLE_TYPE_UNAVAILABLE, type, e);
        if (kind == &vnc && is_essex(c) && streq(type, "xvpvnc"))
                option = "xvpvncproxy_base_url";
        else if (!streq(type, kind->type))
                return refuse_type(EXC_CONSOLE_TYPE_INVALID, type, e);
        base = strempty(config_string(config, option));

        r = connect_info(c, kind, &where, e);
        if (r < 0)
                return r;
        (void) uuid4(token);
        r = authorize(c, type, base, where, token, e);
        if (r < 0)
                return r;

        url = console_access_url(base, token, kind == &vnc && !is_essex(c));
        /* Whatever else the driver says of it, SPICE's TLS port for one, goes along. */
        if (!url || json_object_set_new(where, "token", json_string(token)) < 0 ||
            json_object_set_new(where, "access_url", json_string(url)) < 0 ||
            (!json_object_get(where, "internal_access_path") && json_object_set_new(where, "internal_access_path", json_null()) < 0))
                return -ENOMEM;
        *ret = TAKE_PTR(where);
        return 0;
}

static int vnc_console(InstanceCall *c, json_t **ret, NovaException *e) {
        return get_console(c, &vnc, ret, e);
}

static int spice_console(InstanceCall *c, json_t **ret, NovaException *e) {
        return get_console(c, &spice, ret, e);
}

static int serial_console(InstanceCall *c, json_t **ret, NovaException *e) {
        return get_console(c, &serial, ret, e);
}

/* RDP and MKS are other hypervisors'. */
static int no_such_console(InstanceCall *c, json_t **ret _unused_, NovaException *e) {
        return refuse_type(EXC_CONSOLE_TYPE_UNAVAILABLE, strempty(json_member_string(c->args, "console_type")), e);
}

static bool port_is(const json_t *given, const json_t *real) {
        const char *text = json_string_value(given);
        char number[24];

        if (!json_is_integer(real))
                return false;
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(real));
        return json_is_integer(given) ? json_integer_value(given) == json_integer_value(real) : text && streq(text, number);
}

/* A proxy asks whether the port of a token is still that guest's. */
static int validate_port(InstanceCall *c, json_t **ret, NovaException *e) {
        const char *type = strempty(json_member_string(c->args, "console_type"));
        const json_t *port = json_object_get(c->args, "port");
        const ConsoleKind *kind;
        json_auto_t *where = NULL;
        int r;

        if (streq(type, spice.type))
                kind = &spice;
        else if (streq(type, serial.type))
                kind = &serial;
        else if (streq(type, vnc.type) || streq(type, "xvpvnc"))
                kind = &vnc;
        else
                return refuse_type(streq(type, "rdp-html5") || streq(type, "webmks") ? EXC_CONSOLE_TYPE_UNAVAILABLE
                                                                                     : EXC_CONSOLE_TYPE_INVALID, type, e);
        r = connect_info(c, kind, &where, e);
        if (r < 0)
                return r;
        *ret = json_boolean(port_is(port, json_object_get(where, "port")) || port_is(port, json_object_get(where, "tlsPort")));
        return 0;
}

/* Asked of any state and task, by whoever the API let: nothing of the instance changes. */
#define CONSOLE(name, function)                                                                         \
        const InstanceMethod method_##name = {                                                          \
                .flags = WRAP_NOTIFY | WRAP_FAULT | INSTANCE_ANY_TASK, .body = function,                \
        }
CONSOLE(console_output, console_output);
CONSOLE(vnc_console, vnc_console);
CONSOLE(spice_console, spice_console);
CONSOLE(serial_console, serial_console);
CONSOLE(no_such_console, no_such_console);
CONSOLE(validate_console_port, validate_port);

/* ---- Essex's of the host ---- */

int host_get_console_topic(ComputeManager *m, RequestContext *context _unused_, const json_t *args _unused_, json_t **ret,
                           NovaException *e _unused_) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);

        *ret = json_sprintf("%s.%s", strempty(config_string(config, "console_topic")), strempty(config_string(config, "console_host")));
        return *ret ? 0 : -ENOMEM;
}

int host_get_console_pool_info(ComputeManager *m, RequestContext *context _unused_, const json_t *args, json_t **ret, NovaException *e) {
        return driver_result(driver_call(m, get_console_pool_info, e, strempty(json_member_string(args, "console_type")), ret),
                             "get_console_pool_info", e);
}

/* Tokens that nobody can use any more (zed 4.9). */
int compute_clean_console_tokens(ComputeManager *m, NovaException *e) {
        int r = m->store->ops->console_token_clean(m->store, NULL);

        if (r > 0)
                log_debug("%d expired console tokens are removed.", r);
        return r < 0 ? exception_set_errno(e, r, "Cannot clean expired console tokens") : 0;
}
