#include "lua/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 10000 };

static struct pattern last;

static enum pattern_result find_in(struct slice text, struct slice source)
{
    pattern_init(&last, text, source, true, STEPS);
    return pattern_find(&last, 0);
}

// `found` is the match and its captures with a | between; NULL: none.
static void assert_finds(const char *text, const char *source, const char *found)
{
    char all[256];
    enum pattern_result result = find_in(slice_of(text), slice_of(source));

    if (!found) {
        assert_int_equal(result, PATTERN_NO_MATCH);
        return;
    }
    assert_int_equal(result, PATTERN_OK);
    int len = snprintf(all, sizeof(all), "%.*s", (int)(last.end - last.begin), last.begin);
    for (size_t i = 0; i < last.capture_count; i++) {
        const struct pattern_capture *capture = &last.captures[i];
        if (capture->len == PATTERN_POSITION)
            len += snprintf(all + len, sizeof(all) - (size_t)len, "|@%d",
                            (int)(capture->begin - text));
        else
            len += snprintf(all + len, sizeof(all) - (size_t)len, "|%.*s", (int)capture->len,
                            capture->begin);
    }
    assert_string_equal(all, found);
}

static void assert_refuses(const char *text, const char *source, const char *message)
{
    assert_int_equal(find_in(slice_of(text), slice_of(source)), PATTERN_MALFORMED);
    assert_string_equal(last.message, message);
}

static void test_bytes_stand_for_themselves(void **state)
{
    (void)state;
    assert_finds("a+b", "+b", "+b");
    assert_finds("abc", "", "");
    assert_finds("abc", "bd", NULL);
    assert_finds("a.b", "%.b", ".b");
    assert_finds("axb", "a.b", "axb");
    assert_finds("5 %", "%%", "%");
}

static void test_classes_are_those_of_ascii(void **state)
{
    (void)state;
    assert_finds("\x80\xE9z", "%a", "z");
    assert_finds("aB1_", "%a+", "aB");
    assert_finds("aB1_", "%w+", "aB1");
    assert_finds("aB1_", "%p", "_");
    assert_finds("aB1_", "%l%u%d%W", "aB1_");
    assert_finds("zFf", "%x+", "Ff");
    assert_finds("a \t\r\n\v\f.", "%s+", " \t\r\n\v\f");
    assert_finds(" a\x7F", "%g+", "a");
    assert_finds(" a\x7F", "%c", "\x7F");
    assert_finds(" a", "%S", "a");
    assert_int_equal(find_in(SLICE("ab\0c"), slice_of("%z")), PATTERN_OK);
    assert_int_equal(last.begin - last.text.data, 2);
}

static void test_sets_have_bytes_ranges_and_classes(void **state)
{
    (void)state;
    assert_finds("xyb-", "[a-c]", "b");
    assert_finds("xyb-", "[^x-z]+", "b-");
    assert_finds("xy]b", "[]b]+", "]b");
    assert_finds("]x", "[^]]", "x");
    assert_finds("ab-", "[x-]", "-");
    assert_finds("ab-", "[-x]", "-");
    assert_finds("a1_", "[%a%d]+", "a1");
    assert_finds("a1]", "[%]1]+", "1]");
    assert_finds("a^", "[x^]", "^");
    assert_finds("b", "[c-a]", NULL);
}

static void test_repetitions_take_most_least_or_none(void **state)
{
    (void)state;
    assert_finds("aaab", "a*", "aaa");
    assert_finds("aaab", "a+b", "aaab");
    assert_finds("b", "a+b", NULL);
    assert_finds("aaab", "a-b", "aaab");
    assert_finds("<a><b>", "<.->", "<a>");
    assert_finds("<a><b>", "<.*>", "<a><b>");
    assert_finds("-12", "-?%d+", "-12");
    assert_finds("ab", "ax?b", "ab");
    assert_finds("aab", "a?ab", "aab");
    assert_finds("aa", "a?a?aa", "aa");
}

