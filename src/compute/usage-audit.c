/* The usage audit: who counts what instances cost is told of each that this host had during a period (Nova's _instance_usage_audit).
 * That a period was told is remembered in the store when all of it was, so that a kill may have some of it told twice, and never
 * leaves some of it out. See notify-instance.h. */
#define LOG_LOGGER "nova.compute.manager"
#include "compute/notify-instance.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json.h"
#include "basic/log.h"

#define SETTING "usage_audit"           /* "<begin> <end>" of the last period that was told */

typedef struct Period {
        usec_t begin, end;
        char beginning[TIME_TEXT_MAX], ending[TIME_TEXT_MAX];   /* as Python shows them: 2026-01-01 00:00:00 */
        char text[2 * TIME_TEXT_MAX];
} Period;

static char *time_python_text(usec_t t, char *buf) {
        time_format_log(t, buf);
        buf[strlen("2026-01-01 00:00:00")] = '\0';
        return buf;
}

static int read_period(ComputeManager *m, Period *ret, NovaException *e) {
        int r;

        r = compute_audit_period(m, now_realtime(), &ret->begin, &ret->end, e);
        if (r < 0)
                return r;
        snprintf(ret->text, sizeof ret->text, "%s %s", time_python_text(ret->begin, ret->beginning),
                 time_python_text(ret->end, ret->ending));
        return 0;
}

/* A uuid may have come again after its deletion: then what is stored last is another's, and this one is told as far as the list
 * knows it. */
static bool is_same(const Instance *a, const Instance *b) {
        return a->id == b->id && a->created_at == b->created_at;
}

static int tell(ComputeManager *m, const RequestContext *context, const Instance *row, const json_t *extra) {
        _cleanup_(instance_done) Instance whole = {};
        int r;

        r = m->store->ops->instance_get(m->store, row->uuid, row->deleted ? READ_DELETED_ONLY : READ_DELETED_YES, &whole);
        if (r < 0)
                return r;
        compute_notify_instance_with(m, context, r > 0 && is_same(&whole, row) ? &whole : row, "exists", NOTIFY_ONCE, NULL, extra);
        return 0;
}

static int tell_all(ComputeManager *m, const RequestContext *context, const Period *p, size_t *ret_n, NovaException *e) {
        json_auto_t *extra = json_pack("{s:s, s:s}", AUDIT_BEGINNING, p->beginning, AUDIT_ENDING, p->ending);
        _cleanup_(instance_list_done) InstanceList rows = {};
        int r;

        if (!extra)
                return -ENOMEM;
        r = m->store->ops->instance_list_active(m->store, m->host, p->begin, p->end, &rows);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot list the instances of this host");
        log_info("Running instance usage audit for host %s from %s to %s. %zu instances.", m->host, p->beginning, p->ending, rows.n);
        for (size_t n = 0; n < rows.n; n++) {
                r = tell(m, context, &rows.items[n], extra);
                if (r < 0)
                        return exception_set_errno(e, r, "Cannot read the instance");
        }
        *ret_n = rows.n;
        return 0;
}

void compute_notify_usage(ComputeManager *m, const RequestContext *context, const Instance *i) {
        _cleanup_exception_ NovaException e = NOVA_EXCEPTION_NULL;
        char beginning[TIME_TEXT_MAX], ending[TIME_TEXT_MAX];
        usec_t begin, end, now = now_realtime();
        json_auto_t *extra = NULL;

        if (!notifier_active(m->notifier))
                return;
        if (compute_audit_period(m, now, &begin, &end, &e) < 0) {
                log_error("No notification that instance %s exists: %s", i->uuid, failure_text(-EINVAL, &e));
                return;
        }
        extra = json_pack("{s:s, s:s}", AUDIT_BEGINNING, time_python_text(end, beginning), AUDIT_ENDING, time_format_log(now, ending));
        if (extra)
                compute_notify_instance_with(m, context, i, "exists", NOTIFY_ONCE, NULL, extra);
}

int compute_usage_audit(ComputeManager *m, const RequestContext *context, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_free_ char *told = NULL;
        usec_t began = now_monotonic();
        size_t n = 0;
        Period p;
        int r;

        /* With nobody to tell, no period counts as told. */
        if (!config_boolean(config, "instance_usage_audit") || !notifier_active(m->notifier))
                return 0;
        r = read_period(m, &p, e);
        if (r < 0)
                return r;
        r = m->store->ops->setting_get(m->store, SETTING, &told);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot read which usage audit was the last");
        if (streq_ptr(told, p.text))
                return 0;
        r = tell_all(m, context, &p, &n, e);
        if (r < 0)
                return r;
        r = m->store->ops->setting_set(m->store, SETTING, p.text);
        if (r < 0)
                return exception_set_errno(e, r, "Cannot remember that the usage audit has run");
        log_info("Instance usage audit ran for host %s, %zu instances in %.3f seconds.", m->host, n,
                 (double) (now_monotonic() - began) / USEC_PER_SEC);
        return 0;
}
