#include "config/evaluate.h"

#include "place.h"

static void test_an_unset_secret_is_an_error_with_its_line(void **state)
{
    check_refused(
        *state, "return {\n  providers = { openai = { keys = {\n    secret \"TIDE_UNSET\" } } } }",
        ":3: secret TIDE_UNSET is not set: set it in the environment or in .env");
}

static void test_a_secret_cannot_be_read_in_the_file(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_A=hidden-value\n");
    check_refused(place, "local a = secret 'TIDE_A'\nreturn { listen = 'x' .. a }",
                  ":2: a secret cannot be joined with text");
    check_refused(place, "error(tostring(getmetatable(secret 'TIDE_A')))", ":1: false");
    check_refused(place, "return { listen = secret 'TIDE_A' }",
                  ":1: listen: expected a string, got a secret");
}

static void test_env_gives_a_string_or_the_default(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_PORT=9001\n");
    struct config *config =
        load(place,
             "return { listen = '127.0.0.1:' .. env('TIDE_PORT', '1'),\n"
             "  admin = { listen = env('TIDE_NONE', '127.0.0.1:2'), token = env('TIDE_NONE') } }");
    assert_int_equal(config->listen_port, 9001);
    assert_int_equal(config->admin_port, 2);
    config_free(config);
}

static void test_lua_mistakes_have_file_and_line(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n  listen = = 1\n}", ":2: unexpected symbol near '='");
    check_refused(place, "local x = nil\nreturn { x.y }",
                  ":2: attempt to index local 'x' (a nil value)");
    check_refused(place, "\nerror('no')", ":2: no");
    check_refused(place, "error({})", ":1: an error that is no text");
    check_refused(place, "return 1", ":1: the file must return a table, not number");
    check_refused(place, "", ":1: the file must return a table, not nil");
    check_refused(place, "\x1bLJ", ":1: attempt to load chunk with wrong mode");
}

static void test_unknown_globals_are_errors(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n  x = secrte 'A' }",
                  ":2: unknown name 'secrte', did you mean 'secret'?");
    check_refused(place, "return tide.gateway {}",
                  ":1: unknown name 'tide': settings are a plain table, return { ... }");
    check_refused(place, "return { x = qqqqqq }", ":1: unknown name 'qqqqqq'");
}

static void test_the_standard_library_is_trimmed(void **state)
{
    struct place *place = *state;
    const char *const gone[] = {"io",       "os",      "debug",      "package",        "ffi",
                                "jit",      "load",    "loadstring", "dofile",         "require",
                                "getfenv",  "setfenv", "loadfile",   "collectgarbage", "newproxy",
                                "coroutine"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        char source[64];
        struct error err = {0};
        snprintf(source, sizeof(source), "return %s", gone[i]);
        write_file(place->file, source);
        assert_null(config_load(place->folder, NULL, &err));
        assert_non_null(strstr(err.message, ":1: unknown name"));
    }
    config_free(load(place, "assert(string.dump == nil and not getmetatable(_G))\n"
                            "local n = math.max(1, 2) + bit.band(3, 1)\n"
                            "local t = {}\n"
                            "for _, s in ipairs { 'a', 'b' } do table.insert(t, s .. '/m') end\n"
                            "return { workers = n, models = { [('x'):rep(3)] = t } }"));
}

static void test_a_file_that_does_not_end_is_stopped(void **state)
{
    struct place *place = *state;
    check_refused(place, "\nwhile true do end", ":2: gateway.lua did not end");
    check_refused(place, "local function f() while true do end end while true do pcall(f) end",
                  ":1: gateway.lua did not end");
}

static void test_a_file_that_eats_memory_is_stopped(void **state)
{
    check_refused(*state, "local s = 'x'\nwhile true do s = s .. s end", ":1: not enough memory");
}

static void test_the_returned_table_has_limits(void **state)
{
    struct place *place = *state;
    const char *message =
        ":1: the returned table is too large: at most 16 levels and 100000 fields";
    check_refused(place, "local t = {} t.t = t return t", message);
    check_refused(place, "local t = {} for i = 1, 1e5 + 1 do t[i] = i end return t", message);
    check_refused(place, "return { [true] = 1 }",
                  ":1: a field has a name or a position 1, 2, 3 ..., not this boolean");
    check_refused(place, "return { [1.5] = 1 }",
                  ":1: a field has a name or a position 1, 2, 3 ..., not this number");
    check_refused(place, "return { listen = 'a\\0b' }", ":1: a string with a NUL byte: \"a\"");
    check_refused(place, "return { ['a\\0b'] = 1 }", ":1: a field's name with a NUL byte: \"a\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unset_secret_is_an_error_with_its_line),
        TEST(a_secret_cannot_be_read_in_the_file),
        TEST(env_gives_a_string_or_the_default),
        TEST(lua_mistakes_have_file_and_line),
        TEST(unknown_globals_are_errors),
        TEST(the_standard_library_is_trimmed),
        TEST(a_file_that_does_not_end_is_stopped),
        TEST(a_file_that_eats_memory_is_stopped),
        TEST(the_returned_table_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
