#include "http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 4096 };

// What a parser said, as text.
static int note_event(void *owner, const struct stream_event *event)
{
    struct buf *said = owner;
    if (event->name.data)
        buf_addf(said, "%.*s=", (int)event->name.len, event->name.data);
    buf_addf(said, "%.*s%s", (int)event->data.len, event->data.data ? event->data.data : "",
             event->is_complete ? "|" : "?");
    return 0;
}

static void test_a_framing_is_found_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(framing_find(SLICE("sse")), FRAMING_SSE);
    assert_int_equal(framing_find(SLICE("ndjson")), FRAMING_NDJSON);
    assert_int_equal(framing_find(SLICE("aws-eventstream")), FRAMING_EVENTSTREAM);
    assert_int_equal(framing_find(SLICE("ndjso")), FRAMINGS);
    assert_int_equal(framing_find(SLICE("")), FRAMINGS);
}

static void test_each_has_its_type(void **state)
{
    (void)state;
    assert_string_equal(framing_type(FRAMING_SSE), "text/event-stream");
    assert_string_equal(framing_type(FRAMING_NDJSON), "application/x-ndjson");
    assert_string_equal(framing_type(FRAMING_EVENTSTREAM), "application/vnd.amazon.eventstream");
}

// Feeds what was written, and the bytes behind it.
static void assert_said(enum framing framing, struct buf *written, const char *expected,
                        enum stream_problem end)
{
    struct framing_parser parser;
    struct buf said;
    buf_init(&said, LIMIT);
    buf_add(&said, "", 0);
    framing_parser_init(&parser, framing, LIMIT, note_event, &said);
    assert_int_equal(framing_parser_feed(&parser, written->data, written->len), 0);
    assert_int_equal(framing_parser_end(&parser), end);
    assert_string_equal(said.data, expected);
    framing_parser_deinit(&parser);
    buf_deinit(&said);
    buf_deinit(written);
}

static void test_what_is_written_is_what_is_read(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, LIMIT);
    framing_add_event(&out, FRAMING_SSE, SLICE("a"), SLICE("{\n}"));
    framing_add_event(&out, FRAMING_SSE, (struct slice){NULL, 0}, SLICE("2"));
    framing_add_event(&out, FRAMING_SSE, (struct slice){NULL, 0}, SLICE(""));
    assert_said(FRAMING_SSE, &out, "a={\n}|2||", 0);
    framing_add_event(&out, FRAMING_NDJSON, SLICE("a"), SLICE("{\n}"));
    framing_add_event(&out, FRAMING_NDJSON, (struct slice){NULL, 0}, SLICE("2"));
    assert_said(FRAMING_NDJSON, &out, "{ }|2|", 0);
    framing_add_event(&out, FRAMING_EVENTSTREAM, SLICE("a"), SLICE("{\n}"));
    framing_add_event(&out, FRAMING_EVENTSTREAM, SLICE(""), SLICE(""));
    assert_said(FRAMING_EVENTSTREAM, &out, "a={\n}|=|", 0);
}

static void test_an_event_stream_needs_names(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, LIMIT);
    assert_int_equal(
        framing_add_event(&out, FRAMING_EVENTSTREAM, (struct slice){NULL, 0}, SLICE("2")), -1);
    assert_int_equal(out.len, 0);
}

static void test_what_is_over_the_limit_is_not_written(void **state)
{
    (void)state;
    for (int framing = 0; framing < FRAMINGS; framing++) {
        struct buf out;
        buf_init(&out, 8);
        assert_int_equal(
            framing_add_event(&out, (enum framing)framing, SLICE("a"), SLICE("\"12345678\"")), -1);
        buf_deinit(&out);
    }
}

static void assert_end(enum framing framing, const char *raw, bool is_complete,
                       const char *expected)
{
    struct stream_event event = {.raw = slice_of(raw), .is_complete = is_complete};
    assert_true(slice_equal(framing_missing_end(framing, &event), slice_of(expected)));
}

static void test_the_missing_end_of_a_last_block_is_known(void **state)
{
    (void)state;
    assert_end(FRAMING_SSE, "data: 1", false, "\n\n");
    assert_end(FRAMING_SSE, "data: 1\n", false, "\n");
    assert_end(FRAMING_SSE, "data: 1\r\n", false, "\n");
    assert_end(FRAMING_SSE, "data: 1\n\n", true, "");
    assert_end(FRAMING_NDJSON, "{}", false, "\n");
    assert_end(FRAMING_NDJSON, "{}\n", true, "");
}

static void assert_problem(enum framing framing, struct slice bytes, int expected,
                           const char *message)
{
    struct framing_parser parser;
    struct buf said;
    buf_init(&said, LIMIT);
    framing_parser_init(&parser, framing, 20, note_event, &said);
    int rc = framing_parser_feed(&parser, bytes.data, bytes.len);
    if (rc == 0)
        rc = framing_parser_end(&parser);
    assert_int_equal(rc, expected);
    assert_string_equal(framing_parser_problem(&parser, (enum stream_problem)rc), message);
    framing_parser_deinit(&parser);
    buf_deinit(&said);
}

static void test_a_problem_is_told_in_words(void **state)
{
    const struct slice large = SLICE("{\"a\":\"0123456789012345678\"}\n\n");
    (void)state;
    assert_problem(FRAMING_SSE, large, STREAM_TOO_LARGE, "an event of the stream is too large");
    assert_problem(FRAMING_NDJSON, large, STREAM_TOO_LARGE, "an event of the stream is too large");
    assert_problem(FRAMING_EVENTSTREAM, large, STREAM_BROKEN,
                   "the checksum of a frame's lengths is wrong");
    assert_problem(FRAMING_EVENTSTREAM, SLICE("{"), STREAM_CUT, "the stream ended within a frame");
}

static void test_blank_lines_at_the_end_are_the_rest(void **state)
{
    struct framing_parser parser;
    struct buf said;
    (void)state;
    buf_init(&said, LIMIT);
    framing_parser_init(&parser, FRAMING_SSE, LIMIT, note_event, &said);
    framing_parser_feed(&parser, "data: 1\r\n\r", 10);
    framing_parser_feed(&parser, "\n", 1);
    assert_true(slice_equal(framing_parser_rest(&parser), SLICE("\n")));
    framing_parser_feed(&parser, "d", 1);
    assert_null(framing_parser_rest(&parser).data);
    framing_parser_deinit(&parser);
    buf_deinit(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_framing_is_found_by_its_name),
        cmocka_unit_test(test_each_has_its_type),
        cmocka_unit_test(test_what_is_written_is_what_is_read),
        cmocka_unit_test(test_an_event_stream_needs_names),
        cmocka_unit_test(test_what_is_over_the_limit_is_not_written),
        cmocka_unit_test(test_the_missing_end_of_a_last_block_is_known),
        cmocka_unit_test(test_a_problem_is_told_in_words),
        cmocka_unit_test(test_blank_lines_at_the_end_are_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
