#include "lua/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
    assert_int_equal(value_push(L, slice_of(json), 32, NULL, &err), 0);
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
    assert_encodes("{\"b\":1,\"\":0,\"\xC3\xA9\":5,\"ab\":4,\"a\":2,\"c\":3,\"B\":6}",
                   "{\"\":0,\"B\":6,\"a\":2,\"ab\":4,\"b\":1,\"c\":3,\"\xC3\xA9\":5}");
    assert_encodes("{\"b\":1,\"a\":2,\"c\":3}", "{\"a\":2,\"b\":1,\"c\":3}");
}

static void test_a_string_with_nul_keeps_it(void **state)
{
    (void)state;
    assert_encodes("\"x\\u0000y\"", "\"x\\u0000y\"");
}

static void test_a_name_with_nul_keeps_it(void **state)
{
    (void)state;
    assert_encodes("{\"b\":1,\"a\\u0000z\":[2],\"a\":3}", "{\"a\":3,\"a\\u0000z\":[2],\"b\":1}");
}

static void test_of_a_repeated_name_the_last_value_counts(void **state)
{
    (void)state;
    assert_encodes("{\"a\":1,\"\\u0061\":2}", "{\"a\":2}");
}

static void test_escapes_are_resolved_in_short_and_long_strings(void **state)
{
    (void)state;
    struct buf text, expected;
    assert_encodes("\"\\u00e9\\ud83d\\ude00\\/\\n\"", "\"\xC3\xA9\xF0\x9F\x98\x80/\\n\"");
    for (int count = 1; count < 1000; count += 37) {
        buf_init(&text, 1 << 16);
        buf_init(&expected, 1 << 16);
        buf_add_text(&text, "\"");
        buf_add_text(&expected, "\"");
        for (int i = 0; i < count; i++) {
            buf_add_text(&text, "x\\/");
            buf_add_text(&expected, "x/");
        }
        buf_add_text(&text, "\"");
        buf_add_text(&expected, "\"");
        assert_encodes(text.data, expected.data);
        buf_deinit(&text);
        buf_deinit(&expected);
    }
}

static void assert_number(const char *json)
{
    lua_State *L = fixture.vm->L;
    struct json_error err;
    double expected = strtod(json, NULL);

    assert_int_equal(value_push(L, slice_of(json), 32, NULL, &err), 0);
    double number = lua_tonumber(L, -1);
    assert_memory_equal(&number, &expected, sizeof(number)); // -0 is not 0 here
    lua_pop(L, 1);
}

static void test_numbers_are_the_nearest_double(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0",
        "-0",
        "-0.0",
        "7",
        "-12",
        "0.1",
        "0.7",
        "1.005",
        "123456789012345",
        "9007199254740993",
        "12345678.901234",
        "0.0000000000001",
        "999999999999.99",
        "-3.14159265358979",
        "1e3",
        "2.2250738585072014e-308",
        "1e-400",
        "1e400",
        "-1e400",
        "100000000000000000000000000000000",
        "0.1000000000000000055511151231257827021181583404541015625",
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        assert_number(numbers[i]);
}

static void test_a_number_of_any_length_is_read(void **state)
{
    (void)state;
    char digits[1000];
    memset(digits, '1', sizeof(digits));
    digits[0] = '0';
    digits[1] = '.';
    digits[sizeof(digits) - 1] = '\0';
    assert_number(digits);
}

static void test_short_decimals_are_read_as_strtod_does(void **state)
{
    (void)state;
    char text[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "%d.%04d", i % 97, i * 7 % 10000);
        assert_number(text);
        snprintf(text, sizeof(text), "%d.%09d", i, i * 104729);
        assert_number(text);
    }
}

