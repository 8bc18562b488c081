// How long each turn of a loop takes: from the end of its wait for events to the start of the next.
// For so long everything else on the loop had to wait.
#pragma once

#include "loop/loop.h"

// Embedded in its owner; public so that it can be. One for a loop.
struct pace {
    uv_check_t check;
};

// From now on `on_turn` is told of each turn as it ends. Turns begin where loop_woke() is called
// first, at the latest behind all callbacks of the loop's wait.
void pace_open(struct pace *pace, struct loop *loop, void (*on_turn)(void *owner, uint64_t ns),
               void *owner);

// The handle is closed as the loop turns; the memory may go then.
void pace_close(struct pace *pace);
