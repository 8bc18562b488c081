#include "lua/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/scripted.h"

static void test_a_task_waits_and_goes_on_with_what_it_is_given(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "note('a') note(wait()) note('c')");
    assert_string_equal(scripted->trace, "a ");
    struct task *task = scripted_waiting(scripted);
    lua_pushliteral(task->co, "b");
    task_wake(task, 1);
    assert_string_equal(scripted->trace, "a b c ");
    assert_int_equal(scripted->ended, 1);
}

static void test_an_error_ends_the_task_with_its_traceback(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local function broken() error('no such thing') end\nbroken()");
    assert_int_equal(scripted->ended, 1);
    assert_non_null(strstr(scripted->error, "no such thing"));
    assert_non_null(strstr(scripted->error, "in function 'broken'"));
}

static void test_an_error_that_is_no_string_is_reported_too(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "error({})");
    assert_non_null(strstr(scripted->error, "not a string"));
}

static void test_a_wait_passes_through_pcall(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local ok, value = pcall(function() return wait() end) note(value)");
    struct task *task = scripted_waiting(scripted);
    lua_pushliteral(task->co, "x");
    task_wake(task, 1);
    assert_string_equal(scripted->trace, "x ");
}

static void test_canceling_ends_the_wait_with_the_kind_canceled(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local value, err = wait() note(err.kind, err.message)");
    task_cancel(scripted_waiting(scripted));
    assert_string_equal(scripted->trace, "canceled gone ");
}

static void test_a_finished_coroutine_serves_the_next_task(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "note('a')");
    assert_int_equal(scripted->fixture.vm->idle_count, 1);
    scripted_start_trusted(scripted, "note('b')");
    assert_int_equal(scripted->fixture.vm->idle_count, 1);
    assert_string_equal(scripted->trace, "a b ");
}

static void test_a_failed_coroutine_is_not_used_again(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "error('x')");
    assert_int_equal(scripted->fixture.vm->idle_count, 0);
}

static void test_a_sleep_returns_after_its_time(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local core = require('core') note('a') assert(core.sleep(0.01)) note('b')");
    while (!scripted->ended)
        lua_fixture_turn(&scripted->fixture);
    assert_string_equal(scripted->trace, "a b ");
}

static void test_a_canceled_sleep_ends_at_once(void **state)
{
    struct scripted *scripted = *state;
    struct task *task = scripted_start_trusted(
        scripted,
        "local ok, err = require('core').sleep(3600) assert(not ok and err.kind == 'canceled')"
        " local again, why = require('core').sleep(1) assert(why.kind == 'canceled')");
    task_cancel(task);
    assert_int_equal(scripted->ended, 1);
    assert_string_equal(scripted->error, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED_TRUSTED(test_a_task_waits_and_goes_on_with_what_it_is_given),
        SCRIPTED_TRUSTED(test_an_error_ends_the_task_with_its_traceback),
        SCRIPTED_TRUSTED(test_an_error_that_is_no_string_is_reported_too),
        SCRIPTED_TRUSTED(test_a_wait_passes_through_pcall),
        SCRIPTED_TRUSTED(test_canceling_ends_the_wait_with_the_kind_canceled),
        SCRIPTED_TRUSTED(test_a_finished_coroutine_serves_the_next_task),
        SCRIPTED_TRUSTED(test_a_failed_coroutine_is_not_used_again),
        SCRIPTED_TRUSTED(test_a_sleep_returns_after_its_time),
        SCRIPTED_TRUSTED(test_a_canceled_sleep_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
