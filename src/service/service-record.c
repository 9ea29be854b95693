/* The services row: found or created, told of our version, shown; enabled and disabled. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/log.h"

/* ---- on workers ---- */

int record_failure(int r, const char *what, NovaException *e) {
        const char *why = store_last_error();

        if (isempty(why))
                return exception_set_errno(e, r, what);
        (void) exception_setf(e, EXC_DB_ERROR, "%s: %s", what, why);
        return r;
}

/* The resources of this host that a vanished services row left behind belong to the new one (F66). What the driver no
 * longer has is removed by the next update_available_resource. */
static void adopt_compute_nodes(Store *store, const ServiceRecord *record) {
        ComputeNodeList list = {};

        if (store->ops->compute_node_list_by_host(store, record->host, &list) < 0)
                return;
        for (size_t i = 0; i < list.n; i++) {
                ServiceRecord other = {};
                ComputeNode *n = list.items + i;

                if (n->service_id == record->id)
                        continue;
                if (n->service_id > 0 && store->ops->service_get(store, n->service_id, &other) != 0) {
                        service_record_done(&other);
                        continue;
                }
                n->service_id = record->id;
                if (store->ops->compute_node_save(store, n) > 0)
                        log_info("Compute node %s of a service that is gone belongs to this one now", n->hypervisor_hostname);
        }
        compute_node_list_done(&list);
}

static int record_create(Store *store, const RecordWish *wish, ServiceRecord *ret, NovaException *e) {
        ServiceRecord record = {
                .host = strdup(wish->host),
                .binary = strdup(wish->binary),
                .topic = strdup(wish->topic),
                .availability_zone = wish->zone ? strdup(wish->zone) : NULL,
                .disabled_reason = wish->disabled_reason ? strdup(wish->disabled_reason) : NULL,
                .disabled = wish->disabled,
                .version = NOVA_SERVICE_VERSION,
        };
        int r = -ENOMEM;

        if (record.host && record.binary && record.topic && (record.availability_zone || !wish->zone) &&
            (record.disabled_reason || !wish->disabled_reason))
                r = store->ops->service_create(store, &record, e);
        if (r < 0) {
                service_record_done(&record);
                return r;
        }
        *ret = record;
        if (streq(wish->topic, "compute"))
                adopt_compute_nodes(store, ret);
        return 1;
}

int record_ensure(Store *store, const RecordWish *wish, ServiceRecord *ret, NovaException *e) {
        int r;

        r = store->ops->service_get_by_args(store, wish->host, wish->binary, ret);
        if (r == 0) {
                _cleanup_exception_ NovaException twin = NOVA_EXCEPTION_NULL;

                r = record_create(store, wish, ret, &twin);
                if (r != -EEXIST) {
                        if (r < 0 && !exception_is_set(&twin))
                                return record_failure(r, "cannot create the services row", e);
                        if (r < 0)
                                exception_move(e, &twin);
                        return r;
                }
                /* Another process was quicker (F8): its row is ours. */
                r = store->ops->service_get_by_args(store, wish->host, wish->binary, ret);
                if (r == 0)
                        r = -EAGAIN;
        }
        if (r < 0)
                return record_failure(r, "cannot read the services row", e);

        if (ret->version != NOVA_SERVICE_VERSION) {
                r = store->ops->service_set_version(store, ret->id, NOVA_SERVICE_VERSION);
                if (r < 0) {
                        service_record_done(ret);
                        *ret = (ServiceRecord){};
                        return record_failure(r, "cannot write the services row", e);
                }
                ret->version = NOVA_SERVICE_VERSION;
        }
        return 0;
}

/* ---- on the loop ---- */

static const char *configured_zone(const Service *s) {
        const char *zone = config_string(s->config, "node_availability_zone");

        return isempty(zone) ? NULL : zone;
}

int service_record_wish(const Service *s, RecordWish **ret) {
        const char *zone = configured_zone(s), *reason = NULL;
        bool disabled, known = s->record.id != 0;
        RecordWish *w;
        char *p;

        if (known) {            /* a row that vanished comes back as it was last known */
                disabled = s->record.disabled;
                reason = s->record.disabled_reason;
                if (s->record.availability_zone && !s->zone_to_write)
                        zone = s->record.availability_zone;
        } else
                disabled = !config_boolean(s->config, "enable_new_services");

        const char *const texts[] = {s->host, s->binary, s->topic, zone, reason};
        const char *copies[ELEMENTSOF(texts)] = {};
        size_t size = sizeof *w;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                size += texts[i] ? strlen(texts[i]) + 1 : 0;
        w = malloc(size);
        if (!w)
                return -ENOMEM;
        p = (char *) (w + 1);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i]) {
                        copies[i] = p;
                        p = stpcpy(p, texts[i]) + 1;
                }
        *w = (RecordWish){
                .host = copies[0],
                .binary = copies[1],
                .topic = copies[2],
                .zone = copies[3],
                .disabled_reason = copies[4],
                .disabled = disabled,
        };
        *ret = w;
        return 0;
}

void service_set_record(Service *s, ServiceRecord *record) {
        bool shown;

        if (record->id == 0)
                return;
        shown = record->id != s->record.id || record->disabled != s->record.disabled ||
                record->forced_down != s->record.forced_down || !streq_ptr(record->uuid, s->record.uuid) ||
                !streq_ptr(record->disabled_reason, s->record.disabled_reason) ||
                !streq_ptr(record->availability_zone, s->record.availability_zone);
        service_record_done(&s->record);
        s->record = *record;
        *record = (ServiceRecord){};

        if (s->zone_to_write && streq_ptr(s->zone_to_write, s->record.availability_zone))
                free(TAKE_PTR(s->zone_to_write));
        if (shown)
                service_notify(s, SERVICE_CHANGED_RECORD);
}

void service_take_configured_zone(Service *s, const Config *before) {
        const char *zone = configured_zone(s);
        const char *old = before ? config_string(before, "node_availability_zone") : NULL;

        if (!zone || streq_ptr(zone, old) || streq_ptr(zone, s->record.availability_zone))
                return;
        if (before || config_is_given(s->config, "node_availability_zone"))     /* else nobody asked for it */
                (void) service_replace_text(&s->zone_to_write, zone);
}
