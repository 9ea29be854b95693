/* RecoverDryRun of org.nova.Compute1.Manager: what a start would do now, read on a worker (compute/dry-run.h). */
#include "bus/bus-internal.h"

#include <errno.h>

#include "basic/json.h"

static int append_entry(sd_bus_message *reply, const json_t *entry) {
        static const char *const keys[] = { "method", "instance_uuid", "state", "step", "action", "reason" };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; i < ELEMENTSOF(keys) && r >= 0; i++)
                r = bus_append_text_entry(reply, keys[i], json_member_string(entry, keys[i]));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_plan(sd_bus_message *reply, const void *plan) {
        const json_t *entry;
        size_t n;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        json_array_foreach((json_t *) plan, n, entry)
                if (r >= 0)
                        r = append_entry(reply, entry);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_plan(Bus *b _unused_, sd_bus_message *m, const json_t *plan, void *data _unused_, sd_bus_error *error _unused_) {
        return bus_answer(m, append_plan, plan);
}

int bus_manager_recover_dry_run(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        json_auto_t *args = NULL;
        RequestContext *context;
        Bus *b = userdata;
        int r;

        r = bus_verb_authorize_simple(b, m, "recover-dry-run", ACTION_MANAGE_SERVICE, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        context = bus_context(b, m, NULL, NULL, true);
        args = json_pack("{s:s}", "binary", b->service ? service_binary(b->service) : "");
        r = context && args ? bus_query_begin(b, m, context, "_recovery_plan", args, "What recovery would do could not be found out", reply_plan,
                                              NULL, NULL, error)
                            : -ENOMEM;
        (void) context_unref(context);
        return r;
}
