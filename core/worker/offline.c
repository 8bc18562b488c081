#include "worker/offline.h"

#include <string.h>

#include <lauxlib.h>

#include "lua/inner_call.h"
#include "lua/loading.h"
#include "lua/task.h"

// Of virtual time.
enum {
    LONGEST_MS = 24 * 3600 * 1000, // for one call
    LEAVING_MS = 15 * 60 * 1000,   // for what still runs behind the last one
};

// Hands what the function returns to C: a task's own results go nowhere.
static const char trampoline[] = "local module, name, argument, hand = ...\n"
                                 "hand(require(module)[name](argument))\n";

static int hand(lua_State *L)
{
    struct offline *offline = lua_touserdata(L, lua_upvalueindex(1));
    struct slice text;

    offline->status = (int)luaL_checkinteger(L, 1);
    text.data = luaL_checklstring(L, 2, &text.len);
    if (buf_add_slice(offline->out, text) != 0)
        return luaL_error(L, "the result is too large");
    return 0;
}

static void on_end(void *owner, const char *error)
{
    struct offline *offline = owner;

    offline->is_ended = true;
    if (!error)
        return;
    offline->status = -1;
    error_set(offline->err, ERROR_SCRIPT, "%s", error);
}

static void add_secrets(const struct offline *offline)
{
    const struct config *config = offline->generation.config;
    for (size_t i = 0; i < config->secret_count; i++)
        log_add_secret(offline->shared.log, slice_of(config->secrets[i].value));
}

int offline_open_as(struct offline *offline, struct config *config, struct bundle *bundle,
                    const struct offline_options *options, struct error *err)
{
    const char *log_file = options->log_file ? options->log_file : "/dev/null";

    *offline =
        (struct offline){.generation = {.refs = 1, .number = 1, .config = config, .bundle = bundle},
                         .is_live = options->is_live};
    offline->shared.generation = &offline->generation;
    offline->shared.log = log_new(log_file, options->log_file ? LOG_DEBUG : LOG_ERROR, err);
    if (!offline->shared.log)
        return -1;
    offline->shared.names = metric_names_new();
    offline->shared.store = shared_store_new();
    worker_base_init(&offline->base, &offline->shared, 0);
    if (!offline->is_live) {
        timers_set_virtual(offline->base.timers);
        upstream_pool_set_offline(offline->base.upstreams);
    }
    add_secrets(offline);
    return 0;
}

int offline_open(struct offline *offline, struct config *config, struct bundle *bundle,
                 struct error *err)
{
    const struct offline_options options = {.log_file = NULL, .is_live = false};
    return offline_open_as(offline, config, bundle, &options, err);
}

int offline_load(struct offline *offline, struct error *err)
{
    int rc = vm_load(offline->base.vm, err);
    add_secrets(offline); // those that adapters looked up in the environment
    return rc;
}

// Does what can be done now, else lets time pass. False: there is nothing to wait for.
static bool turn(struct offline *offline, uint64_t until_ms)
{
    uv_loop_t *uv = &offline->base.loop->uv;

    if (offline->is_live) { // a timer of whoever waits ends the waiting
        uv_run(uv, UV_RUN_ONCE);
        return timers_now_ms(offline->base.timers) < until_ms;
    }
    if (uv_loop_alive(uv) && uv_backend_timeout(uv) == 0) {
        uv_run(uv, UV_RUN_NOWAIT);
        return true;
    }
    if (uv->active_reqs.count > 0) { // something happens in another thread and will be heard of
        uv_run(uv, UV_RUN_ONCE);
        return true;
    }
    return timers_step(offline->base.timers, until_ms);
}

static int turn_until_ended(struct offline *offline, struct task *task, uint64_t until_ms)
{
    while (!offline->is_ended) {
        if (turn(offline, until_ms))
            continue;
        task_cancel(task);
        while (!offline->is_ended && turn(offline, until_ms + LEAVING_MS))
            ;
        return error_set(offline->err, ERROR_SCRIPT, "it waits for what never comes");
    }
    return offline->status;
}

// Requests that nobody waits for any more, and what they wait for.
static void end_tasks(struct offline *offline)
{
    uint64_t until_ms = timers_now_ms(offline->base.timers) + LEAVING_MS;

    inner_call_cancel_loose(offline->base.vm);
    while (offline->base.vm->task_count && turn(offline, until_ms))
        ;
}

int offline_call(struct offline *offline, const char *module, const char *function,
                 struct slice argument, struct buf *out, struct error *err)
{
    struct vm *vm = offline->base.vm;
    uint64_t until_ms = timers_now_ms(offline->base.timers) + LONGEST_MS;

    offline->out = out;
    offline->err = err;
    offline->status = -1;
    offline->is_ended = false;
    struct task *task = task_new(vm, on_end, offline);
    if (luaL_loadbuffer(task->co, trampoline, sizeof(trampoline) - 1, "=call") != 0)
        return error_set(err, ERROR_SCRIPT, "no memory for Lua");
    lua_pushstring(task->co, module);
    lua_pushstring(task->co, function);
    lua_pushlstring(task->co, argument.len ? argument.data : "", argument.len);
    lua_pushlightuserdata(task->co, offline);
    lua_pushcclosure(task->co, hand, 1);
    task_run(task, 4);
    return turn_until_ended(offline, task, until_ms);
}

size_t offline_close(struct offline *offline)
{
    size_t left = 0;

    if (offline->base.loop) {
        end_tasks(offline);
        left = offline->base.vm->task_count;
        worker_base_close(&offline->base);
        uv_run(&offline->base.loop->uv, UV_RUN_DEFAULT);
        left += worker_base_free(&offline->base);
    }
    metric_names_free(offline->shared.names);
    shared_store_free(offline->shared.store);
    log_free(offline->shared.log);
    return left;
}
