// req:attempt{} with a codec: an inner request is asked, its answer is served by Lua and
// translated.
#include "lua/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"
#include "lua/task.h"

enum { TURNS = 200 };

struct trial {
    struct lua_fixture fixture;
    char trace[800]; // what scripts noted
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

// Globals: `stream(codec, events, more)` serves the request with an answer of these events' data,
// one write each, and `body(codec, text, more)` with a whole one; both note the attempt's outcome.
static const char prelude[] =
    "core = require('core')\n"
    "local watch = core.watch({ content = { 'text' }, finish = { 'finish' }, usage = { 'usage' },\n"
    "  error = { 'error' }, terminal = { { data = 'end' } } })\n"
    "local usage = core.usage({ input = { 'i' }, output = { 'o' } }, false, false)\n"
    "local function answer(req, codec, type, writes, more)\n"
    "  codec.type = 'text/other'\n"
    "  local summary = req:attempt({ label = 'a#1', target = 'a', watch = watch, usage = usage,\n"
    "    stream = codec.event ~= nil, timeout = { idle = 5 },\n"
    "    error_event = function(kind, message) return '!' .. kind .. ':' .. message end,\n"
    "    serve = function(out)\n"
    "      out:head(200, { ['Content-Type'] = type, ['request-id'] = 'r1' })\n"
    "      for _, text in ipairs(writes) do out:write(text) end\n"
    "    end }, { codec = codec, hold = more and more.hold, on_event = more and more.on_event })\n"
    "  if not summary.committed and not summary.held then\n"
    "    note('attempt', summary.kind, summary.message)\n"
    "    req:reply(599, '')\n"
    "  elseif summary.held then\n"
    "    note('held', summary.body, summary.headers['content-type'])\n"
    "    req:release()\n"
    "  end\n"
    "  req:record_values('ok', nil, nil, nil, 'a', nil, nil, true)\n"
    "end\n"
    "function stream(req, codec, events, more)\n"
    "  for i, data in ipairs(events) do\n"
    "    events[i] = data:find('^event:') and data or 'data: ' .. data .. '\\n\\n'\n"
    "  end\n"
    "  answer(req, codec, 'text/event-stream', events, more)\n"
    "end\n"
    "function body(req, codec, text, more)\n"
    "  answer(req, codec, 'application/json', { text }, more)\n"
    "end\n"
    "function refused(f, ...)\n"
    "  local ok, message = pcall(f, ...)\n"
    "  note(ok, (tostring(message):gsub('^.-:%d+: ', '')))\n"
    "end\n"
    "function ask(context)\n"
    "  local inner = core.inner({ path = '/', body = '', context = context })\n"
    "  local status, headers, text = inner:wait()\n"
    "  note(status, headers and headers['content-type'], text)\n"
    "  return inner, headers\n"
    "end\n";

static int set_up(void **state)
{
    static struct trial trial;
    memset(&trial, 0, sizeof(trial));
    lua_fixture_open(&trial.fixture);
    lua_State *L = trial.fixture.vm->L;
    lua_pushlightuserdata(L, &trial);
    lua_pushcclosure(L, note, 1);
    lua_setglobal(L, "note");
    assert_int_equal(luaL_dostring(L, prelude), 0);
    *state = &trial;
    return 0;
}

static int tear_down(void **state)
{
    struct trial *trial = *state;
    lua_gc(trial->fixture.vm->L, LUA_GCCOLLECT, 0);
    for (int i = 0; i < TURNS; i++)
        lua_fixture_turn(&trial->fixture);
    assert_int_equal(lua_gettop(trial->fixture.vm->L), 0);
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

// `served` is the body of function(req, context), `asked` that of the task that asks.
static void run(struct trial *trial, const char *served, const char *asked)
{
    struct vm *vm = trial->fixture.vm;
    lua_pushfstring(vm->L, "local req, context = ...\n%s", served);
    if (luaL_loadstring(vm->L, lua_tostring(vm->L, -1)) != 0)
        fail_msg("%s", lua_tostring(vm->L, -1));
    vm->serve_inner_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    lua_pop(vm->L, 1);
    lua_fixture_run(&trial->fixture, asked, on_end, trial);
    for (int i = 0; i < TURNS; i++)
        lua_fixture_turn(&trial->fixture);
    assert_string_equal(trial->error, "");
    assert_int_equal(trial->ended, 1);
}

static void assert_run(void **state, const char *served, const char *expected)
{
    struct trial *trial = *state;
    run(trial, served, "ask()");
    assert_string_equal(trial->trace, expected);
}

// ---- what is made -----------------------------------------------------------------------------

static void test_a_stream_is_made_of_its_events(void **state)
{
    assert_run(state,
               "stream(req, {\n"
               "  event = function(data, name)\n"
               "    if data == 'end' then return '' end\n"
               "    local text = core.decode(data).text\n"
               "    return text and '<' .. text .. (name or '') .. '>'\n"
               "  end,\n"
               "  finish = function() return '<finish>' end,\n"
               "}, { '{\"text\":\"a\"}', 'event: n\\ndata: {\"text\":\"b\"}\\n\\n',\n"
               "  '{\"finish\":1}', 'end' })\n",
               "200 text/other <a><bn><finish>");
}

static void test_a_codec_may_have_no_last_text(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data) return data end },\n"
               "  { '{\"text\":1}', '{\"finish\":1}' })\n",
               "200 text/other {\"text\":1}{\"finish\":1}");
}

