#include "lua/stream_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/fixture.h"

static void test_the_events_of_a_stream_come_with_their_names(void **state)
{
    lua_fixture_check(
        *state,
        "local function told(text, framing)\n"
        "  local list, names = core.event_data(text, framing)\n"
        "  for i = 1, #list do list[i] = (names[i] or '-') .. '=' .. list[i] end\n"
        "  return table.concat(list, ' ')\n"
        "end\n"
        "assert(told('data: 1\\n\\n: no\\n\\nevent: e\\ndata: 2\\n\\ndata: 3') == '-=1 e=2 -=3')\n"
        "assert(told('data: 1\\n\\n', 'sse') == '-=1')\n"
        "assert(told('{}\\n\\n[1]\\r\\n2', 'ndjson') == '-={} -=[1] -=2')\n"
        "assert(told('', 'ndjson') == '')\n"
        "local frames = core.event_frame('a', '{}') .. core.event_frame('', '1')\n"
        "assert(told(frames, 'aws-eventstream') == 'a={} =1')\n");
}

static void test_what_is_broken_ends_the_list(void **state)
{
    lua_fixture_check(
        *state, "local frame = core.event_frame('a', '{}')\n"
                "local list = core.event_data(frame .. 'no frame at all' .. frame,\n"
                "  'aws-eventstream')\n"
                "assert(#list == 1 and list[1] == '{}')\n"
                "assert(#core.event_data(frame:sub(1, -2), 'aws-eventstream') == 0)\n"
                "local half = ('x'):rep(9 * 1024 * 1024)\n"
                "assert(#core.event_data('1\\n' .. half .. half .. '\\n2\\n', 'ndjson') == 1)\n");
}

static void test_an_exception_is_read_with_its_name_in_front(void **state)
{
    lua_fixture_check(
        *state, "local list, names = core.event_data(core.event_frame('slow', '{\"a\":1}',\n"
                "  true), 'aws-eventstream')\n"
                "assert(list[1] == '{\"__type\":\"slow\",\"a\":1}' and names[1] == 'slow')\n");
}

static void test_other_framings_and_other_frames_are_refused(void **state)
{
    lua_fixture_check(*state, "local ok, why = pcall(core.event_data, '', 'xml')\n"
                              "assert(not ok and why:find(\"there is no framing 'xml'\"), why)\n"
                              "assert(not pcall(core.event_frame, nil, '{}'))\n"
                              "assert(not pcall(core.event_frame, 'a', {}))\n"
                              "ok, why = pcall(core.event_frame, ('x'):rep(70000), '{}')\n"
                              "assert(not ok and why:find('a name of 65535 bytes'), why)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_the_events_of_a_stream_come_with_their_names),
        LUA_FIXTURE(test_what_is_broken_ends_the_list),
        LUA_FIXTURE(test_an_exception_is_read_with_its_name_in_front),
        LUA_FIXTURE(test_other_framings_and_other_frames_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
