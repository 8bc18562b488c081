#include "http/transport.h"

void transport_init(struct transport *transport, const struct transport_type *type,
                    struct turn *turn, void (*again)(struct turn_item *item))
{
    transport->type = type;
    transport->turn = turn;
    turn_item_init(&transport->again, again);
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
    transport->type->close(transport);
}
