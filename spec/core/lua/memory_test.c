#include "lua/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/clock.h"
#include "lua/generation.h"
#include "lua/guard.h"
#include "lua/script.h"
#include "lua/scripted.h"
#include "lua/task.h"

enum { MB = 1 << 20 };

static int set_up(void **state)
{
    scripted_set_up_trusted(state);
    struct scripted *scripted = *state;
    struct config_scripts *scripts = &scripted->fixture.env.generation->config->scripts;
    scripts->slice_memory = 8 * MB;
    scripts->memory = 64 * MB;
    scripts->cpu_ms = scripts->cpu_total_ms = 60000; // memory is what this is about
    assert_int_equal(
        luaL_dostring(scripted->fixture.vm->L,
                      "count = 0\n"
                      "function heap(mb) local t = {}\n" // in small blocks that are no garbage
                      "  for i = 1, mb * 1024 do\n"
                      "    count = count + 1 t[i] = ('%08d'):format(count):rep(128) end\n"
                      "  return t\n"
                      "end"),
        0);
    return 0;
}

static size_t heap_bytes(struct scripted *scripted)
{
    lua_State *L = scripted->fixture.vm->L;
    return (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
}

// ---- bombs ------------------------------------------------------------------------------------

static void ends(struct scripted *scripted, const char *limit, int line, const char *script)
{
    char text[600], expected[100];
    snprintf(text, sizeof(text), "try([[%s]]) try('return 1')", script);
    snprintf(expected, sizeof(expected), "%s x.lua %d fine ", limit, line);
    scripted_start_trusted(scripted, text);
    assert_string_equal(scripted->trace, expected);
    assert_string_equal(scripted->error, "");
    assert_int_equal(scripted->ended, 1);
}

#define ENDS(name, limit, line, script)    \
    static void test_##name(void **state)  \
    {                                      \
        ends(*state, limit, line, script); \
    }

ENDS(a_bomb_of_tables_ends, "memory", 2, "local t = {}\nfor i = 1, 1e9 do t[i] = { i } end")
ENDS(a_bomb_of_numbers_ends, "memory", 1, "local t = {} for i = 1, 1e9 do t[i] = i end")
ENDS(a_bomb_of_keys_ends, "memory", 1, "local t = {} for i = 1, 1e9 do t['k' .. i] = i end")
ENDS(a_string_that_doubles_ends, "memory", 2, "local s = 'x'\nwhile true do s = s .. s end")
ENDS(a_string_that_grows_ends, "memory", 1,
     "local s = {} while true do s[#s + 1] = ('x'):rep(1000) .. #s end")
ENDS(a_repeated_string_ends, "memory", 1, "local s = string.rep('x', 1e9) return #s")
ENDS(a_bomb_of_coroutines_ends, "memory", 1,
     "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end")
ENDS(a_bomb_of_functions_ends, "memory", 1,
     "local t = {} for i = 1, 1e9 do t[i] = function() return i end end")
ENDS(a_list_that_links_itself_ends, "memory", 1, "local t while true do t = { t } end")
ENDS(a_bomb_that_catches_errors_ends, "memory", 1, "while true do pcall(string.rep, 'x', 1e9) end")
ENDS(a_bomb_in_a_coroutine_ends, "memory", 1,
     "coroutine.wrap(function() local t = {} while true do t[#t + 1] = {} end end)()")
ENDS(a_joined_table_ends, "memory", 1,
     "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(5000) end "
     "for i = 1001, 1e5 do t[i] = t[1] end return table.concat(t)")
ENDS(recursion_without_end_ends, "stack", 1, "local function f() return 1 + f() end f()")
ENDS(recursion_in_sort_ends, "stack", 1,
     "local function f() table.sort({ 1, 2, 3 }, f) return true end f()")

// These took the whole stack of C, and with it the process.
static void ends_somehow(struct scripted *scripted, const char *script)
{
    char text[600];
    snprintf(text, sizeof(text),
             "local ok, err = run(text([[%s]])) note(ok, err.file, err.line) try('return 1')",
             script);
    scripted_start_trusted(scripted, text);
    assert_string_equal(scripted->trace, "false x.lua 1 fine ");
}

static void test_coroutines_that_nest_without_end_end(void **state)
{
    ends_somehow(*state, "local function f() coroutine.wrap(f)() end f()");
}

static void test_replacements_that_nest_without_end_end(void **state)
{
    ends_somehow(*state, "local function f() return (string.gsub('x', 'x', f)) end f()");
}

static void test_a_bomb_after_a_wait_ends(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "try('wait()\\nlocal t = {} while true do t[#t + 1] = {} end') note('after')");
    task_wake(scripted->waiting[0], 0);
    assert_string_equal(scripted->trace, "memory x.lua 2 after ");
}

