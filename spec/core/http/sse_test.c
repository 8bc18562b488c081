#include "http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static void note_field(struct buf *out, const char *label, struct slice text)
{
    if (text.data)
        buf_addf(out, "%s=%zu:%.*s ", label, text.len, (int)text.len, text.data);
}

static int note_event(void *owner, const struct stream_event *event)
{
    struct record *record = owner;
    note_field(&record->events, "name", event->name);
    note_field(&record->events, "data", event->data);
    buf_add_text(&record->events, event->is_complete ? "|" : "cut|");
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

static void parse(struct slice text, struct record *record)
{
    struct sse_parser parser;
    sse_parser_init(&parser, LIMIT, note_event, record);
    assert_int_equal(sse_parser_feed(&parser, text.data, text.len), 0);
    assert_int_equal(sse_parser_end(&parser), 0);
    buf_add_slice(&record->raw, buf_slice(&parser.carry));
    assert_true(slice_equal(buf_slice(&record->raw), text));
    sse_parser_deinit(&parser);
}

static void assert_events(struct slice text, const char *expected)
{
    struct record record;
    record_init(&record);
    parse(text, &record);
    assert_string_equal(record.events.data, expected);
    record_deinit(&record);
}

#define ASSERT_EVENTS(text, expected) assert_events(SLICE(text), expected)

static void test_a_block_is_an_event(void **state)
{
    (void)state;
    ASSERT_EVENTS("data: hi\n\n", "data=2:hi |");
    ASSERT_EVENTS("event: e\ndata: 1\n\ndata: 2\n\n", "name=1:e data=1:1 |data=1:2 |");
    ASSERT_EVENTS("", "");
}

static void test_one_space_behind_the_colon_is_dropped(void **state)
{
    (void)state;
    ASSERT_EVENTS("data:a\n\n", "data=1:a |");
    ASSERT_EVENTS("data:  a \n\n", "data=3: a  |");
    ASSERT_EVENTS("data: \n\n", "data=0: |");
    ASSERT_EVENTS("data:\n\n", "data=0: |");
    ASSERT_EVENTS("data\n\n", "data=0: |");
    ASSERT_EVENTS("data:\ta:b\n\n", "data=4:\ta:b |");
}

static void test_data_lines_are_joined_by_lf(void **state)
{
    (void)state;
    ASSERT_EVENTS("data: a\ndata: b\r\ndata: c\n\n", "data=5:a\nb\nc |");
    ASSERT_EVENTS("data\ndata\n\n", "data=1:\n |");
    ASSERT_EVENTS("data: a\n: comment\ndata:\n\ndata: z\n\n", "data=2:a\n |data=1:z |");
}

static void test_the_last_event_line_names_the_event(void **state)
{
    (void)state;
    ASSERT_EVENTS("event: a\nevent: b\n\n", "name=1:b |");
    ASSERT_EVENTS("event: a\nevent\n\n", "name=0: |");
    ASSERT_EVENTS("event: a\n\ndata: x\n\n", "name=1:a |data=1:x |");
}

static void test_comments_and_unknown_fields_are_events_without_data(void **state)
{
    (void)state;
    ASSERT_EVENTS(": keep-alive\n\n", "|");
    ASSERT_EVENTS("id: 1\nretry: 5\nfoo: bar\n\n", "|");
    ASSERT_EVENTS(" data: x\nDATA: y\ndatas: z\n\n", "|");
}

static void test_all_line_ends_may_be_mixed(void **state)
{
    (void)state;
    ASSERT_EVENTS("data: a\r\rdata: b\r\n\r\ndata: c\n\n", "data=1:a |data=1:b |data=1:c |");
    ASSERT_EVENTS("data: a\n\rdata: b\r\n\ndata: c\r\n\r", "data=1:a |data=1:b |data=1:c |");
    ASSERT_EVENTS("data: a\r\ndata: b\rdata: c\n\r\n", "data=5:a\nb\nc |");
}

static void test_blank_lines_are_no_events_and_stay_in_raw(void **state)
{
    (void)state;
    ASSERT_EVENTS("\n\r\n\r\rdata: a\n\n\n\n\r\ndata: b\n\n\n", "data=1:a |data=1:b |");
    ASSERT_EVENTS("\n\n\n", "");
}

static void test_a_bom_is_skipped_at_the_very_begin_only(void **state)
{
    (void)state;
    ASSERT_EVENTS("\xEF\xBB\xBF"
                  "data: a\n\n\xEF\xBB\xBF"
                  "data: b\n\n",
                  "data=1:a ||");
    ASSERT_EVENTS("\xEF\xBB\xBF\n\ndata: a\n\n", "data=1:a |");
    ASSERT_EVENTS("\xEF\xBB"
                  "data: a\n\n",
                  "|");
    ASSERT_EVENTS("\xEF\xBB\xBF", "");
    ASSERT_EVENTS("\xEF\xBB", "cut|");
}

static void test_a_last_block_without_blank_line_is_incomplete(void **state)
{
    (void)state;
    ASSERT_EVENTS("data: a\n\ndata: b\n", "data=1:a |data=1:b cut|");
    ASSERT_EVENTS("data: a", "data=1:a cut|");
    ASSERT_EVENTS("\n\nda", "cut|");
}

static void test_data_may_hold_any_byte(void **state)
{
    (void)state;
    struct record record;
    record_init(&record);
    parse(SLICE("data: \0\xff\x01\n\n"), &record);
    assert_int_equal(record.count, 1);
    assert_memory_equal(record.events.data, "data=3:", 7);
    record_deinit(&record);
}

static void test_an_event_comes_with_the_last_cr_already(void **state)
{
    (void)state;
    struct record record;
    struct sse_parser parser;
    record_init(&record);
    sse_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(sse_parser_feed(&parser, "data: a\r\n\r", 10), 0);
    assert_int_equal(record.count, 1);
    assert_int_equal(sse_parser_feed(&parser, "\ndata: b\r\n\r\n", 12), 0);
    assert_int_equal(record.count, 2);
    assert_string_equal(record.raw.data, "data: a\r\n\r\ndata: b\r\n\r\n");
    sse_parser_deinit(&parser);
    record_deinit(&record);
}

struct window {
    const char *begin, *end;
    bool is_inside;
};

static int check_inside(void *owner, const struct stream_event *event)
{
    struct window *window = owner;
    window->is_inside =
        event->raw.data >= window->begin && event->raw.data + event->raw.len <= window->end &&
        event->data.data > event->raw.data && event->data.data + event->data.len <= window->end;
    return 0;
}

static void test_a_whole_block_is_not_copied(void **state)
{
    (void)state;
    const char text[] = "event: x\ndata: hello\n\n";
    struct window window = {text, text + strlen(text), false};
    struct sse_parser parser;
    sse_parser_init(&parser, LIMIT, check_inside, &window);
    assert_int_equal(sse_parser_feed(&parser, text, strlen(text)), 0);
    assert_true(window.is_inside);
    assert_int_equal(parser.carry.cap, 0);
    sse_parser_deinit(&parser);
}

static void test_a_block_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct record record;
    struct sse_parser parser;
    record_init(&record);
    sse_parser_init(&parser, 16, note_event, &record);
    assert_int_equal(sse_parser_feed(&parser, "data: 45678901\n\n", 16), 0);
    assert_int_equal(sse_parser_feed(&parser, "data: 456789012\n\n", 17), -1);
    sse_parser_deinit(&parser);

    sse_parser_init(&parser, 16, note_event, &record);
    assert_int_equal(sse_parser_feed(&parser, "data: 4567", 10), 0);
    assert_int_equal(sse_parser_feed(&parser, "8901\n\ndata: 2", 13), 0);
    assert_int_equal(sse_parser_feed(&parser, "3456789", 7), 0);
    assert_int_equal(sse_parser_feed(&parser, "0123", 4), -1);
    assert_int_equal(record.count, 2);
    sse_parser_deinit(&parser);
    record_deinit(&record);
}

