/* A message body from a broker, in either wire format: envelope, context, dispatch, arguments, the method itself where it
 * only looks, and the answer. What we write must be read again as what it was. */
#include <errno.h>

#include "basic/json.h"
#include "compute/compute.h"
#include "fixture.h"
#include "rpc/rpc-internal.h"
#include "fuzz.h"

static Fixture *fixture;

static void fixture_end(void) {
        fixture_free(fixture);
}

static const Method *find_method(unsigned served, const char *name) {
        const Method *methods;
        size_t n;

        methods = compute_methods(&n);
        for (size_t i = 0; i < n; i++)
                if ((methods[i].served & served) && streq(methods[i].name, name))
                        return &methods[i];
        return NULL;
}

static bool has_method(unsigned served, const char *method, void *userdata _unused_) {
        return find_method(served, method);
}

/* Methods that only look, or only touch the fake driver: no database, so that it stays quick. */
static bool is_cheap(const Method *m) {
        static const char *const names[] = { "set_host_enabled", "host_maintenance_mode", "host_power_action", "get_host_uptime" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(m->name, names[i]))
                        return true;
        return m->flags & METHOD_QUICK;
}

static void never_finished(Operation *o _unused_) {
        abort();
}

static void run_method(const Method *m, RequestContext *context, const json_t *args, json_t **ret, NovaException *e) {
        _cleanup_(operation_freep) Operation *o = NULL;
        json_auto_t *masked = method_masked_arguments(m, args);
        int r;

        fuzz_check(masked);
        r = operation_new(&o, &fixture->m->manager, m, context, args, ORIGIN_RPC, never_finished, NULL, e);
        fuzz_check(r >= 0 || exception_is_set(e));
        if (r < 0 || !is_cheap(m))
                return;
        fuzz_check(!o->instance_uuid || uuid_is_valid(o->instance_uuid));
        r = m->run(o, ret, e);
        fuzz_check(r >= 0 || exception_is_set(e));
}

/* What a caller gets is one or two messages that the same reader takes, with what was put in. */
static void check_reply(const Envelope *e, const json_t *result, const NovaException *x) {
        const ReplyHead head = {
                .format = e->format, .msg_id = e->msg_id, .reply_q = e->reply_q, .unique_id = "829fdc714e714860b8eeb42c2cec8908",
        };
        Body bodies[2] = {};
        int n;

        n = envelope_reply(&head, result, x, bodies);
        fuzz_check(n >= 1 && n <= 2);
        for (int i = 0; i < n; i++) {
                Envelope reply = ENVELOPE_NULL;
                char why[256] = "";
                const json_t *failure;

                fuzz_check(envelope_parse(bodies[i].data, bodies[i].size, &reply, why, sizeof why) == 0);
                fuzz_check(reply.format == e->format);
                failure = json_object_get(reply.message, "failure");
                fuzz_check(exception_is_set(x) == !json_is_null(failure));
                if (exception_is_set(x)) {
                        _cleanup_exception_ NovaException y = NOVA_EXCEPTION_NULL;

                        exception_from_wire(&y, failure);
                        fuzz_check(streq_ptr(y.class_name, x->class_name) && y.message);
                }
                if (e->format == WIRE_OSLO)
                        fuzz_check(streq_ptr(json_string_value(json_object_get(reply.message, "_msg_id")), e->msg_id));
                envelope_done(&reply);
                body_done(&bodies[i]);
        }
}

/* What came in a context goes out with it. */
static void check_context(const RequestContext *c, WireFormat format) {
        json_auto_t *message = json_object(), *safe = context_safe_dict(c);
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        _cleanup_(context_unrefp) RequestContext *again = NULL, *admin = context_elevated(c);

        fuzz_check(safe && !json_object_get(safe, "auth_token") && !json_object_get(safe, "service_catalog"));
        fuzz_check(admin && context_is_admin(admin));
        fuzz_check(context_request_id(c) && context_read_deleted(c));
        fuzz_check(context_to_message(c, format, message) == 0);
        fuzz_check(context_from_message(message, &again, &e) == 0);
        fuzz_check(context_is_admin(again) == context_is_admin(c));
        fuzz_check(streq_ptr(context_request_id(again), context_request_id(c)));
        fuzz_check(streq_ptr(context_user_id(again), context_user_id(c)));
        fuzz_check(streq_ptr(context_project_id(again), context_project_id(c)));
}

static void serve(Envelope *e, RequestContext *context, json_t **ret, NovaException *x) {
        RpcRequest request = { .envelope = *e, .context = context };
        const RpcEndpoint *endpoints;
        const Method *m;
        size_t n;
        int r;

        endpoints = compute_endpoints(true, &n);
        r = rpc_dispatch(endpoints, n, &request, has_method, NULL, x);
        fuzz_check(r >= 0 ? r < (int) n : exception_is_set(x));
        if (r < 0)
                return;
        m = find_method(endpoints[r].served, e->method);
        fuzz_check(m);
        run_method(m, context, e->args, ret, x);
}

