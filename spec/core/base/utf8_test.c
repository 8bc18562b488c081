#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t length(const char *text)
{
    return utf8_length(text, strlen(text));
}

static void test_knows_the_length_of_each_kind(void **state)
{
    (void)state;
    assert_int_equal(length("a"), 1);
    assert_int_equal(utf8_length("\0", 1), 1);
    assert_int_equal(length("\xC3\xA9"), 2);
    assert_int_equal(length("\xE2\x82\xAC"), 3);
    assert_int_equal(length("\xF0\x9F\x98\x80"), 4);
    assert_int_equal(length("\xF4\x8F\xBF\xBF"), 4);
}

static void test_refuses_what_is_cut_or_stray(void **state)
{
    (void)state;
    assert_int_equal(length("\x80"), 0);
    assert_int_equal(length("\xC3"), 0);
    assert_int_equal(length("\xE2\x82"), 0);
    assert_int_equal(length("\xF0\x9F\x98"), 0);
    assert_int_equal(length("\xE2\x82x"), 0);
    assert_int_equal(length("\xFF"), 0);
}

static void test_refuses_overlong_forms_and_surrogates(void **state)
{
    (void)state;
    assert_int_equal(length("\xC0\x80"), 0);
    assert_int_equal(length("\xC1\xBF"), 0);
    assert_int_equal(length("\xE0\x9F\xBF"), 0);
    assert_int_equal(length("\xF0\x8F\xBF\xBF"), 0);
    assert_int_equal(length("\xED\xA0\x80"), 0);
    assert_int_equal(length("\xF4\x90\x80\x80"), 0);
    assert_int_equal(length("\xF5\x80\x80\x80"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_length_of_each_kind),
        cmocka_unit_test(test_refuses_what_is_cut_or_stray),
        cmocka_unit_test(test_refuses_overlong_forms_and_surrogates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
