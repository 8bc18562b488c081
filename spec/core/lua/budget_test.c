#include "lua/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

static const struct budget_limits limits = {
    {[BUDGET_TASKS] = 2, [BUDGET_CALLS] = 0, [BUDGET_LOG_LINES] = 100}};

static void test_no_more_is_taken_than_the_limit(void **state)
{
    (void)state;
    struct budget *budget = budget_new(&limits);
    assert_true(budget_take(budget, BUDGET_TASKS));
    assert_true(budget_take(budget, BUDGET_TASKS));
    assert_false(budget_take(budget, BUDGET_TASKS));
    assert_int_equal(budget_used(budget, BUDGET_TASKS), 2);
    budget_unref(budget);
}

static void test_what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct budget *budget = budget_new(&limits);
    assert_true(budget_take(budget, BUDGET_TASKS));
    assert_true(budget_take(budget, BUDGET_TASKS));
    budget_give(budget, BUDGET_TASKS);
    assert_true(budget_take(budget, BUDGET_TASKS));
    assert_false(budget_take(budget, BUDGET_TASKS));
    budget_unref(budget);
}

static void test_a_limit_of_nothing_allows_nothing(void **state)
{
    (void)state;
    struct budget *budget = budget_new(&limits);
    assert_false(budget_take(budget, BUDGET_CALLS));
    assert_true(budget_take(budget, BUDGET_LOG_LINES)); // kinds do not touch each other
    budget_unref(budget);
}

static void test_without_a_budget_all_is_allowed(void **state)
{
    (void)state;
    struct budget *none = budget_ref(NULL);
    assert_null(none);
    assert_true(budget_take(none, BUDGET_CALLS));
    budget_give(none, BUDGET_CALLS);
    assert_int_equal(budget_used(none, BUDGET_CALLS), 0);
    budget_unref(none);
}

static void test_it_lives_as_long_as_somebody_shares_it(void **state)
{
    (void)state;
    struct budget *budget = budget_new(&limits);
    struct budget *shared = budget_ref(budget);
    budget_unref(budget);
    assert_true(budget_take(shared, BUDGET_TASKS));
    budget_unref(shared);
}

static void test_the_error_names_the_limit_and_its_setting(void **state)
{
    (void)state;
    lua_State *L = luaL_newstate();
    struct budget *budget = budget_new(&limits);
    assert_int_equal(budget_push_error(L, budget, BUDGET_TASKS), 2);
    assert_true(lua_isnil(L, 1));
    lua_getfield(L, 2, "kind");
    assert_string_equal(lua_tostring(L, -1), "budget");
    lua_getfield(L, 2, "limit");
    assert_string_equal(lua_tostring(L, -1), "tasks");
    lua_getfield(L, 2, "message");
    assert_string_equal(lua_tostring(L, -1),
                        "the scripts of one request may have 2 tasks at the same time "
                        "(scripts.tasks)");
    budget_unref(budget);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_is_taken_than_the_limit),
        cmocka_unit_test(test_what_is_given_back_can_be_taken_again),
        cmocka_unit_test(test_a_limit_of_nothing_allows_nothing),
        cmocka_unit_test(test_without_a_budget_all_is_allowed),
        cmocka_unit_test(test_it_lives_as_long_as_somebody_shares_it),
        cmocka_unit_test(test_the_error_names_the_limit_and_its_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
