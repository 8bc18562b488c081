// Splits a body into server-sent events or lines. Pure: no I/O, no Lua.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "http/sse.h"

enum fetch_form { FETCH_WHOLE, FETCH_EVENTS, FETCH_LINES };

// Zeroed means FETCH_WHOLE. Embedded in its owner.
struct fetch_split {
    enum fetch_form form;
    struct sse_parser sse;
    struct buf carry; // a line whose end has not come yet
    struct buf queue; // found and not taken yet, in order
    size_t taken;     // bytes of the queue
    bool is_ended;
};

struct fetch_item {
    struct slice name; // of an event; NULL data when it has none
    struct slice data; // of the event, or the line without its end
};

// Begins; once. The most that an event or a line may have is LIMIT_SSE_EVENT.
void fetch_split_init(struct fetch_split *split, enum fetch_form form);
void fetch_split_deinit(struct fetch_split *split);

// Feeds the next bytes. Returns 0, or -1 when an event or line passes its limit.
int fetch_split_feed(struct fetch_split *split, struct slice bytes);

// The bytes have ended: what lacks its end counts as complete. Returns as feed does.
int fetch_split_end(struct fetch_split *split);

// The next event with data or line with a byte in it, borrowed until the next call; false: none.
bool fetch_split_take(struct fetch_split *split, struct fetch_item *item);
bool fetch_split_has_items(const struct fetch_split *split);
