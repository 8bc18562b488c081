#include "lua/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"

struct trial {
    struct lua_fixture fixture;
    char trace[64]; // what scripts noted, in order
    struct task *waiting;
    int ended;
    char error[400];
    bool is_wait_canceled;
};

static int set_up(void **state)
{
    static struct trial trial;
    memset(&trial, 0, sizeof(trial));
    lua_fixture_open(&trial.fixture);
    *state = &trial;
    return 0;
}

static int tear_down(void **state)
{
    struct trial *trial = *state;
    lua_fixture_close(&trial->fixture);
    return 0;
}

static void on_end(void *owner, const char *error)
{
    struct trial *trial = owner;
    trial->ended++;
    if (error)
        snprintf(trial->error, sizeof(trial->error), "%s", error);
}

static int note(lua_State *L)
{
    struct trial *trial = lua_touserdata(L, lua_upvalueindex(1));
    strncat(trial->trace, luaL_checkstring(L, 1), sizeof(trial->trace) - strlen(trial->trace) - 1);
    return 0;
}

static void cancel_wait(void *waiter)
{
    struct trial *trial = waiter;
    trial->is_wait_canceled = true;
    task_wake(trial->waiting, task_push_error(trial->waiting->co, "canceled", "gone"));
}

static int wait(lua_State *L)
{
    struct trial *trial = lua_touserdata(L, lua_upvalueindex(1));
    trial->waiting = trial->fixture.vm->running;
    return task_wait(trial->waiting, cancel_wait, trial);
}

static void start(struct trial *trial, const char *text)
{
    lua_State *L = trial->fixture.vm->L;
    lua_pushlightuserdata(L, trial);
    lua_pushcclosure(L, note, 1);
    lua_setglobal(L, "note");
    lua_pushlightuserdata(L, trial);
    lua_pushcclosure(L, wait, 1);
    lua_setglobal(L, "wait");
    lua_fixture_run(&trial->fixture, text, on_end, trial);
}

static void test_a_task_waits_and_goes_on_with_what_it_is_given(void **state)
{
    struct trial *trial = *state;
    start(trial, "note('a') note(wait()) note('c')");
    assert_string_equal(trial->trace, "a");
    lua_pushliteral(trial->waiting->co, "b");
    task_wake(trial->waiting, 1);
    assert_string_equal(trial->trace, "abc");
    assert_int_equal(trial->ended, 1);
}

static void test_an_error_ends_the_task_with_its_traceback(void **state)
{
    struct trial *trial = *state;
    start(trial, "local function broken() error('no such thing') end\nbroken()");
    assert_int_equal(trial->ended, 1);
    assert_non_null(strstr(trial->error, "no such thing"));
    assert_non_null(strstr(trial->error, "in function 'broken'"));
}

static void test_an_error_that_is_no_string_is_reported_too(void **state)
{
    struct trial *trial = *state;
    start(trial, "error({})");
    assert_non_null(strstr(trial->error, "not a string"));
}

static void test_a_wait_passes_through_pcall(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, value = pcall(function() return wait() end) note(value)");
    lua_pushliteral(trial->waiting->co, "x");
    task_wake(trial->waiting, 1);
    assert_string_equal(trial->trace, "x");
}

static void test_canceling_ends_the_wait_with_the_kind_canceled(void **state)
{
    struct trial *trial = *state;
    start(trial, "local value, err = wait() note(err.kind)");
    task_cancel(trial->waiting);
    assert_true(trial->is_wait_canceled);
    assert_string_equal(trial->trace, "canceled");
}

static void test_a_finished_coroutine_serves_the_next_task(void **state)
{
    struct trial *trial = *state;
    start(trial, "note('a')");
    assert_int_equal(trial->fixture.vm->idle_count, 1);
    start(trial, "note('b')");
    assert_int_equal(trial->fixture.vm->idle_count, 1);
    assert_string_equal(trial->trace, "ab");
}

static void test_a_failed_coroutine_is_not_used_again(void **state)
{
    struct trial *trial = *state;
    start(trial, "error('x')");
    assert_int_equal(trial->fixture.vm->idle_count, 0);
}

static void test_a_sleep_returns_after_its_time(void **state)
{
    struct trial *trial = *state;
    start(trial, "local core = require('core') note('a') assert(core.sleep(0.01)) note('b')");
    while (!trial->ended)
        lua_fixture_turn(&trial->fixture);
    assert_string_equal(trial->trace, "ab");
}

static void test_a_canceled_sleep_ends_at_once(void **state)
{
    struct trial *trial = *state;
    struct task *task = lua_fixture_run(
        &trial->fixture,
        "local ok, err = require('core').sleep(3600) assert(not ok and err.kind == 'canceled')"
        " local again, why = require('core').sleep(1) assert(why.kind == 'canceled')",
        on_end, trial);
    task_cancel(task);
    assert_int_equal(trial->ended, 1);
    assert_string_equal(trial->error, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_waits_and_goes_on_with_what_it_is_given),
        TEST(test_an_error_ends_the_task_with_its_traceback),
        TEST(test_an_error_that_is_no_string_is_reported_too),
        TEST(test_a_wait_passes_through_pcall),
        TEST(test_canceling_ends_the_wait_with_the_kind_canceled),
        TEST(test_a_finished_coroutine_serves_the_next_task),
        TEST(test_a_failed_coroutine_is_not_used_again),
        TEST(test_a_sleep_returns_after_its_time),
        TEST(test_a_canceled_sleep_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
