#include "lua/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/generation.h"
#include "lua/script.h"
#include "lua/scripted.h"
#include "lua/task.h"
#include "lua/watchdog.h"

// ThreadSanitizer puts signals off until a call that it knows: a loop in Lua has none.
#ifdef __SANITIZE_THREAD__
#    define NEEDS_SIGNALS() skip()
#else
#    define NEEDS_SIGNALS() (void)0
#endif

enum { CPU_MS = 10, KILLS = 200 };

static uint64_t thread_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

// Computes for so many milliseconds of CPU time.
static int compute(lua_State *L)
{
    uint64_t until = thread_ms() + (uint64_t)luaL_checkinteger(L, 1);
    while (thread_ms() < until)
        continue;
    return 0;
}

// Does nothing for so many milliseconds.
static int stand_still(lua_State *L)
{
    long ms = (long)luaL_checkinteger(L, 1);
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&pause, &pause) != 0)
        continue;
    return 0;
}

static int set_up(void **state)
{
    scripted_set_up_trusted(state);
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_ms = CPU_MS;
    scripted->is_stubborn = true; // a stopped task has to wait for its child
    scripted_define(scripted, "compute", compute);
    scripted_define(scripted, "stand_still", stand_still);
    return 0;
}

static void wake(struct scripted *scripted)
{
    task_wake(scripted_waiting(scripted), 0);
}

// ---- what never ends --------------------------------------------------------------------------

static void stops(struct scripted *scripted, const char *script, int line)
{
    char text[600], expected[64];

    NEEDS_SIGNALS();
    snprintf(text, sizeof(text), "try([[%s]]) try('return 1')", script);
    snprintf(expected, sizeof(expected), "cpu x.lua %d fine ", line);
    scripted_start_trusted(scripted, text);
    assert_string_equal(scripted->trace, expected);
    assert_string_equal(scripted->error, "");
    assert_int_equal(scripted->ended, 1);
}

#define STOPS(name, line, script)         \
    static void test_##name(void **state) \
    {                                     \
        stops(*state, script, line);      \
    }

STOPS(a_loop_is_stopped, 2, "local x = 1\nwhile true do end")
STOPS(a_long_for_is_stopped, 1, "for i = 1, 1e15 do end")
STOPS(a_loop_that_jumps_is_stopped, 1, "::again:: goto again")
STOPS(a_loop_that_allocates_is_stopped, 2, "local t\nwhile true do t = { 1, 2, 3 } end")
STOPS(a_loop_of_calls_is_stopped, 1, "while true do tostring(12345) end")
STOPS(a_tail_call_without_end_is_stopped, 1, "local function f() return f() end f()")
STOPS(a_loop_of_pcalls_is_stopped, 1, "while true do pcall(function() while true do end end) end")
STOPS(a_loop_of_errors_is_stopped, 1, "while true do pcall(error, {}) end")
STOPS(a_pcall_as_the_last_word_is_stopped, 1, "return pcall(function() while true do end end)")
STOPS(a_loop_in_a_coroutine_is_stopped, 2,
      "local f = coroutine.wrap(function()\n"
      "while true do end end)\nf()")
STOPS(a_coroutine_as_the_last_word_is_stopped, 1,
      "return coroutine.resume(coroutine.create(function() while true do end end))")
STOPS(coroutines_without_end_are_stopped, 1,
      "while true do coroutine.wrap(function() coroutine.yield() end)() end")
STOPS(a_loop_in_nested_coroutines_is_stopped, 1,
      "local function f(n) if n == 0 then while true do end end "
      "coroutine.wrap(f)(n - 1) end while true do pcall(f, 20) end")
STOPS(a_comparison_that_loops_is_stopped, 1,
      "table.sort({ 3, 2, 1 }, function() while true do end end)")
STOPS(a_replacement_that_loops_is_stopped, 1,
      "return (string.gsub('x', 'x', function() while true do end end))")
STOPS(a_handler_that_loops_is_stopped, 1,
      "xpcall(function() error('x') end, function() while true do end end)")
STOPS(a_handler_is_not_run_for_what_is_stopped, 1,
      "xpcall(function() while true do end end, function() while true do end end)")
STOPS(handlers_that_fail_are_stopped, 1,
      "local function f() return xpcall(error, function() while true do pcall(error) end end) end "
      "while true do f() end")
