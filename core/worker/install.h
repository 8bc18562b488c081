// One worker's share of a reload: it prepares a generation beside the one that serves, then commits
// or drops it. Orders go to the worker's loop as letters, and so does what comes of them back.
#pragma once

#include "loop/mailbox.h"
#include "lua/generation.h"
#include "worker/worker.h"

// Embedded in the thread that reloads, and used again for each reload. Only between an order and
// its answer the worker's thread uses it too.
struct install {
    struct worker *worker;
    struct mailbox *home;
    // On the home's loop, each once for each order.
    void (*on_prepared)(void *owner, struct install *install);
    void (*on_finished)(void *owner, struct install *install);
    void *owner;
    struct letter prepare, prepared, finish, finished;
    struct generation *generation; // borrowed from the order to prepare on, until it has finished
    bool is_commit;
    struct error err; // why it could not be prepared; kind 0: it could
};

void install_init(struct install *install, struct worker *worker, struct mailbox *home);

// on_prepared follows.
void install_prepare(struct install *install, struct generation *generation);

// Commits what has been prepared, or gives it up, prepared or not (then on_prepared still comes
// first). on_finished follows.
void install_finish(struct install *install, bool is_commit);
