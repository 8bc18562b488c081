// core.items, core.floats_to_base64 and core.base64_to_floats, as Lua sees them.
#include "lua/vector_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"

static int set_up(void **state)
{
    static struct lua_fixture fixture;
    lua_fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    lua_fixture_close(*state);
    return 0;
}

// `code` asserts by itself.
static void assert_runs(void **state, const char *code)
{
    struct lua_fixture *fixture = *state;
    lua_State *L = fixture->vm->L;
    if (luaL_dostring(L, code) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void test_items_keep_what_they_hold(void **state)
{
    assert_runs(state, "local core = require('core')\n"
                       "local list = core.items('[1, \"a\", [1, 2], {\"b\": 3}, null]')\n"
                       "assert(#list == 5 and list[1] == 1 and list[2] == 'a')\n"
                       "assert(core.is_raw(list[3]) and list[3].raw == '[1, 2]')\n"
                       "assert(list[4].raw == '{\"b\": 3}' and list[5] == core.null)\n"
                       "assert(#core.items(core.raw('[]')) == 0)\n");
}

static void test_vectors_change_their_form(void **state)
{
    assert_runs(state, "local core = require('core')\n"
                       "assert(core.floats_to_base64('[1, -2.5]') == 'AACAPwAAIMA=')\n"
                       "assert(core.floats_to_base64(core.raw('[1]')) == 'AACAPw==')\n"
                       "assert(core.base64_to_floats('AACAPwAAIMA=') == '[1,-2.5]')\n"
                       "assert(core.floats_to_base64('[]') == '')\n");
}

static void test_what_is_none_says_where(void **state)
{
    assert_runs(
        state,
        "local core = require('core')\n"
        "for _, call in ipairs({ { 'items', '{}' }, { 'items', '[1' },\n"
        "    { 'floats_to_base64', '[1, null]' }, { 'base64_to_floats', 'AAA=' } }) do\n"
        "  local value, err = core[call[1]](call[2])\n"
        "  assert(value == nil and err.kind == 'bad_request' and err.message:find('at byte'))\n"
        "end\n"
        "assert(not pcall(core.items, {}))\n"
        "assert(not pcall(core.floats_to_base64, nil))\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_items_keep_what_they_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vectors_change_their_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_none_says_where, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
