#include "lua/holds.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/limiter.h"

struct hold {
    struct hold *next;
    struct limiter *limiter; // borrowed
    double amount;
    size_t key_len;
    char key[];
};

static struct slice key_of(const struct hold *hold)
{
    return (struct slice){hold->key, hold->key_len};
}

// The link to the hold, or to the NULL at the end.
static struct hold **find(struct hold **holds, const struct limiter *limiter, struct slice key)
{
    while (*holds && ((*holds)->limiter != limiter || !slice_equal(key_of(*holds), key)))
        holds = &(*holds)->next;
    return holds;
}

void holds_add(struct hold **holds, struct limiter *limiter, struct slice key, double amount)
{
    struct hold *hold = *find(holds, limiter, key);

    if (!hold) {
        hold = mem_alloc(sizeof(*hold) + key.len + 1);
        memcpy(hold->key, key.data, key.len);
        hold->key_len = key.len;
        hold->limiter = limiter;
        hold->next = *holds;
        *holds = hold;
    }
    hold->amount += amount;
}

double holds_remove(struct hold **holds, const struct limiter *limiter, struct slice key,
                    double amount)
{
    struct hold **link = find(holds, limiter, key);
    struct hold *hold = *link;

    if (!hold)
        return 0;
    if (amount < hold->amount) {
        hold->amount -= amount;
        return amount;
    }
    amount = hold->amount;
    *link = hold->next;
    free(hold);
    return amount;
}

void holds_release(struct hold **holds)
{
    while (*holds) {
        struct hold *hold = *holds;
        *holds = hold->next;
        limiter_refund(hold->limiter, key_of(hold), hold->amount, 0);
        free(hold);
    }
}