static void test_the_callback_can_end_the_feeding(void **state)
{
    (void)state;
    struct record record;
    struct sse_parser parser;
    record_init(&record);
    record.stop_at = 2;
    sse_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(sse_parser_feed(&parser, "data: 1\n\ndata: 2\n\ndata: 3\n\n", 27), 7);
    assert_int_equal(record.count, 2);
    record.stop_at = 3;
    assert_int_equal(sse_parser_feed(&parser, "data: 4", 7), 0);
    assert_int_equal(sse_parser_end(&parser), 7);
    sse_parser_deinit(&parser);
    record_deinit(&record);
}

static void test_memory_of_a_big_block_is_given_back(void **state)
{
    (void)state;
    struct record record;
    struct sse_parser parser;
    char filler[1024];
    memset(filler, 'x', sizeof(filler));
    record_init(&record);
    sse_parser_init(&parser, LIMIT, note_event, &record);
    assert_int_equal(sse_parser_feed(&parser, "data: ", 6), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(sse_parser_feed(&parser, filler, sizeof(filler)), 0);
    assert_int_equal(sse_parser_feed(&parser, "\n\ndata: y", 9), 0);
    assert_int_equal(record.count, 1);
    assert_true(parser.carry.cap < 1024);
    sse_parser_deinit(&parser);
    record_deinit(&record);
}

// All that a parse said, as two numbers: there are a million to compare.
struct digest {
    uint64_t events;
    uint64_t raw;
};

static void digest_add(uint64_t *digest, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *digest = (*digest ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
}

static void digest_field(uint64_t *digest, struct slice field)
{
    digest_add(digest, (const char *)&field.len, sizeof(field.len));
    digest_add(digest, field.data ? "+" : "-", 1);
    digest_add(digest, field.data, field.len);
}

static int digest_event(void *owner, const struct stream_event *event)
{
    struct digest *digest = owner;
    digest_field(&digest->events, event->name);
    digest_field(&digest->events, event->data);
    digest_add(&digest->events, event->is_complete ? "c" : "i", 1);
    digest_add(&digest->raw, event->raw.data, event->raw.len);
    return 0;
}

static struct digest digest_of(struct slice text, const size_t *cuts, size_t count)
{
    struct digest digest = {0, 0};
    struct sse_parser parser;
    size_t from = 0;
    sse_parser_init(&parser, LIMIT, digest_event, &digest);
    for (size_t i = 0; i <= count; i++) {
        size_t to = i < count ? cuts[i] : text.len;
        if (sse_parser_feed(&parser, text.data + from, to - from) != 0)
            fail_msg("refused at %zu", to);
        from = to;
    }
    if (sse_parser_end(&parser) != 0)
        fail_msg("refused at the end");
    digest_add(&digest.raw, parser.carry.data, parser.carry.len);
    sse_parser_deinit(&parser);
    return digest;
}

static void assert_same(struct slice text, const size_t *cuts, size_t count,
                        const struct digest *expected)
{
    struct digest digest = digest_of(text, cuts, count);
    if (digest.events != expected->events || digest.raw != expected->raw)
        fail_msg("other events of %zu bytes with %zu cuts, the first at %zu", text.len, count,
                 cuts[0]);
}

static void check_single_cuts(struct slice text)
{
    static size_t every[LIMIT];
    struct digest expected = digest_of(text, NULL, 0);
    assert_in_range(text.len, 1, LIMIT);
    for (size_t at = 0; at < text.len; at++) {
        every[at] = at + 1;
        if (text.len <= 4096)
            assert_same(text, &at, 1, &expected);
    }
    assert_same(text, every, text.len, &expected);
}

static void check_pairs_and_triples(struct slice text)
{
    struct digest expected = digest_of(text, NULL, 0);
    for (size_t a = 0; a <= text.len; a++) {
        for (size_t b = a; b <= text.len; b++) {
            for (size_t c = b; c <= text.len; c++)
                assert_same(text, (size_t[]){a, b, c}, 3, &expected);
            assert_same(text, (size_t[]){a, b}, 2, &expected);
        }
    }
}

static const char *const LINE_ENDS[] = {"\n", "\r\n", "\r"};

// '\n' stands for a line end of each kind.
static const char *const SHORT_STREAMS[] = {
    "data: hi\n\n",
    "event: e\ndata: 1\n\n: c\n\ndata: 2\ndata: 3\n\n",
    "\xEF\xBB\xBF"
    "data: a\n\n\n\nid: 7\ndata: b\n\ndata: [DONE]",
    "\xEF\xBB\xBF\n\ndata:a\ndata\n\n\ndata: \xE2\x82\xAC\nretry: 1\n\n:\n",
    "\xEF\xBB"
    "data: a\n\n",
};

static void expand(const char *text, const char *line_end, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_text(out, line_end);
        else
            buf_add(out, text, 1);
    }
}

static void test_T08_same_events_however_short_streams_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(SHORT_STREAMS) / sizeof(*SHORT_STREAMS); i++) {
        for (size_t kind = 0; kind < 3; kind++) {
            struct buf text;
            buf_init(&text, 200);
            expand(SHORT_STREAMS[i], LINE_ENDS[kind], &text);
            check_single_cuts(buf_slice(&text));
            check_pairs_and_triples(buf_slice(&text));
            buf_deinit(&text);
        }
    }
}

