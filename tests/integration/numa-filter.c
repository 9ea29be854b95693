/* NUMA through src/objects and src/compute, for a test that judges it by Nova's own hardware.py: a request per line of standard input, an
 * answer per line of standard output, both JSON.
 *   {"op": "constraints", "specs": {…}, "properties": {…}, "vcpus": n, "memory_mb": n}      the InstanceNUMATopology, or null
 *   {"op": "fit", "host": NUMATopology, "guest": InstanceNUMATopology, "limits": [cpu ratio, ram ratio]|null, "pack": bool}    the same, or null
 *   {"op": "use", "host": NUMATopology, "guests": [InstanceNUMATopology, …]}                 the NUMATopology with what they take
 * The answer is {"result": …} or {"failure": {class, message, …}}. */
#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "compute/numa-constraints.h"

static int text_result(char *text, json_t **ret) {
        int r = text ? json_parse(text, strlen(text), ret, NULL, 0) : -ENOMEM;

        free(text);
        return r;
}

static int constraints(const json_t *q, json_t **ret, NovaException *e) {
        _cleanup_(guest_topology_done) GuestTopology t = {};
        int r;

        r = numa_constraints(json_object_get(q, "specs"), json_object_get(q, "properties"), json_member_integer(q, "vcpus", 0),
                             json_member_integer(q, "memory_mb", 0), &t, e);
        return r > 0 ? text_result(guest_topology_text(&t), ret) : r;
}

static int read_both(const json_t *host, const json_t *guest, HostTopology *h, GuestTopology *g, NovaException *e) {
        _cleanup_free_ char *host_text = host ? json_text(host) : NULL, *guest_text = json_text(guest);
        int r = host ? host_topology_read(host_text, h, e) : 1;

        return r < 0 ? r : guest_topology_read(guest_text, g, e);
}

static int fit(const json_t *q, json_t **ret, NovaException *e) {
        _cleanup_(host_topology_done) HostTopology h = {};
        _cleanup_(guest_topology_done) GuestTopology g = {};
        const json_t *limits = json_object_get(q, "limits");
        NumaLimits l = { json_number_value(json_array_get(limits, 0)), json_number_value(json_array_get(limits, 1)) };
        int r;

        r = read_both(json_object_get(q, "host"), json_object_get(q, "guest"), &h, &g, e);
        if (r >= 0)
                r = numa_fit(&h, &g, json_is_array(limits) ? &l : NULL, json_is_true(json_object_get(q, "pack")));
        return r > 0 ? text_result(guest_topology_text(&g), ret) : r;
}

static int use(const json_t *q, json_t **ret, NovaException *e) {
        _cleanup_(host_topology_done) HostTopology h = {};
        const json_t *guest;
        size_t n;
        int r = 0;

        json_array_foreach(json_object_get(q, "guests"), n, guest) {
                _cleanup_(guest_topology_done) GuestTopology g = {};

                r = read_both(n == 0 ? json_object_get(q, "host") : NULL, guest, &h, &g, e);
                if (r < 0)
                        return r;
                numa_usage_add(&h, &g);
        }
        return text_result(host_topology_text(&h), ret);
}

static const struct {
        const char *op;
        int (*function)(const json_t *q, json_t **ret, NovaException *e);
} ops[] = { { "constraints", constraints }, { "fit", fit }, { "use", use } };

int main(void) {
        char *line = NULL;
        size_t size = 0;
        ssize_t n;

        while ((n = getline(&line, &size, stdin)) > 0) {
                _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
                json_auto_t *q = NULL, *answer = NULL;
                json_t *result = NULL;
                int r = json_parse(line, (size_t) n, &q, NULL, 0);

                for (size_t k = 0; r >= 0 && k < ELEMENTSOF(ops); k++)
                        if (streq(ops[k].op, strempty(json_member_string(q, "op"))))
                                r = ops[k].function(q, &result, &e);
                if (r < 0 && !exception_is_set(&e))
                        (void) exception_set_errno(&e, r, "numa-filter");
                answer = r < 0 ? json_pack("{s:o}", "failure", exception_to_oslo(&e)) : json_pack("{s:o}", "result", result ? result : json_null());
                if (!answer || json_dumpf(answer, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF)
                        return 1;
                (void) fflush(stdout);
        }
        free(line);
        return 0;
}
