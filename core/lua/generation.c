#include "lua/generation.h"

#include <stdlib.h>

#include "base/mem.h"

struct generation *generation_new(unsigned number, struct config *config, struct bundle *bundle,
                                  atomic_size_t *alive)
{
    struct generation *generation = mem_alloc(sizeof(*generation));

    atomic_init(&generation->refs, 1);
    generation->number = number;
    generation->config = config;
    generation->bundle = bundle;
    generation->alive = alive;
    if (alive)
        atomic_fetch_add(alive, 1);
    return generation;
}

struct generation *generation_read(const char *path, const struct config_overrides *overrides,
                                   unsigned number, struct error *err)
{
    struct bundle *bundle = bundle_read(path, err);
    struct config *config = bundle ? config_load_bundle(bundle, overrides, err) : NULL;

    if (config)
        return generation_new(number, config, bundle, NULL);
    bundle_free(bundle);
    return NULL;
}

struct generation *generation_ref(struct generation *generation)
{
    atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (!generation || atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (generation->alive)
        atomic_fetch_sub(generation->alive, 1);
    config_free(generation->config);
    bundle_free(generation->bundle);
    free(generation);
}
