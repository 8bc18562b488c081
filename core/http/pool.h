// Idle connections, kept per origin for the next request: most recently used first, O(1). A
// connection that the server closes, or on which anything arrives, leaves at once.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "http/origin.h"
#include "http/transport.h"

// Embedded in its owner.
struct pool {
    struct turn *turn;
    struct list by_age; // all idle connections, the longest idle first
    size_t count;
    size_t per_origin; // more push out the longest idle one of the origin
    uint64_t idle_ms;
    uv_timer_t timer; // one for all, started while there is something to close
    bool is_closed;
};

void pool_init(struct pool *pool, struct turn *turn, size_t per_origin, uint32_t idle_ms);

// Closes all connections; what is put in later is closed too.
void pool_close(struct pool *pool);

// The connection that became idle last, or NULL. The caller takes it and attaches at once.
struct transport *pool_take(struct origin *origin);

// Closes all idle connections of an origin that goes away.
void pool_forget(struct origin *origin);

// Takes a connection on which nothing is expected.
void pool_put(struct pool *pool, struct origin *origin, struct transport *transport);
