// The small writes of one turn of a loop. They are kept until the turn ends and then sent one right
// after the other: a peer that the first one wakes is still awake for the others, and waking it is
// the most expensive part of a small write. Bytes for the same peer become one write.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/limits.h"
#include "base/list.h"

// Embedded in whoever writes. `send` gets what was kept; it may close its owner, but neither adds
// to the outbox nor touches another item's.
struct outbox_item {
    struct list node; // in outbox->items while bytes are kept
    void (*send)(struct outbox_item *item, const char *bytes, size_t len);
    uint32_t at, len; // of outbox->bytes
};

struct outbox {
    struct list items;
    size_t used;
    char bytes[LIMIT_OUTBOX];
};

void outbox_init(struct outbox *outbox);

// Sends all that is kept; the loop does it at the end of its turns.
void outbox_send_all(struct outbox *outbox);

void outbox_item_init(struct outbox_item *item,
                      void (*send)(struct outbox_item *item, const char *bytes, size_t len));

// Keeps a copy of the pieces, behind what the item already has there. Returns false, and has kept
// nothing, when they are more than LIMIT_OUTBOX_WRITE bytes together; what the item has is then
// sent, so that the caller may write on.
bool outbox_add(struct outbox *outbox, struct outbox_item *item, const uv_buf_t *bufs,
                unsigned count);

// Sends now what is kept of this item, if there is any.
void outbox_send(struct outbox *outbox, struct outbox_item *item);

// Forgets it instead. Harmless without any.
void outbox_drop(struct outbox_item *item);

// Bytes kept of this item.
size_t outbox_kept(const struct outbox_item *item);
