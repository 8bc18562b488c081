#include "lua/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/alarm.h"
#include "lua/generation.h"
#include "lua/task.h"
#include "store/shared_store.h"

void lua_fixture_open(struct lua_fixture *fixture)
{
    static const struct upstream_settings settings = {.idle_per_origin = 8, .idle_time_ms = 1000};
    struct error err;

    fixture->env.loop = loop_new();
    fixture->env.timers = timers_new(fixture->env.loop);
    fixture->env.upstreams = upstream_pool_new(fixture->env.loop, &settings);
    fixture->env.generation = generation_read(NULL, NULL, 1, &err);
    assert_non_null(fixture->env.generation);
    fixture->env.log = log_new("/dev/null", LOG_ERROR, &err);
    assert_non_null(fixture->env.log);
    fixture->env.names = metric_names_new();
    fixture->env.store = shared_store_new();
    fixture->vm = vm_new(&fixture->env);
}

static void on_pool_closed(void *owner)
{
    struct lua_fixture *fixture = owner;
    timers_close(fixture->env.timers);
}

void lua_fixture_close(struct lua_fixture *fixture)
{
    alarm_stop_all(fixture->vm);
    assert_int_equal(fixture->vm->task_count, 0);
    vm_stop(fixture->vm);
    upstream_pool_close(fixture->env.upstreams, on_pool_closed, fixture);
    uv_run(&fixture->env.loop->uv, UV_RUN_DEFAULT);
    vm_free(fixture->vm);
    upstream_pool_free(fixture->env.upstreams);
    metric_names_free(fixture->env.names);
    shared_store_free(fixture->env.store);
    log_free(fixture->env.log);
    generation_unref(fixture->env.generation);
    assert_int_equal(loop_free(fixture->env.loop), 0);
}

int lua_fixture_set_up(void **state)
{
    static struct lua_fixture fixture;
    lua_fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

int lua_fixture_tear_down(void **state)
{
    lua_fixture_close(*state);
    return 0;
}

struct task *lua_fixture_run(struct lua_fixture *fixture, const char *text,
                             void (*on_end)(void *owner, const char *error), void *owner)
{
    struct task *task = task_new(fixture->vm, on_end, owner);
    if (luaL_loadstring(task->co, text) != 0)
        fail_msg("%s", lua_tostring(task->co, -1));
    task_run(task, 0);
    return task;
}

void lua_fixture_check(struct lua_fixture *fixture, const char *text)
{
    lua_State *L = fixture->vm->L;
    const char *whole = lua_pushfstring(L, "local core = require('core') %s", text);
    if (luaL_dostring(L, whole) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

void lua_fixture_check_after(struct lua_fixture *fixture, const char *prelude, const char *text)
{
    lua_State *L = fixture->vm->L;
    lua_pushfstring(L,
                    "local core = require('core') "
                    "local function fails(wanted, f, ...) "
                    "  local ok, message = pcall(f, ...) "
                    "  if ok or message ~= wanted then "
                    "    error(tostring(message) .. ', not ' .. wanted, 2) "
                    "  end "
                    "end %s%s",
                    prelude, text);
    if (luaL_loadbuffer(L, lua_tostring(L, -1), lua_objlen(L, -1), "=test") != 0 ||
        lua_pcall(L, 0, 0, 0) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

void lua_fixture_turn(struct lua_fixture *fixture)
{
    uv_run(&fixture->env.loop->uv, UV_RUN_NOWAIT);
}
