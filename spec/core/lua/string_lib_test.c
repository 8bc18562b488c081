#include "lua/string_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"
#include "lua/generation.h"

// In one line: lines count from the text of the test.
static const char prelude[] =
    "local safe = core.safe_string "
    "local function same(...) " // of both libraries: same('find', 'text', 'pattern')
    "  local name = ... "
    "  local function all(f, ...) return { n = select('#', pcall(f, ...)), pcall(f, ...) } end "
    "  local ours, theirs = all(safe[name], select(2, ...)), all(string[name], select(2, ...)) "
    "  for i = 1, math.max(ours.n, theirs.n) do "
    "    if ours[i] ~= theirs[i] then "
    "      error(tostring(ours[i]) .. ' instead of ' .. tostring(theirs[i]), 2) "
    "    end "
    "  end "
    "end ";

static void run(struct lua_fixture *fixture, const char *text)
{
    lua_fixture_check_after(fixture, prelude, text);
}

static void test_find_begins_and_ends_where_the_standard_one_does(void **state)
{
    run(*state,
        "for start = -7, 9 do\n"
        "  same('find', 'banana', 'an', start) same('find', 'banana', 'a(n)', start)\n"
        "  same('find', 'banana', '', start) same('find', 'banana', '^a', start)\n"
        "  same('find', 'a.b.', '.', start, true) same('match', 'banana', '()a', start)\n"
        "end\n"
        "same('find', 'abc', 'b', '2') same('find', 123, 2) same('find', 'abc', 'b', nil, true)\n"
        "same('find', 'abc', 'b', 1e10) same('find', 'abc', 'b', -1e10) same('find', 'a', 'a', 0/0)\n"
        "same('find', 'abc', 'b', 1.9) same('find', 'a\\0b', '\\0') same('find', 'a)', 'a)')");
}

static void test_plain_text_is_found_in_long_texts_too(void **state)
{
    run(*state,
        "local text = ('a'):rep(3 * 2 ^ 20) .. 'b'\n"
        "same('find', text, ('a'):rep(70) .. 'b', 1, true)\n"
        "same('find', text, 'ab', 1, true) same('find', text, 'b', 1, true)\n"
        "same('find', text, 'c', 1, true) assert(safe.find(text, ('a'):rep(2 ^ 20 + 5) .. 'b', 1, true) == 2 ^ 21 - 4)\n"
        "for i = 2 ^ 20 - 3, 2 ^ 20 + 3 do\n"
        "  same('find', ('a'):rep(i) .. 'xyz' .. text, 'xyz', 1, true)\n"
        "end");
}

static void test_gmatch_goes_on_behind_each_match(void **state)
{
    run(*state,
        "local function list(lib, ...)\n"
        "  local found = {}\n"
        "  for a, b in lib.gmatch(...) do found[#found + 1] = a .. ':' .. tostring(b) end\n"
        "  return table.concat(found, ' ')\n"
        "end\n"
        "for _, pattern in ipairs({ '%w+', '(%w)(%w)', 'x*', '()', '^a', '.-', '%s', '(a)()' }) do\n"
        "  assert(list(safe, 'a bc ^a', pattern) == list(string, 'a bc ^a', pattern), pattern)\n"
        "end\n"
        "same('gmatch', 'a') same('gmatch', nil, 'a')\n"
        "fails(\"malformed pattern (missing ']')\", safe.gmatch('a', '['))");
}

static void test_gsub_replaces_by_text_table_and_function(void **state)
{
    run(*state,
        "for _, with in ipairs({ 'x', '%0%0', '%%', '<%1>', '%x', '', 7, '%' }) do\n"
        "  same('gsub', 'hello world', 'o', with) same('gsub', 'hello world', '(l)(.)', with)\n"
        "  same('gsub', 'hello', '', with) same('gsub', 'hello', '^h', with, 1)\n"
        "end\n"
        "for most = -1, 4 do same('gsub', 'banana', 'a', 'o', most) end\n"
        "same('gsub', 'abc', '%w', { a = 'x', b = false, c = 12 })\n"
        "same('gsub', 'abc', '()%w', { 'x', [3] = 'y' })\n"
        "same('gsub', 'abc', '(%w)(%w?)', function(a, b) return b .. a end)\n"
        "same('gsub', 'abc', '%w', function() end) same('gsub', 'abc', 'x', 'y')\n"
        "same('gsub', ('ab'):rep(5000), 'a', ('c'):rep(30)) same('gsub', 12, 1, 2)");
}

static void test_errors_are_those_of_the_standard_library(void **state)
{
    run(*state,
        "same('gsub', 'abc', 'b', true) same('gsub', 'abc', 'b') same('gsub') same('gsub', {}, '', '')\n"
        "same('gsub', 'abc', 'b', '%2') same('gsub', 'abc', '(b', '%1') same('gsub', 'a', 'a', { a = {} })\n"
        "same('gsub', 'abc', 'b', function() return {} end) same('gsub', 'a', 'a', { a = true })\n"
        "same('find', 'abc', '(b') same('find', 'abc', '%') same('find', 'abc', 'b', {})\n"
        "same('match', 'abc', '%f') same('find', ('a'):rep(300), ('a?'):rep(200))\n"
        "same('find', 'abc', ('()'):rep(33)) same('find') same('match', 'a')\n"
        "fails(\"test:8: malformed pattern (ends with '%')\", function()\n"
        "  local found = safe.find('a', '%') return found\n"
        "end)\n"
        "fails(\"test:11: bad argument #2 to 'find' (string expected, got nil)\", function()\n"
        "  local found = safe.find('a', nil) return found\n"
        "end)");
}