STOPS(an_index_that_loops_is_stopped, 1,
      "local t = setmetatable({}, { __index = function() while true do end end }) return t.x")
STOPS(a_text_that_loops_is_stopped, 1,
      "local t = setmetatable({}, { __tostring = function(t) return tostring(t) end }) tostring(t)")
STOPS(an_iterator_without_end_is_stopped, 1, "for _ in function() return 1 end do end")

STOPS(the_line_is_that_of_the_script_where_a_function_has_none, 3,
      "local t = {}\nfor i = 1, 2e5 do t[i] = i end\nwhile true do table.remove(t, 1) end")

static void test_a_script_is_stopped_after_a_wait_too(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "try('wait()\\nwhile true do end') note('after')");
    assert_string_equal(scripted->trace, "");
    wake(scripted);
    assert_string_equal(scripted->trace, "cpu x.lua 2 after ");
}

static void test_a_script_is_stopped_while_it_is_loaded(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    assert_int_equal(luaL_dostring(scripted->fixture.vm->L, "try('\\nwhile true do end')"), 0);
    assert_string_equal(scripted->trace, "cpu x.lua 2 ");
}

static void test_the_message_names_the_setting_and_the_traceback_the_way(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local _, err = run(text('local function forever() while true do end end\\n"
                  "forever() return 1')) note(err.kind, err.message, err.reason)"
                  "note(err.traceback:find(\"in function 'forever'\") ~= nil)");
    assert_string_equal(scripted->trace,
                        "script x.lua:1: script exceeded its CPU slice of 10 ms (scripts.cpu) "
                        "script exceeded its CPU slice of 10 ms (scripts.cpu) true ");
}

// ---- what must not be stopped -----------------------------------------------------------------

static void test_a_slice_that_computes_less_is_not_stopped(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "for i = 1, 10 do try('compute(3) wait() compute(3)') end");
    for (int i = 0; i < 10; i++)
        wake(scripted);
    assert_string_equal(scripted->trace, "fine fine fine fine fine fine fine fine fine fine ");
}

static void test_a_thread_that_stands_still_is_not_blamed(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "try('stand_still(100) local x = 0 for i = 1, 1000 do x = x + i end')");
    assert_string_equal(scripted->trace, "fine ");
}

static void test_trusted_code_is_not_stopped(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "try('return 1') compute(60) local x = 0 for i = 1, 1e5 do x = x + i end "
                  "note('fine')");
    assert_string_equal(scripted->trace, "fine fine ");
}

static void test_trusted_code_that_a_script_calls_ends_what_it_is_about(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted,
        "trusted = text('compute(25) local n = 0 for i = 1, 100 do n = n + 1 end note(n)',"
        "'@scripts/tide/x.lua') try('trusted() note(\"no\")')");
    assert_string_equal(scripted->trace, "100 cpu x.lua 1 ");
}

static void test_trusted_code_that_a_script_keeps_busy_is_stopped(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "trusted = text('for i = 1, 1e15 do end', '@scripts/tide/x.lua')"
                           "try('trusted()')");
    assert_string_equal(scripted->trace, "cpu x.lua 1 ");
}

static void test_no_kill_reaches_the_slices_that_follow(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_ms =
        0; // stopped at the watchdog's second look
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 1000000;
    char text[300];
    snprintf(text, sizeof(text),
             "local loop, fine = text('while true do end'), text('for i = 1, 50 do end return 1')"
             " for i = 1, %d do local ok, err = run(loop) assert(not ok and err.limit == 'cpu')"
             " for j = 1, 20 do assert(run(fine)) end end",
             KILLS);
    scripted_start_trusted(scripted, text);
    assert_string_equal(scripted->error, "");
    assert_int_equal(scripted->ended, 1);
}

static void test_the_heap_is_flat_after_many_kills(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    lua_State *L = scripted->fixture.vm->L;
    scripted->fixture.env.generation->config->scripts.cpu_ms = 0;
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 1000000;
    scripted_start_trusted(scripted,
                           "loop = text('while true do end') for i = 1, 10 do run(loop) end");
    lua_gc(L, LUA_GCCOLLECT, 0);
    int before = lua_gc(L, LUA_GCCOUNT, 0);
    scripted_start_trusted(scripted, "for i = 1, 200 do run(loop) end");
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    assert_in_range(lua_gc(L, LUA_GCCOUNT, 0), 0, before + 32);
}

