#include "store/limiter.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/xxh64.h"
#include "store/cells.h"

enum {
    SHARDS = 16,
    SHARD_SHIFT = 60,
    SHARD_KEYS = LIMITER_KEYS / SHARDS,
    SHARD_TAKES = 64 * 1024, // remembered by the windows of a shard together: 1 MB
    TAKES_FIRST = 8,         // of one window
    TAKES_MOST = 4096,
    LOOK_FOR_IDLE = 32, // oldest keys that are looked at to make room for a new one
    TIDY = 2,           // ... whenever one comes
};

// Tokens are sums of what callers say: a share of one is no reason to refuse.
static const double tolerance = 1e-9;

struct taken {
    uint64_t at_ms;
    double amount;
};

struct window {
    struct taken *ring; // owned
    size_t cap, first, count;
    double sum;
};

struct held {
    struct cell cell;
    double amount;  // bucket: tokens left; concurrency: held
    uint64_t at_ms; // bucket: when `amount` was that
    struct window window;
    char key[];
};

struct shard {
    pthread_mutex_t lock;
    struct limiter_terms terms;
    struct cells cells;
    size_t takes; // room in all rings
};

struct limiter {
    uint64_t seed;
    struct shard shards[SHARDS];
};

// ---- a window ---------------------------------------------------------------------------------

static struct taken *taken_at(const struct window *window, size_t i)
{
    return &window->ring[(window->first + i) & (window->cap - 1)];
}

static void forget_old(struct window *window, uint64_t length_ms, uint64_t now_ms)
{
    while (window->count && taken_at(window, 0)->at_ms + length_ms <= now_ms) {
        window->sum -= taken_at(window, 0)->amount;
        window->first = (window->first + 1) & (window->cap - 1);
        window->count--;
    }
    if (!window->count)
        window->sum = 0; // what rounding has left
}

static void resize_ring(struct shard *shard, struct window *window, size_t cap)
{
    struct taken *ring = mem_alloc(cap * sizeof(*ring));

    for (size_t i = 0; i < window->count; i++)
        ring[i] = *taken_at(window, i);
    free(window->ring);
    shard->takes += cap - window->cap;
    window->ring = ring;
    window->cap = cap;
    window->first = 0;
}

// Joins what lies in the same stretch of time, so that at least a third of the ring is free. They
// count as the last of them: never too early.
static void join_neighbours(struct window *window, uint64_t length_ms)
{
    uint64_t stretch = length_ms * 2 / window->cap + 1;
    size_t kept = 0;

    for (size_t i = 1; i < window->count; i++) {
        struct taken *last = taken_at(window, kept), *next = taken_at(window, i);
        if (next->at_ms / stretch == last->at_ms / stretch) {
            last->amount += next->amount;
            last->at_ms = next->at_ms;
        } else {
            *taken_at(window, ++kept) = *next;
        }
    }
    window->count = window->count ? kept + 1 : 0;
}

static void make_place(struct shard *shard, struct window *window)
{
    size_t cap = window->cap ? window->cap * 2 : TAKES_FIRST;
    bool may_grow = cap <= TAKES_MOST && shard->takes + cap - window->cap <= SHARD_TAKES;

    if (may_grow || !window->cap)
        resize_ring(shard, window, cap);
    else
        join_neighbours(window, shard->terms.window);
}

static void remember(struct shard *shard, struct window *window, double amount, uint64_t now_ms)
{
    struct taken *last = window->count ? taken_at(window, window->count - 1) : NULL;

    window->sum += amount;
    if (last && last->at_ms >= now_ms) { // the clocks of workers differ by a turn of their loops
        last->amount += amount;
        return;
    }
    if (window->count == window->cap)
        make_place(shard, window);
    window->count++;
    *taken_at(window, window->count - 1) = (struct taken){now_ms, amount};
}

// The newest first: it was taken for what is given back now.
static void give_back(struct window *window, double amount)
{
    while (window->count && amount > 0) {
        struct taken *last = taken_at(window, window->count - 1);
        double part = last->amount < amount ? last->amount : amount;
        last->amount -= part;
        window->sum -= part;
        amount -= part;
        if (last->amount <= 0)
            window->count--;
    }
}

