#include "lua/dict_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/fixture.h"

static void test_values_come_back_as_they_were(void **state)
{
    lua_fixture_check(*state, "local d = core.dict('d')\n"
                              "assert(d:set('n', 1.5) == true and d:get('n') == 1.5)\n"
                              "assert(d:set('b', false) and d:get('b') == false)\n"
                              "assert(d:set('s', 'a\\0b') and d:get('s') == 'a\\0b')\n"
                              "assert(d:set('digits', '7') and d:get('digits') == '7')\n"
                              "assert(d:get('none') == nil and select('#', d:get('none')) == 1)\n"
                              "assert(d:del('n') == true and d:del('n') == false)\n");
}

static void test_a_name_is_one_dictionary(void **state)
{
    lua_fixture_check(*state, "core.dict('d'):set('k', 1)\n"
                              "assert(core.dict('d', { safe = true }):get('k') == 1)\n"
                              "assert(core.dict('e'):get('k') == nil)\n");
}

static void test_counters_lists_and_swaps(void **state)
{
    lua_fixture_check(
        *state, "local d = core.dict('d')\n"
                "assert(d:incr('c') == 1 and d:incr('c', 4) == 5 and d:incr('x', 1, 10) == 11)\n"
                "assert(d:lpush('l', 'a') == 1 and d:lpush('l', 2) == 2)\n"
                "assert(d:rpop('l') == 'a' and d:rpop('l') == 2 and d:rpop('l') == nil)\n"
                "assert(d:add('a', 1) == true and d:add('a', 2) == false)\n"
                "assert(d:cas('a', 1, 'x') == true and d:cas('a', 1, 2) == false)\n"
                "assert(d:cas('a', 'x', nil) == true and d:get('a') == nil)\n"
                "assert(d:cas('a', nil, true) and d:get('a') == true)\n"
                "assert(#d:keys() == 3 and #d:keys(2) == 2)\n");
}

static void test_times_are_in_seconds(void **state)
{
    lua_fixture_check(*state, "local d = core.dict('d')\n"
                              "d:set('k', 1, 0.5)\n"
                              "assert(d:ttl('k') > 0 and d:ttl('k') <= 0.5)\n"
                              "assert(d:expire('k', 0) == true and d:ttl('k') == math.huge)\n"
                              "assert(d:ttl('none') == nil and d:expire('none', 1) == false)\n");
}

static void test_a_failure_is_an_error_with_a_kind(void **state)
{
    lua_fixture_check(
        *state, "local d = core.dict('d', { safe = true })\n"
                "local ok, err = d:set('k', ('x'):rep(1024 * 1024 + 1))\n"
                "assert(ok == nil and err.kind == 'too_large' and err.message:find('1 MB'))\n"
                "for i = 1, 20 do ok, err = d:set('k' .. i, ('x'):rep(1024 * 1024)) end\n"
                "assert(ok == nil and err.kind == 'too_large' and err.message:find('no memory'))\n"
                "d = core.dict('d')\n"
                "assert(d:set('new', ('x'):rep(1024 * 1024)))\n"
                "d:lpush('l', 1)\n"
                "ok, err = d:get('l')\n"
                "assert(ok == nil and err.kind == 'bad_request')\n");
}

static void test_wrong_arguments_blame_the_line_of_the_caller(void **state)
{
    lua_fixture_check(
        *state, "local d = core.dict('d')\n"
                "local function refuses(what, ...)\n"
                "  local ok, message = pcall(...)\n"
                "  assert(not ok and message:find(what, 1, true), message)\n"
                "end\n"
                "refuses('string, number or boolean', d.set, d, 'k', {})\n"
                "refuses('string expected', d.get, d, 1)\n"
                "refuses('time to live', d.set, d, 'k', 1, -1)\n"
                "refuses('time to live', d.set, d, 'k', 1, 0 / 0)\n"
                "refuses('1 to 100000', d.keys, d, 0)\n"
                "refuses('safe', core.dict, 'd', { save = true })\n"
                "refuses('1 to 128 bytes', core.dict, '')\n"
                "refuses('not the right kind', d.get, core.null, 'k')\n"
                "local ok, message = pcall(loadstring('local d = ...\\nd:set(1, 2)', '=line'), d)\n"
                "assert(not ok and message:find('^line:2: '), message)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_values_come_back_as_they_were),
        LUA_FIXTURE(test_a_name_is_one_dictionary),
        LUA_FIXTURE(test_counters_lists_and_swaps),
        LUA_FIXTURE(test_times_are_in_seconds),
        LUA_FIXTURE(test_a_failure_is_an_error_with_a_kind),
        LUA_FIXTURE(test_wrong_arguments_blame_the_line_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