static void test_several_texts_go_out_in_their_order(void **state)
{
    assert_run(state,
               "local out = {}\n"
               "stream(req, { event = function(data)\n"
               "  note(#out)\n"
               "  out[1], out[2], out[3] = '<', '', data:sub(3, 6)\n"
               "  return out\n"
               "end, finish = function() return { 'e', 'nd' } end },\n"
               "  { '{\"text\":1}', '{\"finish\":1}' })\n",
               "0 0 200 text/other <text<finiend");
}

static void test_an_event_comes_decoded_to_those_who_want_it(void **state)
{
    assert_run(state,
               "stream(req, { decode = { text = true }, event = function(data, name)\n"
               "  if type(data) == 'string' then return data .. name end\n"
               "  note(core.is_raw(data.text), data.n)\n"
               "  return core.encode(data)\n"
               "end }, { '{\"n\":1,\"text\":[ 2]}', '{\"n\":2,\"finish\":1}',\n"
               "  'event: x\\ndata: end\\n\\n' })\n",
               "true 1 false 2 200 text/other {\"n\":1,\"text\":[ 2]}{\"finish\":1,\"n\":2}endx");
}

static void test_a_body_is_made_of_a_body(void **state)
{
    assert_run(state, "body(req, { body = function(text) return '<' .. text .. '>' end }, '[1]')\n",
               "200 text/other <[1]>");
}

static void test_a_stream_is_made_of_a_body(void **state)
{
    assert_run(
        state,
        "body(req, { event = print, document = function(text) return '<' .. text .. '>' end },\n"
        "  '{\"usage\":{\"i\":3}}')\n",
        "200 text/other <{\"usage\":{\"i\":3}}>");
}

static void test_what_is_held_is_what_was_made(void **state)
{
    assert_run(
        state,
        "stream(req, { event = function(data) return '.' end, finish = function()\n"
        "  return '!' end }, { '{\"text\":1}', '{\"finish\":1}', 'end' }, { hold = true })\n",
        "held ...! text/other 200 text/other ...!");
}

static void test_on_event_is_not_called_beside_a_codec(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data) return '.' end },\n"
               "  { '{\"text\":1}', 'end' }, { on_event = function() note('called') end })\n",
               "200 text/other ..");
}