static void test_anchors_hold_at_the_ends_alone(void **state)
{
    (void)state;
    assert_finds("ab", "^b", NULL);
    assert_finds("ab", "^a", "a");
    assert_finds("aba", "a$", "a");
    assert_int_equal(last.begin - last.text.data, 2);
    assert_finds("a$b", "a$b", "a$b");
    assert_finds("b^a", "b^a", "b^a");
}

static void test_captures_may_be_nested_empty_and_positions(void **state)
{
    (void)state;
    assert_finds("key = value", "(%w+)%s*=%s*(%w+)", "key = value|key|value");
    assert_finds("abc", "((a)(b(c)))", "abc|abc|a|bc|c");
    assert_finds("hello", "()ll()", "ll|@2|@4");
    assert_finds("ab", "(x*)b", "b|");
    assert_finds("aXb", "(a*(.)%w(%s*))", "aXb|aXb|X|");
}

static void test_a_capture_can_be_asked_for_once_more(void **state)
{
    (void)state;
    assert_finds("say \"it's\"!", "([\"'])(.-)%1", "\"it's\"|\"|it's");
    assert_finds("abab", "^(ab)%1$", "abab|ab");
    assert_finds("abac", "^(ab)%1$", NULL);
    assert_finds("aa", "()a%1", NULL); // a position is no text
}

static void test_balanced_pairs_and_frontiers(void **state)
{
    (void)state;
    assert_finds("f(a(b)c)(d", "%b()", "(a(b)c)");
    assert_finds("((", "%b()", NULL);
    assert_finds("'a'b", "%b''", "'a'");
    assert_finds("THE (quick) fox", "%f[%l]%l+", "quick");
    assert_finds("the end", "%f[%W]", "");
    assert_int_equal(last.begin - last.text.data, 3);
    assert_finds("end", "d%f[%z]", "d");
}

static void test_only_what_is_reached_can_be_malformed(void **state)
{
    (void)state;
    assert_finds("abc", "x[", NULL);
    assert_refuses("abc", "b[", "malformed pattern (missing ']')");
    assert_refuses("abc", "b[]", "malformed pattern (missing ']')");
    assert_refuses("abc", "[a%", "malformed pattern (missing ']')");
    assert_refuses("abc", "b%", "malformed pattern (ends with '%')");
    assert_refuses("abc", "%b(", "unbalanced pattern");
    assert_refuses("abc", "%fa", "missing '[' after '%f' in pattern");
    assert_refuses("abc", "(a)b)", "invalid pattern capture");
    assert_refuses("abc", "%1", "invalid capture index");
    assert_refuses("abc", "(a%1)", "invalid capture index");
    assert_refuses("abc", "(a)%2", "invalid capture index");
    assert_refuses("abc", "(a)%0", "invalid capture index");
}

static void test_a_nul_ends_the_pattern(void **state)
{
    (void)state;
    assert_int_equal(find_in(slice_of("abc"), SLICE("b\0x")), PATTERN_OK);
    assert_int_equal(last.end - last.begin, 1);
}

static void test_a_missing_close_is_left_to_who_asks_for_the_capture(void **state)
{
    (void)state;
    assert_int_equal(find_in(slice_of("ab"), slice_of("a(b")), PATTERN_OK);
    assert_int_equal(last.captures[0].len, PATTERN_OPEN);
}

static void repeat(char *out, const char *text, int count)
{
    for (*out = '\0'; count > 0; count--, out += strlen(text))
        memcpy(out, text, strlen(text) + 1);
}

static void test_captures_are_counted(void **state)
{
    (void)state;
    char source[128];
    repeat(source, "()", PATTERN_CAPTURES);
    assert_int_equal(find_in(slice_of("a"), slice_of(source)), PATTERN_OK);
    assert_int_equal(last.capture_count, PATTERN_CAPTURES);
    repeat(source, "()", PATTERN_CAPTURES + 1);
    assert_refuses("a", source, "too many captures");
}

