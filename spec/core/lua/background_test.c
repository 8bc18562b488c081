#include "lua/background.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/limits.h"
#include "lua/fixture.h"
#include "lua/task.h"

static const char *global(struct lua_fixture *fixture, const char *name)
{
    lua_getglobal(fixture->vm->L, name);
    const char *text = lua_tostring(fixture->vm->L, -1);
    lua_pop(fixture->vm->L, 1);
    return text;
}

static void turn_until_idle(struct lua_fixture *fixture)
{
    while (fixture->vm->task_count)
        uv_run(&fixture->env.loop->uv, UV_RUN_ONCE);
}

static void test_it_begins_when_the_task_that_asked_has_ended(void **state)
{
    lua_fixture_run(*state,
                    "trace = ''\n"
                    "local core = require('core')\n"
                    "core.background(function(a, b) trace = trace .. a .. b end, 'x', 'y')\n"
                    "trace = trace .. 'first '",
                    NULL, NULL);
    assert_string_equal(global(*state, "trace"), "first xy");
}

static void test_it_may_wait_when_nobody_else_does(void **state)
{
    lua_fixture_run(*state,
                    "local core = require('core')\n"
                    "core.background(function()\n"
                    "  local _, slept = core.run(core.sleep, 0.001)\n"
                    "  trace = tostring(slept)\n"
                    "end)",
                    NULL, NULL);
    turn_until_idle(*state);
    assert_string_equal(global(*state, "trace"), "true");
}

static void test_a_failure_is_the_end_of_nothing_else(void **state)
{
    lua_fixture_run(*state,
                    "local core = require('core')\n"
                    "core.background(function() error('oops') end)\n"
                    "core.background(function() trace = 'fine' end)",
                    NULL, NULL);
    assert_string_equal(global(*state, "trace"), "fine");
}

static void test_canceled_ones_end(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_fixture_run(fixture,
                    "trace = ''\n"
                    "local core = require('core')\n"
                    "for _ = 1, 3 do\n"
                    "  core.background(function()\n"
                    "    local _, err = core.sleep(1000)\n"
                    "    trace = trace .. err.kind .. ' '\n"
                    "  end)\n"
                    "end",
                    NULL, NULL);
    assert_int_equal(fixture->vm->background_count, 3);
    background_cancel_all(fixture->vm);
    turn_until_idle(fixture);
    assert_string_equal(global(fixture, "trace"), "canceled canceled canceled ");
    assert_int_equal(fixture->vm->background_count, 0);
}

static void test_there_are_not_more_than_the_limit(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_fixture_run(fixture,
                    "local core = require('core')\n"
                    "local count, ok, err = -1\n"
                    "repeat\n"
                    "  count, ok, err = count + 1, core.background(core.sleep, 1000)\n"
                    "until not ok\n"
                    "trace = err.kind .. ' ' .. count",
                    NULL, NULL);
    char expected[40];
    snprintf(expected, sizeof(expected), "overloaded %d", LIMIT_BACKGROUND);
    assert_string_equal(global(fixture, "trace"), expected);
    background_cancel_all(fixture->vm);
    turn_until_idle(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_it_begins_when_the_task_that_asked_has_ended),
        LUA_FIXTURE(test_it_may_wait_when_nobody_else_does),
        LUA_FIXTURE(test_a_failure_is_the_end_of_nothing_else),
        LUA_FIXTURE(test_canceled_ones_end),
        LUA_FIXTURE(test_there_are_not_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
