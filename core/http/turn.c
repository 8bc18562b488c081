#include "http/turn.h"

static void on_idle(uv_idle_t *idle)
{
    struct turn *turn = idle->data;
    struct list due;

    // What the items add waits for the next turn, or two of them could keep this one going.
    list_init(&due);
    list_add_front(&turn->items, &due);
    list_remove(&turn->items);
    while (!list_is_empty(&due)) {
        struct turn_item *item = LIST_ITEM(due.next, struct turn_item, node);
        list_remove(&item->node);
        item->run(item);
    }
    if (list_is_empty(&turn->items))
        uv_idle_stop(&turn->idle);
}

static void on_idle_closed(uv_handle_t *handle)
{
    struct turn *turn = handle->data;
    turn->on_closed(turn->owner);
}

static void close_when_released(struct turn *turn)
{
    if (turn->is_closing && turn->open == 0 && !uv_is_closing((uv_handle_t *)&turn->idle))
        uv_close((uv_handle_t *)&turn->idle, on_idle_closed);
}

void turn_init(struct turn *turn, struct loop *loop)
{
    *turn = (struct turn){.loop = loop};
    list_init(&turn->items);
    uv_idle_init(&loop->uv, &turn->idle);
    turn->idle.data = turn;
}

void turn_close(struct turn *turn, void (*on_closed)(void *owner), void *owner)
{
    turn->is_closing = true;
    turn->on_closed = on_closed;
    turn->owner = owner;
    close_when_released(turn);
}

void turn_item_init(struct turn_item *item, void (*run)(struct turn_item *item))
{
    list_init(&item->node);
    item->run = run;
}

void turn_add(struct turn *turn, struct turn_item *item)
{
    if (!list_is_empty(&item->node))
        return;
    if (list_is_empty(&turn->items))
        uv_idle_start(&turn->idle, on_idle);
    list_add_back(&turn->items, &item->node);
}

void turn_remove(struct turn_item *item)
{
    list_remove(&item->node);
}

void turn_hold(struct turn *turn)
{
    turn->open++;
}

void turn_release(struct turn *turn)
{
    turn->open--;
    close_when_released(turn);
}