static void test_T08_same_events_however_mixed_line_ends_are_split(void **state)
{
    (void)state;
    struct slice text =
        SLICE("data: a\r\ndata: b\n\r\ndata: c\r\rdata: d\n\n\r\n\rdata: e\r\n\r\r\n"
              "event: f\r: g\r\n\r\ndata: h\r\n\ndata: i\n\r\r\ndata: j\r\n\r\n"
              "\n\revent:\ndata: \xE2\x82\xAC\r\r\r\r\ndata\r\n: k\n\n\r\n"
              "id: l\r\rdata: m\ndata: n\r\n\rdata: o\n\revent: p\r");
    check_single_cuts(text);
    check_pairs_and_triples(text);
}

static unsigned next_random(uint64_t *seed, unsigned below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*seed >> 33) % below;
}

// `line_end` NULL: another one for each line.
static void make_stream(size_t len, const char *line_end, uint64_t *seed, struct buf *out)
{
    static const char *const blocks[] = {
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n",
        "event: message\nid: 5\ndata: one\ndata: two\n\n",
        ": keep-alive\n\n",
        "\n",
        "data\n\n",
        "data: \xE2\x82\xAC \xF0\x9F\x98\x80\n\n",
    };
    buf_add_text(out, "\xEF\xBB\xBF");
    while (out->len < len) {
        const char *end = line_end ? line_end : LINE_ENDS[next_random(seed, 3)];
        expand(blocks[next_random(seed, 6)], end, out);
    }
    buf_add_text(out, "data: the end is missing");
}

