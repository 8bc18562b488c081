// What scripts of all workers share by name: dictionaries and limiters. They are made when they are
// first named and live as long as the process, so they outlive every reload. Any thread.
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "store/dict.h"
#include "store/limiter.h"

struct shared_store;

enum {
    SHARED_STORE_DICTS = 64,
    SHARED_STORE_LIMITERS = 256,
    SHARED_STORE_NAME = 128, // bytes of a name
};

struct shared_store *shared_store_new(void);
void shared_store_free(struct shared_store *store);

// `limit_bytes` counts for a new one. NULL with `err` when there are too many, or the name is too
// long. Borrowed.
struct dict *shared_store_dict(struct shared_store *store, struct slice name, size_t limit_bytes,
                               struct error *err);

// One that exists gets the terms. NULL with `err` also when it is of another kind. Borrowed.
struct limiter *shared_store_limiter(struct shared_store *store, struct slice name,
                                     const struct limiter_terms *terms, struct error *err);