static void test_usage_is_the_providers_and_the_id_has_both_names(void **state)
{
    struct trial *trial = *state;
    run(trial,
        "stream(req, { event = function() return '' end }, { '{\"usage\":{\"i\":3,\"o\":1}}',\n"
        "  '{\"text\":1}', '{\"finish\":1,\"usage\":{\"o\":5}}' })\n",
        "local inner, headers = ask()\n"
        "local facts = inner:facts()\n"
        "note(facts.usage.input, facts.usage.output, headers['request-id'],\n"
        "  headers['x-request-id'])");
    assert_string_equal(trial->trace, "200 text/other  3 5 r1 r1");
}

// ---- failures ---------------------------------------------------------------------------------

#define REFUSES \
    "event = function(data) if data:find('no') then return false, 'overloaded', 'why' end return data end"

static void test_a_refusal_before_content_leaves_another_try(void **state)
{
    assert_run(state, "stream(req, { " REFUSES " }, { '{}', '{\"text\":\"no\"}' })\n",
               "attempt overloaded why 599 nil ");
}

static void test_a_refusal_behind_the_commit_ends_with_the_error_event(void **state)
{
    assert_run(state, "stream(req, { " REFUSES " }, { '{\"text\":1}', '{\"text\":\"no\"}' })\n",
               "200 text/other {\"text\":1}!overloaded:why");
}

static void test_a_provider_error_behind_the_commit_is_told_in_the_clients_words(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data) return data end },\n"
               "  { '{\"text\":1}', '{\"error\":{\"message\":\"it broke\"}}' })\n",
               "200 text/other {\"text\":1}!upstream_5xx:it broke");
}

static void test_an_unknown_kind_is_protocol(void **state)
{
    assert_run(state, "body(req, { body = function() return false, 'wrong', nil end }, '[1]')\n",
               "attempt protocol the answer of the provider could not be translated 599 nil ");
}

static void test_a_codec_that_raises_or_returns_no_text_fails(void **state)
{
    assert_run(state, "stream(req, { event = function() error('oops') end }, { '{\"text\":1}' })\n",
               "attempt protocol the answer of the provider could not be translated 599 nil ");
}

static void test_so_does_one_that_raises_what_is_no_text(void **state)
{
    assert_run(state, "body(req, { body = function() error({}) end }, '[1]')\n",
               "attempt protocol the answer of the provider could not be translated 599 nil ");
}

static void test_a_body_needs_a_text(void **state)
{
    assert_run(state, "body(req, { body = function() end }, '[1]')\n",
               "attempt protocol the answer of the provider could not be translated 599 nil ");
}

static void test_an_end_that_is_refused_ends_with_the_error_event(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data) return data end,\n"
               "  finish = function() return false, 'protocol', 'half' end },\n"
               "  { '{\"text\":1}', '{\"finish\":1}', 'end' })\n",
               "200 text/other {\"text\":1}{\"finish\":1}end!protocol:half");
}

static void test_options_that_are_no_codec_raise(void **state)
{
    assert_run(state,
               "for _, codec in ipairs({ {}, { event = 1 }, { event = print, type = '' },\n"
               "    { event = print, type = 'a\\nb' } }) do\n"
               "  refused(req.attempt, req, { label = 'a', target = 'a', stream = true,\n"
               "    watch = core.watch({}), serve = print }, { codec = codec })\n"
               "end\n"
               "refused(req.attempt, req, { label = 'a', target = 'a', watch = core.watch({}),\n"
               "  serve = print }, { path = 'x' })\n"
               "refused(req.attempt, req, { label = 'a', target = 'a', watch = core.watch({}),\n"
               "  serve = print }, { path = '/a b' })\n"
               "req:reply(200, '')\n"
               "req:record({ outcome = 'ok' })\n",
               "false the codec has no function 'event' false the codec has no function 'event' "
               "false the codec has no type false the codec has no type "
               "false a path begins with '/' false a path has no spaces and no control characters "
               "200 nil ");
}