static void test_whole_numbers_are_written_without_exponent(void **state)
{
    (void)state;
    assert_encodes("[0,-0,-7,1e2,999999999999999,-999999999999999]",
                   "[0,-0,-7,100,999999999999999,-999999999999999]");
    assert_encodes("[1e15,9007199254740992]", "[1e+15,9007199254740992]");
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

static struct config_secret secrets[] = {
    [1] = {"ONE", "sk-one"}, [3] = {"THREE", "sk-three"}, [12] = {"TWELVE", "sk-twelve"}};
static const struct config config = {.secrets = secrets, .secret_count = 13};

static void test_a_secret_shows_nothing(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;

    assert_int_equal(value_push(L, SLICE("{\"$secret\":3}"), 32, &config, &err), 0);
    assert_true(slice_equal(value_to_secret(L, -1), SLICE("sk-three")));
    lua_setglobal(L, "secret");
    assert_int_equal(luaL_dostring(L, "return tostring(secret), getmetatable(secret)"), 0);
    assert_string_equal(lua_tostring(L, -2), "***");
    assert_false(lua_toboolean(L, -1));
    lua_pop(L, 2);
}

static void test_only_an_index_alone_makes_a_secret_and_only_when_asked(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;
    static const char *const others[] = {
        "{}",
        "{\"$secret\":1,\"a\":2}",
        "{\"$secret\":\"1\"}",
        "{\"$secret\":-1}",
        "{\"$secret\":{\"$secret\":1}}",
        "{\"secret\":1}",
        "{\"$secret\":12345678901}",
        "{\"$secret\":13}",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(value_push(L, slice_of(others[i]), 32, &config, &err), 0);
        assert_true(lua_istable(L, -1));
        lua_pop(L, 1);
    }
    assert_int_equal(value_push(L, SLICE("{\"$secret\":1}"), 32, NULL, &err), 0);
    assert_true(lua_istable(L, -1));
    lua_pop(L, 1);
    assert_int_equal(value_push(L, SLICE("[{ \"$secret\" : 12 } ]"), 32, &config, &err), 0);
    lua_rawgeti(L, -1, 1);
    assert_true(slice_equal(value_to_secret(L, -1), SLICE("sk-twelve")));
    lua_pop(L, 2);
}

// Whatever was pushed before the bad byte is gone again.
static void test_a_refused_text_leaves_the_stack_as_it_was(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;
    static const char *const texts[] = {
        "",      "[[1,{\"a\":[2", "{\"a\":1,}",     "{\"a\":{\"b\":nul}}", "1 2",
        "[1] x", "\"\\x\"",       "{\"$secret\":1", "{\"$secret\":1}}",
    };
    int top = lua_gettop(L);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(value_push(L, slice_of(texts[i]), 32, &config, &err), -1);
        assert_int_equal(lua_gettop(L), top);
        assert_non_null(err.message);
    }
}

static void test_text_nested_deeper_than_allowed_is_refused(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;
    assert_int_equal(value_push(L, SLICE("[[{}]]"), 3, NULL, &err), 0);
    lua_pop(L, 1);
    assert_int_equal(value_push(L, SLICE("[[{}]]"), 2, NULL, &err), -1);
    assert_int_equal(err.offset, 2);
    assert_string_equal(err.message, "nesting is too deep");
}

static void test_text_that_is_no_json_is_refused_with_its_position(void **state)
{
    (void)state;
    lua_State *L = fixture.vm->L;
    struct json_error err;
    int top = lua_gettop(L);

    assert_int_equal(value_push(L, SLICE("[1,]"), 32, NULL, &err), -1);
    assert_int_equal(err.offset, 3);
    assert_int_equal(lua_gettop(L), top);
}

// ---- raw values -------------------------------------------------------------------------------

