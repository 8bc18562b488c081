// Work deferred to the loop's next turn, and a count of what is still open, shared by everything
// that belongs to one pool of upstream connections.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "loop/loop.h"

// Embedded in its owner, who removes it before going away.
struct turn_item {
    struct list node;
    void (*run)(struct turn_item *item);
};

// Embedded in its owner; public so that it can be.
struct turn {
    struct loop *loop;
    uv_idle_t idle; // runs while something waits, so that the loop does not sleep
    struct list items;
    size_t open; // holds not yet released
    bool is_closing;
    void (*on_closed)(void *owner);
    void *owner;
};

void turn_init(struct turn *turn, struct loop *loop);

// `on_closed` runs once, after the last hold was released; the turn may be freed in it.
void turn_close(struct turn *turn, void (*on_closed)(void *owner), void *owner);

void turn_item_init(struct turn_item *item, void (*run)(struct turn_item *item));

// Runs the item once, in the loop's next turn. Harmless when it waits already.
void turn_add(struct turn *turn, struct turn_item *item);
void turn_remove(struct turn_item *item);

// What must be gone before the turn closes: open handles, running exchanges.
void turn_hold(struct turn *turn);
void turn_release(struct turn *turn);
