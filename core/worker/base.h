// The ground that a worker's listeners and Lua stand on: loop, timers, upstream pool, Lua state.
// The same for a worker and for the check of a configuration.
#pragma once

#include "http/upstream.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/timers.h"
#include "lua/vm.h"
#include "worker/worker.h"

struct worker_base {
    struct loop *loop;
    bool owns_loop;
    struct timers *timers;
    struct upstream_pool *upstreams;
    struct vm *vm;
    struct mailbox mailbox; // for letters of the thread that reloads
};

// Builds all for the worker of that number, and loads nothing into the Lua state.
void worker_base_init(struct worker_base *base, struct worker_shared *shared, unsigned number);

// Builds all and loads the Lua side from shared->generation. On failure (-1 with `err`)
// worker_base_close() is still due.
int worker_base_open(struct worker_base *base, struct worker_shared *shared, unsigned number,
                     struct error *err);

// Closes the upstream pool and the timers; the loop then has nothing left to wait for, once it has
// turned.
void worker_base_close(struct worker_base *base);

// After the loop has ended: frees what is left. Returns the handles that were still open.
size_t worker_base_free(struct worker_base *base);
