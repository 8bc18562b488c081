#include "lua/fetch_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"

static void take_all(struct fetch_split *split, struct buf *out)
{
    struct fetch_item item;
    while (fetch_split_take(split, &item)) {
        buf_add_slice(out, item.name);
        buf_add_text(out, item.name.data ? "=" : "");
        buf_add_slice(out, item.data);
        buf_add_text(out, "|");
    }
    assert_false(fetch_split_has_items(split));
}

// The same comes out wherever the text is split.
static void assert_items(enum fetch_form form, const char *text, const char *wanted)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        struct fetch_split split = {.form = FETCH_WHOLE};
        struct buf out;

        buf_init(&out, 1000);
        fetch_split_init(&split, form);
        for (size_t at = 0; at < strlen(text); at += step) {
            size_t left = strlen(text) - at;
            struct slice piece = {text + at, left < step ? left : step};
            assert_int_equal(fetch_split_feed(&split, piece), 0);
            take_all(&split, &out);
        }
        assert_int_equal(fetch_split_end(&split), 0);
        assert_int_equal(fetch_split_end(&split), 0);
        take_all(&split, &out);
        assert_string_equal(out.data, wanted);
        buf_deinit(&out);
        fetch_split_deinit(&split);
    }
}

static void test_lines_end_with_lf_or_crlf_and_empty_ones_count_for_nothing(void **state)
{
    (void)state;
    assert_items(FETCH_LINES, "one\ntwo\r\n\n\r\nthree\n", "one|two|three|");
}

static void test_a_last_line_needs_no_end(void **state)
{
    (void)state;
    assert_items(FETCH_LINES, "{\"a\":1}\n{\"b\":2}", "{\"a\":1}|{\"b\":2}|");
}

static void test_events_have_a_name_or_none_and_comments_count_for_nothing(void **state)
{
    (void)state;
    assert_items(FETCH_EVENTS, ": hello\n\nevent: x\ndata: 1\n\ndata: 2\ndata: 3\n\n", "x=1|2\n3|");
}

static void test_a_last_event_needs_no_blank_line(void **state)
{
    (void)state;
    assert_items(FETCH_EVENTS, "data: 1\n\ndata: 2\n", "1|2|");
}

static void test_a_line_has_a_limit(void **state)
{
    (void)state;
    struct fetch_split split = {.form = FETCH_WHOLE};
    char *bytes = mem_alloc(LIMIT_SSE_EVENT);

    memset(bytes, 'x', LIMIT_SSE_EVENT);
    fetch_split_init(&split, FETCH_LINES);
    assert_int_equal(fetch_split_feed(&split, (struct slice){bytes, LIMIT_SSE_EVENT}), 0);
    assert_int_equal(fetch_split_feed(&split, SLICE("x")), -1);
    fetch_split_deinit(&split);
    free(bytes);
}

static void test_what_has_been_taken_is_not_kept(void **state)
{
    (void)state;
    struct fetch_split split = {.form = FETCH_WHOLE};
    struct fetch_item item;

    fetch_split_init(&split, FETCH_LINES);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(fetch_split_feed(&split, SLICE("line\n")), 0);
        assert_true(fetch_split_take(&split, &item)); // and nobody looks for a further one
        assert_true(split.queue.len < 100);
    }
    fetch_split_deinit(&split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_end_with_lf_or_crlf_and_empty_ones_count_for_nothing),
        cmocka_unit_test(test_a_last_line_needs_no_end),
        cmocka_unit_test(test_events_have_a_name_or_none_and_comments_count_for_nothing),
        cmocka_unit_test(test_a_last_event_needs_no_blank_line),
        cmocka_unit_test(test_a_line_has_a_limit),
        cmocka_unit_test(test_what_has_been_taken_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
