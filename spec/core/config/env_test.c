#include "config/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A name that no environment has.
#define NAME "TIDEGATE_TEST_VARIABLE"

static void check_value(const char *text, const char *expected)
{
    struct error err = {0};
    struct env *env = env_parse(".env", slice_of(text), &err);

    assert_string_equal(err.message, "");
    assert_non_null(env);
    if (expected)
        assert_string_equal(env_get(env, NAME), expected);
    else
        assert_null(env_get(env, NAME));
    env_free(env);
}

static void check_refused(const char *text, const char *message)
{
    struct error err = {0};

    assert_null(env_parse("conf/.env", slice_of(text), &err));
    assert_string_equal(err.message, message);
}

static void test_reads_a_plain_value(void **state)
{
    (void)state;
    check_value(NAME "=sk-123\n", "sk-123");
    check_value("OTHER=1\n" NAME "=sk-123", "sk-123");
    check_value("OTHER=1\n", NULL);
}

static void test_allows_export_and_blanks(void **state)
{
    (void)state;
    check_value("export " NAME "=a", "a");
    check_value("  export\t" NAME " =  a b \t\n", "a b");
    check_value("export=1\n" NAME "=a", "a");
}

static void test_skips_comments_and_empty_lines(void **state)
{
    (void)state;
    check_value("# " NAME "=no\n\n   # more\n" NAME "=yes # really\n", "yes");
    check_value(NAME "=a#b\n", "a#b");
    check_value(NAME "=# all of it\n", NULL);
}

static void test_reads_single_quotes_as_they_stand(void **state)
{
    (void)state;
    check_value(NAME "='a \\n \"b\" # c' # comment", "a \\n \"b\" # c");
}

static void test_resolves_escapes_in_double_quotes(void **state)
{
    (void)state;
    check_value(NAME "=\"a\\n\\t\\\"b\\\\ \\$c \\q\"", "a\n\t\"b\\ $c \\q");
}

static void test_tolerates_crlf_and_a_byte_order_mark(void **state)
{
    (void)state;
    check_value("\xEF\xBB\xBF" NAME "=a\r\nB=c\r\n", "a");
    check_value(NAME "=\"a\"\r\n", "a");
}

static void test_keeps_equals_signs_of_the_value(void **state)
{
    (void)state;
    check_value(NAME "=a=b==", "a=b==");
}

static void test_lets_the_last_of_two_win(void **state)
{
    (void)state;
    check_value(NAME "=a\n" NAME "=b\n", "b");
}

static void test_takes_an_empty_value_for_unset(void **state)
{
    (void)state;
    check_value(NAME "=\n", NULL);
    check_value(NAME "=\"\"\n", NULL);
}

static void test_names_the_line_of_a_malformed_one(void **state)
{
    (void)state;
    check_refused("A=1\n\nno value\n", "conf/.env:3: expected NAME=value");
    check_refused("1A=1\n", "conf/.env:1: expected NAME=value");
    check_refused("A-B=1\n", "conf/.env:1: expected NAME=value");
    check_refused("export\n", "conf/.env:1: expected NAME=value");
    check_refused("=1\n", "conf/.env:1: expected NAME=value");
    check_refused("A=\"1\nB=2\"\n", "conf/.env:1: the quote is not closed on this line");
    check_refused("A=1\nB='2\n", "conf/.env:2: the quote is not closed on this line");
    check_refused("A=\"1\\\"\n", "conf/.env:1: the quote is not closed on this line");
    check_refused("A=\"1\" 2\n", "conf/.env:1: text after the closing quote");
}

static void test_refuses_a_nul_byte(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(env_parse(".env",
                          SLICE("A=1\nB=\0"
                                "2\n"),
                          &err));
    assert_string_equal(err.message, ".env:2: a NUL byte");
}

static void test_does_not_tell_the_value_of_a_malformed_line(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(env_parse(".env", slice_of("KEY=\"sk-secret\" x"), &err));
    assert_null(strstr(err.message, "sk-secret"));
}

static void test_lets_the_environment_win(void **state)
{
    (void)state;
    setenv(NAME, "outside", 1);
    check_value(NAME "=inside", "outside");
    unsetenv(NAME);
    check_value(NAME "=inside", "inside");
}

static void test_lets_an_empty_environment_variable_hide_the_file(void **state)
{
    (void)state;
    setenv(NAME, "", 1);
    check_value(NAME "=inside", NULL);
    unsetenv(NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_plain_value),
        cmocka_unit_test(test_allows_export_and_blanks),
        cmocka_unit_test(test_skips_comments_and_empty_lines),
        cmocka_unit_test(test_reads_single_quotes_as_they_stand),
        cmocka_unit_test(test_resolves_escapes_in_double_quotes),
        cmocka_unit_test(test_tolerates_crlf_and_a_byte_order_mark),
        cmocka_unit_test(test_keeps_equals_signs_of_the_value),
        cmocka_unit_test(test_lets_the_last_of_two_win),
        cmocka_unit_test(test_takes_an_empty_value_for_unset),
        cmocka_unit_test(test_names_the_line_of_a_malformed_one),
        cmocka_unit_test(test_refuses_a_nul_byte),
        cmocka_unit_test(test_does_not_tell_the_value_of_a_malformed_line),
        cmocka_unit_test(test_lets_the_environment_win),
        cmocka_unit_test(test_lets_an_empty_environment_variable_hide_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
