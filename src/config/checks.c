/* Rules over several options. An impossible combination is an error; a pair of numbers in an order that defeats one of them
 * gets a warning, and is put right where Nova does so too: peers sharing one nova.conf must all be able to start. */
#include <errno.h>
#include <stdio.h>

#include "config/config-internal.h"

/* @shorter must be below @longer (or equal, unless strict), or it never comes to what @longer is for. */
typedef struct OrderedPair {
        const char *shorter, *longer;
        bool strict;
        enum { PAIR_WARN, PAIR_LOWER, PAIR_RAISE } remedy;      /* raise: to 2.5 times the shorter, as Nova does */
        const char *why;
} OrderedPair;

static const OrderedPair pairs[] = {
        { "report_interval", "service_down_time", true, PAIR_RAISE, "the service would be taken for down between two reports" },
        { "oslo_messaging_rabbit.heartbeat_timeout_threshold", "rpc_response_timeout", false, PAIR_WARN,
          "calls would time out before a silent broker is noticed" },
        { "oslo_messaging_rabbit.kombu_missing_consumer_retry_timeout", "rpc_response_timeout", false, PAIR_LOWER,
          "replies would be tried for callers that have given up" },
        { "rpc_response_timeout", "long_rpc_timeout", false, PAIR_WARN, "long calls would time out before short ones" },
        { "oslo_messaging_rabbit.rabbit_retry_interval", "oslo_messaging_rabbit.rabbit_interval_max", false, PAIR_LOWER,
          "the first wait for the broker would be longer than the longest" },
};

static int64_t number_of(const Config *c, const char *name) {
        return config_integer(c, name);
}

static int set_number(Config *c, const char *name, int64_t n, ConfigError *e) {
        char text[32];

        snprintf(text, sizeof text, "%lld", (long long) n);
        return value_replace(c, config_value(c, name), text, e);
}

static int check_pair(Config *c, const OrderedPair *p, ConfigError *e) {
        int64_t a = number_of(c, p->shorter), b = number_of(c, p->longer);
        char remedy[64] = "";
        int r = 0;

        /* 0 and below switch a timeout off, so there is no order. */
        if (a <= 0 || b <= 0 || a < b || (a == b && !p->strict))
                return 0;

        if (p->remedy == PAIR_LOWER) {
                snprintf(remedy, sizeof remedy, "; using %lld for the former", (long long) b);
                r = set_number(c, p->shorter, b, e);
        } else if (p->remedy == PAIR_RAISE) {
                int64_t raised = a > INT64_MAX / 5 * 2 ? INT64_MAX : a / 2 * 5 + a % 2 * 5 / 2;

                snprintf(remedy, sizeof remedy, "; using %lld for the latter", (long long) raised);
                r = set_number(c, p->longer, raised, e);
        }
        if (r < 0)
                return r;
        return config_warn(c, "%s = %lld should be %s %s = %lld: %s%s", p->shorter, (long long) a,
                           p->strict ? "less than" : "at most", p->longer, (long long) b, p->why, remedy);
}

/* The host is the suffix of a queue and of its binding key, where '*', '#' and blanks mean something else. */
static int check_host(const Config *c, ConfigError *e) {
        const char *host = config_string(c, "host");
        _cleanup_free_ char *origin = config_origin(c, "host");
        size_t n = strlen(strempty(host));

        if (!origin)
                return -ENOMEM;
        if (n == 0 || n > 180)            /* compute_fanout_<host>:nova-compute:<n> must fit into 255 */
                return config_fail(e, "%s: [DEFAULT] host: must have 1 to 180 characters, not %zu", origin, n);
        for (const char *p = host; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("*#/\\\"'", *p))
                        return config_fail(e, "%s: [DEFAULT] host = '%s': must be of letters, digits and punctuation without "
                                           "blanks, quotes, slashes, * and #", origin, host);
        return 0;
}

static int check_log_mode(const Config *c, ConfigError *e) {
        const char *mode = strempty(config_string(c, "logfile_mode"));
        _cleanup_free_ char *origin = NULL;
        size_t n = strlen(mode);

        if (n > 0 && n <= 4 && strspn(mode, "01234567") == n && (n < 4 || *mode == '0'))
                return 0;
        origin = config_origin(c, "logfile_mode");
        return config_fail(e, "%s: [DEFAULT] logfile_mode = '%.20s': must be an octal number from 0 to 0777", strempty(origin), mode);
}

static int check_queues(const Config *c, ConfigError *e) {
        if (config_boolean(c, "oslo_messaging_rabbit.rabbit_ha_queues") && config_boolean(c, "oslo_messaging_rabbit.rabbit_quorum_queue")) {
                _cleanup_free_ char *a = config_origin(c, "oslo_messaging_rabbit.rabbit_ha_queues");
                _cleanup_free_ char *b = config_origin(c, "oslo_messaging_rabbit.rabbit_quorum_queue");

                return config_fail(e, "%s: [oslo_messaging_rabbit] rabbit_ha_queues and (%s) rabbit_quorum_queue exclude each other: "
                                   "set one of them to false", strempty(a), strempty(b));
        }
        return 0;
}

static int check_deprecated(Config *c) {
        const Input *in = &c->input;

        for (size_t i = 0; i < in->n_assignments; i++) {
                const Assignment *a = in->assignments + i;
                char origin[512], name[256];
                bool repeated = false;
                int r;

                if (!a->known || !a->deprecated)
                        continue;
                for (size_t k = 0; k < i && !repeated; k++)
                        repeated = in->assignments[k].known && streq(in->assignments[k].name, a->name);
                if (repeated)
                        continue;

                input_origin(in, a->source, a->line, origin, sizeof origin);
                option_full_name(option_table_at(a->option), name, sizeof name);
                r = config_warn(c, "%s: %s is called %s today", origin, a->name, name);
                if (r < 0)
                        return r;
        }
        return 0;
}

int config_check(Config *c, ConfigError *e) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                r = check_pair(c, pairs + i, e);
                if (r < 0)
                        return r;
        }

        r = check_host(c, e);
        if (r >= 0)
                r = check_log_mode(c, e);
        if (r >= 0)
                r = check_queues(c, e);
        if (r >= 0)
                r = check_deprecated(c);
        return r;
}
