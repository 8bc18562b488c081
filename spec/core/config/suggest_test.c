#include "config/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"providers", "models", "listen", "pick", "keys", "log"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void test_counts_added_dropped_and_changed_letters(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("listen", "listen"), 0);
    assert_int_equal(suggest_distance("lisen", "listen"), 1);
    assert_int_equal(suggest_distance("listten", "listen"), 1);
    assert_int_equal(suggest_distance("lizten", "listen"), 1);
    assert_int_equal(suggest_distance("", "log"), 3);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void test_counts_swapped_neighbours_once(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("kyes", "keys"), 1);
    assert_int_equal(suggest_distance("ab", "ba"), 1);
    assert_int_equal(suggest_distance("provdiers", "providers"), 1);
}

static void test_is_symmetric(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        for (size_t j = 0; j < NAMES; j++)
            assert_int_equal(suggest_distance(names[i], names[j]),
                             suggest_distance(names[j], names[i]));
    }
}

static void test_suggests_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(suggest_name("provders", names, NAMES), "providers");
    assert_string_equal(suggest_name("model", names, NAMES), "models");
    assert_string_equal(suggest_name("kyes", names, NAMES), "keys");
}

static void test_suggests_nothing_far_off(void **state)
{
    (void)state;
    assert_null(suggest_name("temperature", names, NAMES));
    assert_null(suggest_name("listen", names, 0));
}

static void test_allows_more_edits_in_longer_names(void **state)
{
    (void)state;
    const char *const longer[] = {"first_token_timeout"};
    assert_string_equal(suggest_name("frst_tken_tmeout", longer, 1), "first_token_timeout");
}

static void test_does_not_take_a_short_word_for_any_other(void **state)
{
    (void)state;
    assert_null(suggest_name("foo", names, NAMES)); // two edits from "log"
    assert_null(suggest_name("x", names, NAMES));
    assert_null(suggest_name("", names, NAMES));
}

static void test_compares_overlong_names_with_nothing(void **state)
{
    (void)state;
    char wrong[SUGGEST_LONGEST + 2];
    memset(wrong, 'a', sizeof(wrong) - 1);
    wrong[sizeof(wrong) - 1] = '\0';
    assert_true(suggest_distance(wrong, "a") > 1000000);
    assert_null(suggest_name(wrong, names, NAMES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_added_dropped_and_changed_letters),
        cmocka_unit_test(test_counts_swapped_neighbours_once),
        cmocka_unit_test(test_is_symmetric),
        cmocka_unit_test(test_suggests_the_nearest_name),
        cmocka_unit_test(test_suggests_nothing_far_off),
        cmocka_unit_test(test_allows_more_edits_in_longer_names),
        cmocka_unit_test(test_does_not_take_a_short_word_for_any_other),
        cmocka_unit_test(test_compares_overlong_names_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