// ---- what runs inside -------------------------------------------------------------------------

static void test_a_script_inside_belongs_to_the_request(void **state)
{
    assert_run(state,
               "req:set_context('mine')\n"
               "stream(req, { event = function(data)\n"
               "  local ok, value = core.run_now(function() return core.context() end)\n"
               "  note(ok, value, core.context())\n"
               "end }, { '{\"text\":1}', '{\"finish\":1}' })\n",
               "true mine mine true mine mine 200 text/other ");
}

static void test_neither_it_nor_the_codec_may_wait(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data)\n"
               "  local ok, err = core.run_now(function() core.sleep(0) end)\n"
               "  note(ok, err.reason)\n"
               "  refused(core.sleep, 0)\n"
               "end }, { '{\"text\":1,\"finish\":1}' })\n",
               "false cannot wait here: the gateway needs the result of this function at once "
               "false cannot wait here: the gateway needs the result of this function at once "
               "200 text/other ");
}

static void test_a_script_that_fails_inside_leaves_the_codec_whole(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data)\n"
               "  local ok, err = core.run_now(function() error('oops', 0) end)\n"
               "  return tostring(ok) .. err.reason\n"
               "end }, { '{\"text\":1}', '{\"finish\":1}' })\n",
               "200 text/other falseoopsfalseoops");
}

// What a script begins there runs once nothing else does, and is gone before the request is.
static void test_tasks_that_a_script_starts_inside_are_the_requests(void **state)
{
    assert_run(state,
               "stream(req, { event = function(data)\n"
               "  core.run_now(function()\n"
               "    core.spawn(function()\n"
               "      note('spawned', core.context())\n"
               "      local ok, err = core.sleep(100)\n"
               "      note(err.kind)\n"
               "    end)\n"
               "  end)\n"
               "end }, { '{\"text\":1,\"finish\":1}' })\n",
               "spawned nil canceled 200 text/other ");
}

// ---- events that no watch knows ---------------------------------------------------------------

// Whether an event is content, and whether it is the finish, stands in its data.
#define TELLING                                                                                 \
    "{ tells = true, %s event = function(data)\n"                                               \
    "    return '<' .. data .. '>', data:find('content') ~= nil, data:find('finish') ~= nil,\n" \
    "      data:find('usage') and '{\"i\":3}' or nil\n"                                         \
    "  end, finish = function() return '<end>' end }"

static void assert_told(void **state, const char *more, const char *events, const char *expected)
{
    char served[1000];
    snprintf(served, sizeof(served), "stream(req, " TELLING ", %s)\n", more, events);
    assert_run(state, served, expected);
}

static void test_events_mean_what_the_codec_says(void **state)
{
    assert_told(state, "", "{ 'no JSON', '{\"error\":1}', 'content', 'finish' }",
                "200 text/other <no JSON><{\"error\":1}><content><finish><end>");
}

static void test_nothing_is_committed_before_the_codec_says_content(void **state)
{
    assert_told(state, "", "{ 'a', 'b' }",
                "attempt protocol the stream ended without content 599 nil ");
}

static void test_an_end_without_a_finish_is_none(void **state)
{
    assert_told(state, "", "{ 'content' }",
                "200 text/other <content>!protocol:the stream ended before its end was announced");
}

static void test_unless_the_end_of_the_bytes_is_one(void **state)
{
    assert_told(state, "ends = true,", "{ 'content' }", "200 text/other <content><end>");
}

static void test_an_end_of_the_bytes_before_content_is_never_one(void **state)
{
    assert_told(state, "ends = true,", "{ 'a' }",
                "attempt protocol the stream ended without content 599 nil ");
}