// ---- calls within calls -----------------------------------------------------------------------

static void test_a_call_within_a_call_is_stopped_alone(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "try('try(\"while true do end\") note(\"outer\")') note('after')");
    assert_string_equal(scripted->trace, "cpu x.lua 1 outer fine after ");
}

static void test_a_script_that_goes_on_after_such_a_stop_is_stopped_too(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted,
        "loop = text('while true do end') try('while true do run(loop) end') note('after')");
    assert_string_equal(scripted->trace, "cpu x.lua 1 after ");
}

static void test_short_calls_within_a_call_share_its_time(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "short = text('return 1') try('while true do run(short) end')");
    assert_string_equal(scripted->trace, "cpu x.lua 1 ");
}

static void test_calls_that_nest_without_end_fail(void **state)
{
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_ms = 60000;
    scripted_start_trusted(
        scripted, "function down() local ok, err = run(down) if not ok then error(err, 0) end"
                  " end jit.off(down) local ok, err = run(down) note(ok, err.limit)");
    assert_string_equal(scripted->trace, "false stack ");
}

static void test_a_stopped_task_that_ends_later_knows_where_it_was_stopped(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local task = core.spawn(text('core.spawn(wait)\\nwait()\\nwhile true do end'))"
                  "local ok, err = task:wait() note(err.message)");
    struct task *child = scripted->waiting[1];
    task_wake(scripted->waiting[0], 0); // is stopped, and ends when its child does
    assert_string_equal(scripted->trace, "");
    scripted_start_trusted(scripted, "try('while true do end')");
    task_wake(child, 0);
    assert_string_equal(scripted->trace,
                        "cpu x.lua 1 x.lua:3: script exceeded its CPU slice of 10 ms "
                        "(scripts.cpu) ");
}

// ---- the sum of a request ---------------------------------------------------------------------

static void test_all_slices_of_a_request_share_its_time(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 30;
    scripted_start_trusted(scripted,
                           "local n = 0 while true do n = n + 1 "
                           "local ok, err = run(text('\\ncompute(5)')) "
                           "if not ok then note(n <= 10, err.limit, err.message) break end end "
                           "try('return 1')");
    assert_string_equal(scripted->trace,
                        "true cpu_total x.lua:2: script exceeded its CPU time of 30 ms "
                        "per request (scripts.cpu_total) cpu_total x.lua 1 ");
}

static void test_another_request_has_its_own_time(void **state)
{
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 5;
    scripted_start_trusted(scripted, "try('compute(6)')");
    scripted_start_trusted(scripted, "try('return 1')");
    assert_string_equal(scripted->trace, "fine fine ");
}

static void test_calls_within_a_call_are_not_counted_twice(void **state)
{
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 50;
    scripted->fixture.env.generation->config->scripts.cpu_ms =
        25; // and no slice counts for more than 45
    scripted_start_trusted(scripted,
                           "run(run, run, run, run, run, run, run, run, run, run, run, compute, 15)"
                           "try('return 1')");
    assert_string_equal(scripted->trace, "fine ");
}

