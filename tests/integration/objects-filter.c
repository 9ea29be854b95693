/* Objects through src/objects, for tests that judge them by Nova's own library: a request per line of standard input, an answer per
 * line of standard output, both JSON.
 *   {"op": "classes"}                         {class: {version, parent fields…}}
 *   {"op": "manifest", "class": name|null}    {class: version}
 *   {"op": "parse", "value": any}             value with its objects parsed
 *   {"op": "send", "value": object}           as it would be sent
 *   {"op": "set", "value": object, "field": name, "to": any}       the object with that field set, as it would be sent
 *   {"op": "instance", "value": object}       through our struct and back
 *   {"op": "merge", "value": stored, "given": object}              the stored one with the changes of the given one
 *   {"op": "payload", "value": object, "action": name, "context": {"_context_…": …}, "versioned": bool, "failure": {…}}
 *   {"op": "update", "value": object, "before": {vm_state, task_state, display_name}, "changes": notify_on_state_change, "context": {…},
 *    "unit": instance_usage_audit_period, "now": seconds}          both payloads of an update, {"unversioned": …, "versioned": …}
 *   {"op": "exists", "value": object, "context": {…}, "beginning": text, "ending": text}            the same of a usage audit
 * The answer is {"result": …} or {"failure": {class, message, …}}. */
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "compute/audit-period.h"
#include "compute/notify-instance.h"
#include "objects/instance-object.h"
#include "objects/versioned.h"

typedef int (*Function)(const json_t *request, json_t **ret, NovaException *e);

static int classes(const json_t *request _unused_, json_t **ret, NovaException *e _unused_) {
        json_t *all = json_object();
        const ObjectClass *c;

        for (size_t n = 0; (c = object_class_at(n)); n++)
                (void) json_object_set_new(all, object_class_name(c), json_pack("{s:s, s:o}", "version", object_class_version(c), "fields",
                                                                               object_class_describe(c)));
        *ret = all;
        return 0;
}

static int manifest(const json_t *request, json_t **ret, NovaException *e _unused_) {
        *ret = object_manifest(json_member_string(request, "class"));
        return 0;
}

static int parse(const json_t *request, json_t **ret, NovaException *e) {
        return object_parse_all(json_object_get(request, "value"), ret, e);
}

static int send(const json_t *request, json_t **ret, NovaException *e) {
        json_auto_t *object = NULL;
        int r;

        r = object_parse(json_object_get(request, "value"), NULL, &object, e);
        if (r >= 0)
                *ret = object_to_primitive(object);
        return r;
}

static int set(const json_t *request, json_t **ret, NovaException *e) {
        json_auto_t *object = NULL;
        int r;

        r = object_parse(json_object_get(request, "value"), NULL, &object, e);
        if (r >= 0)
                r = object_set(object, json_member_string(request, "field"), json_incref(json_object_get(request, "to")), e);
        if (r >= 0)
                *ret = object_to_primitive(object);
        return r;
}

static int instance(const json_t *request, json_t **ret, NovaException *e) {
        Instance i = {};
        int r;

        r = instance_from_object(json_object_get(request, "value"), &i, e);
        if (r >= 0)
                *ret = instance_to_object(&i);
        instance_done(&i);
        return r;
}

static int merge(const json_t *request, json_t **ret, NovaException *e) {
        Instance i = {};
        int r;

        r = instance_from_object(json_object_get(request, "value"), &i, e);
        if (r >= 0)
                r = instance_merge_changes(&i, json_object_get(request, "given"), e);
        if (r >= 0)
                *ret = instance_to_object(&i);
        instance_done(&i);
        return r;
}

static int payload(const json_t *request, json_t **ret, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *context = NULL;
        _cleanup_exception_ NovaException failure = NOVA_EXCEPTION_NULL;
        const json_t *told = json_object_get(request, "failure"), *extra = json_object_get(request, "extra");
        Instance i = {};
        int r;

        r = context_from_message(json_object_get(request, "context"), &context, e);
        if (r >= 0)
                r = instance_from_object(json_object_get(request, "value"), &i, e);
        if (r >= 0)
                r = instance_name_fill(&i, "instance-%08x", e);
        if (r >= 0 && told)
                exception_from_wire(&failure, told);
        if (r >= 0 && json_member_boolean(request, "versioned", false))
                *ret = notify_versioned_payload(context, &i, json_member_string(request, "action"), &failure, false, extra);
        else if (r >= 0)
                *ret = notify_unversioned_payload(&i, true, &failure, extra);
        instance_done(&i);
        return r;
}

