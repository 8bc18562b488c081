// req:document() of an inner request, which needs no connection.
#include "lua/document_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"
#include "lua/generation.h"
#include "lua/task.h"

enum { TURNS = 20 };

struct trial {
    struct lua_fixture fixture;
    char error[800];
};

static int set_up(void **state)
{
    static struct trial trial;
    trial.error[0] = '\0';
    lua_fixture_open(&trial.fixture);
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
    if (error && !trial->error[0])
        snprintf(trial->error, sizeof(trial->error), "%s", error);
}

// Runs the text with `req`, a request with that body, and `d`, its document (or nil).
static void with_body(struct trial *trial, const char *body, const char *text)
{
    struct vm *vm = trial->fixture.vm;

    lua_pushfstring(vm->L,
                    "local req, core = (...), require('core')\n"
                    "local function serve()\n"
                    "  local d, err = req:document()\n%s\n"
                    "end\n"
                    "local ok, problem = pcall(serve)\n"
                    "req:reply(ok and 200 or 500, tostring(problem))\n"
                    "req:record({ outcome = 'ok' })\n",
                    text);
    if (luaL_loadstring(vm->L, lua_tostring(vm->L, -1)) != 0)
        fail_msg("%s", lua_tostring(vm->L, -1));
    vm->serve_inner_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    lua_settop(vm->L, 0);
    lua_pushstring(vm->L, body);
    lua_setglobal(vm->L, "body_of_test");
    lua_fixture_run(&trial->fixture,
                    "local inner = require('core').inner({ path = '/p', body = body_of_test })\n"
                    "local status, _, problem = inner:wait()\n"
                    "assert(status == 200, problem)\n",
                    on_end, trial);
    for (int i = 0; i < TURNS; i++)
        lua_fixture_turn(&trial->fixture);
    if (trial->error[0])
        fail_msg("%s", trial->error);
}

static const char chat[] =
    "{ \"model\":\"m\", \"messages\":[ {\"role\":\"user\",\"content\":\"hi\"},"
    "{\"role\":\"assistant\",\"content\":null} ], \"seed\": "
    "12345678901234567890, \"o\":{\"b\":1,\"a\":[]} }";

static void test_values_come_as_lua_has_them(void **state)
{
    with_body(*state, chat,
              "assert(d:get('model') == 'm' and d:get('none') == nil)\n"
              "assert(d:get('messages', 1, 'role') == 'user')\n"
              "assert(d:get('messages', -1, 'content') == core.null)\n"
              "assert(d:get('messages', 3) == nil and d:get('model', 'x') == nil)\n"
              "local messages = d:get('messages')\n"
              "assert(#messages == 2 and messages[1].content == 'hi')\n"
              "messages[1].content = 'of my own'\n"
              "assert(d:get('messages', 1, 'content') == 'hi')\n"
              "assert(core.encode(d:get('o')) == '{\"a\":[],\"b\":1}')\n"
              "assert(d:get('o', 'a') ~= nil and core.encode(d:get('o', 'a')) == '[]')\n"
              "assert(d:table().model == 'm' and d:get().model == 'm')\n"
              "assert(d:len() == 4 and d:len('messages') == 2 and d:len('o') == 2)\n"
              "assert(d:len('model') == nil and d:len('none') == nil)\n"
              "assert(d:raw('seed') == '12345678901234567890' and d:raw('none') == nil)\n"
              "assert(d:raw('messages', 1, 'role') == '\"user\"')\n"
              "assert(d:raw() == req:body())\n");
}

