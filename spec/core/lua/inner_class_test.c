// core.inner between two tasks: one asks, one serves.
#include "lua/inner_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "http/inner.h"
#include "lua/call.h"
#include "lua/fixture.h"
#include "lua/generation.h"
#include "lua/inner_call.h"
#include "lua/task.h"

enum { TURNS = 100 };

struct trial {
    struct lua_fixture fixture;
    char trace[512]; // what scripts noted
    struct task *task;
    int ended;
    char error[400];
};

static int note(lua_State *L)
{
    struct trial *trial = lua_touserdata(L, lua_upvalueindex(1));
    for (int i = 1; i <= lua_gettop(L); i++) {
        size_t room = sizeof(trial->trace) - strlen(trial->trace) - 1;
        if (trial->trace[0])
            strncat(trial->trace, " ", room);
        lua_getglobal(L, "tostring");
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        strncat(trial->trace, lua_tostring(L, -1), room - 1);
        lua_pop(L, 1);
    }
    return 0;
}

static int set_up(void **state)
{
    static struct trial trial;
    memset(&trial, 0, sizeof(trial));
    lua_fixture_open(&trial.fixture);
    lua_State *L = trial.fixture.vm->L;
    lua_pushlightuserdata(L, &trial);
    lua_pushcclosure(L, note, 1);
    lua_setglobal(L, "note");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "core");
    lua_call(L, 1, 1);
    lua_setglobal(L, "core");
    *state = &trial;
    return 0;
}

static int tear_down(void **state)
{
    struct trial *trial = *state;
    lua_gc(trial->fixture.vm->L, LUA_GCCOLLECT, 0);
    for (int i = 0; i < TURNS; i++)
        lua_fixture_turn(&trial->fixture);
    lua_fixture_close(&trial->fixture);
    return 0;
}

static void on_end(void *owner, const char *error)
{
    struct trial *trial = owner;
    trial->ended++;
    if (error)
        snprintf(trial->error, sizeof(trial->error), "%s", error);
}

// What serves inner requests: the body of `function(req, context)`.
static void serve_with(struct trial *trial, const char *text)
{
    struct vm *vm = trial->fixture.vm;
    lua_pushfstring(vm->L, "local req, context = ...\n%s", text);
    if (luaL_loadstring(vm->L, lua_tostring(vm->L, -1)) != 0)
        fail_msg("%s", lua_tostring(vm->L, -1));
    vm->serve_inner_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    lua_pop(vm->L, 1);
}

static void turns(struct trial *trial)
{
    for (int i = 0; i < TURNS; i++)
        lua_fixture_turn(&trial->fixture);
}

static void ask(struct trial *trial, const char *text)
{
    trial->task = lua_fixture_run(&trial->fixture, text, on_end, trial);
    turns(trial);
    if (trial->error[0])
        fail_msg("%s", trial->error);
}

#define RECORD "req:record({ outcome = 'ok', target = 'a/b', kind = 'k', message = 'm' })"

static void test_the_answer_comes_to_the_one_who_asked(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "note(req:method(), req:path(), req:body(), req:header('x-a'), context.n)\n"
                      "req:reply(201, 'hello', { ['X-B'] = 'c' })\n" RECORD);
    ask(trial, "local inner = core.inner({ path = '/p', body = 'text', headers = { ['x-a'] = 'b' },"
               "  context = { n = 7 } })\n"
               "local status, headers, body = inner:wait()\n"
               "local facts = inner:facts()\n"
               "note(status, headers['x-b'], body, facts.outcome, facts.target, facts.kind,"
               "  facts.message)");
    assert_string_equal(trial->error, "");
    assert_string_equal(trial->trace, "POST /p text b 7 201 c hello ok a/b k m");
    assert_int_equal(trial->ended, 1);
}

static void test_a_script_that_fails_is_an_answer_too(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "error('oops')");
    ask(trial, "local inner = core.inner({ path = '/', body = '' })\n"
               "local status = inner:wait()\n"
               "note(status, inner:facts().kind, inner:facts().outcome)");
    assert_string_equal(trial->trace, "500 script script_error");
}

