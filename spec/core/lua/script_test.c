#include "lua/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/budget.h"
#include "lua/scripted.h"
#include "lua/task.h"

struct budgets {
    struct vm *vm;
    struct budget *list[2]; // in the order of see_budget() calls
    size_t count;
};

// A function that forgets to ask whether it may wait.
static int rash_wait(lua_State *L)
{
    struct scripted *scripted = scripted_of(L);
    struct task *task = scripted->fixture.vm->running;
    return task_wait(task, scripted_cancel_wait, task);
}

static int see_budget(lua_State *L)
{
    struct budgets *budgets = lua_touserdata(L, lua_upvalueindex(1));
    budgets->list[budgets->count++] = task_budget(budgets->vm->running);
    return 0;
}

static int cancel_all(lua_State *L)
{
    struct task *task = scripted_of(L)->fixture.vm->running;
    while (task->parent)
        task = task->parent;
    task_cancel(task);
    return 0;
}

static int set_up(void **state)
{
    scripted_set_up_trusted(state);
    scripted_define(*state, "rash_wait", rash_wait);
    scripted_define(*state, "cancel_all", cancel_all);
    return 0;
}

static void wake(struct scripted *scripted, const char *text)
{
    struct task *task = scripted_waiting(scripted);
    lua_pushstring(task->co, text);
    task_wake(task, 1);
}

// ---- results ----------------------------------------------------------------------------------

static void test_a_call_returns_true_and_the_results_at_once(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "note(run(function(a, b) return b, a, nil end, 1, 2))");
    assert_string_equal(scripted->trace, "true 2 1 nil ");
    assert_int_equal(scripted->ended, 1);
}

static void test_a_call_takes_and_returns_many_values(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local t = {} for i = 1, 3000 do t[i] = i end "
                           "note(select('#', run(function(...) return ... end, unpack(t))))");
    assert_string_equal(scripted->trace, "3001 ");
}

static void test_the_coroutine_of_a_call_is_used_again(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "for i = 1, 100 do run(function() end) end");
    assert_int_equal(scripted->fixture.vm->idle_count, 2); // and the task itself
}

static void test_something_else_than_a_function_raises(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "note(pcall(run, 3)) note(pcall(run))");
    assert_non_null(strstr(scripted->trace, "function expected, got number"));
    assert_non_null(strstr(scripted->trace, "function expected, got no value"));
}

static void test_calls_nest(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local function down(n) if n == 0 then return 'bottom' end "
                                     "return run(down, n - 1) end note(down(5))");
    assert_string_equal(scripted->trace, "true true true true true bottom ");
}

// ---- waiting ----------------------------------------------------------------------------------

static void test_the_caller_waits_for_a_call_that_waits(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "note('a') note(run(function(x) return wait(), x end, 'x')) note('c')");
    assert_string_equal(scripted->trace, "a ");
    wake(scripted, "b");
    assert_string_equal(scripted->trace, "a true b x c ");
    assert_int_equal(scripted->ended, 1);
}

static void test_a_wait_below_several_calls_wakes_them_all(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local function down(n) if n == 0 then return wait() end "
                                     "return run(down, n - 1) end note(down(3)) note(run(wait))");
    wake(scripted, "one");
    assert_string_equal(scripted->trace, "true true true one ");
    wake(scripted, "two");
    assert_string_equal(scripted->trace, "true true true one true two ");
    assert_int_equal(scripted->ended, 1);
}

static void test_an_error_after_a_wait_reaches_the_caller(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local ok, err = run(text('wait() error(\"late\")')) note(ok, err.message)");
    wake(scripted, "");
    assert_string_equal(scripted->trace, "false x.lua:1: late ");
}

static void test_canceling_the_caller_cancels_the_call(void **state)
{
    struct scripted *scripted = *state;
    struct task *task = scripted_start_trusted(
        scripted, "note(run(function() local _, err = wait() return err.kind end))");
    task_cancel(task);
    assert_string_equal(scripted->trace, "true canceled ");
    assert_int_equal(scripted->ended, 1);
}

static void test_canceling_the_caller_while_its_call_runs_ends_the_waits_to_come(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "note(run(function() cancel_all() local _, err = wait() return err.kind end))");
    assert_string_equal(scripted->trace, "true canceled ");
    assert_int_equal(scripted->ended, 1);
}