static void test_a_changed_body_is_what_the_request_has_from_then_on(void **state)
{
    with_body(
        *state, chat,
        "local fields = core.fields({ 'model' })\n"
        "assert(select(2, req:scan(fields)) == 'm')\n"
        "assert(d:set('model', 'other') == true)\n"
        "assert(d:set('messages', 1, 'content', 'h\\233') == true)\n"
        "assert(d:set('temperature', 0.5))\n"
        "assert(d:del('o') == true and d:del('o') == false)\n"
        "assert(select(2, req:scan(fields)) == 'other')\n"
        "assert(req:raw(1) == '\"other\"')\n"
        "local expected = '{ \"model\":\"other\", \"messages\":[{\"role\":\"user\",'\n"
        "  .. '\"content\":\"h\\239\\191\\189\"},{\"role\":\"assistant\",\"content\":null}]'\n"
        "  .. ', \"seed\": 12345678901234567890,\"temperature\":0.5}'\n"
        "assert(req:body() == expected, req:body())\n"
        "assert(req:size() == #expected and d:raw() == expected)\n"
        "assert(req:holds('other') and req:holds('') and not req:holds('\"m\"'))\n"
        "assert(d:get('model') == 'other')\n" // the same view, of the new text
        "assert(d:set('a', { x = core.null, list = core.array({}) }))\n"
        "assert(req:body():find('\"a\":{\"list\":[],\"x\":null}', 1, true))\n");
}

static void test_items_are_walked_and_may_be_changed_meanwhile(void **state)
{
    with_body(*state, chat,
              "local seen = {}\n"
              "for i, message in d:each('messages') do\n"
              "  seen[#seen + 1] = i .. message.role\n"
              "  assert(d:set('messages', i, 'content', 'new ' .. i))\n"
              "  req:body()\n" // printed and read again
              "end\n"
              "assert(table.concat(seen, ' ') == '1user 2assistant')\n"
              "assert(d:get('messages', 2, 'content') == 'new 2')\n"
              "seen = {}\n"
              "for name in d:each() do seen[#seen + 1] = name end\n"
              "for name in d:each('o') do seen[#seen + 1] = name end\n"
              "for name in d:each('none') do error(name) end\n"
              "assert(table.concat(seen, ' ') == 'model messages seed o b a')\n");
}

static void test_another_text_takes_the_place_of_the_body(void **state)
{
    with_body(*state, chat,
              "d:set('model', 'lost')\n"
              "assert(req:replace_body('{\"model\":\"n\"}') == true)\n"
              "assert(req:body() == '{\"model\":\"n\"}' and d:get('model') == 'n')\n"
              "assert(req:replace_body('no JSON'))\n"
              "local value, problem = req:document()\n"
              "assert(value == nil and problem.kind == 'bad_request')\n"
              "local ok, message = pcall(d.get, d, 'model')\n"
              "assert(not ok and message:find('cannot be read'))\n");
}

static void test_limits_are_told_and_leave_the_body_as_it_was(void **state)
{
    struct trial *trial = *state;
    trial->fixture.vm->env.generation->config->limits.body = 1000;
    with_body(
        trial, chat,
        "local before = req:body()\n"
        "local ok, problem = d:set('x', ('y'):rep(900))\n"
        "assert(ok == nil and problem.kind == 'too_large')\n"
        "ok, problem = d:set('x', ('y'):rep(2000))\n"
        "assert(ok == nil and problem.kind == 'too_large')\n"
        "assert(req:body() == before)\n"
        "for i = 1, 50 do assert(d:set('x', ('y'):rep(300))) end\n" // it is replaced each time
        "ok, problem = req:replace_body(('y'):rep(1001))\n"
        "assert(ok == nil and problem.kind == 'too_large')\n"
        "ok, problem = d:set('messages', 7, 'content', 1)\n"
        "assert(ok == nil and problem.kind == 'bad_request')\n");
}

static void test_a_body_that_is_no_object_is_an_error(void **state)
{
    with_body(*state, "[1,]",
              "assert(d == nil and err.kind == 'bad_request')\n"
              "assert(err.message:find('at byte 0'), err.message)\n");
}

static void test_wrong_arguments_raise(void **state)
{
    with_body(*state, chat,
              "local function refuses(what, ...)\n"
              "  local ok, message = pcall(...)\n"
              "  assert(not ok and message:find(what, 1, true), message)\n"
              "end\n"
              "refuses('name or position expected', d.get, d, {})\n"
              "refuses('begins with a name', d.get, d, 1)\n"
              "refuses('whole numbers', d.get, d, 'messages', 0)\n"
              "refuses('whole numbers', d.get, d, 'messages', 1.5)\n"
              "refuses('a path and a value', d.set, d, 'model')\n"
              "refuses('a path and a value', d.set, d, 'model', nil)\n"
              "refuses('needs a path', d.del, d)\n"
              "refuses('cannot write this as JSON', d.set, d, 'model', print)\n"
              "local deep = {}\n"
              "for i = 1, 40 do deep[i] = 'a' end\n"
              "refuses('at most 32 steps', d.get, d, unpack(deep))\n"
              "refuses('not the right kind', d.get, req, 'model')\n"
              "refuses('not the right kind', d.get, nil, 'model')\n");
}

