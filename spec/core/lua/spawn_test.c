#include "lua/spawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/scripted.h"
#include "lua/task.h"

static void test_a_task_hands_its_results_to_whoever_waits(void **state)
{
    scripted_run(
        *state,
        "local t = core.spawn(function(a, b) core.sleep(0.001) return a + b, nil, 'x' end, 1, 2)"
        " local ok, sum, none, x = t:wait()"
        " assert(ok == true and sum == 3 and none == nil and x == 'x')"
        " assert(select('#', t:wait()) == 4)");
}

static void test_an_ended_task_can_be_asked_later_and_often(void **state)
{
    scripted_run(*state,
                 "local t = core.spawn(function() return 'done' end)"
                 " core.sleep(0.001)"
                 " for _ = 1, 3 do local ok, what = t:wait() assert(ok and what == 'done') end");
}

static void test_two_can_wait_for_one_task(void **state)
{
    scripted_run(*state, "local t = core.spawn(function() core.sleep(0.005) return 7 end)"
                         " local a, b = core.all{ function() return select(2, t:wait()) end,"
                         "                       function() return select(2, t:wait()) end }"
                         " assert(a == 7 and b == 7)");
}

static void test_a_failed_task_says_where_and_harms_no_other(void **state)
{
    scripted_run(*state, "local good = core.spawn(function() core.sleep(0.002) return 'good' end)\n"
                         "local bad = core.spawn(function()\n error('oops') end)\n"
                         "local ok, err = bad:wait()\n"
                         "assert(ok == false and err.kind == 'script', err)\n"
                         "assert(err.message == 'x.lua:3: oops' and err.line == 3, err.message)\n"
                         "local fine, what = good:wait()\n"
                         "assert(fine and what == 'good')");
}

static void test_a_wait_ends_at_its_time(void **state)
{
    scripted_run(*state,
                 "local t = core.spawn(function() core.sleep(3600) return 1 end)"
                 " local ok, err = t:wait(0.001) assert(ok == nil and err.kind == 'timeout')"
                 " ok, err = t:wait(0) assert(ok == nil and err.kind == 'timeout')"
                 " t:cancel()"
                 " ok, err = t:wait() assert(ok == false and err.kind == 'canceled')");
}

static void test_a_canceled_task_is_told_so_by_each_wait(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local t = core.spawn(function()"
                           "   for _ = 1, 3 do local _, err = core.sleep(3600) note(err.kind) end"
                           "   note(select(2, core.yield()).kind)"
                           "   note(select(2, core.all{ function() note('ran') end }).kind) end)"
                           " core.sleep(0.001) t:cancel() t:wait()");
    assert_string_equal(scripted->trace, "canceled canceled canceled canceled canceled ");
}

static void test_a_task_canceled_before_it_began_never_runs(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local t = core.spawn(function() note('ran') end) t:cancel() note('on')"
                 " local ok, err = t:wait() assert(ok == false and err.kind == 'canceled')");
    assert_string_equal(scripted->trace, "on ");
}

static void test_tasks_end_with_the_one_that_made_them(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "core.spawn(function()"
                           "   core.spawn(function() note(select(2, core.sleep(3600)).kind) end)"
                           "   note(select(2, core.sleep(3600)).kind) end)"
                           " core.sleep(0.001)");
    assert_string_equal(scripted->trace, "canceled canceled ");
    assert_int_equal(scripted->fixture.vm->task_count, 0);
}

static void test_canceling_a_task_cancels_all_that_come_from_it(void **state)
{
    struct scripted *scripted = *state;
    scripted_start(
        scripted,
        "local t = core.spawn(function()"
        "   local inner = core.spawn(function() note(select(2, core.sleep(3600)).kind) end)"
        "   local ok, err = inner:wait() note(ok == nil and err.kind or 'no') end)"
        " local ok, err = t:wait() note(ok == nil and err.kind or 'no')");
    task_cancel(scripted->task);
    assert_int_equal(scripted->ended, 1);
    assert_string_equal(scripted->trace, "canceled canceled canceled ");
}

static void test_a_task_that_waits_for_itself_is_told(void **state)
{
    scripted_run(*state,
                 "local t t = core.spawn(function() return t:wait() end)"
                 " local ok, err = t:wait()"
                 " assert(not ok and err.reason == 'a task cannot wait for itself', err.message)");
}

static void test_tasks_have_a_limit_that_counts_running_ones(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local list = {}"
                           " for i = 1, 1000 do"
                           "   local t, err = core.spawn(function() core.sleep(0.001) end)"
                           "   if not t then note(#list) note(err.kind) note(err.limit) break end"
                           "   list[i] = t end"
                           " for _, t in ipairs(list) do assert(t:wait()) end"
                           " for _ = 1, 200 do assert(core.spawn(function() end):wait()) end");
    assert_string_equal(scripted->trace, "64 budget tasks ");
}

static void test_nothing_is_begun_when_not_all_fit(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local list = {} for i = 1, 65 do list[i] = function() note('ran') end end"
                 " local none, err = core.all(list) assert(none == nil and err.limit == 'tasks')"
                 " list[65] = nil for i = 1, 64 do list[i] = function() return i end end"
                 " assert(select('#', core.all(list)) == 64)"
                 " assert(select(64, core.all(list)) == 64)");
    assert_string_equal(scripted->trace, "");
}

static void test_a_hooks_tasks_live_as_long_as_its_request(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(
        scripted,
        "local t"
        " core.run(function() t = core.spawn(function() core.sleep(0.002) return 'late' end) end)"
        " note('on') local ok, what = t:wait() note(what)");
    assert_string_equal(scripted->trace, "on late ");
}

static void test_nothing_can_be_spawned_while_loading(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "note('x')");
    lua_fixture_check(
        &scripted->fixture,
        "local ok, err = core.run_now(function() core.spawn(function() end) end)"
        " assert(not ok and err.reason =="
        " 'tide.spawn cannot be used while the script is being loaded', err.message)");
}

static void test_yield_lets_others_run(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "core.all{ function() for _ = 1, 3 do note('a') core.yield() end end,"
                           "          function() for _ = 1, 3 do note('b') core.yield() end end }");
    assert_string_equal(scripted->trace, "a b a b a b ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED(test_a_task_hands_its_results_to_whoever_waits),
        SCRIPTED(test_an_ended_task_can_be_asked_later_and_often),
        SCRIPTED(test_two_can_wait_for_one_task),
        SCRIPTED(test_a_failed_task_says_where_and_harms_no_other),
        SCRIPTED(test_a_wait_ends_at_its_time),
        SCRIPTED(test_a_canceled_task_is_told_so_by_each_wait),
        SCRIPTED(test_a_task_canceled_before_it_began_never_runs),
        SCRIPTED(test_tasks_end_with_the_one_that_made_them),
        SCRIPTED(test_canceling_a_task_cancels_all_that_come_from_it),
        SCRIPTED(test_a_task_that_waits_for_itself_is_told),
        SCRIPTED(test_tasks_have_a_limit_that_counts_running_ones),
        SCRIPTED(test_nothing_is_begun_when_not_all_fit),
        SCRIPTED(test_a_hooks_tasks_live_as_long_as_its_request),
        SCRIPTED(test_nothing_can_be_spawned_while_loading),
        SCRIPTED(test_yield_lets_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
