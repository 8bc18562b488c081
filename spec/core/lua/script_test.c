#include "lua/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/budget.h"
#include "lua/fixture.h"
#include "lua/task.h"

struct trial {
    struct lua_fixture fixture;
    char trace[400]; // what scripts noted, in order
    struct task *waiting;
    int ended, waits;
    char error[400];
    struct budget *budgets[2];
    size_t budget_count;
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

static struct trial *trial_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(2));
}

static int note(lua_State *L)
{
    struct trial *trial = trial_of(L);
    for (int i = 1; i <= lua_gettop(L); i++) {
        lua_getglobal(L, "tostring");
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        strncat(trial->trace, lua_tostring(L, -1), sizeof(trial->trace) - strlen(trial->trace) - 2);
        strncat(trial->trace, " ", 2);
        lua_pop(L, 1);
    }
    return 0;
}

static void cancel_wait(void *waiter)
{
    struct trial *trial = waiter;
    task_wake(trial->waiting, task_push_error(trial->waiting->co, "canceled", "gone"));
}

static int wait(lua_State *L)
{
    struct trial *trial = trial_of(L);
    trial->waiting = script_check_wait(L);
    trial->waits++;
    if (trial->waiting->is_canceled)
        return task_push_error(L, "canceled", "gone");
    return task_wait(trial->waiting, cancel_wait, trial);
}

// A function that forgets to ask whether it may wait.
static int rash_wait(lua_State *L)
{
    struct trial *trial = trial_of(L);
    trial->waiting = trial->fixture.vm->running;
    return task_wait(trial->waiting, cancel_wait, trial);
}

static int see_budget(lua_State *L)
{
    struct trial *trial = trial_of(L);
    trial->budgets[trial->budget_count++] = task_budget(trial->fixture.vm->running);
    return 0;
}

static int cancel_all(lua_State *L)
{
    struct task *task = trial_of(L)->fixture.vm->running;
    while (task->parent)
        task = task->parent;
    task_cancel(task);
    return 0;
}

static void define(struct trial *trial, const char *name, lua_CFunction function)
{
    lua_State *L = trial->fixture.vm->L;
    lua_pushlightuserdata(L, trial->fixture.vm);
    lua_pushlightuserdata(L, trial);
    lua_pushcclosure(L, function, 2);
    lua_setglobal(L, name);
}

static void define_all(struct trial *trial)
{
    lua_State *L = trial->fixture.vm->L;
    define(trial, "note", note);
    define(trial, "wait", wait);
    define(trial, "rash_wait", rash_wait);
    define(trial, "see_budget", see_budget);
    define(trial, "cancel_all", cancel_all);
    assert_int_equal(luaL_dostring(L,
                                   "core = require('core') run, run_now = core.run, core.run_now"
                                   " function text(t) return assert(loadstring(t, '@x.lua')) end"),
                     0);
}

static struct task *start(struct trial *trial, const char *text)
{
    define_all(trial);
    return lua_fixture_run(&trial->fixture, text, on_end, trial);
}

static void wake(struct trial *trial, const char *text)
{
    lua_pushstring(trial->waiting->co, text);
    task_wake(trial->waiting, 1);
}

// ---- results ----------------------------------------------------------------------------------

static void test_a_call_returns_true_and_the_results_at_once(void **state)
{
    struct trial *trial = *state;
    start(trial, "note(run(function(a, b) return b, a, nil end, 1, 2))");
    assert_string_equal(trial->trace, "true 2 1 nil ");
    assert_int_equal(trial->ended, 1);
}

static void test_a_call_takes_and_returns_many_values(void **state)
{
    struct trial *trial = *state;
    start(trial, "local t = {} for i = 1, 3000 do t[i] = i end "
                 "note(select('#', run(function(...) return ... end, unpack(t))))");
    assert_string_equal(trial->trace, "3001 ");
}

static void test_the_coroutine_of_a_call_is_used_again(void **state)
{
    struct trial *trial = *state;
    start(trial, "for i = 1, 100 do run(function() end) end");
    assert_int_equal(trial->fixture.vm->idle_count, 2); // and the task itself
}

static void test_something_else_than_a_function_raises(void **state)
{
    struct trial *trial = *state;
    start(trial, "note(pcall(run, 3)) note(pcall(run))");
    assert_non_null(strstr(trial->trace, "function expected, got number"));
    assert_non_null(strstr(trial->trace, "function expected, got no value"));
}

