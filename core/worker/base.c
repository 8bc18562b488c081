#include "worker/base.h"

#include "lua/alarm.h"
#include "lua/loading.h"

enum { UPSTREAM_IDLE_MS = 60 * 1000 }; // most providers close a little later than this

void worker_base_init(struct worker_base *base, struct worker_shared *shared, unsigned number)
{
    struct upstream_settings settings = {
        .idle_per_origin = LIMIT_ORIGIN_IDLE,
        .idle_time_ms = UPSTREAM_IDLE_MS,
    };

    base->loop = shared->loop ? shared->loop : loop_new();
    base->owns_loop = !shared->loop;
    base->timers = timers_new(base->loop);
    base->upstreams = upstream_pool_new(base->loop, &settings);
    mailbox_open(&base->mailbox, base->loop);
    struct vm_env env = {
        .loop = base->loop,
        .timers = base->timers,
        .upstreams = base->upstreams,
        .generation = shared->generation,
        .reloader = shared->reloader,
        .mailbox = &base->mailbox,
        .log = shared->log,
        .bodies = shared->bodies,
        .names = shared->names,
        .store = shared->store,
        .worker = number,
    };
    base->vm = vm_new(&env);
}

int worker_base_open(struct worker_base *base, struct worker_shared *shared, unsigned number,
                     struct error *err)
{
    worker_base_init(base, shared, number);
    return vm_load(base->vm, err);
}

static void on_pool_closed(void *owner)
{
    struct worker_base *base = owner;
    timers_close(base->timers);
}

void worker_base_close(struct worker_base *base)
{
    vm_stop(base->vm);
    mailbox_close(&base->mailbox);
    alarm_stop_all(base->vm);
    upstream_pool_close(base->upstreams, on_pool_closed, base);
}

size_t worker_base_free(struct worker_base *base)
{
    vm_free(base->vm);
    mailbox_deinit(&base->mailbox);
    upstream_pool_free(base->upstreams);
    return base->owns_loop ? (size_t)loop_free(base->loop) : 0;
}
