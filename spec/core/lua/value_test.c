#include "lua/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"

static struct lua_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    lua_fixture_open(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lua_fixture_close(&fixture);
    return 0;
}

static void assert_encodes(const char *json, const char *expected)
{
    lua_State *L = fixture.vm->L;
    struct json_error err;
    struct buf out;
    const char *why;

    buf_init(&out, 4096);
    assert_int_equal(value_push(L, slice_of(json), 32, false, &err), 0);
    assert_int_equal(value_encode(L, -1, &out, &why), 0);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
    lua_pop(L, 1);
}

static void test_values_survive_a_trip_through_lua(void **state)
{
    (void)state;
    assert_encodes("[1,2.5,true,false,null,\"x\"]", "[1,2.5,true,false,null,\"x\"]");
    assert_encodes("{\"a\":{\"b\":[{}]}}", "{\"a\":{\"b\":[{}]}}");
}

static void test_an_empty_array_is_no_empty_object(void **state)
{
    (void)state;
    assert_encodes("{\"a\":[],\"b\":{}}", "{\"a\":[],\"b\":{}}");
}

static void test_keys_are_written_sorted(void **state)
{
    (void)state;
    assert_encodes("{\"b\":1,\"a\":2,\"c\":3}", "{\"a\":2,\"b\":1,\"c\":3}");
}

static void test_a_string_with_nul_keeps_it(void **state)
{
    (void)state;
    assert_encodes("\"x\\u0000y\"", "\"x\\u0000y\"");
}

static void test_doubles_read_back_the_same(void **state)
{
    (void)state;
    assert_encodes("[0.1,1e+30,123456789012345,-0.000001]", "[0.1,1e+30,123456789012345,-1e-06]");
}

static void assert_refused(const char *lua, const char *expected)
{
    lua_State *L = fixture.vm->L;
    struct buf out;
    const char *why;

    buf_init(&out, 4096);
    assert_int_equal(luaL_dostring(L, lua), 0);
    assert_int_equal(value_encode(L, -1, &out, &why), -1);
    assert_non_null(strstr(why, expected));
    buf_deinit(&out);
    lua_pop(L, 1);
}

static void test_what_json_cannot_say_is_refused(void **state)
{
    (void)state;
    assert_refused("return 1/0", "infinity");
    assert_refused("return print", "function");
    assert_refused("return { [{}] = 1 }", "not a string");
    assert_refused("local t = {} t.t = t return t", "deeply");
}

static void test_a_secret_shows_nothing(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;

    assert_int_equal(value_push(L, SLICE("{\"$secret\":3}"), 32, true, &err), 0);
    assert_int_equal(value_to_secret(L, -1), 3);
    lua_setglobal(L, "secret");
    assert_int_equal(luaL_dostring(L, "return tostring(secret), getmetatable(secret)"), 0);
    assert_string_equal(lua_tostring(L, -2), "***");
    assert_false(lua_toboolean(L, -1));
    lua_pop(L, 2);
}

static void test_text_that_is_no_json_is_refused_with_its_position(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;
    int top = lua_gettop(L);

    assert_int_equal(value_push(L, SLICE("[1,]"), 32, false, &err), -1);
    assert_int_equal(err.offset, 3);
    assert_int_equal(lua_gettop(L), top);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_survive_a_trip_through_lua),
        TEST(test_an_empty_array_is_no_empty_object),
        TEST(test_keys_are_written_sorted),
        TEST(test_a_string_with_nul_keeps_it),
        TEST(test_doubles_read_back_the_same),
        TEST(test_what_json_cannot_say_is_refused),
        TEST(test_a_secret_shows_nothing),
        TEST(test_text_that_is_no_json_is_refused_with_its_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
