#include "http/transport.h"

// Of one write that waits for the end of the turn; one of more segments goes at once.
enum { KEPT_SEGMENTS = 16 };

static void send_kept(struct outbox_item *item, const char *bytes, size_t len)
{
    struct transport *transport = LIST_ITEM(item, struct transport, out);
    struct slice whole = {bytes, len};
    if (transport->type->write(transport, &whole, 1) == TRANSPORT_WRITTEN)
        transport->events->on_written(transport->owner);
}

void transport_init(struct transport *transport, const struct transport_type *type,
                    struct turn *turn, void (*again)(struct turn_item *item))
{
    transport->type = type;
    transport->turn = turn;
    turn_item_init(&transport->again, again);
    outbox_item_init(&transport->out, send_kept);
    turn_hold(turn);
}

void transport_end(struct transport *transport, const char *reason)
{
    if (transport->is_ended || transport->is_closed)
        return;
    transport->is_ended = true;
    transport->type->read_stop(transport);
    transport->events->on_end(transport->owner, reason);
}

void transport_attach(struct transport *transport, const struct transport_events *events,
                      void *owner)
{
    transport->events = events;
    transport->owner = owner;
}

enum transport_result transport_write(struct transport *transport, const struct slice *segments,
                                      size_t count)
{
    uv_buf_t bufs[KEPT_SEGMENTS];
    for (size_t i = 0; i < count && i < KEPT_SEGMENTS; i++)
        bufs[i] = uv_buf_init((char *)segments[i].data, (unsigned)segments[i].len);
    if (count <= KEPT_SEGMENTS &&
        outbox_add(&transport->turn->loop->outbox, &transport->out, bufs, (unsigned)count))
        return TRANSPORT_QUEUED;
    return transport->type->write(transport, segments, count);
}

void transport_pause(struct transport *transport)
{
    if (transport->is_paused || transport->is_closed)
        return;
    transport->is_paused = true;
    turn_remove(&transport->again);
    transport->type->read_stop(transport);
}

void transport_resume(struct transport *transport)
{
    if (!transport->is_paused || transport->is_closed)
        return;
    transport->is_paused = false;
    if (!transport->is_ended)
        transport->type->read_start(transport);
}

void transport_close(struct transport *transport)
{
    if (transport->is_closed)
        return;
    transport->is_closed = true;
    turn_remove(&transport->again);
    outbox_drop(&transport->out);
    transport->type->close(transport);
}
