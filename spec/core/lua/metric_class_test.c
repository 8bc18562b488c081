#include "lua/metric_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/fixture.h"

static void test_metrics_of_scripts_are_on_the_page(void **state)
{
    lua_fixture_check(
        *state, "local hits = core.metric.counter('hits_total', { 'kind', 'from' }, 'Hits.')\n"
                "hits:add(1, 'a', 'x')\n"
                "core.metric.counter('hits_total', { 'kind', 'from' }):add(2, 'a', 'x')\n"
                "core.metric.gauge('level'):set(7)\n"
                "core.metric.gauge('level'):add(-2)\n"
                "core.metric.histogram('took_seconds'):observe(0.2)\n"
                "local page = core.metrics()\n"
                "local function has(text) assert(page:find(text, 1, true), text) end\n"
                "has('# HELP tidegate_script_hits_total Hits.')\n"
                "has('tidegate_script_hits_total{kind=\"a\",from=\"x\"} 3\\n')\n"
                "has('tidegate_script_level 5\\n')\n"
                "has('tidegate_script_took_seconds_count 1\\n')\n");
}

static void test_wrong_use_raises(void **state)
{
    lua_fixture_check(*state,
                      "local function refuses(what, ...)\n"
                      "  local ok, message = pcall(...)\n"
                      "  assert(not ok and message:find(what, 1, true), message)\n"
                      "end\n"
                      "local c = core.metric.counter('c', { 'kind' })\n"
                      "local h = core.metric.histogram('h')\n"
                      "refuses('1 labels, 0 values', c.add, c, 1)\n"
                      "refuses('1 labels, 2 values', c.add, c, 1, 'a', 'b')\n"
                      "refuses('string expected', c.add, c, 1, 2)\n"
                      "refuses('never goes down', c.add, c, -1, 'a')\n"
                      "refuses('never goes down', c.add, c, 0 / 0, 'a')\n"
                      "refuses('only a gauge', c.set, c, 1, 'a')\n"
                      "refuses('only a histogram', c.observe, c, 1, 'a')\n"
                      "refuses('has observe()', h.add, h, 1)\n"
                      "refuses('already with another type', core.metric.gauge, 'c', { 'kind' })\n"
                      "refuses('lower-case', core.metric.gauge, 'C')\n"
                      "refuses('at most 4', core.metric.gauge, 'g', { 'a', 'b', 'c', 'd', 'e' })\n"
                      "refuses('list of names', core.metric.gauge, 'g', { 1 })\n"
                      "refuses('number expected', c.add, c)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_metrics_of_scripts_are_on_the_page),
        LUA_FIXTURE(test_wrong_use_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