static void test_the_messages_name_the_settings(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted, "local _, err = run(text('local t = {} while true do t[#t + 1] = {} end'))"
                  "note(err.reason) kept = heap(60)"
                  "_, err = run(text('local t = {} while true do t[#t + 1] = {} end'))"
                  "note(err.reason)");
    assert_string_equal(scripted->trace,
                        "script exceeded its memory: 8 MB at once (scripts.slice_memory) "
                        "script exceeded its memory: the scripts of a worker may hold 64 MB "
                        "(scripts.memory) ");
}

// ---- what is not refused ----------------------------------------------------------------------

static void test_trusted_code_is_never_refused(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(
        scripted,
        "try('return 1') kept = heap(100) local s = string.rep('x', 20e6) note(#s, #kept)");
    assert_string_equal(scripted->trace, "fine 20000000 102400 ");
}

static void test_a_small_script_runs_though_others_filled_the_heap(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "try('return 1') kept = heap(100) try('return #(\"x\"):rep(100000)')");
    assert_string_equal(scripted->trace, "fine fine ");
}

static void test_what_a_script_takes_in_many_slices_is_no_excess_of_one(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "all = {} for i = 1, 5 do try('all[...] = heap(6)', i) end");
    assert_string_equal(scripted->trace, "fine fine fine fine fine ");
}

static void test_garbage_is_not_counted_against_a_script(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted,
                           "try('for i = 1, 100000 do local s = (\"x\"):rep(1000) .. i end')");
    assert_string_equal(scripted->trace, "fine ");
}

// ---- after it ---------------------------------------------------------------------------------

static void test_the_heap_is_flat_after_many_bombs(void **state)
{
    struct scripted *scripted = *state;
    lua_State *L = scripted->fixture.vm->L;
    static const char bombs[] =
        "local bombs = { 'local t = {} for i = 1, 1e9 do t[i] = { i } end',"
        "'local s = \"x\" while true do s = s .. s end', 'return string.rep(\"x\", 1e9)',"
        "'local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end',"
        "'local function f() return 1 + f() end f()' }"
        "for i = 1, 40 do for _, bomb in ipairs(bombs) do"
        "  assert(not run(text(bomb))) end assert(run(text('return 1'))) end";
    scripted_start_trusted(scripted, bombs);
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    size_t before = heap_bytes(scripted);
    scripted_start_trusted(scripted, bombs);
    assert_string_equal(scripted->error, "");
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    assert_in_range(heap_bytes(scripted), 0, before + 256 * 1024);
}

static void turn_until(struct scripted *scripted, bool (*is_reached)(struct scripted *scripted))
{
    uint64_t until_ns = clock_monotonic_ns() + 30000000000u;
    while (!is_reached(scripted) && clock_monotonic_ns() < until_ns)
        uv_run(&scripted->fixture.env.loop->uv, UV_RUN_ONCE);
    assert_true(is_reached(scripted));
}

static bool is_small(struct scripted *scripted)
{
    return heap_bytes(scripted) < 4 * MB;
}

