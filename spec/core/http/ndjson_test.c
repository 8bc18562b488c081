#include "http/ndjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 64 * 1024 };

// What a parser said: events as text to compare, and all raw bytes in order.
struct record {
    struct buf events;
    struct buf raw;
    int count;
    int stop_at; // the callback returns 7 at this event
};

static int note_event(void *owner, const struct stream_event *event)
{
    struct record *record = owner;
    assert_null(event->name.data);
    assert_false(event->is_error);
    if (event->data.data)
        buf_addf(&record->events, "%.*s", (int)event->data.len, event->data.data);
    else
        buf_add_text(&record->events, "-");
    buf_add_text(&record->events, event->is_complete ? "|" : "?");
    buf_add_slice(&record->raw, event->raw);
    return ++record->count == record->stop_at ? 7 : 0;
}

static void record_init(struct record *record)
{
    *record = (struct record){.count = 0};
    buf_init(&record->events, 1 << 20);
    buf_init(&record->raw, 1 << 20);
    buf_add(&record->events, "", 0);
    buf_add(&record->raw, "", 0);
}

static void record_deinit(struct record *record)
{
    buf_deinit(&record->events);
    buf_deinit(&record->raw);
}

// Feeds the bytes in pieces that end at `first`, at `second` and at the end.
static void assert_split(struct slice text, const char *expected, size_t first, size_t second)
{
    struct record record;
    struct ndjson_parser parser;
    record_init(&record);
    ndjson_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(ndjson_parser_feed(&parser, text.data, first), 0);
    assert_int_equal(ndjson_parser_feed(&parser, text.data + first, second - first), 0);
    assert_int_equal(ndjson_parser_feed(&parser, text.data + second, text.len - second), 0);
    assert_int_equal(ndjson_parser_end(&parser), 0);
    assert_string_equal(record.events.data, expected);
    assert_true(slice_equal(buf_slice(&record.raw), text));
    ndjson_parser_deinit(&parser);
    record_deinit(&record);
}

static void assert_events(struct slice text, const char *expected)
{
    for (size_t first = 0; first <= text.len; first++) {
        for (size_t second = first; second <= text.len; second++)
            assert_split(text, expected, first, second);
    }
}

#define ASSERT_EVENTS(text, expected) assert_events(SLICE(text), expected)

static void test_each_line_is_an_event_however_it_is_split(void **state)
{
    (void)state;
    ASSERT_EVENTS("", "");
    ASSERT_EVENTS("{\"a\":1}\n{\"b\":[]}\n", "{\"a\":1}|{\"b\":[]}|");
    ASSERT_EVENTS("{\"a\":1}\r\n{\"b\":2}\r\n", "{\"a\":1}|{\"b\":2}|");
    ASSERT_EVENTS(" {} \n", " {} |");
}

static void test_lines_of_white_space_have_no_data_and_keep_their_bytes(void **state)
{
    (void)state;
    ASSERT_EVENTS("\n{}\n\r\n \t\r\n[]\n\n", "-|{}|-|-|[]|-|");
    ASSERT_EVENTS(" ", "-?");
}

static void test_a_last_line_without_its_end_is_an_event_that_is_not_complete(void **state)
{
    (void)state;
    ASSERT_EVENTS("{}\n{\"a\":1}", "{}|{\"a\":1}?");
    ASSERT_EVENTS("{}\n{\"a\":", "{}|{\"a\":?");
    ASSERT_EVENTS("{}\r", "{}?");
}

static void test_a_cr_within_a_line_is_data(void **state)
{
    (void)state;
    ASSERT_EVENTS("{\"a\":\r1}\n", "{\"a\":\r1}|");
}

static void test_a_nul_is_data(void **state)
{
    struct record record;
    struct ndjson_parser parser;
    (void)state;
    record_init(&record);
    ndjson_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(ndjson_parser_feed(&parser, "\0\n", 2), 0);
    assert_string_equal(record.events.data, "|");
    ndjson_parser_deinit(&parser);
    record_deinit(&record);
}

static void test_a_line_over_the_limit_is_refused_and_one_of_its_size_is_not(void **state)
{
    const struct slice text = SLICE("{\"a\":1}\n");
    struct record record;
    struct ndjson_parser parser;
    (void)state;
    for (size_t piece = 1; piece <= text.len; piece++) {
        for (size_t limit = text.len - 1; limit <= text.len; limit++) {
            int rc = 0;
            record_init(&record);
            ndjson_parser_init(&parser, limit, note_event, &record);
            for (size_t at = 0; at < text.len && rc == 0; at += piece) {
                size_t rest = text.len - at;
                rc = ndjson_parser_feed(&parser, text.data + at, rest < piece ? rest : piece);
            }
            assert_int_equal(rc, limit < text.len ? STREAM_TOO_LARGE : 0);
            assert_int_equal(record.count, limit < text.len ? 0 : 1);
            ndjson_parser_deinit(&parser);
            record_deinit(&record);
        }
    }
}

static void test_the_callback_can_end_the_feeding(void **state)
{
    const struct slice text = SLICE("1\n2\n3\n");
    struct record record;
    struct ndjson_parser parser;
    (void)state;
    record_init(&record);
    record.stop_at = 2;
    ndjson_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(ndjson_parser_feed(&parser, text.data, text.len), 7);
    assert_string_equal(record.events.data, "1|2|");
    ndjson_parser_deinit(&parser);
    record_deinit(&record);
}

static void test_memory_of_a_big_line_is_given_back(void **state)
{
    struct record record;
    struct ndjson_parser parser;
    struct buf line;
    (void)state;
    buf_init(&line, LIMIT);
    buf_reserve(&line, 40000);
    memset(line.data, 'x', 40000);
    record_init(&record);
    ndjson_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(ndjson_parser_feed(&parser, line.data, 40000), 0);
    assert_true(parser.carry.cap >= 40000);
    assert_int_equal(ndjson_parser_feed(&parser, "\n", 1), 0);
    assert_true(parser.carry.cap <= STREAM_KEPT);
    ndjson_parser_deinit(&parser);
    buf_deinit(&line);
    record_deinit(&record);
}

static void test_what_is_written_is_one_line(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 20);
    assert_int_equal(ndjson_add(&out, SLICE("{\"a\":\r\n1}")), 0);
    assert_string_equal(out.data, "{\"a\":  1}\n");
    assert_int_equal(ndjson_add(&out, SLICE("0123456789")), -1);
    assert_string_equal(out.data, "{\"a\":  1}\n");
    assert_int_equal(ndjson_add(&out, SLICE("012345678")), 0);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_is_an_event_however_it_is_split),
        cmocka_unit_test(test_lines_of_white_space_have_no_data_and_keep_their_bytes),
        cmocka_unit_test(test_a_last_line_without_its_end_is_an_event_that_is_not_complete),
        cmocka_unit_test(test_a_cr_within_a_line_is_data),
        cmocka_unit_test(test_a_nul_is_data),
        cmocka_unit_test(test_a_line_over_the_limit_is_refused_and_one_of_its_size_is_not),
        cmocka_unit_test(test_the_callback_can_end_the_feeding),
        cmocka_unit_test(test_memory_of_a_big_line_is_given_back),
        cmocka_unit_test(test_what_is_written_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