static void run(const char *text)
{
    lua_State *L = fixture.vm->L;
    if (luaL_dostring(L, text) != 0)
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void test_members_of_the_set_keep_their_bytes_at_any_depth(void **state)
{
    (void)state;
    run("local core = require('core')\n"
        "local text = '{\"a\":{\"z\" : 1.50, \"a\":[ ]},\"b\":[{\"a\":[1, 2 ]},{\"c\":{\"q\":{}}}]}'\n"
        "local value = core.decode(text, { a = true, q = true })\n"
        "assert(core.is_raw(value.a) and value.a.raw == '{\"z\" : 1.50, \"a\":[ ]}')\n"
        "assert(core.is_raw(value.b[1].a) and not core.is_raw(value.b) and #value.b == 2)\n"
        "assert(value.b[2].c.q.raw == '{}')\n"
        "assert(core.encode(value) == text)\n");
}

static void test_only_objects_and_arrays_are_kept_raw(void **state)
{
    (void)state;
    run("local core = require('core')\n"
        "local names = { a = true, b = false }\n"
        "assert(core.decode('{\"a\":\"{}\"}', names).a == '{}')\n"
        "assert(core.decode('{\"a\":1}', names).a == 1)\n"
        "assert(core.decode('{\"a\":null}', names).a == core.null)\n"
        "assert(core.decode('{\"b\":{\"c\":1}}', names).b.c == 1)\n"
        "assert(core.is_raw(core.decode('{\"\\\\u0061\":{}}', names).a), 'an escaped name')\n"
        "assert(core.decode('{\"a\":{\"c\":1}}').a.c == 1, 'no set')\n");
}

static void test_what_stays_raw_is_checked_as_strictly(void **state)
{
    (void)state;
    run("local core = require('core')\n"
        "for _, bad in ipairs({ '{\"x\":}', '[1,]', '{', '{\"x\":\"\\1\"}', '[' }) do\n"
        "  local value, err = core.decode('{\"a\":' .. bad .. '}', { a = true })\n"
        "  assert(value == nil and err.kind == 'bad_request')\n"
        "end\n"
        "local deep = '{\"a\":' .. ('['):rep(128) .. (']'):rep(128) .. '}'\n"
        "assert(core.decode(deep, { a = true }) == nil)\n"
        "assert(not pcall(core.decode, '{}', 'a'))\n");
}

static void test_a_raw_value_of_a_text_is_written_as_that_text(void **state)
{
    (void)state;
    run("local core = require('core')\n"
        "assert(core.encode({ a = core.raw('{\"z\": 1,\"b\":2}') }) == '{\"a\":{\"z\": 1,\"b\":2}}')\n"
        "assert(core.encode(core.raw('1e400')) == '1e400')\n"
        "assert(core.checked_raw(' [1 ,2] ').raw == '[1 ,2]')\n"
        "for _, bad in ipairs({ '', '{', '1 2', '{a=1}' }) do\n"
        "  local value, err = core.checked_raw(bad)\n"
        "  assert(value == nil and err.kind == 'bad_request' and err.message:find('at byte'))\n"
        "end\n");
}

static void test_a_table_that_looks_like_a_raw_value_is_none(void **state)
{
    (void)state;
    run("local core = require('core')\n"
        "assert(not core.is_raw({ raw = '1' }) and core.encode({ raw = '1' }) == '{\"raw\":\"1\"}')\n"
        "assert(not core.is_raw(core.array({})) and not core.is_raw('x') and not core.is_raw())\n"
        "local value = core.raw('1')\n"
        "value.raw = nil\n"
        "local ok, message = pcall(core.encode, value)\n"
        "assert(not ok and message:find('has lost its text'))\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_survive_a_trip_through_lua),
        TEST(test_an_empty_array_is_no_empty_object),
        TEST(test_keys_are_written_sorted),
        TEST(test_a_string_with_nul_keeps_it),
        TEST(test_a_name_with_nul_keeps_it),
        TEST(test_of_a_repeated_name_the_last_value_counts),
        TEST(test_escapes_are_resolved_in_short_and_long_strings),
        TEST(test_numbers_are_the_nearest_double),
        TEST(test_a_number_of_any_length_is_read),
        TEST(test_short_decimals_are_read_as_strtod_does),
        TEST(test_whole_numbers_are_written_without_exponent),
        TEST(test_doubles_read_back_the_same),
        TEST(test_what_json_cannot_say_is_refused),
        TEST(test_a_secret_shows_nothing),
        TEST(test_members_of_the_set_keep_their_bytes_at_any_depth),
        TEST(test_only_objects_and_arrays_are_kept_raw),
        TEST(test_what_stays_raw_is_checked_as_strictly),
        TEST(test_a_raw_value_of_a_text_is_written_as_that_text),
        TEST(test_a_table_that_looks_like_a_raw_value_is_none),
        TEST(test_only_an_index_alone_makes_a_secret_and_only_when_asked),
        TEST(test_a_refused_text_leaves_the_stack_as_it_was),
        TEST(test_text_nested_deeper_than_allowed_is_refused),
        TEST(test_text_that_is_no_json_is_refused_with_its_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