static void test_calls_nest(void **state)
{
    struct trial *trial = *state;
    start(trial, "local function down(n) if n == 0 then return 'bottom' end "
                 "return run(down, n - 1) end note(down(5))");
    assert_string_equal(trial->trace, "true true true true true bottom ");
}

// ---- waiting ----------------------------------------------------------------------------------

static void test_the_caller_waits_for_a_call_that_waits(void **state)
{
    struct trial *trial = *state;
    start(trial, "note('a') note(run(function(x) return wait(), x end, 'x')) note('c')");
    assert_string_equal(trial->trace, "a ");
    wake(trial, "b");
    assert_string_equal(trial->trace, "a true b x c ");
    assert_int_equal(trial->ended, 1);
}

static void test_a_wait_below_several_calls_wakes_them_all(void **state)
{
    struct trial *trial = *state;
    start(trial, "local function down(n) if n == 0 then return wait() end "
                 "return run(down, n - 1) end note(down(3)) note(run(wait))");
    wake(trial, "one");
    assert_string_equal(trial->trace, "true true true one ");
    wake(trial, "two");
    assert_string_equal(trial->trace, "true true true one true two ");
    assert_int_equal(trial->ended, 1);
}

static void test_an_error_after_a_wait_reaches_the_caller(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(text('wait() error(\"late\")')) note(ok, err.message)");
    wake(trial, "");
    assert_string_equal(trial->trace, "false x.lua:1: late ");
}

static void test_canceling_the_caller_cancels_the_call(void **state)
{
    struct trial *trial = *state;
    struct task *task =
        start(trial, "note(run(function() local _, err = wait() return err.kind end))");
    task_cancel(task);
    assert_string_equal(trial->trace, "true canceled ");
    assert_int_equal(trial->ended, 1);
}

static void test_canceling_the_caller_while_its_call_runs_ends_the_waits_to_come(void **state)
{
    struct trial *trial = *state;
    start(trial, "note(run(function() cancel_all() local _, err = wait() return err.kind end))");
    assert_string_equal(trial->trace, "true canceled ");
    assert_int_equal(trial->ended, 1);
}

static void test_a_canceled_caller_begins_canceled_calls(void **state)
{
    struct trial *trial = *state;
    start(trial, "cancel_all() note(run(function() local _, err = wait() return err.kind end))");
    assert_string_equal(trial->trace, "true canceled ");
}

static void test_a_wait_in_a_call_that_must_not_wait_raises_in_the_script(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run_now(text('local x = 1\\nwait()')) note(ok, err.message) "
                 "note(run_now(function() return (pcall(wait)) end))"
                 "note(run_now(function() return (run(wait)) end))");
    assert_string_equal(trial->trace,
                        "false x.lua:2: cannot wait here: the gateway needs the result of this "
                        "function at once true false true false ");
    assert_int_equal(trial->ended, 1);
}

static void test_a_wait_below_a_function_of_c_raises_there(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(table.sort, { 2, 1 }, wait) note(ok, err.reason)"
                 "ok, err = run(string.gsub, 'x', 'x', core.sleep) note(ok)");
    assert_non_null(
        strstr(trial->trace, "false cannot wait here: inside a function that table.sort"));
    assert_int_equal(trial->waits, 0);
    assert_int_equal(trial->ended, 1);
}

static void test_a_coroutine_of_a_script_passes_a_wait_on(void **state)
{
    struct trial *trial = *state;
    start(trial, "local co = coroutine.create(function(a) local b = wait(a) coroutine.yield(b) end)"
                 "note(run(function()"
                 "  core.coroutines.resumers[co] = coroutine.running()"
                 "  local ok, mark = coroutine.resume(co, 1) assert(ok and mark == core.wait_mark)"
                 "  return coroutine.resume(co, coroutine.yield(mark)) end))");
    wake(trial, "b");
    assert_string_equal(trial->trace, "true true b ");
}

static void test_a_sleep_must_not_wait_either(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run_now(core.sleep, 1) note(ok, err.reason)");
    assert_non_null(strstr(trial->trace, "false cannot wait here"));
}

static void test_a_wait_that_did_not_ask_is_given_up(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run_now(text('\\nrash_wait() note(\"after\")')) "
                 "note(ok, err.reason, err.file, err.line) note(run_now(tostring, 5))");
    assert_string_equal(trial->trace,
                        "false cannot wait here: the gateway needs the result of this function at "
                        "once x.lua 2 true 5 after ");
    assert_int_equal(trial->ended, 1);
}

