// One worker: a thread with its loop, Lua state, listeners and pool of upstream connections.
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"
#include "lua/generation.h"
#include "lua/reload.h"
#include "metrics/names.h"
#include "store/shared_store.h"

struct worker;

// What all workers share. Borrowed, outlives them.
struct worker_shared {
    struct generation *generation;   // the one that workers begin with
    const struct reloader *reloader; // NULL: nothing is reloaded
    struct loop *loop; // to check on, which is idle; NULL: each Lua side has a loop of its own
    struct log *log;
    struct log *bodies; // of log.bodies; NULL without it
    struct metric_names *names;
    struct shared_store *store; // of scripts
    _Atomic size_t bodies_held;
    size_t connections; // the most that one worker accepts
};

// What is left when a worker has ended; all zero unless something was lost.
struct worker_leak {
    size_t connections, handles, tasks;
};

// Starts the thread of worker `number`, from 0, on the bound sockets (admin_fd -1: none), which it
// takes. `on_end` runs on the worker's thread as its last act.
struct worker *worker_start(struct worker_shared *shared, unsigned number, int fd, int admin_fd,
                            void (*on_end)(void *owner), void *owner);

// Waits until the worker listens. Returns 0, or -1 with the error that ended it.
int worker_wait_ready(struct worker *worker, struct error *err);

// Stops accepting, lets running requests finish up to limits.drain_time, then ends. Any thread.
void worker_drain(struct worker *worker);

// For the thread that reloads: letters to the worker's thread, and, for code that such a letter
// runs there, its Lua state.
struct mailbox *worker_mailbox(struct worker *worker);
struct vm *worker_vm(struct worker *worker);

// On the worker's thread: a generation has been committed, whose limits hold from now on.
void worker_on_commit(struct worker *worker);

// Joins the ended thread and frees the worker.
struct worker_leak worker_join(struct worker *worker);

// Builds a Lua side as a worker does and throws it away: the check of configuration and scripts.
// Secrets that scripts look up in the environment are known to its configuration afterwards.
// `summary` (may be NULL) gets a line for people. Returns 0, or -1 with `err`.
int worker_check(struct worker_shared *shared, struct buf *summary, struct error *err);
