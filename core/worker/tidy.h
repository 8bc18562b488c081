// Gives memory back after a rush: both allocators, Lua's and the C library's, keep what thousands
// of streams needed until somebody asks. Looks now and then while there are requests, and costs
// nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/timers.h"
#include "metrics/metrics.h"
#include "worker/base.h"

// Embedded in its worker.
struct tidy {
    struct worker_base *base;
    const struct metric_series *in_flight; // requests of all workers
    struct timer timer;
    size_t peak;      // of tasks, since the last tidying
    size_t heap_peak; // bytes of the Lua state, ever
    unsigned cycles_left;
    bool was_used; // since the last look
    bool is_tidied;
};

// Everything is borrowed and outlives it.
void tidy_init(struct tidy *tidy, struct worker_base *base, const struct metric_series *in_flight);

// A request has begun.
void tidy_note(struct tidy *tidy);

// Before the timers close.
void tidy_stop(struct tidy *tidy);