static void test_a_view_is_dead_when_its_request_has_ended(void **state)
{
    struct trial *trial = *state;
    with_body(trial, chat, "kept, iterator = d, d:each('messages')\niterator()\n");
    lua_fixture_check(&trial->fixture,
                      "collectgarbage()\n"
                      "for _, name in ipairs({ 'get', 'set', 'del', 'len', 'each', 'table',\n"
                      "    'raw' }) do\n"
                      "  local ok, message = pcall(kept[name], kept, 'model', 1)\n"
                      "  assert(not ok and message:find('this request has ended'), message)\n"
                      "end\n"
                      "assert(not pcall(iterator))\n");
}

// ---- memory that runs out ---------------------------------------------------------------------

static struct {
    lua_Alloc alloc;
    void *ud;
    int left; // allocations that still succeed; -1: all
} scarce;

static void *scarce_alloc(void *ud, void *memory, size_t old_size, size_t size)
{
    (void)ud;
    if (size > old_size && scarce.left >= 0 && scarce.left-- == 0) {
        scarce.left = 0;
        return NULL;
    }
    return scarce.alloc(scarce.ud, memory, old_size, size);
}

static int set_scarcity(lua_State *L)
{
    scarce.left = (int)luaL_checkinteger(L, 1);
    return 0;
}

static void test_memory_that_runs_out_anywhere_loses_nothing(void **state)
{
    struct trial *trial = *state;
    lua_State *L = trial->fixture.vm->L;

    scarce.left = -1;
    scarce.alloc = lua_getallocf(L, &scarce.ud);
    lua_pushcfunction(L, set_scarcity);
    lua_setglobal(L, "scarcity");
    lua_setallocf(L, scarce_alloc, NULL);
    with_body(
        trial, chat,
        "jit.off()\n"
        "local dict, long = core.dict('d'), ('x'):rep(2000)\n"
        "local operations = {\n"
        "  function() return d:get() end,\n"
        "  function() return d:get('messages', 1) end,\n"
        "  function() return d:set('messages', 1, 'content', { long, { a = { long } } }) end,\n"
        "  function() return d:set('new' , long) end,\n"
        "  function() return d:raw('messages') .. d:raw() end,\n"
        "  function() for _, m in d:each('messages') do local _ = m.role end end,\n"
        "  function() return d:del('new'), req:body(), d:table() end,\n"
        "  function() return req:replace_body(req:body() .. ' '), req:document() end,\n"
        "  function() return dict:set(long .. 'k', long), dict:get(long .. 'k') end,\n"
        "  function() return dict:lpush('l', long), dict:rpop('l'), dict:keys() end,\n"
        "  function() return core.hash.sha256(long, 'base64'), core.base64.encode(long) end,\n"
        "}\n"
        "local failures = 0\n"
        "for i = 1, #operations do\n"
        "  for left = 0, 30 do\n"
        "    collectgarbage()\n"
        "    scarcity(left)\n"
        "    local ok = pcall(operations[i])\n"
        "    scarcity(-1)\n"
        "    if not ok then failures = failures + 1 end\n"
        "  end\n"
        "  assert(pcall(operations[i]))\n"
        "end\n"
        "assert(failures > 20, failures)\n");
    lua_setallocf(L, scarce.alloc, scarce.ud);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values_come_as_lua_has_them),
        TEST(test_a_changed_body_is_what_the_request_has_from_then_on),
        TEST(test_items_are_walked_and_may_be_changed_meanwhile),
        TEST(test_another_text_takes_the_place_of_the_body),
        TEST(test_limits_are_told_and_leave_the_body_as_it_was),
        TEST(test_a_body_that_is_no_object_is_an_error),
        TEST(test_wrong_arguments_raise),
        TEST(test_memory_that_runs_out_anywhere_loses_nothing),
        TEST(test_a_view_is_dead_when_its_request_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