static void test_what_the_program_carries_runs_without_a_guard(void **state)
{
    struct trial *trial = *state;
    start(trial, "note(core.run_shipped(text('return ...'), 1))"
                 "local ok, err = core.run_shipped(text('\\nerror(\\'x\\')'))"
                 "note(ok, err.file, err.line) ok, err = core.run_shipped(wait) note(ok)");
    assert_string_equal(trial->trace, "true 1 false x.lua 2 false ");
    assert_null(trial->fixture.vm->guard);
}

static void test_nothing_waits_while_loading(void **state)
{
    struct trial *trial = *state;
    define_all(trial);
    assert_int_equal(luaL_dostring(trial->fixture.vm->L,
                                   "note(run(function() return 'loaded' end))"
                                   "local ok, err = run(text('wait()')) note(ok, err.message)"
                                   "local ok, err = run_now(text('run(wait)()')) note(ok)"),
                     0);
    assert_string_equal(trial->trace, "true loaded false x.lua:1: cannot wait while the script is "
                                      "being loaded false ");
    assert_int_equal(trial->waits, 0);
}

// ---- errors -----------------------------------------------------------------------------------

static void test_an_error_says_where_and_what(void **state)
{
    struct trial *trial = *state;
    start(trial,
          "local ok, err = run(text('local function broken()\\n error(\"no: 1\")\\nend\\n"
          "broken() return 1')) note(ok, err.kind, err.message, err.reason, err.file, "
          "err.line, err.limit, err.cause, err.traceback:find(\"function 'broken'\") ~= nil)");
    assert_string_equal(trial->trace, "false script x.lua:2: no: 1 no: 1 x.lua 2 nil nil true ");
}

static void test_an_error_without_a_place_gets_the_line_that_raised_it(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(text('\\n\\nerror(\"plain\", 0)')) "
                 "note(err.message, err.reason, err.file, err.line)");
    assert_string_equal(trial->trace, "plain plain x.lua 3 ");
}

static void test_an_error_table_keeps_its_message(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(text('error({ kind = \"quota\", message = \"no money\"})')) "
                 "note(err.kind, err.message, err.cause.kind, err.file, err.line)"
                 "ok, err = run(text('error({ message = \"y.lua:7: odd\", limit = \"tasks\" })'))"
                 "note(err.message, err.reason, err.file, err.line, err.limit)");
    assert_string_equal(trial->trace, "script no money quota x.lua 1 "
                                      "y.lua:7: odd odd y.lua 7 tasks ");
}

static void test_error_objects_without_a_text_are_described(void **state)
{
    struct trial *trial = *state;
    start(trial, "for _, v in ipairs{ 'nil', 'true', '{}', '{ message = {} }', 'print', '7' } do "
                 "local _, err = run(text('error(' .. v .. ')')) note(err.message .. ';') end");
    assert_string_equal(trial->trace,
                        "the error object is a nil value; the error object is a boolean value; "
                        "the error object is a table value; the error object is a table value; "
                        "the error object is a function value; x.lua:1: 7; ");
}

static void test_deep_recursion_is_the_limit_stack(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(text('local function f() return 1 + f() end\\nf()')) "
                 "note(ok, err.limit, err.file, err.line)");
    assert_string_equal(trial->trace, "false stack x.lua 1 ");
}

static void test_a_call_that_fails_leaves_the_caller_and_others_alone(void **state)
{
    struct trial *trial = *state;
    start(trial, "for i = 1, 200 do local ok = run(error, 'x') assert(not ok) end "
                 "note(run(tostring, 1))");
    assert_string_equal(trial->trace, "true 1 ");
    assert_string_equal(trial->error, "");
}

static void test_a_yield_outside_a_coroutine_is_an_error(void **state)
{
    struct trial *trial = *state;
    start(trial, "local ok, err = run(coroutine.yield, 1) note(ok, err.message)");
    assert_string_equal(trial->trace, "false attempt to yield from outside a coroutine ");
    assert_int_equal(trial->ended, 1);
}

// ---- what is inherited ------------------------------------------------------------------------

static void test_a_request_and_all_its_calls_have_one_budget(void **state)
{
    struct trial *trial = *state;
    start(trial, "run(see_budget) run(run, see_budget)");
    assert_int_equal(trial->budget_count, 2);
    assert_ptr_equal(trial->budgets[0], trial->budgets[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