/* The quick way into an envelope leads to what the parser finds there. */
static void check_inner(const char *body, size_t size, const json_t *message) {
        json_auto_t *outer = NULL, *inner = NULL;
        const char *text;

        fuzz_check(json_parse(body, size, &outer, NULL, 0) == 0);
        text = json_member_string(outer, "oslo.version") ? json_member_string(outer, "oslo.message") : NULL;
        if (text)
                fuzz_check(json_parse(text, strlen(text), &inner, NULL, 0) == 0);
        fuzz_check(json_equal(text ? inner : outer, message));
}

/* What goes out of @c, without what is made up anew each time. */
static json_t *outgoing(const RequestContext *c) {
        json_t *message = json_object();

        fuzz_check(message && context_to_message(c, WIRE_OSLO, message) == 0);
        (void) json_object_del(message, "_context_request_id");
        (void) json_object_del(message, "_context_timestamp");
        return message;
}

/* The context that was kept apart is the one in @message. Removes its members from there. */
static void check_apart(RequestContext *apart, json_t *message) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL, y = NOVA_EXCEPTION_NULL;
        _cleanup_(context_unrefp) RequestContext *c = NULL;
        const char *key;
        json_t *value;
        void *next;
        int r;

        r = context_from_message(message, &c, &x);
        fuzz_check(context_finish(apart, &y) == r);
        if (r >= 0) {
                json_auto_t *one = outgoing(c), *other = outgoing(apart);

                fuzz_check(json_equal(one, other));
        }
        json_object_foreach_safe(message, next, key, value)
                if (startswith(key, "_context_") && !streq(key, "_context_"))
                        (void) json_object_del(message, key);
}

/* The way of requests, with the context apart, reads the same. */
static void check_request(const uint8_t *data, size_t size, const Envelope *e, int expected) {
        json_auto_t *message = e->message ? json_deep_copy(e->message) : NULL;
        char *body = malloc(size + 1), why[256];
        Envelope f;

        fuzz_check(body);
        memcpy(body, data, size);
        fuzz_check(envelope_parse_request(body, size, &f, why, sizeof why) == expected);
        if (f.context) {
                fuzz_check(message);
                check_apart(f.context, message);
        }
        fuzz_check(f.message && message ? json_equal(f.message, message) : f.message == message);
        envelope_done(&f);
        free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        _cleanup_(context_unrefp) RequestContext *context = NULL;
        _cleanup_free_ char *body = malloc(MAX(size, 1u));
        json_auto_t *result = NULL;
        Envelope e = ENVELOPE_NULL;
        char why[256] = "";
        int r;

        fuzz_check(body);
        if (!fixture) {
                fixture = fixture_new(NULL);
                atexit(fixture_end);
        }

        /* It works in the body it is given. */
        memcpy(body, data, size);
        r = envelope_parse(body, size, &e, why, sizeof why);
        if (r >= 0)
                check_inner((const char *) data, size, e.message);
        check_request(data, size, &e, r);
        fuzz_check(r == 0 || (r == -EBADMSG && fuzz_is_sentence(why, sizeof why)));
        fuzz_check(r < 0 || json_is_object(e.message));
        if (e.message) {
                json_auto_t *masked = json_masked(e.message);
                int k = envelope_read_request(&e, why, sizeof why);

                fuzz_check(masked);
                fuzz_check(k == 0 || (k == -EBADMSG && fuzz_is_sentence(why, sizeof why)));
                fuzz_check(k < 0 || (e.method && *e.method && json_is_object(e.args)));
                fuzz_check(!e.msg_id || (*e.msg_id && strlen(e.msg_id) <= ENVELOPE_NAME_MAX));
                fuzz_check(!e.reply_q || (*e.reply_q && strlen(e.reply_q) <= ENVELOPE_NAME_MAX));
                if (r >= 0 && k >= 0) {
                        r = context_from_message(e.message, &context, &x);
                        fuzz_check(r == 0 || exception_is_set(&x));
                        if (r >= 0) {
                                check_context(context, e.format);
                                serve(&e, context, &result, &x);
                        }
                } else
                        (void) exception_setf(&x, EXC_VALUE_ERROR, "%s", why);
                /* Nobody hears the answer to one of oslo's that names no queue for it. */
                if (e.msg_id && (e.format == WIRE_ESSEX || e.reply_q))
                        check_reply(&e, result, &x);
        }
        envelope_done(&e);
        while (sd_event_run(fixture->event, 0) > 0)
                ;
        return 0;
}
