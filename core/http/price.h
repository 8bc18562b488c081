// What the tokens of a model cost, and what an answer does. Pure. Costs are whole nano-dollars, so
// that sums are exact.
#pragma once

#include <stdbool.h>

#include "http/usage.h"

enum { PRICE_TIERS = 8 }; // of one model, the first included

// From a size of the prompt on all tokens of a request have other prices.
struct price_tier {
    long long above;           // tokens of the input; the first tier has -1
    long long of[USAGE_KINDS]; // of a token, see price_per_token(); -1: not known
};

struct price {
    struct price_tier tiers[PRICE_TIERS]; // `above` grows
    unsigned count;                       // at least 1
};

// The price of one token, in millionths of a nano-dollar, of USD per million tokens: from 0 to
// 1e9, to 9 places. -1: no price at all.
long long price_per_token(double usd_per_million);

// The nano-dollars of an answer, half up, or -1: not known, because a count or a price is not
// that would matter. What has no price of its own costs what it is part of: cached and cache_write
// the input's, reasoning the output's. The most that is told is 2^53 - 1.
long long price_cost(const struct price *price, const struct usage_counts *usage);

// What several answers have cost together.
struct cost {
    long long nano;  // of what is known; -1: nothing is
    bool is_unknown; // there is a part that is not
};

struct cost cost_none(void);

// One more answer: what price_cost() said of it.
void cost_add(struct cost *sum, long long nano);
void cost_join(struct cost *sum, const struct cost *more);
