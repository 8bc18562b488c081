// An answer made by Lua instead of a connection: the function runs as a task of its own and feeds
// the relay through `out`. It is how the mock provider answers without a network.
#pragma once

#include <lua.h>

#include "http/relay.h"

struct vm;
struct producer;

// Takes the function at `index` of L. The relay gets its relay_on_end() exactly once, never from
// inside this call; `on_end` comes right after that, and the producer is gone then.
struct producer *producer_start(struct vm *vm, lua_State *L, int index, struct relay *relay);

void producer_pause(struct producer *producer);
void producer_resume(struct producer *producer);

// Ends it: relay_on_end(canceled) follows on the loop's next turn.
void producer_cancel(struct producer *producer);

// Registers the class of `out`.
void producer_open(struct vm *vm);
