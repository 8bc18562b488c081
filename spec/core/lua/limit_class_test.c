#include "lua/limit_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/fixture.h"
#include "lua/holds.h"
#include "store/limiter.h"

static void test_limits_are_taken_and_given_back(void **state)
{
    lua_fixture_check(*state, "local w = core.limit.window('w', { limit = 2, per = 60 })\n"
                              "assert(w:take('k') == true and w:take('k', 1) == true)\n"
                              "local ok, wait = w:take('k')\n"
                              "assert(ok == false and wait > 59 and wait <= 60)\n"
                              "assert(w:take('other', 2))\n"
                              "w:refund('k', 2)\n"
                              "assert(w:take('k', 2))\n"
                              "local b = core.limit.bucket('b', { rate = 1, burst = 10 })\n"
                              "assert(b:take('k', 10))\n"
                              "ok, wait = b:take('k', 5)\n"
                              "assert(ok == false and wait > 4.9 and wait <= 5)\n"
                              "assert(select(2, b:take('k', 11)) == math.huge)\n"
                              "b:refund('k', -10)\n"
                              "assert(select(2, b:take('k')) > 10)\n");
}

static void test_the_burst_of_a_bucket_is_its_rate_unless_said(void **state)
{
    lua_fixture_check(*state, "local b = core.limit.bucket('b', { rate = 3 })\n"
                              "assert(b:take('k', 3) and not b:take('k', 3))\n");
}

static void test_a_name_is_one_limit_also_with_new_terms(void **state)
{
    lua_fixture_check(*state,
                      "core.limit.window('w', { limit = 2, per = 60 }):take('k', 2)\n"
                      "assert(not core.limit.window('w', { limit = 2, per = 60 }):take('k'))\n"
                      "assert(core.limit.window('w', { limit = 3, per = 60 }):take('k'))\n"
                      "local ok, message = pcall(core.limit.bucket, 'w', { rate = 1 })\n"
                      "assert(not ok and message:find(\"'w' is a window already\", 1, true))\n");
}

static void test_wrong_arguments_raise(void **state)
{
    lua_fixture_check(
        *state, "local function refuses(what, ...)\n"
                "  local ok, message = pcall(...)\n"
                "  assert(not ok and message:find(what, 1, true), message)\n"
                "end\n"
                "local limit, w = core.limit, core.limit.window('w', { limit = 1, per = 1 })\n"
                "refuses('needs per', limit.window, 'x', { limit = 1 })\n"
                "refuses(\"no field 'pre'\", limit.window, 'x', { limit = 1, pre = 1 })\n"
                "refuses('needs rate', limit.bucket, 'x', { rate = 0 })\n"
                "refuses('needs max', limit.concurrency, 'x', { max = '1' })\n"
                "refuses('table expected', limit.bucket, 'x')\n"
                "refuses('string expected', limit.bucket, {}, {})\n"
                "refuses('above 0', w.take, w, 'k', -1)\n"
                "refuses('512 bytes', w.take, w, ('k'):rep(513))\n"
                "refuses('string expected', w.take, w)\n"
                "local c = limit.concurrency('c', { max = 1 })\n"
                "refuses('while a request is served', c.take, c, 'k')\n");
}

static void test_what_a_request_holds_is_given_back_once(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_new(&(struct limiter_terms){LIMITER_CONCURRENCY, 3, 0, 0});
    struct hold *holds = NULL;
    double wait_s;

    assert_int_equal(limiter_take(limiter, SLICE("a"), 3, 0, &wait_s), LIMITER_OK);
    holds_add(&holds, limiter, SLICE("a"), 2);
    holds_add(&holds, limiter, SLICE("b"), 1);
    holds_add(&holds, limiter, SLICE("a"), 1);
    assert_true(holds_remove(&holds, limiter, SLICE("a"), 1) == 1);
    assert_true(holds_remove(&holds, limiter, SLICE("b"), 5) == 1);
    assert_true(holds_remove(&holds, limiter, SLICE("b"), 5) == 0);
    assert_int_equal(limiter_take(limiter, SLICE("a"), 1, 0, &wait_s), LIMITER_REFUSED);
    holds_release(&holds);
    assert_null(holds);
    assert_int_equal(limiter_take(limiter, SLICE("a"), 2, 0, &wait_s), LIMITER_OK);
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_limits_are_taken_and_given_back),
        LUA_FIXTURE(test_the_burst_of_a_bucket_is_its_rate_unless_said),
        LUA_FIXTURE(test_a_name_is_one_limit_also_with_new_terms),
        LUA_FIXTURE(test_wrong_arguments_raise),
        LUA_FIXTURE(test_what_a_request_holds_is_given_back_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
