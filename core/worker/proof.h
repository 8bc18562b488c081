// Proves that a bundle can be a generation: checks its configuration and loads all of it in a
// scratch state, so that no worker ever sees what does not load.
#pragma once

#include <stdatomic.h>

#include "worker/worker.h"

// Where the configuration comes from. Borrowed, outlives whoever has it.
struct reload_source {
    const char *path; // as bundle_read() takes it
    const struct config_overrides *overrides;
};

// Embedded in its owner.
struct proof {
    struct worker_shared *shared;
    struct reload_source source;
    atomic_size_t alive; // generations, the first one included
    struct loop *loop;   // owned; of the scratch states, one after the other
};

void proof_init(struct proof *proof, struct worker_shared *shared,
                const struct reload_source *source);
void proof_deinit(struct proof *proof);

// A generation (one reference, the caller's) that can take the place of `current`; its
// configuration does not change any more. Takes the bundle. NULL with `err`.
struct generation *proof_make(struct proof *proof, struct bundle *bundle,
                              const struct generation *current, unsigned number, struct error *err);
