#include "lua/table_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"

static void on_hook(lua_State *L, lua_Debug *frame)
{
    lua_sethook(L, NULL, 0, 0);
    lua_getinfo(L, "l", frame);
    luaL_error(L, "stopped in line %d", frame->currentline);
}

// As the guard's signal does while C runs. Is true as a comparison.
static int arm(lua_State *L)
{
    lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
    lua_pushboolean(L, 1);
    return 1;
}

static int call_armed(lua_State *L)
{
    int count = lua_gettop(L) - 1;
    lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
    lua_call(L, count, 0);
    lua_sethook(L, NULL, 0, 0);
    return 0;
}

static int set_up(void **state)
{
    lua_fixture_set_up(state);
    struct lua_fixture *fixture = *state;
    lua_register(fixture->vm->L, "arm", arm);
    lua_register(fixture->vm->L, "call_armed", call_armed);
    return 0;
}

// In one line: lines count from the text of the test.
static const char prelude[] =
    "local safe = core.safe_table "
    "local function text(list) "
    "  local parts = {} "
    "  for k = -6, 9 do parts[#parts + 1] = k .. '=' .. tostring(list[k]) end "
    "  return table.concat(parts, ' ') "
    "end "
    "local function same(name, list, ...) " // both libraries do the same to a list
    "  local one, other = {}, {} "
    "  for k, v in pairs(list) do one[k], other[k] = v, v end "
    "  local ok, a = pcall(safe[name], one, ...) "
    "  local is, b = pcall(table[name], other, ...) "
    "  if a == one then a, b = nil, b ~= other or nil end "
    "  if ok ~= is or a ~= b or text(one) ~= text(other) then "
    "    error(tostring(a) .. ' instead of ' .. tostring(b) .. '\\n' .. text(one), 2) "
    "  end "
    "end ";

static void run(struct lua_fixture *fixture, const char *text)
{
    lua_fixture_check_after(fixture, prelude, text);
}

static void test_insert_is_the_standard_one(void **state)
{
    run(*state,
        "for position = -3, 7 do same('insert', { 'a', 'b', 'c' }, position, 'x') end\n"
        "same('insert', {}, 'x') same('insert', { 1 }) same('insert', { 1 }, 1, 2, 3)\n"
        "same('insert', {}, 'no number', 1) same('insert', {}, 1, nil) same('insert', {}, nil)\n"
        "fails(\"bad argument #1 to '?' (table expected, got nil)\", safe.insert, nil, 1)");
}

static void test_move_is_the_standard_one(void **state)
{
    run(*state, "for to = -2, 5 do same('move', { 'a', 'b', 'c', 'd' }, 2, 4, to) end\n"
                "same('move', { 1, 2 }, 2, 1, 3) same('move', { 1, 2 }, 1, 2, 1, nil)\n"
                "local target = {}\n"
                "assert(safe.move({ 1, 2, 3 }, 1, 3, 2, target) == target)\n"
                "assert(text(target) == text({ nil, 1, 2, 3 }))\n"
                "local read = setmetatable({}, { __index = function(_, k) return k * 2 end })\n"
                "assert(safe.move(read, 1, 2, 1, {})[2] == 4)");
}

static void test_concat_is_the_standard_one(void **state)
{
    run(*state,
        "for first = 0, 4 do for last = 0, 4 do\n"
        "  same('concat', { 'a', 2, 'c' }, '-', first, last)\n"
        "end end\n"
        "same('concat', { 'a', 'b' }) same('concat', { 'a', {} }) same('concat', { 1 }, {})\n"
        "fails(\"test:6: invalid value (nil) at index 2 in table for 'concat'\", function()\n"
        "  local all = safe.concat({ 1, nil, 3 }, '', 1, 3) return all\n"
        "end)");
}

static void test_concat_puts_long_lists_together(void **state)
{
    run(*state,
        "local list = {}\n"
        "for i = 1, 20000 do list[i] = i end\n"
        "for _, n in ipairs({ 4095, 4096, 4097, 8192, 8193, 20000 }) do\n"
        "  assert(safe.concat(list, ', ', 3, n) == table.concat(list, ', ', 3, n))\n"
        "end\n"
        "assert(safe.concat(list) == table.concat(list))\n"
        "list[15000] = false\n"
        "fails(\"test:9: invalid value (boolean) at index 15000 in table for 'concat'\", function()\n"
        "  local all = safe.concat(list) return all\n"
        "end)");
}

static void test_sort_is_the_standard_one(void **state)
{
    run(*state,
        "same('sort', { 5, 2, 8, 1 }) same('sort', { 'b', 'a', 'c' }) same('sort', {})\n"
        "same('sort', { 5, 2, 8, 1 }, function(a, b) return a > b end)\n"
        "same('sort', { 1, 'x' }) same('sort', { 1, 2 }, 1) same('sort', { 1, 2 }, false)\n"
        "same('sort', { 3, 2, 1 }, nil) same('sort', { 1, 2, 3 }, function() return true end)\n"
        "same('sort', { 3, 1, 2 }, math.max)");
}

static void test_sort_stops_between_two_comparisons(void **state)
{
    run(*state, "local list = {}\n"
                "for i = 1, 100 do list[i] = setmetatable({}, { __lt = arm }) end\n"
                "fails('stopped in line 4', function()\n"
                "  safe.sort(list)\n"
                "end)\n"
                "fails('stopped in line 7', function()\n"
                "  safe.sort(list, arm)\n"
                "end)");
}

static void test_long_work_on_lists_stops(void **state)
{
    run(*state, "local list = {}\n"
                "for i = 1, 50000 do list[i] = 1 end\n"
                "fails('stopped in line 4', function()\n"
                "  call_armed(safe.concat, list)\n"
                "end)\n"
                "fails('stopped in line 7', function()\n"
                "  call_armed(safe.insert, list, 1, 1)\n"
                "end)\n"
                "fails('stopped in line 10', function()\n"
                "  call_armed(safe.insert, {}, -2e9, 1)\n"
                "end)\n"
                "fails('stopped in line 13', function()\n"
                "  call_armed(safe.move, {}, 1, 2e9, 2)\n"
                "end)");
}

static void test_scripts_get_no_other_functions(void **state)
{
    run(*state, "local names = {}\n"
                "for name in pairs(safe) do names[#names + 1] = name end\n"
                "table.sort(names)\n"
                "names = table.concat(names, ' ')\n"
                "assert(names == 'concat getn insert maxn move remove sort', names)");
}

static void test_unpack_refuses_more_than_the_stack_holds(void **state)
{
    run(*state, "fails('too many results to unpack', unpack, {}, 1, 1e8)\n"
                "fails('too many results to unpack', unpack, {}, -2e9, 2e9)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, lua_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_insert_is_the_standard_one),
        TEST(test_move_is_the_standard_one),
        TEST(test_concat_is_the_standard_one),
        TEST(test_concat_puts_long_lists_together),
        TEST(test_sort_is_the_standard_one),
        TEST(test_sort_stops_between_two_comparisons),
        TEST(test_long_work_on_lists_stops),
        TEST(test_scripts_get_no_other_functions),
        TEST(test_unpack_refuses_more_than_the_stack_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