static void test_what_nobody_reads_any_more_is_canceled(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "local ok, err = core.sleep(100)\n"
                      "note(ok, err.kind, req:is_gone())\n" RECORD);
    ask(trial, "core.inner({ path = '/', body = '' })");
    assert_int_equal(trial->ended, 1);
    assert_string_equal(trial->trace, "");
    lua_gc(trial->fixture.vm->L, LUA_GCCOLLECT, 0);
    turns(trial);
    assert_string_equal(trial->trace, "nil canceled true");
}

static void test_a_task_that_is_canceled_cancels_what_it_waits_for(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "local ok, err = core.sleep(100)\n"
                      "note('served', err.kind)\n" RECORD);
    ask(trial, "local inner = core.inner({ path = '/', body = '' })\n"
               "local status, err = inner:wait()\n"
               "note('asked', status, err.kind)\n"
               "status, err = inner:wait()\n"
               "note(status, err.kind)");
    task_cancel(trial->task);
    turns(trial);
    assert_string_equal(trial->trace, "asked nil canceled nil canceled served canceled");
}

static void test_cancel_ends_both_sides(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "local ok, err = core.sleep(100)\n"
                      "note('served', err.kind)\n" RECORD);
    ask(trial, "local inner = core.inner({ path = '/', body = '' })\n"
               "core.sleep(0)\n"
               "inner:cancel()\n"
               "local status, err = inner:wait()\n"
               "note('asked', status, err.kind)");
    assert_string_equal(trial->trace, "asked nil canceled served canceled");
}

static void test_what_a_request_asks_ends_with_it(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "if context == 'outer' then\n"
                      "  kept = core.inner({ path = '/', body = '', context = 'in' })\n"
                      "  core.sleep(0)\n"
                      "else\n"
                      "  local ok, err = core.sleep(100)\n"
                      "  note('inner', err.kind)\n"
                      "end\n"
                      "req:reply(200, '')\n" RECORD);
    ask(trial, "note('outer', (core.inner({ path = '/', body = '', context = 'outer' }):wait()))");
    assert_string_equal(trial->trace, "outer 200 inner canceled");
}

static void test_its_attempts_and_tokens_join_those_of_the_request_that_asked(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "if context ~= 'in' then\n"
                      "  core.inner({ path = '/', body = '', context = 'in' }):wait()\n"
                      "end\n"
                      "req:attempt({ label = 'a#' .. context, target = 'a', stream = false,\n"
                      "  watch = watch, usage = usage, serve = function(out)\n"
                      "    out:head(200, {})\n"
                      "    out:write('{\"usage\":{\"i\":2}}')\n"
                      "  end })\n"
                      "req:record_values('ok', nil, nil, nil, 'a', nil, nil, true)\n");
    ask(trial, "watch = core.watch({ usage = { 'usage' } })\n"
               "usage = core.usage({ input = { 'i' } }, false)\n"
               "local inner = core.inner({ path = '/', body = '', context = 'out' })\n"
               "local status, headers = inner:wait()\n"
               "note(status, (headers['x-tidegate-attempts']:gsub('/%d+', '')),\n"
               "  inner:facts().usage.input)");
    assert_string_equal(trial->trace, "200 a#in=200 a#out=200 2");
}

static void test_a_discarded_request_outlives_the_one_who_asked(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "core.sleep(0)\n"
                      "req:reply(200, 'into nothing')\n"
                      "note(req:is_gone())\n" RECORD);
    ask(trial, "note(core.inner({ path = '/', body = '', discard = true }))");
    lua_gc(trial->fixture.vm->L, LUA_GCCOLLECT, 0);
    turns(trial);
    assert_string_equal(trial->trace, "true false");
    assert_int_equal(trial->fixture.vm->detached_count, 0);
}

static void test_only_so_many_requests_run_detached(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "core.sleep(100)\n" RECORD);
    ask(trial, "for i = 1, 64 do core.inner({ path = '/', body = '', discard = true }) end\n"
               "local ok, err = core.inner({ path = '/', body = '', discard = true })\n"
               "note(ok, err.kind)");
    assert_string_equal(trial->trace, "nil overloaded");
    inner_call_cancel_loose(trial->fixture.vm);
    turns(trial);
    assert_int_equal(trial->fixture.vm->detached_count, 0);
}