static void test_the_usage_is_what_the_codec_says(void **state)
{
    struct trial *trial = *state;
    char served[1000];
    snprintf(served, sizeof(served), "stream(req, " TELLING ", { 'content usage', 'finish' })\n",
             "");
    run(trial, served, "note(ask():facts().usage.input)");
    assert_string_equal(trial->trace, "200 text/other <content usage><finish><end> 3");
}

static void test_a_body_that_nobody_watches_need_not_be_JSON(void **state)
{
    assert_run(state,
               "body(req, { tells = true, body = function(text) return '<' .. text .. '>' end },\n"
               "  'no JSON')\n",
               "200 text/other <no JSON>");
}

static void test_a_body_may_want_the_headers(void **state)
{
    assert_run(state,
               "body(req, { headers = true, body = function(text, headers)\n"
               "  return text .. headers['request-id'] .. headers['content-type'] end }, '[1]')\n",
               "200 text/other [1]r1application/json");
}

static void test_it_gets_none_that_it_does_not_want(void **state)
{
    assert_run(
        state,
        "body(req, { body = function(text, headers) return text .. tostring(headers) end },\n"
        "  '[1]')\n",
        "200 text/other [1]nil");
}

static void test_a_body_that_is_watched_may_count(void **state)
{
    struct trial *trial = *state;
    run(trial,
        "body(req, { counts = true, body = function(text) return text, true, true, '{\"i\":9}' end "
        "},\n  '{\"usage\":{\"i\":4}}')\n",
        "note(ask():facts().usage.input)");
    assert_string_equal(trial->trace, "200 text/other {\"usage\":{\"i\":4}} 9");
}

static void test_errors_in_it_are_found_all_the_same(void **state)
{
    assert_run(state,
               "body(req, { counts = true, body = function(text) return text end },\n"
               "  '{\"error\":\"no\"}')\n",
               "attempt upstream_5xx the provider reported an error inside its answer 599 nil ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_is_made_of_its_events),
        TEST(test_a_codec_may_have_no_last_text),
        TEST(test_several_texts_go_out_in_their_order),
        TEST(test_an_event_comes_decoded_to_those_who_want_it),
        TEST(test_a_body_is_made_of_a_body),
        TEST(test_a_stream_is_made_of_a_body),
        TEST(test_what_is_held_is_what_was_made),
        TEST(test_on_event_is_not_called_beside_a_codec),
        TEST(test_usage_is_the_providers_and_the_id_has_both_names),
        TEST(test_a_refusal_before_content_leaves_another_try),
        TEST(test_a_refusal_behind_the_commit_ends_with_the_error_event),
        TEST(test_a_provider_error_behind_the_commit_is_told_in_the_clients_words),
        TEST(test_an_unknown_kind_is_protocol),
        TEST(test_a_codec_that_raises_or_returns_no_text_fails),
        TEST(test_so_does_one_that_raises_what_is_no_text),
        TEST(test_a_body_needs_a_text),
        TEST(test_an_end_that_is_refused_ends_with_the_error_event),
        TEST(test_options_that_are_no_codec_raise),
        TEST(test_a_script_inside_belongs_to_the_request),
        TEST(test_neither_it_nor_the_codec_may_wait),
        TEST(test_a_script_that_fails_inside_leaves_the_codec_whole),
        TEST(test_tasks_that_a_script_starts_inside_are_the_requests),
        TEST(test_events_mean_what_the_codec_says),
        TEST(test_nothing_is_committed_before_the_codec_says_content),
        TEST(test_an_end_without_a_finish_is_none),
        TEST(test_unless_the_end_of_the_bytes_is_one),
        TEST(test_an_end_of_the_bytes_before_content_is_never_one),
        TEST(test_the_usage_is_what_the_codec_says),
        TEST(test_a_body_that_nobody_watches_need_not_be_JSON),
        TEST(test_a_body_may_want_the_headers),
        TEST(test_it_gets_none_that_it_does_not_want),
        TEST(test_a_body_that_is_watched_may_count),
        TEST(test_errors_in_it_are_found_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