/* Of a notification that has no phases, by its @extra. */
static int both_payloads(const RequestContext *context, const Instance *i, const char *name, const json_t *extra, json_t **ret) {
        *ret = extra ? json_pack("{s:o, s:o}", "unversioned", notify_unversioned_payload(i, false, NULL, extra), "versioned",
                                 notify_versioned_payload(context, i, name, NULL, false, extra)) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int read_told(const json_t *request, RequestContext **ret_context, Instance *ret, NovaException *e) {
        int r;

        r = context_from_message(json_object_get(request, "context"), ret_context, e);
        if (r >= 0)
                r = instance_from_object(json_object_get(request, "value"), ret, e);
        return r;
}

static int update(const json_t *request, json_t **ret, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *context = NULL;
        _cleanup_(instance_done) Instance i = {};
        const json_t *told = json_object_get(request, "before");
        const InstanceBefore before = { .vm_state = vm_state_from_string(json_member_string(told, "vm_state")),
                                        .task_state = task_state_from_string(json_member_string(told, "task_state")),
                                        .display_name = (char *) json_member_string(told, "display_name") };
        StateChanges changes = streq_ptr(json_member_string(request, "changes"), "vm_state") ? STATE_CHANGES_VM : STATE_CHANGES_VM_AND_TASK;
        usec_t begin, end, now = (usec_t) json_member_integer(request, "now", 0) * USEC_PER_SEC;
        json_auto_t *extra = NULL;
        int r;

        r = read_told(request, &context, &i, e);
        if (r >= 0)
                r = audit_period(json_member_string(request, "unit"), now, &begin, &end);
        if (r < 0)
                return r;
        extra = notify_update_extra(&i, &before, changes, end, now);
        return both_payloads(context, &i, "update", extra, ret);
}

static int exists(const json_t *request, json_t **ret, NovaException *e) {
        _cleanup_(context_unrefp) RequestContext *context = NULL;
        _cleanup_(instance_done) Instance i = {};
        json_auto_t *extra = json_pack("{s:s, s:s}", AUDIT_BEGINNING, json_member_string(request, "beginning"), AUDIT_ENDING,
                                       json_member_string(request, "ending"));
        int r;

        r = read_told(request, &context, &i, e);
        return r < 0 ? r : both_payloads(context, &i, "exists", extra, ret);
}

static const struct {
        const char *name;
        Function function;
} functions[] = {
        { "classes", classes },
        { "manifest", manifest },
        { "parse", parse },
        { "send", send },
        { "set", set },
        { "instance", instance },
        { "merge", merge },
        { "payload", payload },
        { "update", update },
        { "exists", exists },
};

static json_t *answer(const json_t *request) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        const char *op = json_member_string(request, "op");
        json_t *result = NULL;
        int r = -EINVAL;

        for (size_t n = 0; n < ELEMENTSOF(functions); n++)
                if (streq_ptr(functions[n].name, op))
                        r = functions[n].function(request, &result, &e);
        return r < 0 || !result ? json_pack("{s:o}", "failure", exception_to_oslo(&e)) : json_pack("{s:o}", "result", result);
}

int main(void) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t len;

        while ((len = getline(&line, &size, stdin)) > 0) {
                json_auto_t *request = NULL, *reply = NULL;
                _cleanup_free_ char *text = NULL;
                char why[128];

                if (json_parse(line, (size_t) len, &request, why, sizeof why) < 0)
                        reply = json_pack("{s:{s:s}}", "failure", "message", why);
                else
                        reply = answer(request);
                text = json_text(reply);
                if (!text || puts(text) < 0 || fflush(stdout) != 0)
                        return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