static void test_requests_are_nested_no_deeper_than_the_limit(void **state)
{
    struct trial *trial = *state;
    trial->fixture.env.generation->config->scripts.depth = 3;
    serve_with(trial, "local inner, err = core.inner({ path = '/', body = '' })\n"
                      "note(req:depth(), err and err.kind)\n"
                      "if inner then inner:wait() end\n"
                      "req:reply(200, '')\n" RECORD);
    ask(trial, "core.inner({ path = '/', body = '' }):wait()");
    assert_string_equal(trial->trace, "1 nil 2 nil 3 script");
    assert_int_equal(trial->ended, 1);
}

static void test_an_inner_request_has_no_more_time_than_its_parent(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "if context == 'outer' then\n"
                      "  req:deadline(2)\n"
                      "  core.inner({ path = '/', body = '', context = 'in' }):wait()\n"
                      "else\n"
                      "  note(req:deadline(1) == 1, req:deadline(50) <= 2)\n"
                      "end\n"
                      "req:reply(200, '')\n" RECORD);
    ask(trial, "core.inner({ path = '/', body = '', context = 'outer' }):wait()");
    assert_string_equal(trial->trace, "true true");
}

static void test_the_context_is_that_of_the_running_request(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "note(core.context())\n"
                      "req:set_context(context)\n"
                      "note(core.context())\n"
                      "req:set_context('again')\n"
                      "core.sleep(0)\n"
                      "note(core.context())\n"
                      "req:reply(200, '')\n" RECORD);
    ask(trial, "note(core.context())\n"
               "core.inner({ path = '/', body = '', context = 'mine' }):wait()");
    assert_string_equal(trial->trace, "nil nil mine again");
}

static void test_loading_asks_for_nothing(void **state)
{
    struct trial *trial = *state;
    lua_State *L = trial->fixture.vm->L;
    assert_int_not_equal(luaL_dostring(L, "core.inner({ path = '/', body = '' })"), 0);
    assert_non_null(strstr(lua_tostring(L, -1), "while the script is being loaded"));
    lua_settop(L, 0);
}

static void test_inner_requests_count_as_outbound_calls(void **state)
{
    struct trial *trial = *state;
    serve_with(trial, "req:reply(200, '')\n" RECORD);
    ask(trial, "core.run(function() end)\n" // a script has run: there is a budget
               "for i = 1, 32 do core.inner({ path = '/', body = '' }):wait() end\n"
               "local inner, err = core.inner({ path = '/', body = '' })\n"
               "note(inner, err.kind, err.limit)");
    assert_string_equal(trial->trace, "nil budget calls");
}

static void test_wrong_options_raise(void **state)
{
    struct trial *trial = *state;
    ask(trial, "note(pcall(core.inner, { path = '/' }))\n"
               "note(pcall(core.inner, { path = '/', body = '', headers = { [{}] = 1 } }))\n"
               "note(pcall(core.inner, { path = '/', body = '', parent = {} }))");
    assert_int_equal(trial->ended, 1);
    assert_null(strstr(trial->trace, "true"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_answer_comes_to_the_one_who_asked),
        TEST(test_a_script_that_fails_is_an_answer_too),
        TEST(test_what_nobody_reads_any_more_is_canceled),
        TEST(test_a_task_that_is_canceled_cancels_what_it_waits_for),
        TEST(test_cancel_ends_both_sides),
        TEST(test_what_a_request_asks_ends_with_it),
        TEST(test_its_attempts_and_tokens_join_those_of_the_request_that_asked),
        TEST(test_a_discarded_request_outlives_the_one_who_asked),
        TEST(test_only_so_many_requests_run_detached),
        TEST(test_requests_are_nested_no_deeper_than_the_limit),
        TEST(test_an_inner_request_has_no_more_time_than_its_parent),
        TEST(test_the_context_is_that_of_the_running_request),
        TEST(test_loading_asks_for_nothing),
        TEST(test_inner_requests_count_as_outbound_calls),
        TEST(test_wrong_options_raise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