static void test_what_a_bomb_left_is_collected_as_the_loop_turns(void **state)
{
    struct scripted *scripted = *state;
    lua_State *L = scripted->fixture.vm->L;
    lua_gc(L, LUA_GCSTOP, 0);
    scripted_start_trusted(scripted,
                           "try('local t = {} while true do t[#t + 1] = { 1, 2, 3 } end')");
    assert_true(heap_bytes(scripted) > 7 * MB);
    turn_until(scripted, is_small);
    assert_string_equal(scripted->trace, "memory x.lua 1 ");
}

static bool is_over(struct scripted *scripted)
{
    return vm_is_over_memory(scripted->fixture.vm);
}

static bool is_not_over(struct scripted *scripted)
{
    return !is_over(scripted);
}

static void test_a_heap_that_stays_over_its_soft_limit_takes_nothing_new(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "try('return 1') kept = heap(50) try('return 1')");
    assert_false(is_over(scripted));
    turn_until(scripted, is_over);
    scripted_start_trusted(scripted, "kept = nil");
    turn_until(scripted, is_not_over);
}

static void test_garbage_over_the_soft_limit_is_collected_only(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "try('return 1') heap(50) try('return 1')");
    turn_until(scripted, is_small);
    assert_false(is_over(scripted));
}

static bool has_ended(struct scripted *scripted)
{
    return scripted->ended > 0;
}

static void test_the_script_that_let_the_heap_grow_most_goes_first(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "try('local t = heap(2) wait() return t') note('small')");
    scripted_start_trusted(scripted,
                           "for i = 1, 20 do local f = text('local t = heap(5) wait() return t')"
                           "  held = held or {} local ok, t = run(f) held[i] = t"
                           "  if not ok then note(t.limit, t.line) held = nil break end end");
    for (int i = 1; scripted->waits == i + 1 && i < 10; i++)
        task_wake(scripted->waiting[i], 0);
    assert_string_equal(scripted->trace, "");
    turn_until(scripted, has_ended);
    assert_string_equal(scripted->trace, "memory 1 ");
    turn_until(scripted, is_not_over);
    task_wake(scripted->waiting[0], 0);
    assert_string_equal(scripted->trace, "memory 1 fine small ");
}

// ---- the layer by itself ----------------------------------------------------------------------

struct counted {
    lua_State *L;
    int excesses;
    enum memory_reason reason;
};

static void on_excess(void *owner, enum memory_reason reason)
{
    struct counted *counted = owner;
    counted->excesses++;
    counted->reason = reason;
}

static bool drop_nothing(void *owner)
{
    (void)owner;
    return false;
}

static void test_it_counts_what_lua_counts(void **state)
{
    struct scripted *scripted = *state;
    struct counted counted = {.L = luaL_newstate()};
    struct memory_handler handler = {on_excess, drop_nothing, &counted};
    struct memory_limits limits = {.heap = 10 * MB, .slice = MB};
    struct memory *memory = memory_new(counted.L, scripted->fixture.env.timers, &limits, &handler);
    for (int i = 0; i < 1000; i++) {
        lua_createtable(counted.L, i, 0);
        lua_pushfstring(counted.L, "%d", i);
        lua_settop(counted.L, 0);
    }
    lua_gc(counted.L, LUA_GCCOLLECT, 0);
    assert_int_equal(memory_used(memory), (size_t)lua_gc(counted.L, LUA_GCCOUNT, 0) * 1024 +
                                              (size_t)lua_gc(counted.L, LUA_GCCOUNTB, 0));
    assert_int_equal(counted.excesses, 0);
    memory_stop(memory);
    memory_free(memory);
    lua_close(counted.L);
}

static int take_much(lua_State *L)
{
    lua_newuserdata(L, 20 * MB);
    return 0;
}

static int take_a_large_block(lua_State *L)
{
    lua_newuserdata(L, 4 * MB);
    return 0;
}

static int take_small_blocks(lua_State *L)
{
    for (int i = 1; i <= 400; i++) {
        lua_newuserdata(L, 10 * 1024);
        lua_rawseti(L, LUA_REGISTRYINDEX, 1000 + i);
    }
    return 0;
}