static void test_T08_same_events_however_the_bytes_are_split(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (size_t kind = 0; kind < 4; kind++) {
        struct buf text;
        buf_init(&text, 4096);
        make_stream(3900, kind < 3 ? LINE_ENDS[kind] : NULL, &seed, &text);
        check_single_cuts(buf_slice(&text));
        buf_deinit(&text);
    }
}

static void test_T08_same_events_however_a_long_stream_is_split(void **state)
{
    (void)state;
    uint64_t seed = 80;
    struct buf text;
    buf_init(&text, LIMIT);
    make_stream(40000, NULL, &seed, &text);
    check_single_cuts(buf_slice(&text));
    struct digest expected = digest_of(buf_slice(&text), NULL, 0);
    for (int i = 0; i < 500; i++) {
        size_t at = next_random(&seed, (unsigned)text.len);
        assert_same(buf_slice(&text), &at, 1, &expected);
    }
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_is_an_event),
        cmocka_unit_test(test_one_space_behind_the_colon_is_dropped),
        cmocka_unit_test(test_data_lines_are_joined_by_lf),
        cmocka_unit_test(test_the_last_event_line_names_the_event),
        cmocka_unit_test(test_comments_and_unknown_fields_are_events_without_data),
        cmocka_unit_test(test_all_line_ends_may_be_mixed),
        cmocka_unit_test(test_blank_lines_are_no_events_and_stay_in_raw),
        cmocka_unit_test(test_a_bom_is_skipped_at_the_very_begin_only),
        cmocka_unit_test(test_a_last_block_without_blank_line_is_incomplete),
        cmocka_unit_test(test_data_may_hold_any_byte),
        cmocka_unit_test(test_an_event_comes_with_the_last_cr_already),
        cmocka_unit_test(test_a_whole_block_is_not_copied),
        cmocka_unit_test(test_a_block_over_the_limit_is_refused),
        cmocka_unit_test(test_the_callback_can_end_the_feeding),
        cmocka_unit_test(test_memory_of_a_big_block_is_given_back),
        cmocka_unit_test(test_T08_same_events_however_short_streams_are_split),
        cmocka_unit_test(test_T08_same_events_however_mixed_line_ends_are_split),
        cmocka_unit_test(test_T08_same_events_however_the_bytes_are_split),
        cmocka_unit_test(test_T08_same_events_however_a_long_stream_is_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
