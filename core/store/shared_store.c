#include "store/shared_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/xxh64.h"
#include "store/cells.h"

struct named {
    struct cell cell;
    void *thing; // owned
    char name[];
};

struct shared_store {
    pthread_mutex_t lock;
    struct cells dicts, limiters;
};

static void *find(const struct cells *cells, struct slice name)
{
    struct cell *cell = cells_find(cells, xxh64(name, 0), name);
    return cell ? LIST_ITEM(cell, struct named, cell)->thing : NULL;
}

static void *add(struct cells *cells, struct slice name, void *thing)
{
    struct named *named = mem_alloc(sizeof(*named) + name.len);

    memcpy(named->name, name.data, name.len);
    named->thing = thing;
    named->cell.key = (struct slice){named->name, name.len};
    named->cell.hash = xxh64(name, 0);
    cells_add(cells, &named->cell);
    return thing;
}

static int check_name(struct slice name, struct error *err)
{
    if (name.len && name.len <= SHARED_STORE_NAME)
        return 0;
    return error_set(err, ERROR_TOO_LARGE, "a name has 1 to %d bytes", SHARED_STORE_NAME);
}

struct dict *shared_store_dict(struct shared_store *store, struct slice name, size_t limit_bytes,
                               struct error *err)
{
    if (check_name(name, err) != 0)
        return NULL;
    pthread_mutex_lock(&store->lock);
    struct dict *dict = find(&store->dicts, name);
    if (!dict && store->dicts.count < SHARED_STORE_DICTS)
        dict = add(&store->dicts, name, dict_new(limit_bytes));
    pthread_mutex_unlock(&store->lock);
    if (!dict)
        error_set(err, ERROR_TOO_LARGE, "there are %d dictionaries already, no more can be made",
                  SHARED_STORE_DICTS);
    return dict;
}

// With the lock held.
static struct limiter *find_limiter(struct shared_store *store, struct slice name,
                                    const struct limiter_terms *terms, struct error *err)
{
    static const char *const kinds[] = {"bucket", "window", "concurrency"};
    struct limiter *limiter = find(&store->limiters, name);

    if (limiter && limiter_kind(limiter) != terms->kind) {
        error_set(err, ERROR_BAD_REQUEST, "the limit '%.*s' is a %s already", (int)name.len,
                  name.data, kinds[limiter_kind(limiter)]);
        return NULL;
    }
    if (limiter) {
        limiter_change(limiter, terms);
        return limiter;
    }
    if (store->limiters.count < SHARED_STORE_LIMITERS)
        return add(&store->limiters, name, limiter_new(terms));
    error_set(err, ERROR_TOO_LARGE, "there are %d limits already, no more can be made",
              SHARED_STORE_LIMITERS);
    return NULL;
}

struct limiter *shared_store_limiter(struct shared_store *store, struct slice name,
                                     const struct limiter_terms *terms, struct error *err)
{
    if (check_name(name, err) != 0)
        return NULL;
    pthread_mutex_lock(&store->lock);
    struct limiter *limiter = find_limiter(store, name, terms, err);
    pthread_mutex_unlock(&store->lock);
    return limiter;
}

struct shared_store *shared_store_new(void)
{
    struct shared_store *store = mem_alloc(sizeof(*store));

    pthread_mutex_init(&store->lock, NULL);
    cells_init(&store->dicts);
    cells_init(&store->limiters);
    return store;
}

static struct named *take_any(struct cells *cells)
{
    struct cell *cell = cells_oldest(cells);
    if (!cell)
        return NULL;
    cells_remove(cells, cell);
    return LIST_ITEM(cell, struct named, cell);
}

void shared_store_free(struct shared_store *store)
{
    struct named *named;

    if (!store)
        return;
    while ((named = take_any(&store->dicts))) {
        dict_free(named->thing);
        free(named);
    }
    while ((named = take_any(&store->limiters))) {
        limiter_free(named->thing);
        free(named);
    }
    cells_deinit(&store->dicts);
    cells_deinit(&store->limiters);
    pthread_mutex_destroy(&store->lock);
    free(store);
}
