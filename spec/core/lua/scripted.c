#include "lua/scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/script.h"
#include "lua/task.h"

enum { MOMENT_MS = 5 };

// The grants are a table so that a test can change them.
static const char prelude[] =
    "core = require('core') grants = { '*' } core.config.scripts = { http = grants } tide = {}\n"
    "require('tide.api_tasks')(tide, { path = 'x.lua' }) require('tide.api_http')(tide)\n"
    "environment = require('tide.environment').new(tide)\n"
    "coroutine = environment.coroutine\n";

static const char prelude_trusted[] =
    "core = require('core') run, run_now = core.run, core.run_now\n"
    "function text(source, name)\n"
    "  local f = assert(loadstring(source, name or '@x.lua'))\n"
    "  jit.off(f, true)\n"
    "  return f\n"
    "end\n"
    "function try(source, ...)\n"
    "  local ok, err = run(text(source), ...)\n"
    "  if ok then note('fine') return end\n"
    "  note(err.limit, err.file, err.line)\n"
    "end\n";

struct scripted *scripted_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(2));
}

void scripted_define(struct scripted *scripted, const char *name, lua_CFunction function)
{
    lua_State *L = scripted->fixture.vm->L;
    lua_pushlightuserdata(L, scripted->fixture.vm);
    lua_pushlightuserdata(L, scripted);
    lua_pushcclosure(L, function, 2);
    lua_setglobal(L, name);
}

static int note(lua_State *L)
{
    struct scripted *scripted = scripted_of(L);
    for (int i = 1; i <= lua_gettop(L); i++) {
        lua_getglobal(L, "tostring");
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        size_t len = strlen(scripted->trace);
        snprintf(scripted->trace + len, sizeof(scripted->trace) - len, "%s ", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

void scripted_cancel_wait(void *task)
{
    struct task *waiting = task;
    task_wake(waiting, task_push_error(waiting->co, "canceled", "gone"));
}

static int wait(lua_State *L)
{
    struct scripted *scripted = scripted_of(L);
    struct task *task = script_check_wait(L);
    scripted->waiting[scripted->waits++ % SCRIPTED_WAITS] = task;
    if (scripted->is_stubborn)
        return task_wait(task, NULL, NULL);
    if (task->is_canceled)
        return task_push_error(L, "canceled", "gone");
    return task_wait(task, scripted_cancel_wait, task);
}

struct task *scripted_waiting(const struct scripted *scripted)
{
    assert_true(scripted->waits > 0);
    return scripted->waiting[(scripted->waits - 1) % SCRIPTED_WAITS];
}

static void set_up(void **state, const char *text)
{
    static struct scripted scripted;
    memset(&scripted, 0, sizeof(scripted));
    lua_fixture_open(&scripted.fixture);
    scripted_define(&scripted, "note", note);
    scripted_define(&scripted, "wait", wait);
    if (luaL_dostring(scripted.fixture.vm->L, text) != 0)
        fail_msg("%s", lua_tostring(scripted.fixture.vm->L, -1));
    *state = &scripted;
}

int scripted_set_up(void **state)
{
    set_up(state, prelude);
    return 0;
}

int scripted_set_up_trusted(void **state)
{
    set_up(state, prelude_trusted);
    return 0;
}

int scripted_tear_down(void **state)
{
    struct scripted *scripted = *state;
    lua_fixture_close(&scripted->fixture);
    return 0;
}

static void on_end(void *owner, const char *error)
{
    struct scripted *scripted = owner;
    scripted->ended++;
    scripted->task = NULL;
    if (error)
        snprintf(scripted->error, sizeof(scripted->error), "%s", error);
}

void scripted_start(struct scripted *scripted, const char *text)
{
    struct task *task = task_new(scripted->fixture.vm, on_end, scripted);
    scripted->task = task;
    if (luaL_loadbuffer(task->co, text, strlen(text), "=x.lua") != 0)
        fail_msg("%s", lua_tostring(task->co, -1));
    task_run(task, 0);
}

static void ignore(void *owner)
{
    (void)owner;
}

void scripted_turn(struct scripted *scripted)
{
    struct timers *timers = scripted->fixture.env.timers;

    scripted->tick = (struct timer){.on_due = ignore};
    uv_update_time(&scripted->fixture.env.loop->uv); // a moment from now, not from the last turn
    timer_start(timers, &scripted->tick, MOMENT_MS);
    uv_run(&scripted->fixture.env.loop->uv, UV_RUN_ONCE);
    timer_stop(timers, &scripted->tick);
}

struct task *scripted_start_trusted(struct scripted *scripted, const char *text)
{
    return lua_fixture_run(&scripted->fixture, text, on_end, scripted);
}

void scripted_await(struct scripted *scripted)
{
    while (!scripted->ended)
        scripted_turn(scripted);
    assert_string_equal(scripted->error, "");
}

void scripted_run(struct scripted *scripted, const char *text)
{
    scripted_start(scripted, text);
    scripted_await(scripted);
}