// Until `excess` of what was taken has come back.
static double wait_for(const struct window *window, const struct limiter_terms *terms,
                       double excess, uint64_t now_ms)
{
    for (size_t i = 0; i < window->count; i++) {
        excess -= taken_at(window, i)->amount;
        if (excess <= tolerance)
            return (double)(taken_at(window, i)->at_ms + terms->window - now_ms) / 1e3;
    }
    return HUGE_VAL;
}

// ---- keys: with the shard's lock held ---------------------------------------------------------

static struct held *held_of(struct cell *cell)
{
    return LIST_ITEM(cell, struct held, cell);
}

static void refill(struct held *held, const struct limiter_terms *terms, uint64_t now_ms)
{
    if (now_ms <= held->at_ms)
        return;
    held->amount += (double)(now_ms - held->at_ms) * terms->per_ms;
    if (held->amount > terms->most)
        held->amount = terms->most;
    held->at_ms = now_ms;
}

// True when forgetting the key changes nothing.
static bool is_idle(struct shard *shard, struct held *held, uint64_t now_ms)
{
    switch (shard->terms.kind) {
    case LIMITER_BUCKET:
        refill(held, &shard->terms, now_ms);
        return held->amount >= shard->terms.most;
    case LIMITER_WINDOW:
        forget_old(&held->window, shard->terms.window, now_ms);
        return held->window.count == 0;
    default:
        return held->amount <= 0;
    }
}

static void drop(struct shard *shard, struct held *held)
{
    cells_remove(&shard->cells, &held->cell);
    shard->takes -= held->window.cap;
    free(held->window.ring);
    free(held);
}

static void drop_idle(struct shard *shard, int look_at, uint64_t now_ms)
{
    struct list *node = shard->cells.recent.prev;

    for (; look_at && node != &shard->cells.recent; look_at--) {
        struct held *held = held_of(LIST_ITEM(node, struct cell, recent));
        node = node->prev;
        if (is_idle(shard, held, now_ms))
            drop(shard, held);
    }
}

static struct held *find(struct shard *shard, uint64_t hash, struct slice key)
{
    struct cell *cell = cells_find(&shard->cells, hash, key);
    return cell ? held_of(cell) : NULL;
}

// NULL when there are too many keys.
static struct held *add(struct shard *shard, uint64_t hash, struct slice key, uint64_t now_ms)
{
    bool is_full = shard->cells.count >= SHARD_KEYS;
    drop_idle(shard, is_full ? LOOK_FOR_IDLE : TIDY, now_ms);
    if (shard->cells.count >= SHARD_KEYS)
        return NULL;
    struct held *held = mem_alloc(sizeof(*held) + key.len);
    if (key.len)
        memcpy(held->key, key.data, key.len);
    held->cell.hash = hash;
    held->cell.key = (struct slice){held->key, key.len};
    held->amount = shard->terms.kind == LIMITER_BUCKET ? shard->terms.most : 0;
    held->at_ms = now_ms;
    cells_add(&shard->cells, &held->cell);
    return held;
}

static enum limiter_result take_tokens(const struct limiter_terms *terms, struct held *held,
                                       double amount, uint64_t now_ms, double *wait_s)
{
    refill(held, terms, now_ms);
    if (held->amount + tolerance >= amount) {
        held->amount -= amount;
        return LIMITER_OK;
    }
    bool is_ever = amount <= terms->most && terms->per_ms > 0;
    *wait_s = is_ever ? (amount - held->amount) / terms->per_ms / 1e3 : HUGE_VAL;
    return LIMITER_REFUSED;
}

static enum limiter_result take_window(struct shard *shard, struct held *held, double amount,
                                       uint64_t now_ms, double *wait_s)
{
    const struct limiter_terms *terms = &shard->terms;
    struct window *window = &held->window;

    forget_old(window, terms->window, now_ms);
    if (window->sum + amount <= terms->most + tolerance) {
        remember(shard, window, amount, now_ms);
        return LIMITER_OK;
    }
    *wait_s = amount > terms->most
                  ? HUGE_VAL
                  : wait_for(window, terms, window->sum + amount - terms->most, now_ms);
    return LIMITER_REFUSED;
}

