#include "lua/scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/task.h"

enum { MOMENT_MS = 5 };

// The grants are a table so that a test can change them.
static const char prelude[] =
    "core = require('core') grants = { '*' } core.config.scripts = { http = grants } tide = {}\n"
    "require('tide.api_tasks')(tide, { path = 'x.lua' }) require('tide.api_http')(tide)\n"
    "environment = require('tide.environment').new(tide)\n"
    "coroutine = environment.coroutine\n";

static int note(lua_State *L)
{
    struct scripted *scripted = lua_touserdata(L, lua_upvalueindex(1));
    size_t len = strlen(scripted->trace);

    lua_getglobal(L, "tostring");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    snprintf(scripted->trace + len, sizeof(scripted->trace) - len, "%s ", lua_tostring(L, -1));
    return 0;
}

int scripted_set_up(void **state)
{
    static struct scripted scripted;
    memset(&scripted, 0, sizeof(scripted));
    lua_fixture_open(&scripted.fixture);
    lua_State *L = scripted.fixture.vm->L;
    lua_pushlightuserdata(L, &scripted);
    lua_pushcclosure(L, note, 1);
    lua_setglobal(L, "note");
    if (luaL_dostring(L, prelude) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    *state = &scripted;
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
