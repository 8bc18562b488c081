#include "lua/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/script.h"
#include "lua/scripted.h"
#include "lua/task.h"

static void test_all_gives_the_first_results_in_order(void **state)
{
    scripted_run(*state,
                 "local function n(...) assert(select('#', ...) == 3) return ... end"
                 " local a, b, c = n(core.all{ function() core.sleep(0.004) return 'a', 'x' end,"
                 "   function() return 'b' end, function() core.sleep(0.001) end })"
                 " assert(a == 'a' and b == 'b' and c == nil)"
                 " assert(select('#', core.all{}) == 0)");
}

static void test_all_ends_with_the_first_failure_and_cancels_the_rest(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local none, err = core.all{"
                 "   function() note(select(2, core.sleep(3600)).kind) end,"
                 "   function() core.sleep(0.001) return nil, { kind = 'quota' } end }"
                 " note(err.kind) assert(none == nil)"
                 " none, err = core.all{ function() error('x') end, function() note('ran') end }"
                 " note(err.kind)");
    assert_string_equal(scripted->trace, "canceled quota script ");
}

static void test_race_gives_what_ended_first_and_cancels_the_rest(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local a, b = core.race{"
                 "   function() note(select(2, core.sleep(3600)).kind) end,"
                 "   function() core.sleep(0.001) return 'first', 2 end }"
                 " assert(a == 'first' and b == 2) note('on')"
                 " local none, err = core.race{ function() core.sleep(3600) end,"
                 "   function() return nil, 'bad' end } assert(none == nil and err == 'bad')");
    assert_string_equal(scripted->trace, "canceled on ");
}

static void test_any_gives_the_first_success(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local a = core.any{ function() return nil, { kind = 'timeout' } end,"
                           "   function() note(select(2, core.sleep(3600)).kind) end,"
                           "   function() core.sleep(0.001) return 'ok' end } assert(a == 'ok')");
    assert_string_equal(scripted->trace, "canceled ");
}

static void test_any_with_no_success_tells_all_causes(void **state)
{
    scripted_run(
        *state,
        "local none, err = core.any{"
        "   function() core.sleep(0.002) return nil, { kind = 'timeout', message = 'slow' } end,"
        "   function() error('x') end, function() return nil, 'text' end }"
        " assert(none == nil and err.kind == 'timeout')"
        " assert(err.message == 'all 3 failed, the first with: slow', err.message)"
        " assert(err.causes[1].message == 'slow' and err.causes[2].kind == 'script')"
        " assert(err.causes[3] == 'text')");
}

static void test_an_error_with_a_metatable_of_its_own_is_only_read(void **state)
{
    scripted_run(*state, "local evil = setmetatable({}, { __index = function() error('no') end })"
                         " local none, err = core.any{ function() return nil, evil end }"
                         " assert(none == nil and err.kind == 'script' and err.causes[1] == evil)");
}

static void test_canceling_whoever_waits_for_several_cancels_them(void **state)
{
    struct scripted *scripted = *state;
    scripted_start(scripted,
                   "local none, err = core.all{"
                   "   function() note(select(2, core.sleep(3600)).kind) end,"
                   "   function() note(select(2, core.sleep(3600)).kind) end } note(err.kind)");
    task_cancel(scripted->task);
    assert_int_equal(scripted->ended, 1);
    assert_string_equal(scripted->trace, "canceled canceled canceled ");
}

static void test_wrong_lists_are_the_callers_mistake(void **state)
{
    scripted_run(
        *state,
        "local ok, err = pcall(core.race, {})"
        " assert(not ok and err:find('at least one function', 1, true), err)"
        " ok, err = pcall(function()\n return (core.all{ function() end, 3 }) end)"
        " assert(err == 'x.lua:2: tide.all needs a list of functions; entry 2 is a number', err)"
        " ok, err = pcall(core.any, 5) assert(not ok)");
}

// A wait that nothing cancels, as one in C that has to end by itself.
static int stubborn(lua_State *L)
{
    struct task **slot = lua_touserdata(L, lua_upvalueindex(2));
    *slot = script_check_wait(L);
    return task_wait(*slot, NULL, NULL);
}

static void set_stubborn(struct scripted *scripted, struct task **stuck)
{
    lua_State *L = scripted->fixture.vm->L;
    lua_pushlightuserdata(L, scripted->fixture.vm);
    lua_pushlightuserdata(L, stuck);
    lua_pushcclosure(L, stubborn, 2);
    lua_setglobal(L, "stubborn");
}

static void test_a_task_that_does_not_go_is_waited_for_a_moment_only(void **state)
{
    struct scripted *scripted = *state;
    struct task *stuck = NULL;

    set_stubborn(scripted, &stuck);
    scripted_start(scripted, "local from = core.now()"
                             " assert(core.race{ function() core.yield() return 1 end,"
                             "   function() stubborn() note('late') end } == 1)"
                             " assert(core.now() - from >= 0.1) note('on') core.sleep(3600)");
    while (!*scripted->trace)
        scripted_turn(scripted);
    task_wake(stuck, 0);
    task_cancel(scripted->task);
    assert_string_equal(scripted->trace, "on late ");
    assert_int_equal(scripted->ended, 1);
}

static void test_whoever_made_a_task_that_does_not_go_ends_after_it(void **state)
{
    struct scripted *scripted = *state;
    struct task *stuck = NULL;

    set_stubborn(scripted, &stuck);
    scripted_start(scripted, "core.spawn(stubborn) core.yield()");
    while (!stuck || !stuck->is_canceled)
        scripted_turn(scripted);
    assert_int_equal(scripted->ended, 0);
    task_wake(stuck, 0);
    assert_int_equal(scripted->ended, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED(test_all_gives_the_first_results_in_order),
        SCRIPTED(test_all_ends_with_the_first_failure_and_cancels_the_rest),
        SCRIPTED(test_race_gives_what_ended_first_and_cancels_the_rest),
        SCRIPTED(test_any_gives_the_first_success),
        SCRIPTED(test_any_with_no_success_tells_all_causes),
        SCRIPTED(test_an_error_with_a_metatable_of_its_own_is_only_read),
        SCRIPTED(test_canceling_whoever_waits_for_several_cancels_them),
        SCRIPTED(test_wrong_lists_are_the_callers_mistake),
        SCRIPTED(test_a_task_that_does_not_go_is_waited_for_a_moment_only),
        SCRIPTED(test_whoever_made_a_task_that_does_not_go_ends_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