static void test_a_callback_may_fail_but_not_wait(void **state)
{
    run(*state, "local cause = {}\n"
                "local ok, err = pcall(safe.gsub, 'abc', '.', function() error(cause) end)\n"
                "assert(not ok and err == cause)\n"
                "local co = coroutine.create(function() safe.gsub('a', '.', coroutine.yield) end)\n"
                "ok, err = coroutine.resume(co)\n"
                "assert(not ok and err == 'attempt to yield across C-call boundary', err)");
}

static void test_exponential_patterns_end_at_the_budget(void **state)
{
    struct lua_fixture *fixture = *state;
    fixture->env.generation->config->scripts.steps = 20000;
    run(*state,
        "local wanted = 'the pattern took more than 20000 steps (scripts.steps)'\n"
        "local text = ('a'):rep(100)\n"
        "for _, pattern in ipairs({ ('a-'):rep(25) .. 'b', '(.-.-.-y)', ('(.-)'):rep(6) .. 'y' }) do\n"
        "  fails(wanted, safe.find, text, pattern) fails(wanted, safe.match, text, pattern)\n"
        "  fails(wanted, safe.gsub, text, pattern, '') fails(wanted, safe.gmatch(text, pattern))\n"
        "end\n"
        "fails(wanted, safe.gsub, ('a'):rep(1e5), '.', 'b')\n"
        "fails('test:9: ' .. wanted, function()\n"
        "  local found = ('a'):rep(60):find(('a-'):rep(25) .. 'b') return found\n"
        "end)");
}

static void test_every_step_of_an_iteration_has_a_budget_of_its_own(void **state)
{
    struct lua_fixture *fixture = *state;
    fixture->env.generation->config->scripts.steps = 1000;
    run(*state, "local count = 0\n"
                "for _ in safe.gmatch(('word '):rep(20000), '%a+') do count = count + 1 end\n"
                "assert(count == 20000)");
}

static void test_methods_of_strings_are_safe_ones(void **state)
{
    struct lua_fixture *fixture = *state;
    fixture->env.generation->config->scripts.steps = 1000;
    run(*state, "local wanted = 'the pattern took more than 1000 steps (scripts.steps)'\n"
                "local text = ('a'):rep(60)\n"
                "local pattern = ('a-'):rep(25) .. 'b'\n"
                "fails(wanted, text.find, text, pattern) fails(wanted, text.match, text, pattern)\n"
                "fails(wanted, text.gsub, text, pattern, '')\n"
                "assert(text.gmatch == safe.gmatch and text.rep == safe.rep and text.dump == nil)\n"
                "for name, value in pairs(string) do\n"
                "  assert(name == 'dump' or type(safe[name]) == 'function', name)\n"
                "  assert(value == string[name])\n"
                "end");
}

static void test_nobody_gets_at_the_table_of_methods(void **state)
{
    run(*state, "assert(getmetatable('') == false)\n"
                "assert(not pcall(setmetatable, '', {}))");
}

static void test_rep_refuses_what_would_be_too_long(void **state)
{
    run(*state,
        "local wanted = 'the result of string.rep would have more than 16777216 bytes'\n"
        "fails(wanted, safe.rep, 'x', 1e9) fails(wanted, safe.rep, 'x', 2 ^ 31)\n"
        "fails(wanted, safe.rep, 'x', 1e300) fails(wanted, safe.rep, ('x'):rep(2 ^ 20), 17)\n"
        "fails(wanted, safe.rep, '', 2 ^ 20, ('x'):rep(17))\n"
        "assert(#safe.rep('x', 2 ^ 24) == 2 ^ 24 and safe.rep('', 1e12) == '')\n"
        "assert(safe.rep('x', -1e300) == '' and safe.rep('x', 0/0) == '')\n"
        "for n = -1, 3 do same('rep', 'ab', n) same('rep', 'ab', n, ', ') end\n"
        "same('rep', '', 3, ',') same('rep', 'ab', 2.9) same('rep', 'ab', '2') same('rep', 'a', nil)");
}

static void test_what_raises_leaves_no_memory_behind(void **state)
{
    run(*state, "local text = ('a'):rep(2 ^ 20)\n"
                "local function failing()\n"
                "  local count = 0\n"
                "  pcall(safe.gsub, text, '.', function()\n"
                "    count = count + 1\n"
                "    if count == 5000 then error('no') end\n"
                "    return 'bbb'\n"
                "  end)\n"
                "end\n"
                "failing() collectgarbage()\n"
                "local before = collectgarbage('count')\n"
                "for _ = 1, 20 do failing() end\n"
                "collectgarbage()\n"
                "assert(collectgarbage('count') < before + 100)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_find_begins_and_ends_where_the_standard_one_does),
        LUA_FIXTURE(test_plain_text_is_found_in_long_texts_too),
        LUA_FIXTURE(test_gmatch_goes_on_behind_each_match),
        LUA_FIXTURE(test_gsub_replaces_by_text_table_and_function),
        LUA_FIXTURE(test_errors_are_those_of_the_standard_library),
        LUA_FIXTURE(test_a_callback_may_fail_but_not_wait),
        LUA_FIXTURE(test_exponential_patterns_end_at_the_budget),
        LUA_FIXTURE(test_every_step_of_an_iteration_has_a_budget_of_its_own),
        LUA_FIXTURE(test_methods_of_strings_are_safe_ones),
        LUA_FIXTURE(test_nobody_gets_at_the_table_of_methods),
        LUA_FIXTURE(test_rep_refuses_what_would_be_too_long),
        LUA_FIXTURE(test_what_raises_leaves_no_memory_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
