/* From an outcome to its ack: one ack for many where they allow it. And the signs of life of what still runs. */
#include "rpc/server-internal.h"

#define LAZY_FOR (2 * USEC_PER_MSEC)

/* ---- settled requests ---- */

void server_unlink_unacked(RpcServer *s, RpcRequest *r) {
        if (r->generation == 0)
                return;
        if (r->unacked_previous)
                r->unacked_previous->unacked_next = r->unacked_next;
        else
                s->unacked_first = r->unacked_next;
        if (r->unacked_next)
                r->unacked_next->unacked_previous = r->unacked_previous;
        else
                s->unacked_last = r->unacked_previous;
        r->unacked_previous = r->unacked_next = NULL;
        r->generation = 0;
}

void server_append_unacked(RpcServer *s, RpcRequest *r, uint64_t tag, unsigned generation) {
        r->tag = tag;
        r->generation = generation;
        r->unacked_previous = s->unacked_last;
        r->unacked_next = NULL;
        if (s->unacked_last)
                s->unacked_last->unacked_next = r;
        else
                s->unacked_first = r;
        s->unacked_last = r;
}

static void end_request(RpcServer *s, RpcRequest *r) {
        server_unlink_unacked(s, r);
        if (r->previous)
                r->previous->next = r->next;
        else
                s->requests = r->next;
        if (r->next)
                r->next->previous = r->previous;
        request_free(r);
}

/* Gives the message back to its queue. */
void server_requeue(RpcServer *s, RpcRequest *r) {
        if (s->rpc->fake) {
                Body body = {r->raw, r->raw_size};

                if (!r->raw)            /* accepted */
                        return;
                r->raw = NULL;
                (void) fake_requeue(s->rpc->fake, s->queues[r->queue].name, &body);
        } else if (r->generation > 0)
                (void) link_nack(s->link, SERVER_CHANNEL, r->tag, false);
}

void server_settle_all(RpcServer *s) {
        RpcRequest *list, *accepted, *r;
        uint64_t tag = 0;

        pthread_mutex_lock(&s->lock);
        list = s->settled;
        accepted = s->accepted;
        s->settled = s->accepted = NULL;
        s->n_settled = 0;
        s->settling = false;
        pthread_mutex_unlock(&s->lock);
        if (!list && !accepted)
                return;

        for (r = accepted; r; r = r->next_accepted) {
                r->settled = true;
                free(r->raw);
                r->raw = NULL;
        }
        for (r = list; r; r = r->next_settled) {
                bool back = r->state == REQUEST_HANDED_BACK;

                r->settled = true;
                if (back && !r->abandoned) {
                        server_requeue(s, r);
                        server_unlink_unacked(s, r);
                }
                if (r->entry && back)
                        duplicates_forget(s->duplicates, r->entry);
                else if (r->entry)
                        duplicates_done(s->duplicates, r->entry);
                r->entry = NULL;
        }

        /* What is done from the oldest on without a gap is one ack; the others one each. */
        while (s->unacked_first && s->unacked_first->settled) {
                tag = s->unacked_first->tag;
                server_unlink_unacked(s, s->unacked_first);
        }
        if (tag > 0)
                (void) link_ack(s->link, SERVER_CHANNEL, tag, true);
        for (r = accepted; r; r = r->next_accepted)
                if (r->generation > 0) {
                        (void) link_ack(s->link, SERVER_CHANNEL, r->tag, false);
                        server_unlink_unacked(s, r);
                }
        while ((r = list)) {
                list = r->next_settled;
                if (r->generation > 0)
                        (void) link_ack(s->link, SERVER_CHANNEL, r->tag, false);
                end_request(s, r);
        }
        if (s->link)
                link_proven(s->link);
}

/* The server's own thread, outside of the link's callbacks. */
void server_enter(RpcServer *s) {
        if (s->link)
                link_lock(s->link);
}

void server_leave(RpcServer *s) {
        if (s->link)
                link_unlock(s->link);
}

static void on_settled(void *data) {
        RpcServer *s = data;

        server_enter(s);
        server_settle_all(s);
        server_leave(s);
}

/* An ack is in no hurry, as long as the prefetch is not used up: while requests come, what settles on other threads is
 * acked once in a moment instead of waking this thread for each. */
int server_on_lazily(sd_event_source *source, uint64_t usec, void *userdata) {
        RpcServer *s = userdata;

        pthread_mutex_lock(&s->lock);
        s->lazy = false;
        pthread_mutex_unlock(&s->lock);
        on_settled(s);
        return 0;
}

void server_be_lazy(RpcServer *s) {
        bool arm;

        if (!s->unacked_first)
                return;
        pthread_mutex_lock(&s->lock);
        arm = !s->lazy;
        s->lazy = true;
        pthread_mutex_unlock(&s->lock);
        if (arm) {
                (void) sd_event_source_set_time_relative(s->lazily, LAZY_FOR);
                (void) sd_event_source_set_enabled(s->lazily, SD_EVENT_ONESHOT);
        }
}

bool server_on_thread(const RpcServer *s) {
        return pthread_equal(s->id, pthread_self());
}

int server_send(RpcServer *s, Outgoing *o) {
        if (!server_on_thread(s) || !s->draining)
                return publisher_send(s->rpc->publisher, o);
        outgoing_append(&s->outbox, o);
        return 0;
}

void server_post_settled(RpcServer *s) {
        if (server_on_thread(s) && s->draining)
                return;                 /* seen to at the end of what is read */
        if (loop_thread_post(s->thread, on_settled, s) < 0)
                s->settling = false;    /* the next one brings it along */
}

/* ---- call monitor ---- */

void server_arm_heartbeat(RpcServer *s) {
        usec_t first = USEC_INFINITY;

        for (RpcRequest *r = s->requests; r; r = r->next)
                if (r->next_heartbeat > 0)
                        first = MIN(first, r->next_heartbeat);
        if (first == USEC_INFINITY)
                return;
        (void) sd_event_source_set_time(s->heartbeat, first);
        (void) sd_event_source_set_enabled(s->heartbeat, SD_EVENT_ONESHOT);
}

int server_on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata) {
        RpcServer *s = userdata;
        usec_t now = now_monotonic();

        for (RpcRequest *r = s->requests; r; r = r->next) {
                bool running;

                if (r->next_heartbeat == 0 || r->next_heartbeat > now)
                        continue;
                pthread_mutex_lock(&s->lock);
                running = r->state == REQUEST_RUNNING && !r->abandoned;
                pthread_mutex_unlock(&s->lock);
                if (!running) {
                        r->next_heartbeat = 0;
                        continue;
                }
                request_send_heartbeat(r);
                r->next_heartbeat = now + r->envelope.monitor / 2;
        }
        server_arm_heartbeat(s);
        return 0;
}