static void test_a_canceled_caller_begins_canceled_calls(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "cancel_all() note(run(function() local _, err = wait() return err.kind end))");
    assert_string_equal(scripted->trace, "true canceled ");
}

static void test_a_wait_in_a_call_that_must_not_wait_raises_in_the_script(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local ok, err = run_now(text('local x = 1\\nwait()')) note(ok, err.message) "
                  "note(run_now(function() return (pcall(wait)) end))"
                  "note(run_now(function() return (run(wait)) end))");
    assert_string_equal(scripted->trace,
                        "false x.lua:2: cannot wait here: the gateway needs the result of this "
                        "function at once true false true false ");
    assert_int_equal(scripted->ended, 1);
}

static void test_a_wait_below_a_function_of_c_raises_there(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local ok, err = run(table.sort, { 2, 1 }, wait) note(ok, err.reason)"
                           "ok, err = run(string.gsub, 'x', 'x', core.sleep) note(ok)");
    assert_non_null(
        strstr(scripted->trace, "false cannot wait here: inside a function that table.sort"));
    assert_int_equal(scripted->waits, 0);
    assert_int_equal(scripted->ended, 1);
}

static void test_a_coroutine_of_a_script_passes_a_wait_on(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted,
        "local co = coroutine.create(function(a) local b = wait(a) coroutine.yield(b) end)"
        "note(run(function()"
        "  core.coroutines.resumers[co] = coroutine.running()"
        "  local ok, mark = coroutine.resume(co, 1) assert(ok and mark == core.wait_mark)"
        "  return coroutine.resume(co, coroutine.yield(mark)) end))");
    wake(scripted, "b");
    assert_string_equal(scripted->trace, "true true b ");
}

static void test_a_sleep_must_not_wait_either(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local ok, err = run_now(core.sleep, 1) note(ok, err.reason)");
    assert_non_null(strstr(scripted->trace, "false cannot wait here"));
}

static void test_a_wait_that_did_not_ask_is_given_up(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local ok, err = run_now(text('\\nrash_wait() note(\"after\")')) "
                           "note(ok, err.reason, err.file, err.line) note(run_now(tostring, 5))");
    assert_string_equal(scripted->trace,
                        "false cannot wait here: the gateway needs the result of this function at "
                        "once x.lua 2 true 5 after ");
    assert_int_equal(scripted->ended, 1);
}

static void test_what_the_program_carries_runs_without_a_guard(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "note(core.run_shipped(text('return ...'), 1))"
                  "local ok, err = core.run_shipped(text('\\nerror(\\'x\\')'))"
                  "note(ok, err.file, err.line) ok, err = core.run_shipped(wait) note(ok)");
    assert_string_equal(scripted->trace, "true 1 false x.lua 2 false ");
    assert_null(scripted->fixture.vm->guard);
}

static void test_nothing_waits_while_loading(void **state)
{
    struct scripted *scripted = *state;
    assert_int_equal(luaL_dostring(scripted->fixture.vm->L,
                                   "note(run(function() return 'loaded' end))"
                                   "local ok, err = run(text('wait()')) note(ok, err.message)"
                                   "local ok, err = run_now(text('run(wait)()')) note(ok)"),
                     0);
    assert_string_equal(scripted->trace,
                        "true loaded false x.lua:1: cannot wait while the script is "
                        "being loaded false ");
    assert_int_equal(scripted->waits, 0);
}

// ---- errors -----------------------------------------------------------------------------------

static void test_an_error_says_where_and_what(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted,
        "local ok, err = run(text('local function broken()\\n error(\"no: 1\")\\nend\\n"
        "broken() return 1')) note(ok, err.kind, err.message, err.reason, err.file, "
        "err.line, err.limit, err.cause, err.traceback:find(\"function 'broken'\") ~= nil)");
    assert_string_equal(scripted->trace, "false script x.lua:2: no: 1 no: 1 x.lua 2 nil nil true ");
}

static void test_an_error_without_a_place_gets_the_line_that_raised_it(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local ok, err = run(text('\\n\\nerror(\"plain\", 0)')) "
                                     "note(err.message, err.reason, err.file, err.line)");
    assert_string_equal(scripted->trace, "plain plain x.lua 3 ");
}