static enum limiter_result take_place(const struct limiter_terms *terms, struct held *held,
                                      double amount, double *wait_s)
{
    *wait_s = HUGE_VAL;
    if (held->amount + amount > terms->most + tolerance)
        return LIMITER_REFUSED;
    held->amount += amount;
    return LIMITER_OK;
}

static struct shard *lock_shard(struct limiter *limiter, struct slice key, uint64_t *hash)
{
    *hash = xxh64(key, limiter->seed);
    struct shard *shard = &limiter->shards[*hash >> SHARD_SHIFT];
    pthread_mutex_lock(&shard->lock);
    return shard;
}

enum limiter_result limiter_take(struct limiter *limiter, struct slice key, double amount,
                                 uint64_t now_ms, double *wait_s)
{
    uint64_t hash;
    enum limiter_result result = LIMITER_FULL;
    struct shard *shard = lock_shard(limiter, key, &hash);
    struct held *held = find(shard, hash, key);

    *wait_s = 0;
    if (!held)
        held = add(shard, hash, key, now_ms);
    if (held) {
        cells_use(&shard->cells, &held->cell);
        if (shard->terms.kind == LIMITER_BUCKET)
            result = take_tokens(&shard->terms, held, amount, now_ms, wait_s);
        else if (shard->terms.kind == LIMITER_WINDOW)
            result = take_window(shard, held, amount, now_ms, wait_s);
        else
            result = take_place(&shard->terms, held, amount, wait_s);
    }
    pthread_mutex_unlock(&shard->lock);
    return result;
}

static void refund(struct shard *shard, struct held *held, double amount, uint64_t now_ms)
{
    switch (shard->terms.kind) {
    case LIMITER_BUCKET:
        refill(held, &shard->terms, now_ms);
        held->amount = fmin(held->amount + amount, shard->terms.most);
        break;
    case LIMITER_WINDOW:
        forget_old(&held->window, shard->terms.window, now_ms);
        if (amount > 0)
            give_back(&held->window, amount);
        else
            remember(shard, &held->window, -amount, now_ms);
        break;
    default:
        if (amount > 0)
            held->amount = fmax(held->amount - amount, 0);
    }
}

void limiter_refund(struct limiter *limiter, struct slice key, double amount, uint64_t now_ms)
{
    uint64_t hash;
    struct shard *shard = lock_shard(limiter, key, &hash);
    struct held *held = find(shard, hash, key);

    if (!held && amount < 0)
        held = add(shard, hash, key, now_ms);
    if (held)
        refund(shard, held, amount, now_ms);
    pthread_mutex_unlock(&shard->lock);
}

// ---- life -------------------------------------------------------------------------------------

enum limiter_kind limiter_kind(const struct limiter *limiter)
{
    return limiter->shards[0].terms.kind; // never changes
}

void limiter_change(struct limiter *limiter, const struct limiter_terms *terms)
{
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &limiter->shards[i];
        pthread_mutex_lock(&shard->lock);
        shard->terms.most = terms->most;
        shard->terms.per_ms = terms->per_ms;
        shard->terms.window = terms->window;
        pthread_mutex_unlock(&shard->lock);
    }
}

struct limiter *limiter_new(const struct limiter_terms *terms)
{
    struct limiter *limiter = mem_alloc(sizeof(*limiter));

    if (getrandom(&limiter->seed, sizeof(limiter->seed), 0) != sizeof(limiter->seed))
        abort();
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &limiter->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        shard->terms = *terms;
        cells_init(&shard->cells);
    }
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    for (int i = 0; limiter && i < SHARDS; i++) {
        struct shard *shard = &limiter->shards[i];
        struct cell *cell;
        while ((cell = cells_oldest(&shard->cells)))
            drop(shard, held_of(cell));
        cells_deinit(&shard->cells);
        pthread_mutex_destroy(&shard->lock);
    }
    free(limiter);
}