static void test_recursion_in_c_is_bounded(void **state)
{
    (void)state;
    char source[1024], text[1024];
    repeat(text, "a", 300);
    repeat(source, "a?", PATTERN_DEPTH - 1);
    assert_int_equal(find_in(slice_of(text), slice_of(source)), PATTERN_OK);
    repeat(source, "a?", PATTERN_DEPTH);
    assert_refuses(text, source, "pattern too complex");
}

static void assert_gives_up(const char *text, const char *source)
{
    assert_int_equal(find_in(slice_of(text), slice_of(source)), PATTERN_TOO_MANY_STEPS);
}

static void test_patterns_that_try_too_many_ways_end_at_the_budget(void **state)
{
    (void)state;
    char text[4096], source[4096];
    repeat(text, "a", 60);
    repeat(source, "a-", 25);
    memcpy(source + 50, "b", 2);
    assert_gives_up(text, source);
    repeat(text, "x", 1000);
    assert_gives_up(text, "(.-.-.-y)");
    repeat(text, "(", 4000);
    assert_gives_up(text, "%b()");
}

static void test_a_long_set_costs_more_than_a_short_one(void **state)
{
    (void)state;
    char text[1024], source[4096];
    repeat(text, "b", 1000);
    assert_finds(text, "[a]*x", NULL);
    source[0] = '[';
    repeat(source + 1, "a", 4000);
    memcpy(source + 4001, "]x", 3);
    assert_gives_up(text, source);
}

static void test_the_budget_is_for_all_matches_together(void **state)
{
    (void)state;
    char text[4096];
    size_t from = 0, count = 0;
    enum pattern_result result;
    repeat(text, "a", 4000);
    pattern_init(&last, slice_of(text), slice_of("[a-z]"), true, 1000);
    while ((result = pattern_find(&last, from)) == PATTERN_OK) {
        from = (size_t)(last.end - text);
        count++;
    }
    assert_int_equal(result, PATTERN_TOO_MANY_STEPS);
    assert_in_range(count, 100, 1000);
}

static void test_ordinary_text_costs_little(void **state)
{
    (void)state;
    static char text[64 * 1024];
    repeat(text, "some words and more of them, ", 2000);
    assert_finds(text, "zebra", NULL);
    assert_int_equal(find_in(slice_of(text), slice_of("^.*$")), PATTERN_OK);
}

static void test_special_bytes_are_known(void **state)
{
    (void)state;
    static const char *const special[] = {"^", "$", "*", "+", "?", ".", "(", "[", "%", "-"};
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
        assert_true(pattern_is_special(slice_of(special[i])));
    assert_true(pattern_is_special(SLICE("a\0.")));
    assert_false(pattern_is_special(SLICE("ab)]{}/\\\"\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_stand_for_themselves),
        cmocka_unit_test(test_classes_are_those_of_ascii),
        cmocka_unit_test(test_sets_have_bytes_ranges_and_classes),
        cmocka_unit_test(test_repetitions_take_most_least_or_none),
        cmocka_unit_test(test_anchors_hold_at_the_ends_alone),
        cmocka_unit_test(test_captures_may_be_nested_empty_and_positions),
        cmocka_unit_test(test_a_capture_can_be_asked_for_once_more),
        cmocka_unit_test(test_balanced_pairs_and_frontiers),
        cmocka_unit_test(test_only_what_is_reached_can_be_malformed),
        cmocka_unit_test(test_a_nul_ends_the_pattern),
        cmocka_unit_test(test_a_missing_close_is_left_to_who_asks_for_the_capture),
        cmocka_unit_test(test_captures_are_counted),
        cmocka_unit_test(test_recursion_in_c_is_bounded),
        cmocka_unit_test(test_patterns_that_try_too_many_ways_end_at_the_budget),
        cmocka_unit_test(test_a_long_set_costs_more_than_a_short_one),
        cmocka_unit_test(test_the_budget_is_for_all_matches_together),
        cmocka_unit_test(test_ordinary_text_costs_little),
        cmocka_unit_test(test_special_bytes_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
