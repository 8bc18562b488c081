// How much a key may have: a bucket of tokens, a sliding window, or so many at once. Shared by all
// workers; every function may be called from any thread. Times are those of one monotonic clock in
// milliseconds, given by the caller.
//
// A limiter keeps a bounded number of keys. One of which nothing is known any more (a full bucket,
// an empty window, nobody holding) makes room for others; when there is none, new keys are refused.
#pragma once

#include <stdint.h>

#include "base/slice.h"

struct limiter;

enum {
    LIMITER_KEY_MAX = 512,    // bytes of a key
    LIMITER_KEYS = 64 * 1024, // keys of one limiter
};

enum limiter_kind { LIMITER_BUCKET, LIMITER_WINDOW, LIMITER_CONCURRENCY };

struct limiter_terms {
    enum limiter_kind kind;
    double most;     // tokens of a full bucket; in any window; at once
    double per_ms;   // LIMITER_BUCKET: tokens that come back in a millisecond
    uint64_t window; // LIMITER_WINDOW: its length in milliseconds
};

enum limiter_result { LIMITER_OK, LIMITER_REFUSED, LIMITER_FULL };

struct limiter *limiter_new(const struct limiter_terms *terms);
void limiter_free(struct limiter *limiter);

enum limiter_kind limiter_kind(const struct limiter *limiter);

// New terms of the same kind; what was taken stays taken.
void limiter_change(struct limiter *limiter, const struct limiter_terms *terms);

// Takes `amount` (> 0) for the key, all or nothing. Refused: *wait_s is how long until so much
// could be had if nobody else took any; HUGE_VAL when never, or when nobody knows
// (LIMITER_CONCURRENCY).
//
// A window is exact: in no stretch of its length is more taken than `most`, and what was taken
// comes back when it is that old. Of a key with more than 4096 takes in one window neighbouring
// ones count as the later of them, and come back up to 0.05 % of the window later (more, when
// thousands of keys have thousands of takes: memory is bounded).
enum limiter_result limiter_take(struct limiter *limiter, struct slice key, double amount,
                                 uint64_t now_ms, double *wait_s);

// Gives back `amount`; a negative one takes more without asking (an estimate was too low), which
// LIMITER_CONCURRENCY ignores.
void limiter_refund(struct limiter *limiter, struct slice key, double amount, uint64_t now_ms);
