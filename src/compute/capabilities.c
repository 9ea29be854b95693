/* SchedulerDependentManager of the seed: what the scheduler may know of this host. The stats are taken behind a gate; the
 * fan-out to every scheduler from every node is off unless asked for (F65), today's scheduler reads the nodes' rows. */
#define LOG_LOGGER "nova.manager"
#include "compute/compute.h"

#include "basic/log.h"

static int refresh(ComputeManager *m, NovaException *e) {
        json_t *stats = NULL;
        int r;

        r = driver_call(m, get_host_stats, e, true, &stats);
        if (r < 0)
                return r;

        pthread_mutex_lock(&m->lock);
        json_decref(m->last_capabilities);
        m->last_capabilities = stats;
        pthread_mutex_unlock(&m->lock);
        return 0;
}

int compute_report_driver_status(ComputeManager *m, RequestContext *c _unused_, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        _cleanup_exception_ NovaException x = NOVA_EXCEPTION_NULL;
        int64_t interval = config_integer(config, "host_state_interval");
        int r;

        if (interval < 0 || !gate_pass(m, &m->last_host_check, (usec_t) interval * USEC_PER_SEC))
                return 0;

        log_debug("Updating host status");
        r = refresh(m, &x);
        if (r == -EOPNOTSUPP) {
                if (compute_manager_say_once(m, SAID_HOST_STATS))
                        log_info("The driver has no host statistics: there are no capabilities to publish.");
                return 0;
        }
        if (r < 0)
                exception_move(e, &x);
        return r;
}

int compute_publish_capabilities(ComputeManager *m, RequestContext *c, NovaException *e) {
        _cleanup_(config_unrefp) Config *config = compute_manager_config(m);
        const MessageTarget scheduler = { .topic = config_string(config, "scheduler_topic"), .format = WIRE_ESSEX };
        json_auto_t *args = NULL, *capabilities = NULL;
        int r;

        for (unsigned attempt = 0; !capabilities; attempt++) {
                pthread_mutex_lock(&m->lock);
                /* A copy: it is sent while the next ones may be taken. */
                capabilities = m->last_capabilities ? json_deep_copy(m->last_capabilities) : NULL;
                pthread_mutex_unlock(&m->lock);
                if (capabilities)
                        break;
                if (attempt > 0)
                        return -ENOMEM;
                r = refresh(m, e);
                if (r < 0)
                        return r;
        }

        if (!m->messenger) {
                (void) exception_setf(e, EXC_NOVA, "Cannot publish capabilities: there is no messenger");
                return -ENOTCONN;
        }
        args = json_pack("{s:s, s:s, s:O}", "service_name", m->manager.ops->service_name, "host", m->host, "capabilities",
                         capabilities);
        if (!args)
                return -ENOMEM;
        log_debug("Notifying Schedulers of capabilities ...");
        r = m->messenger->fanout_cast(m->messenger, &scheduler, c, "update_service_capabilities", args);
        return r < 0 ? exception_set_errno(e, r, "Cannot publish capabilities") : 0;
}
