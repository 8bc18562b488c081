#include "lua/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/file.h"
#include "lua/budget.h"
#include "lua/fixture.h"
#include "lua/generation.h"
#include "lua/task.h"

static void test_random_numbers_stay_in_their_range(void **state)
{
    lua_fixture_check(*state, "local seen = {}\n"
                              "for i = 1, 2000 do\n"
                              "  local x, n = core.rand(), core.rand(3)\n"
                              "  assert(x >= 0 and x < 1 and (n == 1 or n == 2 or n == 3))\n"
                              "  seen[n] = true\n"
                              "end\n"
                              "assert(seen[1] and seen[2] and seen[3] and core.rand(1) == 1)\n"
                              "for _, n in ipairs({ 0, 1.5, -1, 0 / 0, math.huge }) do\n"
                              "  assert(not pcall(core.rand, n))\n"
                              "end\n");
}

static void test_a_uuid_has_its_form_and_its_version(void **state)
{
    lua_fixture_check(*state, "local form = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x'\n"
                              "  .. '%-%x%x%x%x%x%x%x%x%x%x%x%x$'\n"
                              "local one, other = core.uuid4(), core.uuid4()\n"
                              "assert(one:find(form) and other:find(form) and one ~= other)\n");
}

static void test_the_fresh_clock_moves_while_the_other_stands(void **state)
{
    lua_fixture_check(*state, "local cached, before = core.now(), core.fresh_now()\n"
                              "while core.fresh_now() == before do end\n"
                              "assert(core.fresh_now() > before and core.now() == cached)\n");
}

static void test_a_text_is_as_long_as_it_has_characters(void **state)
{
    lua_fixture_check(*state,
                      "local long = ('\\xC3\\xA9x'):rep(1000)\n"
                      "assert(core.text_length('') == 0 and core.text_length('abc') == 3)\n"
                      "assert(core.text_length('\\xE2\\x82\\xAC\\xF0\\x9F\\x98\\x80') == 2)\n"
                      "assert(core.text_length(long) == 2000)\n"
                      "assert(not pcall(core.text_length))\n");
}

static void test_the_environment_is_read(void **state)
{
    setenv("TIDEGATE_TEST_VALUE", "seen", 1);
    lua_fixture_check(*state, "assert(core.env('TIDEGATE_TEST_VALUE') == 'seen')\n"
                              "assert(core.env('TIDEGATE_TEST_NONE') == nil)\n");
}

// ---- the log ----------------------------------------------------------------------------------

// What is in the log after the text has run in a task with `lines` lines left, without its times.
static char *log_of(struct lua_fixture *fixture, const char *text, size_t lines)
{
    char path[] = "/tmp/tidegate-values-XXXXXX";
    struct error err;
    struct buf all, clean;
    int fd = mkstemp(path);
    struct budget_limits limits = {{1, 1, lines}};

    assert_true(fd >= 0);
    close(fd);
    struct log *log = log_new(path, LOG_INFO, &err), *silent = fixture->vm->env.log;
    assert_non_null(log);
    log_add_secret(log, SLICE("sk-canary-values"));
    fixture->vm->env.log = log;
    fixture->env.generation->config->scripts.log_lines = lines;
    struct task *task = task_new(fixture->vm, NULL, NULL);
    task->budget = budget_new(&limits);
    assert_int_equal(luaL_loadstring(task->co, text), 0);
    task_run(task, 0);
    fixture->vm->env.log = silent;
    log_free(log);
    buf_init(&all, 1 << 20);
    buf_init(&clean, 1 << 20);
    assert_int_equal(file_read(path, &all, &err), 0);
    unlink(path);
    for (char *line = all.data; line && *line; line = strchr(line, '\n') + 1) {
        line = strstr(line, ",\"level\"");
        buf_add(&clean, line, (size_t)(strchr(line, '\n') - line) + 1);
    }
    buf_deinit(&all);
    buf_add(&clean, "", 0);
    return buf_take(&clean, NULL);
}

static void assert_log(struct lua_fixture *fixture, const char *text, size_t lines,
                       const char *expected)
{
    char *found = log_of(fixture, text, lines);
    assert_string_equal(found, expected);
    free(found);
}

static void test_a_line_has_script_generation_and_sorted_fields(void **state)
{
    assert_log(
        *state,
        "local core = require('core')\n"
        "core.note('warn', 'scripts/policies/x.lua', 3, 'hm', { n = 1.5, b = true,\n"
        "  s = 'a\"b', list = { 1, 2 }, f = print, big = 1/0, null = core.null })\n"
        "core.note('debug', 'x', 0, 'too small to be written')\n"
        "core.note('info', 'x', 0, 'sk-canary-values', { ['sk-canary-values'] = 1 })\n",
        10,
        ",\"level\":\"warn\",\"message\":\"hm\",\"script\":\"scripts/policies/x.lua\","
        "\"generation\":3,\"fields\":{\"b\":true,\"big\":\"inf\",\"f\":\"function\","
        "\"list\":\"[1,2]\",\"n\":1.5,\"null\":\"userdata\",\"s\":\"a\\\"b\"}}\n"
        ",\"level\":\"info\",\"message\":\"***\",\"script\":\"x\",\"fields\":{\"***\":1}}\n");
}

static void test_lines_are_counted_and_the_last_one_says_so(void **state)
{
    assert_log(*state, "for i = 1, 10 do require('core').note('info', 'x', 0, 'line ' .. i) end", 2,
               ",\"level\":\"info\",\"message\":\"line 1\",\"script\":\"x\"}\n"
               ",\"level\":\"info\",\"message\":\"line 2\",\"script\":\"x\"}\n"
               ",\"level\":\"warn\",\"message\":\"that was the last line: more of this request are "
               "dropped (scripts.log_lines)\",\"script\":\"x\"}\n");
}

static void test_fields_are_few_and_have_names(void **state)
{
    lua_fixture_check(*state, "local many = {}\n"
                              "for i = 1, 17 do many['k' .. i] = i end\n"
                              "assert(not pcall(core.note, 'error', 'x', 0, 'm', many))\n"
                              "assert(not pcall(core.note, 'error', 'x', 0, 'm', { 1 }))\n"
                              "many.k17 = nil\n"
                              "core.note('error', 'x', 0, 'm', many)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_random_numbers_stay_in_their_range),
        LUA_FIXTURE(test_a_uuid_has_its_form_and_its_version),
        LUA_FIXTURE(test_the_fresh_clock_moves_while_the_other_stands),
        LUA_FIXTURE(test_a_text_is_as_long_as_it_has_characters),
        LUA_FIXTURE(test_the_environment_is_read),
        LUA_FIXTURE(test_a_line_has_script_generation_and_sorted_fields),
        LUA_FIXTURE(test_lines_are_counted_and_the_last_one_says_so),
        LUA_FIXTURE(test_fields_are_few_and_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