static void test_an_error_table_keeps_its_message(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local ok, err = run(text('error({ kind = \"quota\", message = \"no money\"})')) "
                  "note(err.kind, err.message, err.cause.kind, err.file, err.line)"
                  "ok, err = run(text('error({ message = \"y.lua:7: odd\", limit = \"tasks\" })'))"
                  "note(err.message, err.reason, err.file, err.line, err.limit)");
    assert_string_equal(scripted->trace, "script no money quota x.lua 1 "
                                         "y.lua:7: odd odd y.lua 7 tasks ");
}

static void test_error_objects_without_a_text_are_described(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "for _, v in ipairs{ 'nil', 'true', '{}', '{ message = {} }', 'print', '7' } do "
                  "local _, err = run(text('error(' .. v .. ')')) note(err.message .. ';') end");
    assert_string_equal(scripted->trace,
                        "the error object is a nil value; the error object is a boolean value; "
                        "the error object is a table value; the error object is a table value; "
                        "the error object is a function value; x.lua:1: 7; ");
}

static void test_deep_recursion_is_the_limit_stack(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local ok, err = run(text('local function f() return 1 + f() end\\nf()')) "
                  "note(ok, err.limit, err.file, err.line)");
    assert_string_equal(scripted->trace, "false stack x.lua 1 ");
}

static void test_a_call_that_fails_leaves_the_caller_and_others_alone(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "for i = 1, 200 do local ok = run(error, 'x') assert(not ok) end "
                           "note(run(tostring, 1))");
    assert_string_equal(scripted->trace, "true 1 ");
    assert_string_equal(scripted->error, "");
}

static void test_a_yield_outside_a_coroutine_is_an_error(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "local ok, err = run(coroutine.yield, 1) note(ok, err.message)");
    assert_string_equal(scripted->trace, "false attempt to yield from outside a coroutine ");
    assert_int_equal(scripted->ended, 1);
}

// ---- what is inherited ------------------------------------------------------------------------

static void test_a_request_and_all_its_calls_have_one_budget(void **state)
{
    struct scripted *scripted = *state;
    struct vm *vm = scripted->fixture.vm;
    struct budgets budgets = {.vm = vm};
    lua_pushlightuserdata(vm->L, &budgets);
    lua_pushcclosure(vm->L, see_budget, 1);
    lua_setglobal(vm->L, "see_budget");
    scripted_start_trusted(scripted, "run(see_budget) run(run, see_budget)");
    assert_int_equal(budgets.count, 2);
    assert_ptr_equal(budgets.list[0], budgets.list[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, scripted_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_returns_true_and_the_results_at_once),
        TEST(test_a_call_takes_and_returns_many_values),
        TEST(test_the_coroutine_of_a_call_is_used_again),
        TEST(test_something_else_than_a_function_raises),
        TEST(test_calls_nest),
        TEST(test_the_caller_waits_for_a_call_that_waits),
        TEST(test_a_wait_below_several_calls_wakes_them_all),
        TEST(test_an_error_after_a_wait_reaches_the_caller),
        TEST(test_canceling_the_caller_cancels_the_call),
        TEST(test_canceling_the_caller_while_its_call_runs_ends_the_waits_to_come),
        TEST(test_a_canceled_caller_begins_canceled_calls),
        TEST(test_a_wait_in_a_call_that_must_not_wait_raises_in_the_script),
        TEST(test_a_wait_below_a_function_of_c_raises_there),
        TEST(test_a_coroutine_of_a_script_passes_a_wait_on),
        TEST(test_a_sleep_must_not_wait_either),
        TEST(test_a_wait_that_did_not_ask_is_given_up),
        TEST(test_what_the_program_carries_runs_without_a_guard),
        TEST(test_nothing_waits_while_loading),
        TEST(test_an_error_says_where_and_what),
        TEST(test_an_error_without_a_place_gets_the_line_that_raised_it),
        TEST(test_an_error_table_keeps_its_message),
        TEST(test_error_objects_without_a_text_are_described),
        TEST(test_deep_recursion_is_the_limit_stack),
        TEST(test_a_call_that_fails_leaves_the_caller_and_others_alone),
        TEST(test_a_yield_outside_a_coroutine_is_an_error),
        TEST(test_a_request_and_all_its_calls_have_one_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
