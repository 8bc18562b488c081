#include "http/pool.h"

#include "base/limits.h"
#include "base/mem.h"

// Where a connection stands in the pool; lives as long as its transport.
struct idle {
    struct list of_origin, of_pool;
    struct pool *pool;
    struct origin *origin;
    struct transport *transport;
    uint64_t since_ms;
};

// Takes the connection out of the pool; it is the caller's then.
static struct transport *remove_idle(struct idle *idle)
{
    struct transport *transport = idle->transport;
    list_remove(&idle->of_origin);
    list_remove(&idle->of_pool);
    idle->origin->idle_count--;
    idle->pool->count--;
    return transport;
}

static void drop(struct idle *idle)
{
    transport_close(remove_idle(idle));
}

static void on_read(void *owner, const char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    drop(owner);
}

static void on_end(void *owner, const char *reason)
{
    (void)reason;
    drop(owner);
}

static void ignore(void *owner)
{
    (void)owner;
}

static const struct transport_events idle_events = {
    .on_read = on_read,
    .on_pause = ignore,
    .on_end = on_end,
    .on_written = ignore,
};

static struct idle *oldest(const struct pool *pool)
{
    return list_is_empty(&pool->by_age) ? NULL : LIST_ITEM(pool->by_age.next, struct idle, of_pool);
}

static void on_timer(uv_timer_t *timer);

// Looks again when the oldest is due, but not more often than eight times per idle time.
static void start_timer(struct pool *pool)
{
    const struct idle *idle = oldest(pool);
    if (!idle || uv_is_active((uv_handle_t *)&pool->timer))
        return;
    uint64_t age = loop_now_ms(pool->turn->loop) - idle->since_ms;
    uint64_t left = age < pool->idle_ms ? pool->idle_ms - age : 0;
    uint64_t least = pool->idle_ms / 8 + 1;
    uv_timer_start(&pool->timer, on_timer, left > least ? left : least, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct pool *pool = timer->data;
    uint64_t now = loop_now_ms(pool->turn->loop);
    struct idle *idle;

    while ((idle = oldest(pool)) && now - idle->since_ms >= pool->idle_ms)
        drop(idle);
    start_timer(pool);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pool *pool = handle->data;
    turn_release(pool->turn);
}

void pool_init(struct pool *pool, struct turn *turn, size_t per_origin, uint32_t idle_ms)
{
    *pool = (struct pool){.turn = turn, .idle_ms = idle_ms};
    pool->per_origin = per_origin < LIMIT_ORIGIN_IDLE ? per_origin : LIMIT_ORIGIN_IDLE;
    list_init(&pool->by_age);
    uv_timer_init(&turn->loop->uv, &pool->timer);
    pool->timer.data = pool;
    turn_hold(turn);
}

void pool_close(struct pool *pool)
{
    struct idle *idle;
    pool->is_closed = true;
    while ((idle = oldest(pool)))
        drop(idle);
    uv_close((uv_handle_t *)&pool->timer, on_timer_closed);
}

struct transport *pool_take(struct origin *origin)
{
    if (list_is_empty(&origin->idle))
        return NULL;
    return remove_idle(LIST_ITEM(origin->idle.next, struct idle, of_origin));
}

void pool_forget(struct origin *origin)
{
    while (!list_is_empty(&origin->idle))
        drop(LIST_ITEM(origin->idle.next, struct idle, of_origin));
}

void pool_put(struct pool *pool, struct origin *origin, struct transport *transport)
{
    if (pool->is_closed || pool->per_origin == 0) {
        transport_close(transport);
        return;
    }
    if (origin->idle_count == pool->per_origin)
        drop(LIST_ITEM(origin->idle.prev, struct idle, of_origin));
    if (!transport->place)
        transport->place = mem_alloc(sizeof(struct idle));
    struct idle *idle = transport->place;
    idle->pool = pool;
    idle->origin = origin;
    idle->transport = transport;
    idle->since_ms = loop_now_ms(pool->turn->loop);
    list_add_front(&origin->idle, &idle->of_origin);
    list_add_back(&pool->by_age, &idle->of_pool);
    origin->idle_count++;
    pool->count++;
    transport_attach(transport, &idle_events, idle);
    start_timer(pool);
}
