#include "loop/outbox.h"

#include <string.h>

void outbox_init(struct outbox *outbox)
{
    list_init(&outbox->items);
}

void outbox_send_all(struct outbox *outbox)
{
    while (!list_is_empty(&outbox->items))
        outbox_send(outbox, LIST_ITEM(outbox->items.next, struct outbox_item, node));
    outbox->used = 0;
}

void outbox_item_init(struct outbox_item *item,
                      void (*send)(struct outbox_item *item, const char *bytes, size_t len))
{
    list_init(&item->node);
    item->send = send;
    item->len = 0;
}

bool outbox_add(struct outbox *outbox, struct outbox_item *item, const uv_buf_t *bufs,
                unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += bufs[i].len;
    bool is_last = item->len && item->at + item->len == outbox->used;
    if (total > LIMIT_OUTBOX_WRITE || (item->len && !is_last))
        outbox_send(outbox, item);
    if (total > LIMIT_OUTBOX_WRITE)
        return false;
    if (total > sizeof(outbox->bytes) - outbox->used)
        outbox_send_all(outbox);
    if (!item->len) {
        item->at = (uint32_t)outbox->used;
        list_add_back(&outbox->items, &item->node);
    }
    char *end = outbox->bytes + outbox->used;
    for (unsigned i = 0; i < count; i++) {
        memcpy(end, bufs[i].base, bufs[i].len);
        end += bufs[i].len;
    }
    item->len += (uint32_t)total;
    outbox->used += total;
    return true;
}

void outbox_send(struct outbox *outbox, struct outbox_item *item)
{
    size_t len = item->len;
    if (!len)
        return;
    outbox_drop(item);
    item->send(item, outbox->bytes + item->at, len);
}

void outbox_drop(struct outbox_item *item)
{
    list_remove(&item->node);
    item->len = 0;
}

size_t outbox_kept(const struct outbox_item *item)
{
    return item->len;
}