static void test_past_a_limit_small_blocks_are_granted_until_the_script_ends(void **state)
{
    struct scripted *scripted = *state;
    struct counted counted = {.L = luaL_newstate()};
    struct memory_handler handler = {on_excess, drop_nothing, &counted};
    struct memory_limits limits = {.heap = 10 * MB, .slice = MB};
    struct memory *memory = memory_new(counted.L, scripted->fixture.env.timers, &limits, &handler);
    memory_begin(memory, &counted);
    assert_int_equal(lua_cpcall(counted.L, take_a_large_block, NULL), LUA_ERRMEM);
    assert_int_equal(counted.excesses, 1);
    assert_int_equal(lua_cpcall(counted.L, take_small_blocks, NULL), 0);
    assert_in_range(counted.excesses, 2, 400);
    memory_end(memory);
    memory_stop(memory);
    memory_free(memory);
    lua_close(counted.L);
}

static void test_within_a_slice_trusted_c_code_is_not_refused(void **state)
{
    struct scripted *scripted = *state;
    struct counted counted = {.L = luaL_newstate()};
    struct memory_handler handler = {on_excess, drop_nothing, &counted};
    struct memory_limits limits = {.heap = 10 * MB, .slice = MB};
    struct memory *memory = memory_new(counted.L, scripted->fixture.env.timers, &limits, &handler);
    memory_begin(memory, &counted);
    assert_int_equal(lua_cpcall(counted.L, take_much, NULL), LUA_ERRMEM);
    assert_int_equal(counted.excesses, 1);
    assert_int_equal(counted.reason, MEMORY_SLICE);
    bool was_limited = memory_limit(memory, false);
    assert_true(was_limited);
    assert_int_equal(lua_cpcall(counted.L, take_much, NULL), 0);
    memory_limit(memory, was_limited);
    assert_int_equal(lua_cpcall(counted.L, take_much, NULL), LUA_ERRMEM);
    memory_end(memory);
    assert_int_equal(lua_cpcall(counted.L, take_much, NULL), 0);
    memory_stop(memory);
    memory_free(memory);
    lua_close(counted.L);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, scripted_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_bomb_of_tables_ends),
        TEST(test_a_bomb_of_numbers_ends),
        TEST(test_a_bomb_of_keys_ends),
        TEST(test_a_string_that_doubles_ends),
        TEST(test_a_string_that_grows_ends),
        TEST(test_a_repeated_string_ends),
        TEST(test_a_bomb_of_coroutines_ends),
        TEST(test_a_bomb_of_functions_ends),
        TEST(test_a_list_that_links_itself_ends),
        TEST(test_a_bomb_that_catches_errors_ends),
        TEST(test_a_bomb_in_a_coroutine_ends),
        TEST(test_a_joined_table_ends),
        TEST(test_recursion_without_end_ends),
        TEST(test_recursion_in_sort_ends),
        TEST(test_coroutines_that_nest_without_end_end),
        TEST(test_replacements_that_nest_without_end_end),
        TEST(test_a_bomb_after_a_wait_ends),
        TEST(test_the_messages_name_the_settings),
        TEST(test_trusted_code_is_never_refused),
        TEST(test_a_small_script_runs_though_others_filled_the_heap),
        TEST(test_what_a_script_takes_in_many_slices_is_no_excess_of_one),
        TEST(test_garbage_is_not_counted_against_a_script),
        TEST(test_the_heap_is_flat_after_many_bombs),
        TEST(test_what_a_bomb_left_is_collected_as_the_loop_turns),
        TEST(test_a_heap_that_stays_over_its_soft_limit_takes_nothing_new),
        TEST(test_garbage_over_the_soft_limit_is_collected_only),
        TEST(test_the_script_that_let_the_heap_grow_most_goes_first),
        TEST(test_it_counts_what_lua_counts),
        TEST(test_past_a_limit_small_blocks_are_granted_until_the_script_ends),
        TEST(test_within_a_slice_trusted_c_code_is_not_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
