#include "http/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct usage *openai(bool reasoning_excluded)
{
    static const struct {
        enum usage_kind kind;
        const char *path;
    } places[] = {
        {USAGE_INPUT, "prompt_tokens"},
        {USAGE_OUTPUT, "completion_tokens"},
        {USAGE_CACHED, "prompt_tokens_details.cached_tokens"},
        {USAGE_CACHED, "cached_tokens"},
        {USAGE_CACHE_WRITE, "prompt_tokens_details.cache_write_tokens"},
        {USAGE_REASONING, "completion_tokens_details.reasoning_tokens"},
    };
    struct usage *usage = usage_new((struct usage_excluded){.reasoning = reasoning_excluded});
    struct error err;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        assert_int_equal(usage_add(usage, places[i].kind, places[i].path, &err), 0);
    return usage;
}

static void assert_counts(struct slice text, bool reasoning_excluded, const long long *expected)
{
    struct usage *usage = openai(reasoning_excluded);
    struct usage_counts counts = usage_read(usage, &text, 1);
    for (int kind = 0; kind < USAGE_KINDS; kind++)
        assert_int_equal(counts.of[kind], expected[kind]);
    usage_free(usage);
}

static void test_T28_reads_what_openai_counts(void **state)
{
    (void)state;
    static const long long expected[] = {100, 20, 64, 8, 16};
    assert_counts(SLICE("{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120,"
                        "\"prompt_tokens_details\":{\"cached_tokens\":64,\"cache_write_tokens\":8},"
                        "\"completion_tokens_details\":{\"reasoning_tokens\":16}}"),
                  false, expected);
}

static void test_what_is_charged_is_read_besides_and_stands_for_what_is_not_told(void **state)
{
    (void)state;
    struct usage *usage = usage_new((struct usage_excluded){false, false});
    struct error err;
    assert_int_equal(usage_add(usage, USAGE_INPUT, "tokens.in", &err), 0);
    assert_int_equal(usage_add_billed(usage, USAGE_INPUT, "billed.in", &err), 0);
    assert_int_equal(usage_add_billed(usage, USAGE_OUTPUT, "billed.out", &err), 0);
    struct slice text = SLICE("{\"billed\":{\"in\":68.0,\"out\":24},\"tokens\":{\"in\":1493}}");
    struct usage_counts counts = usage_read(usage, &text, 1);
    assert_int_equal(counts.of[USAGE_INPUT], 1493);
    assert_int_equal(counts.of[USAGE_OUTPUT], 24);
    assert_int_equal(counts.billed[USAGE_INPUT], 68);
    struct usage_counts sum = usage_unknown();
    usage_add_counts(&sum, &counts);
    usage_add_counts(&sum, &counts);
    assert_int_equal(sum.billed[USAGE_INPUT], 136);
    usage_free(usage);
}

static void test_T28_reasoning_is_added_where_the_output_leaves_it_out(void **state)
{
    (void)state;
    static const long long expected[] = {466, 334, -1, -1, 266}, alone[] = {-1, 68, -1, -1, -1};
    assert_counts(SLICE("{\"prompt_tokens\":466,\"completion_tokens\":68,"
                        "\"completion_tokens_details\":{\"reasoning_tokens\":266}}"),
                  true, expected);
    assert_counts(SLICE("{\"completion_tokens\":68}"), true, alone);
}

static void test_the_place_named_first_counts_whatever_the_order_in_the_text(void **state)
{
    (void)state;
    static const long long first[] = {-1, -1, 1, -1, -1}, second[] = {-1, -1, 3, -1, -1};
    assert_counts(SLICE("{\"cached_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":1}}"),
                  false, first);
    assert_counts(SLICE("{\"prompt_tokens_details\":{\"cached_tokens\":1},\"cached_tokens\":3}"),
                  false, first);
    assert_counts(SLICE("{\"prompt_tokens_details\":{\"cached_tokens\":null},\"cached_tokens\":3}"),
                  false, second);
}

static void test_T29_what_is_not_said_is_unknown_and_never_zero(void **state)
{
    (void)state;
    static const long long none[] = {-1, -1, -1, -1, -1}, some[] = {5, -1, 0, -1, -1};
    assert_counts(SLICE("{}"), false, none);
    assert_counts(SLICE("\"text\""), false, none);
    assert_counts(SLICE("{\"prompt_tokens\":5,\"completion_tokens\":null,\"cached_tokens\":0}"),
                  false, some);
}

static void test_what_is_no_count_is_unknown(void **state)
{
    (void)state;
    static const long long none[] = {-1, -1, -1, -1, -1};
    assert_counts(SLICE("{\"prompt_tokens\":\"5\",\"prompt_tokens_details\":7}"), false, none);
    assert_counts(SLICE("{\"prompt_tokens\":-1,\"completion_tokens\":1e400}"), false, none);
    assert_counts(SLICE("{\"prompt_tokens\":12345678901234567890123}"), false, none);
    assert_counts(SLICE("{\"prompt_tokens\":123456789012345678901234567890123}"), false, none);
    assert_counts(SLICE("{\"prompt_tokens\":5"), false, none);
}

static void test_a_count_may_be_written_as_any_number(void **state)
{
    (void)state;
    static const long long expected[] = {12, 1000, -1, -1, -1};
    assert_counts(SLICE("{\"prompt_tokens\":12.0,\"completion_tokens\":1e3}"), false, expected);
}

