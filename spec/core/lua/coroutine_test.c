#include "lua/coroutine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/scripted.h"
#include "lua/task.h"

static void test_a_generator_may_wait(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local function numbers(n)"
                 "  return coroutine.wrap(function()"
                 "    for i = 1, n do assert(tide.sleep(0.001)) coroutine.yield(i) end end) end"
                 " for i in numbers(3) do note(i) end");
    assert_string_equal(scripted->trace, "1 2 3 ");
}

static void test_a_wait_passes_through_coroutines_and_pcalls_in_each_other(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local function deep(n)"
                           "  if n == 0 then local t = tide.spawn(function() return 'deep' end)"
                           "    return select(2, t:wait()) end"
                           "  local co = coroutine.create(function() return pcall(deep, n - 1) end)"
                           "  return select(3, coroutine.resume(co)) end"
                           " note(deep(20))");
    assert_string_equal(scripted->trace, "deep ");
}

static void test_iterators_and_metamethods_of_scripts_may_wait(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local t = setmetatable({}, {"
                           "  __index = function(_, k) tide.yield() return k end,"
                           "  __add = function() tide.yield() return 'sum' end,"
                           "  __call = function() tide.yield() return 'called' end })"
                           " note(coroutine.wrap(function() return t.field end)())"
                           " note(t + t) note(t())");
    assert_string_equal(scripted->trace, "field sum called ");
}

static void test_waiting_below_a_c_function_says_where_it_cannot(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(
        scripted,
        "local function try(fn)\n"
        "  local ok, err = pcall(fn) assert(not ok)\n"
        "  assert(err:find('cannot wait here', 1, true), err) note(err:match('^(.-:%d+:) ')) end\n"
        "try(function() table.sort({ 1, 2 }, function()\n tide.sleep(1) end) end)\n"
        "try(function() string.gsub('x', '.', function()\n tide.yield() end) end)\n"
        "try(function() table.sort({ 1, 2 }, function()\n tide.all{ print } end) end)\n"
        "try(function() table.sort({ 1, 2 }, function()\n tide.http.request{ url = 'http://x' } end) end)\n"
        "tide.sleep(0.001)");
    assert_string_equal(scripted->trace, "x.lua:5: x.lua:7: x.lua:9: x.lua:11: ");
}

static void test_a_coroutine_below_a_c_function_cannot_wait_either(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(
        scripted,
        "local function sort(fn) table.sort({ 1, 2 }, function() fn() return false end) end"
        " local function wait() return coroutine.wrap(function()"
        "   return coroutine.wrap(function() tide.sleep(3600) end)() end)() end"
        " local ok, err = pcall(sort, wait) assert(not ok) note(err:match('cannot wait here'))"
        " ok, err = pcall(coroutine.wrap(function() sort(wait) end))"
        " assert(not ok) note(err:match('cannot wait here'))"
        " ok = coroutine.wrap(function() wait = tide.yield return pcall(wait) end)() note(ok)");
    assert_string_equal(scripted->trace, "cannot wait here cannot wait here true ");
}

static void test_a_call_of_a_script_below_a_c_function_may_not_wait(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "table.sort({ 1, 2 }, function()"
                           "  local ok, err = core.run(tide.sleep, 1) note(ok) return false end)");
    assert_string_equal(scripted->trace, "false ");
}

static void test_canceling_reaches_the_innermost_coroutine(void **state)
{
    struct scripted *scripted = *state;
    scripted_start(scripted, "note(coroutine.wrap(function() return coroutine.wrap(function()"
                             "  local ok, err = tide.sleep(3600) return err.kind end)() end)())");
    task_cancel(scripted->task);
    assert_int_equal(scripted->ended, 1);
    assert_string_equal(scripted->trace, "canceled ");
}

static void test_another_task_cannot_go_on_with_a_coroutine_that_waits(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(
        scripted,
        "local co = coroutine.create(function() tide.sleep(0.005) return 'done' end)"
        " tide.all{ function() note(select(2, coroutine.resume(co))) end,"
        "  function() note(coroutine.status(co)) note((coroutine.resume(co, 'forged'))) end }");
    assert_string_equal(scripted->trace, "normal false done ");
}

static void test_a_generator_can_be_handed_from_one_task_to_another(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(
        scripted,
        "local next = coroutine.wrap(function()"
        "   for i = 1, 4 do tide.yield() coroutine.yield(i) end end)"
        " for _ = 1, 2 do note(next()) tide.spawn(function() note(next()) end):wait() end");
    assert_string_equal(scripted->trace, "1 2 3 4 ");
}

static void test_a_task_is_no_coroutine_of_the_script(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "note(coroutine.running())"
                           " local ok, err = core.run(function() coroutine.yield(1) end)"
                           " assert(not ok) note(err.reason)"
                           " note(coroutine.wrap(tide.sleep)(0.001))");
    assert_string_equal(scripted->trace, "nil attempt to yield from outside a coroutine true ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED(test_a_generator_may_wait),
        SCRIPTED(test_a_wait_passes_through_coroutines_and_pcalls_in_each_other),
        SCRIPTED(test_iterators_and_metamethods_of_scripts_may_wait),
        SCRIPTED(test_waiting_below_a_c_function_says_where_it_cannot),
        SCRIPTED(test_a_coroutine_below_a_c_function_cannot_wait_either),
        SCRIPTED(test_a_call_of_a_script_below_a_c_function_may_not_wait),
        SCRIPTED(test_canceling_reaches_the_innermost_coroutine),
        SCRIPTED(test_another_task_cannot_go_on_with_a_coroutine_that_waits),
        SCRIPTED(test_a_generator_can_be_handed_from_one_task_to_another),
        SCRIPTED(test_a_task_is_no_coroutine_of_the_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
