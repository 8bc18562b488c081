#include "http/header_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_merged(const char *usual, const char *own, const char *expected)
{
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(header_lines_merge(slice_of(usual), slice_of(own), &out), 0);
    assert_string_equal(out.data ? out.data : "", expected);
    buf_deinit(&out);
}

static void test_own_lines_come_after_the_usual_ones(void **state)
{
    (void)state;
    assert_merged("a: 1\r\nb: 2\r\n", "c: 3\r\n", "a: 1\r\nb: 2\r\nc: 3\r\n");
    assert_merged("a: 1\r\n", "", "a: 1\r\n");
    assert_merged("", "c: 3\r\n", "c: 3\r\n");
}

static void test_an_own_line_replaces_every_usual_one_of_its_name(void **state)
{
    (void)state;
    assert_merged("User-Agent: x\r\nb: 2\r\nuser-agent: y\r\n", "USER-AGENT: mine\r\n",
                  "b: 2\r\nUSER-AGENT: mine\r\n");
}

static void test_a_name_is_not_the_begin_of_another(void **state)
{
    (void)state;
    assert_merged("x-ab: 1\r\nx-a: 2\r\n", "x-a: 3\r\n", "x-ab: 1\r\nx-a: 3\r\n");
}

static void test_lines_that_do_not_fit_are_an_error(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    assert_int_equal(header_lines_merge(SLICE("a: 1\r\n"), SLICE("b: 2\r\n"), &out), -1);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_lines_come_after_the_usual_ones),
        cmocka_unit_test(test_an_own_line_replaces_every_usual_one_of_its_name),
        cmocka_unit_test(test_a_name_is_not_the_begin_of_another),
        cmocka_unit_test(test_lines_that_do_not_fit_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
