/* What a running service can be told besides start and stop: compute its resources, be enabled or disabled, take over a
 * new configuration. */
#define LOG_LOGGER "nova.service"
#include "service/service-internal.h"

#include <errno.h>

#include "basic/log.h"

/* ---- resources ---- */

static void resources_ended(ServiceJob *j, int r) {
        if (service_job_current(j) && r >= 0)
                service_update_step_done(j->service, SERVICE_STEP_RESOURCES);
        service_job_answer(j, r);
}

int service_update_available_resource(Service *s, ServiceDone done, void *userdata) {
        ServiceJob *j;

        if (!service_is_up(s) || !s->walked)
                return -ESHUTDOWN;
        j = service_job_new(s, sizeof *j, service_resources_work, resources_ended);
        if (!j)
                return -ENOMEM;
        j->done = done;
        j->userdata = userdata;
        return service_job_submit(j, JOB_SERVICE, "update_available_resource", LINE_HOST, 0);
}

/* ---- enable and disable ---- */

typedef struct DisableJob {
        ServiceJob job;
        RecordWish *wish;               /* in case that there is no row */
        ServiceRecord record;
        bool disabled;
        char *reason;
} DisableJob;

static int disable_work(ServiceJob *j) {
        DisableJob *d = CONTAINER_OF(j, DisableJob, job);
        ServiceRecord row = {};
        int64_t id;
        int r;

        r = record_ensure(j->store, d->wish, &row, &j->exception);
        if (r < 0)
                return r;
        id = row.id;
        service_record_done(&row);

        r = j->store->ops->service_set_disabled(j->store, id, d->disabled, d->reason);
        if (r > 0)
                r = j->store->ops->service_get(j->store, id, &d->record);
        if (r < 0)
                return record_failure(r, "cannot write the services row", &j->exception);
        return r > 0 ? 0 : exception_setf(&j->exception, EXC_SERVICE_NOT_FOUND, "Service %lld could not be found.", (long long) id);
}

static void disable_release(ServiceJob *j) {
        DisableJob *d = CONTAINER_OF(j, DisableJob, job);

        free(d->wish);
        free(d->reason);
        service_record_done(&d->record);
}

static void driver_on_told(Operation *o) {
        if (exception_is_set(&o->exception) && !streq(o->exception.class_name, "NotImplementedError"))
                log_warning("The driver was not told that the host is %s: %s",
                            json_is_true(json_object_get(o->args, "enabled")) ? "enabled" : "disabled", o->exception.message);
        (void) operation_free(o);
}

/* The row is what counts; a driver that keeps a flag of its own hears of it by the manager's method. */
static void tell_driver(Service *s, bool enabled) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        json_auto_t *args = NULL;
        int r;

        if (!service_is_up(s) || !manager_method(s->manager, "set_host_enabled", ~0u))
                return;
        args = json_pack("{s:s, s:b}", "host", s->host, "enabled", enabled);
        r = args ? service_call(s, "set_host_enabled", args, NULL, ORIGIN_BUS, driver_on_told, NULL, &e) : -ENOMEM;
        if (r < 0)
                log_warning("The driver was not told that the host is %s: %s", enabled ? "enabled" : "disabled",
                            e.message ?: strerror(-r));
}

static void disable_ended(ServiceJob *j, int r) {
        DisableJob *d = CONTAINER_OF(j, DisableJob, job);
        Service *s = j->service;

        if (r >= 0) {
                log_info("Service %s on %s is %s%s%s", s->binary, s->host, d->disabled ? "disabled" : "enabled",
                         isempty(d->reason) ? "" : ": ", strempty(d->reason));
                service_set_record(s, &d->record);
                service_update_step_done(s, SERVICE_STEP_SERVICE_ROW);
                tell_driver(s, !d->disabled);
        }
        service_job_answer(j, r);
}

int service_set_enabled(Service *s, bool enabled, const char *reason, ServiceDone done, void *userdata) {
        DisableJob *j;
        int r;

        j = service_job_new(s, sizeof *j, disable_work, disable_ended);
        if (!j)
                return -ENOMEM;
        j->job.release = disable_release;
        j->job.done = done;
        j->job.userdata = userdata;
        j->disabled = !enabled;
        r = service_record_wish(s, &j->wish);
        if (r >= 0 && !enabled && !isempty(reason) && !(j->reason = strdup(reason)))
                r = -ENOMEM;
        if (r < 0) {
                service_job_free(&j->job);
                return r;
        }
        return service_job_submit(&j->job, JOB_SERVICE, enabled ? "enable" : "disable", LINE_RECORD, 0);
}

/* ---- reload ---- */

void service_reload(Service *s, Config *config) {
        Config *before = s->config;
        usec_t report = service_report_interval(s);

        s->config = config_ref(config);
        s->environment.config = config;
        service_take_configured_zone(s, before);
        if (s->walked && service_is_up(s)) {
                service_warn_of_intervals(s);
                if (service_report_interval(s) != report || s->zone_to_write)
                        service_report_reload(s);
                service_periodic_reload(s);
        }
        if (s->requests)
                operation_gate_set_deadline(s->requests->gate, service_seconds_option(s, "stall_timeout"));
        if (s->manager->ops->reload)
                s->manager->ops->reload(s->manager, config);
        (void) config_unref(before);
        service_update_state(s);
}
