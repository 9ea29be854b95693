/* What is declared on the broker, as data; rpc/declare.c sends it. */
#include "rpc/topology.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Like snprintf into a name; -EINVAL when it does not fit. */
static int name_format(char name[static TOPOLOGY_NAME_MAX], const char *format, ...) _printf_(2, 3);
static int name_format(char name[static TOPOLOGY_NAME_MAX], const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(name, TOPOLOGY_NAME_MAX, format, ap);
        va_end(ap);
        return n < 0 || n >= TOPOLOGY_NAME_MAX ? -EINVAL : 0;
}

/* Whether a word of a binding key would match others than itself. */
static bool has_wildcard(const char *s) {
        for (;;) {
                size_t n = strcspn(s, ".");

                if (n == 1 && (*s == '*' || *s == '#'))
                        return true;
                if (s[n] == '\0')
                        return false;
                s += n + 1;
        }
}

static void argument_text(TopologyQueue *q, const char *name, const char *text) {
        q->arguments[q->n_arguments++] = (TopologyArgument){.name = name, .text = text};
}

static void argument_number(TopologyQueue *q, const char *name, int64_t number) {
        if (number > 0)
                q->arguments[q->n_arguments++] = (TopologyArgument){.name = name, .number = number};
}

int topology_topic_exchange(const TopologyOptions *o, const char *name, TopologyExchange *ret) {
        *ret = (TopologyExchange){.type = "topic", .durable = o->durable || o->quorum, .auto_delete = o->auto_delete};
        return name_format(ret->name, "%s", name ? name : o->exchange);
}

int topology_fanout_exchange(const char *topic, TopologyExchange *ret) {
        *ret = (TopologyExchange){.type = "fanout", .auto_delete = true};
        return name_format(ret->name, "%s_fanout", topic);
}

static int shared_queue(const TopologyOptions *o, const char *exchange, TopologyQueue *ret) {
        *ret = (TopologyQueue){.durable = o->durable || o->quorum, .auto_delete = o->auto_delete};
        if (o->ha)
                argument_text(ret, "x-ha-policy", "all");
        if (o->quorum) {
                argument_text(ret, "x-queue-type", "quorum");
                argument_number(ret, "x-delivery-limit", o->quorum_delivery_limit);
                argument_number(ret, "x-max-in-memory-length", o->quorum_max_length);
                argument_number(ret, "x-max-in-memory-bytes", o->quorum_max_bytes);
        }
        return topology_topic_exchange(o, exchange, &ret->exchange);
}

static void own_queue(const TopologyOptions *o, TopologyQueue *ret) {
        *ret = (TopologyQueue){.own = true};
        if (o->ha)
                argument_text(ret, "x-ha-policy", "all");
        argument_number(ret, "x-expires", o->transient_ttl * 1000);
}

int topology_server(const TopologyOptions *o, const char *topic, const char *host, const char *program, unsigned n,
                    TopologyQueue ret[static _TOPOLOGY_SERVER_MAX]) {
        TopologyQueue *q;
        int r;

        if (*topic == '\0' || *host == '\0' || has_wildcard(topic) || has_wildcard(host))
                return -EINVAL;

        q = &ret[TOPOLOGY_TOPIC];
        r = shared_queue(o, NULL, q);
        if (r < 0 || (r = name_format(q->name, "%s", topic)) < 0 || (r = name_format(q->key, "%s", topic)) < 0)
                return r;

        q = &ret[TOPOLOGY_HOST];
        r = shared_queue(o, NULL, q);
        if (r < 0 || (r = name_format(q->name, "%s.%s", topic, host)) < 0 ||
            (r = name_format(q->key, "%s.%s", topic, host)) < 0)
                return r;

        q = &ret[TOPOLOGY_FANOUT];
        own_queue(o, q);
        r = topology_fanout_exchange(topic, &q->exchange);
        if (r < 0 || (r = name_format(q->name, "%s_fanout_%s:%s:%u", topic, host, program, n)) < 0)
                return r;
        return name_format(q->key, "%s", topic);
}

int topology_reply_queue(const TopologyOptions *o, const char *host, const char *program, unsigned n,
                         TopologyQueue *ret) {
        own_queue(o, ret);
        return name_format(ret->name, "reply_%s:%s:%u", host, program, n);
}

int topology_notification(const TopologyOptions *o, const char *exchange, const char *key, TopologyQueue *ret) {
        int r;

        r = shared_queue(o, exchange, ret);
        if (r < 0 || (r = name_format(ret->name, "%s", key)) < 0)
                return r;
        return name_format(ret->key, "%s", key);
}