// Anthropic's: input in message_start, output in message_delta; what the cache gave is not in it.
static struct usage *anthropic(void)
{
    struct usage *usage = usage_new((struct usage_excluded){.cached = true});
    struct error err;
    assert_int_equal(usage_add(usage, USAGE_INPUT, "input_tokens", &err), 0);
    assert_int_equal(usage_add(usage, USAGE_OUTPUT, "output_tokens", &err), 0);
    assert_int_equal(usage_add(usage, USAGE_CACHED, "cache_read_input_tokens", &err), 0);
    assert_int_equal(usage_add(usage, USAGE_CACHE_WRITE, "cache_creation_input_tokens", &err), 0);
    assert_int_equal(usage_add_more_input(usage, "tools.one", &err), 0);
    assert_int_equal(usage_add_more_input(usage, "tools.two", &err), 0);
    return usage;
}

static void assert_read(const struct slice *texts, size_t count, const long long *expected)
{
    struct usage *usage = anthropic();
    struct usage_counts counts = usage_read(usage, texts, count);
    for (int kind = 0; kind < USAGE_KINDS; kind++)
        assert_int_equal(counts.of[kind], expected[kind]);
    usage_free(usage);
}

static void test_usage_told_in_parts_is_put_together_and_the_last_count_is_taken(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE("{\"input_tokens\":10,\"cache_read_input_tokens\":100,"
              "\"cache_creation_input_tokens\":5,\"output_tokens\":1}"),
        SLICE("{\"input_tokens\":11,\"output_tokens\":30,\"cache_read_input_tokens\":null}")};
    static const long long merged[] = {116, 30, 100, 5, -1}, first[] = {115, 1, 100, 5, -1},
                           last[] = {11, 30, -1, -1, -1};
    assert_read(texts, 2, merged);
    assert_read(texts, 1, first);
    assert_read(texts + 1, 1, last);
}

static void test_a_part_that_is_no_json_leaves_the_others(void **state)
{
    (void)state;
    static const struct slice texts[] = {SLICE("{\"input_tokens\":10,\"tools\":{\"one\":1}}"),
                                         SLICE("{\"input_tokens\":99,\"tools\":{\"two\":2}")};
    static const long long expected[] = {11, -1, -1, -1, -1};
    assert_read(texts, 2, expected);
}

static void test_parts_of_the_input_that_are_counted_beside_it_are_added(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE("{\"input_tokens\":10,\"tools\":{\"one\":1,\"two\":2}}"),
        SLICE("{\"tools\":{\"one\":4}}"), SLICE("{\"tools\":{\"one\":7}}")};
    static const long long one[] = {13, -1, -1, -1, -1}, later[] = {14, -1, -1, -1, -1},
                           alone[] = {-1, -1, -1, -1, -1};
    assert_read(texts, 1, one);
    assert_read(texts, 2, later);
    assert_read(texts + 2, 1, alone);
}

static void test_T28_output_is_what_the_input_leaves_of_a_total(void **state)
{
    (void)state;
    static const struct slice texts[] = {SLICE("{\"in\":10,\"out\":5,\"thoughts\":7,\"total\":22}"),
                                         SLICE("{\"in\":10,\"thoughts\":9,\"total\":19}"),
                                         SLICE("{\"thoughts\":9}")};
    static const long long first[] = {10, 12, -1, -1, 7}, last[] = {10, 9, -1, -1, 9},
                           alone[] = {-1, 9, -1, -1, 9};
    struct usage *usage = usage_new((struct usage_excluded){.reasoning = true});
    struct error err;
    assert_int_equal(usage_add(usage, USAGE_INPUT, "in", &err), 0);
    assert_int_equal(usage_add(usage, USAGE_OUTPUT, "out", &err), 0);
    assert_int_equal(usage_add(usage, USAGE_REASONING, "thoughts", &err), 0);
    assert_int_equal(usage_add_total(usage, "total", &err), 0);
    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        assert_int_equal(usage_read(usage, texts, 1).of[kind], first[kind]);
        assert_int_equal(usage_read(usage, texts, 2).of[kind], last[kind]);
        assert_int_equal(usage_read(usage, texts + 2, 1).of[kind], alone[kind]);
    }
    usage_free(usage);
}

static void test_a_bad_or_repeated_place_is_refused(void **state)
{
    (void)state;
    struct usage *usage = openai(false);
    struct error err;
    assert_int_equal(usage_add(usage, USAGE_INPUT, "a..b", &err), -1);
    assert_int_equal(usage_add(usage, USAGE_OUTPUT, "prompt_tokens", &err), -1);
    assert_non_null(strstr(err.message, "prompt_tokens"));
    usage_free(usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T28_reads_what_openai_counts),
        cmocka_unit_test(test_what_is_charged_is_read_besides_and_stands_for_what_is_not_told),
        cmocka_unit_test(test_T28_reasoning_is_added_where_the_output_leaves_it_out),
        cmocka_unit_test(test_the_place_named_first_counts_whatever_the_order_in_the_text),
        cmocka_unit_test(test_T29_what_is_not_said_is_unknown_and_never_zero),
        cmocka_unit_test(test_what_is_no_count_is_unknown),
        cmocka_unit_test(test_a_count_may_be_written_as_any_number),
        cmocka_unit_test(test_usage_told_in_parts_is_put_together_and_the_last_count_is_taken),
        cmocka_unit_test(test_a_part_that_is_no_json_leaves_the_others),
        cmocka_unit_test(test_parts_of_the_input_that_are_counted_beside_it_are_added),
        cmocka_unit_test(test_T28_output_is_what_the_input_leaves_of_a_total),
        cmocka_unit_test(test_a_bad_or_repeated_place_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