static void test_waiting_is_no_cpu_time(void **state)
{
    struct scripted *scripted = *state;
    scripted->fixture.env.generation->config->scripts.cpu_total_ms = 30;
    scripted_start_trusted(scripted, "try('wait() return 1') try('return 1')");
    struct timespec pause = {.tv_nsec = 60000000};
    nanosleep(&pause, NULL);
    wake(scripted);
    assert_string_equal(scripted->trace, "fine fine ");
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void test_a_c_function_that_does_not_come_back_is_logged_with_the_script(void **state)
{
    struct scripted *scripted = *state;
    char path[] = "/tmp/guard_XXXXXX", text[1000], script[100];
    struct error err;

    close(mkstemp(path));
    struct log *log = log_new(path, LOG_ERROR, &err), *before = scripted->fixture.vm->env.log;
    scripted->fixture.vm->env.log = log;
    snprintf(script, sizeof(script), "try('stand_still(%d)')", WATCHDOG_STUCK_MS + 300);
    scripted_start_trusted(scripted, script);
    scripted->fixture.vm->env.log = before;
    guard_stop(scripted->fixture.vm->guard);
    guard_free(scripted->fixture.vm->guard);
    scripted->fixture.vm->guard = NULL;
    log_free(log);
    read_file(path, text, sizeof(text));
    unlink(path);
    assert_string_equal(scripted->trace, "fine ");
    assert_non_null(strstr(text, "has not come back for 5 s"));
    assert_non_null(strstr(text, "(x.lua:0)"));
}

// ---- what is off costs nothing ----------------------------------------------------------------

static void test_without_scripts_there_is_no_guard(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local x = 1");
    assert_null(scripted->fixture.vm->guard);
    scripted_start_trusted(scripted, "try('return 1')");
    assert_non_null(scripted->fixture.vm->guard);
}

static void test_the_watchdog_sleeps_while_nothing_runs_and_wakes_for_the_next_slice(void **state)
{
    NEEDS_SIGNALS();
    struct scripted *scripted = *state;
    struct timespec pause = {.tv_nsec = 1000000};
    scripted_start_trusted(scripted, "try('return 1')");
    for (int i = 0; i < 30000 && !watchdog_is_asleep(); i++)
        nanosleep(&pause, NULL);
    assert_true(watchdog_is_asleep());
    scripted_start_trusted(scripted, "try('while true do end')");
    assert_string_equal(scripted->trace, "fine cpu x.lua 1 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, scripted_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_loop_is_stopped),
        TEST(test_the_line_is_that_of_the_script_where_a_function_has_none),
        TEST(test_a_long_for_is_stopped),
        TEST(test_a_loop_that_jumps_is_stopped),
        TEST(test_a_loop_that_allocates_is_stopped),
        TEST(test_a_loop_of_calls_is_stopped),
        TEST(test_a_tail_call_without_end_is_stopped),
        TEST(test_a_loop_of_pcalls_is_stopped),
        TEST(test_a_loop_of_errors_is_stopped),
        TEST(test_a_pcall_as_the_last_word_is_stopped),
        TEST(test_a_loop_in_a_coroutine_is_stopped),
        TEST(test_a_coroutine_as_the_last_word_is_stopped),
        TEST(test_coroutines_without_end_are_stopped),
        TEST(test_a_loop_in_nested_coroutines_is_stopped),
        TEST(test_a_comparison_that_loops_is_stopped),
        TEST(test_a_replacement_that_loops_is_stopped),
        TEST(test_a_handler_that_loops_is_stopped),
        TEST(test_a_handler_is_not_run_for_what_is_stopped),
        TEST(test_handlers_that_fail_are_stopped),
        TEST(test_an_index_that_loops_is_stopped),
        TEST(test_a_text_that_loops_is_stopped),
        TEST(test_an_iterator_without_end_is_stopped),
        TEST(test_a_script_is_stopped_after_a_wait_too),
        TEST(test_a_script_is_stopped_while_it_is_loaded),
        TEST(test_the_message_names_the_setting_and_the_traceback_the_way),
        TEST(test_a_slice_that_computes_less_is_not_stopped),
        TEST(test_a_thread_that_stands_still_is_not_blamed),
        TEST(test_trusted_code_is_not_stopped),
        TEST(test_trusted_code_that_a_script_calls_ends_what_it_is_about),
        TEST(test_trusted_code_that_a_script_keeps_busy_is_stopped),
        TEST(test_no_kill_reaches_the_slices_that_follow),
        TEST(test_the_heap_is_flat_after_many_kills),
        TEST(test_a_call_within_a_call_is_stopped_alone),
        TEST(test_a_script_that_goes_on_after_such_a_stop_is_stopped_too),
        TEST(test_short_calls_within_a_call_share_its_time),
        TEST(test_calls_that_nest_without_end_fail),
        TEST(test_a_stopped_task_that_ends_later_knows_where_it_was_stopped),
        TEST(test_all_slices_of_a_request_share_its_time),
        TEST(test_another_request_has_its_own_time),
        TEST(test_calls_within_a_call_are_not_counted_twice),
        TEST(test_waiting_is_no_cpu_time),
        TEST(test_a_c_function_that_does_not_come_back_is_logged_with_the_script),
        TEST(test_without_scripts_there_is_no_guard),
        TEST(test_the_watchdog_sleeps_while_nothing_runs_and_wakes_for_the_next_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
