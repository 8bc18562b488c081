#include "http/price.h"

#include <math.h>

__extension__ typedef __int128 wide; // of tokens times prices

static const double per_usd = 1e9; // a dollar per million tokens is so many units per token
static const long long unit = 1000000, most = (1LL << 53) - 1;

long long price_per_token(double usd_per_million)
{
    if (!(usd_per_million >= 0 && usd_per_million <= 1e9))
        return -1;
    return llround(usd_per_million * per_usd);
}

static const struct price_tier *tier_of(const struct price *price, long long input)
{
    unsigned at = price->count - 1;
    while (at > 0 && input <= price->tiers[at].above)
        at--;
    return &price->tiers[at];
}

// False when it is not known. What costs nothing does so in any number, and nothing at any price.
static bool add(wide *sum, long long count, long long price)
{
    if (count == 0 || price == 0)
        return true;
    if (count < 0 || price < 0)
        return false;
    *sum += (wide)count * price;
    return true;
}

static long long or_else(long long price, long long other)
{
    return price >= 0 ? price : other;
}

static long long known(long long count)
{
    return count > 0 ? count : 0;
}

// What is left of `all` without its parts; -1: not known.
static long long rest(long long all, long long parts)
{
    if (all < 0)
        return -1;
    return all > parts ? all - parts : 0;
}

// A wide sum as nano-dollars, half up.
static long long rounded(wide sum)
{
    wide nano = (sum + unit / 2) / unit;
    return nano < most ? (long long)nano : most;
}

// Where the provider says itself what it charges for; -1: not known.
static long long cost_of_billed(const struct usage_counts *usage, const long long *of)
{
    wide sum = 0;
    for (int kind = USAGE_INPUT; kind <= USAGE_OUTPUT; kind++) {
        if (!add(&sum, or_else(usage->billed[kind], usage->of[kind]), of[kind]))
            return -1;
    }
    return rounded(sum);
}

long long price_cost(const struct price *price, const struct usage_counts *usage)
{
    const long long *tokens = usage->of;
    const long long *of = tier_of(price, tokens[USAGE_INPUT])->of;
    if (usage->billed[USAGE_INPUT] >= 0 || usage->billed[USAGE_OUTPUT] >= 0)
        return cost_of_billed(usage, of);

    long long cached = known(tokens[USAGE_CACHED]), written = known(tokens[USAGE_CACHE_WRITE]);
    long long thought = known(tokens[USAGE_REASONING]);
    wide sum = 0;

    bool is_known = add(&sum, rest(tokens[USAGE_INPUT], cached + written), of[USAGE_INPUT]) &&
                    add(&sum, cached, or_else(of[USAGE_CACHED], of[USAGE_INPUT])) &&
                    add(&sum, written, or_else(of[USAGE_CACHE_WRITE], of[USAGE_INPUT])) &&
                    add(&sum, rest(tokens[USAGE_OUTPUT], thought), of[USAGE_OUTPUT]) &&
                    add(&sum, thought, or_else(of[USAGE_REASONING], of[USAGE_OUTPUT]));
    if (!is_known)
        return -1;
    return rounded(sum);
}

struct cost cost_none(void)
{
    return (struct cost){.nano = -1};
}

void cost_add(struct cost *sum, long long nano)
{
    if (nano < 0)
        sum->is_unknown = true;
    else
        sum->nano = nano + known(sum->nano);
}

void cost_join(struct cost *sum, const struct cost *more)
{
    sum->is_unknown = sum->is_unknown || more->is_unknown;
    if (more->nano >= 0)
        cost_add(sum, more->nano);
}
