// One immutable set of configuration, adapters and scripts, as bytes, shared by all workers.
// Whoever began with it finishes with it: it lives as long as somebody holds it.
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "config/bundle.h"
#include "config/config.h"

struct generation {
    atomic_size_t refs;
    atomic_size_t *alive; // borrowed; how many there are, or NULL
    unsigned number;      // from 1
    struct config *config;
    struct bundle *bundle;
};

// Reads what is at `path` (as bundle_read() takes it) into a generation with one reference, the
// caller's. NULL with `err`.
struct generation *generation_read(const char *path, const struct config_overrides *overrides,
                                   unsigned number, struct error *err);

// Takes both. `alive` (may be NULL) counts the generations there are.
struct generation *generation_new(unsigned number, struct config *config, struct bundle *bundle,
                                  atomic_size_t *alive);

// Any thread. What is returned is `generation`.
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation); // may be NULL
