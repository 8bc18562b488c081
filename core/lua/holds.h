// What one request holds of concurrency limits: given back at its end at the latest.
#pragma once

#include "base/slice.h"

struct limiter;
struct hold;

// Notes that `amount` of the key has been taken. `limiter` is borrowed and outlives it.
void holds_add(struct hold **holds, struct limiter *limiter, struct slice key, double amount);

// Forgets up to `amount` of it; returns how much was there.
double holds_remove(struct hold **holds, const struct limiter *limiter, struct slice key,
                    double amount);

// Gives everything back.
void holds_release(struct hold **holds);
