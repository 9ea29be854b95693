/* Writing: what is asked of the broker, one function per AMQP method. */
#include "rpc/link-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#define ENSURE_USABLE(l)                                     \
        do {                                                 \
                if (!(l)->conn || (l)->lost)                 \
                        return -ENOTCONN;                    \
        } while (0)

/* A call that waits for its answer; afterwards frames that came before it wait in user space. */
#define CALL(l, expression, ...)                                                     \
        ({                                                                           \
                char _what[600];                                                     \
                snprintf(_what, sizeof _what, __VA_ARGS__);                          \
                link_enter(l);                                                       \
                (void) (expression);                                                 \
                link_leave(l);                                                       \
                link_drain_soon(l);                                                  \
                link_check_reply(l, amqp_get_rpc_reply((l)->conn), _what);           \
        })

#define SEND(l, expression, what)                            \
        ({                                                   \
                link_enter(l);                               \
                int _status = (expression);                  \
                link_leave(l);                               \
                link_check_status(l, _status, what);         \
        })

int link_open_channel(Link *l, amqp_channel_t channel, bool confirms) {
        int r;

        ENSURE_USABLE(l);
        r = CALL(l, amqp_channel_open(l->conn, channel), "opening a channel");
        if (r < 0 || !confirms)
                return r;
        return CALL(l, amqp_confirm_select(l->conn, channel), "asking for confirms");
}

int link_qos(Link *l, amqp_channel_t channel, unsigned prefetch) {
        ENSURE_USABLE(l);
        return CALL(l, amqp_basic_qos(l->conn, channel, 0, (uint16_t) MIN(prefetch, 65535U), false),
                    "setting the prefetch");
}

int link_declare_exchange(Link *l, amqp_channel_t channel, const TopologyExchange *x) {
        ENSURE_USABLE(l);
        return CALL(l,
                    amqp_exchange_declare(l->conn, channel, amqp_cstring_bytes(x->name), amqp_cstring_bytes(x->type),
                                          false, x->durable, x->auto_delete, false, amqp_empty_table),
                    "declaring exchange '%s'", x->name);
}

int link_declare(Link *l, amqp_channel_t channel, const TopologyQueue *q, uint32_t *ret_consumers) {
        amqp_table_entry_t entries[ELEMENTSOF(q->arguments)];
        amqp_table_t arguments = {(int) q->n_arguments, entries};
        const amqp_queue_declare_ok_t *ok = NULL;
        int r;

        ENSURE_USABLE(l);
        for (unsigned i = 0; i < q->n_arguments; i++) {
                const TopologyArgument *a = &q->arguments[i];

                entries[i].key = amqp_cstring_bytes(a->name);
                entries[i].value = a->text
                        ? (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(a->text)}
                        : (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I64, .value.i64 = a->number};
        }

        if (*q->exchange.name) {
                r = link_declare_exchange(l, channel, &q->exchange);
                if (r < 0)
                        return r;
        }
        r = CALL(l,
                 ok = amqp_queue_declare(l->conn, channel, amqp_cstring_bytes(q->name), false, q->durable, false,
                                         q->auto_delete, arguments),
                 "declaring queue '%s'", q->name);
        if (r < 0) {
                if (q->own && l->close_code == AMQP_PRECONDITION_FAILED)
                        memcpy(l->delete_first, q->name, sizeof l->delete_first);
                return r;
        }
        if (ret_consumers)
                *ret_consumers = ok->consumer_count;
        if (!*q->exchange.name)
                return 0;
        return CALL(l,
                    amqp_queue_bind(l->conn, channel, amqp_cstring_bytes(q->name), amqp_cstring_bytes(q->exchange.name),
                                    amqp_cstring_bytes(q->key), amqp_empty_table),
                    "binding queue '%s' to exchange '%s'", q->name, q->exchange.name);
}

int link_purge(Link *l, amqp_channel_t channel, const char *queue) {
        ENSURE_USABLE(l);
        return CALL(l, amqp_queue_purge(l->conn, channel, amqp_cstring_bytes(queue)), "emptying queue '%s'", queue);
}

int link_delete_queue(Link *l, amqp_channel_t channel, const char *queue) {
        ENSURE_USABLE(l);
        return CALL(l, amqp_queue_delete(l->conn, channel, amqp_cstring_bytes(queue), false, false),
                    "deleting queue '%s'", queue);
}

int link_consume(Link *l, amqp_channel_t channel, const char *queue, unsigned consumer, bool cancel_on_failover) {
        amqp_table_entry_t entry = {.key = amqp_cstring_bytes("x-cancel-on-ha-failover"),
                                    .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
        amqp_table_t arguments = {cancel_on_failover ? 1 : 0, &entry};
        char tag[16];

        ENSURE_USABLE(l);
        snprintf(tag, sizeof tag, "%u", consumer);
        return CALL(l,
                    amqp_basic_consume(l->conn, channel, amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), false,
                                       false, false, arguments),
                    "consuming from queue '%s'", queue);
}

int link_cancel(Link *l, amqp_channel_t channel, unsigned consumer) {
        amqp_basic_cancel_t m;
        char tag[16];

        ENSURE_USABLE(l);
        snprintf(tag, sizeof tag, "%u", consumer);
        m = (amqp_basic_cancel_t){.consumer_tag = amqp_cstring_bytes(tag)};
        return SEND(l, amqp_send_method(l->conn, channel, AMQP_BASIC_CANCEL_METHOD, &m), "cancelling a consumer");
}

static int publish(Link *l, amqp_channel_t channel, const char *exchange, const char *key, bool mandatory,
                   const char *expiration, const char *body, size_t size) {
        amqp_basic_properties_t p = {
                ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
                          AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG,
                .content_type = amqp_cstring_bytes("application/json"),
                .content_encoding = amqp_cstring_bytes("utf-8"),
                .delivery_mode = 2,
        };

        int r;

        if (!isempty(expiration)) {
                p._flags |= AMQP_BASIC_EXPIRATION_FLAG;
                p.expiration = amqp_cstring_bytes(expiration);
        }
        link_enter(l);
        r = amqp_basic_publish(l->conn, channel, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), mandatory,
                               false, &p, (amqp_bytes_t){size, (void *) body});
        link_leave(l);
        return r;
}

int link_publish(Link *l, amqp_channel_t channel, const char *exchange, const char *key, bool mandatory,
                 const char *expiration, const char *body, size_t size) {
        ENSURE_USABLE(l);
        return link_check_status(l, publish(l, channel, exchange, key, mandatory, expiration, body, size),
                                 "publishing");
}

int link_publish_directly(Link *l, amqp_channel_t channel, const char *exchange, const char *key, bool mandatory,
                          const char *expiration, const char *body, size_t size) {
        if (publish(l, channel, exchange, key, mandatory, expiration, body, size) == AMQP_STATUS_OK)
                return 0;
        /* Not link_lose: event sources are for the link's own thread. */
        link_set_reason(l, "publishing: the socket failed");
        l->lost = true;
        return -ENOTCONN;
}

void link_cork(Link *l, bool on) {
        int value = on;

        if (l->guard >= 0)
                (void) setsockopt(l->guard, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

int link_ack(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple) {
        ENSURE_USABLE(l);
        return SEND(l, amqp_basic_ack(l->conn, channel, tag, multiple), "acknowledging");
}

int link_nack(Link *l, amqp_channel_t channel, uint64_t tag, bool multiple) {
        ENSURE_USABLE(l);
        return SEND(l, amqp_basic_nack(l->conn, channel, tag, multiple, true), "handing back");
}
