#include "http/eventstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

enum { LIMIT = 64 * 1024 };

// ---- frames -----------------------------------------------------------------------------------

static void add_number(struct buf *out, size_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add(out, &(char){(char)(number >> shift)}, 1);
}

static void add_crc(struct buf *out, size_t begin)
{
    add_number(out,
               crc32(0, (const unsigned char *)out->data + begin, (unsigned)(out->len - begin)));
}

// A frame whose lengths are said to be these.
static void add_frame_of(struct buf *out, struct slice headers, struct slice payload, size_t total,
                         size_t headers_len)
{
    size_t begin = out->len;
    add_number(out, total);
    add_number(out, headers_len);
    add_crc(out, begin);
    buf_add_slice(out, headers);
    buf_add_slice(out, payload);
    add_crc(out, begin);
}

static void add_frame(struct buf *out, struct slice headers, struct slice payload)
{
    add_frame_of(out, headers, payload, 16 + headers.len + payload.len, headers.len);
}

// Names and texts of one header after the other, as strings.
static void add_said(struct buf *out, const char *const *said, size_t count, const char *payload)
{
    struct buf headers;
    buf_init(&headers, LIMIT);
    for (size_t i = 0; i < 2 * count; i += 2) {
        size_t len = strlen(said[i + 1]);
        buf_add(&headers, &(char){(char)strlen(said[i])}, 1);
        buf_add_text(&headers, said[i]);
        buf_add(&headers, (const char[]){7, (char)(len >> 8), (char)len}, 3);
        buf_add_text(&headers, said[i + 1]);
    }
    add_frame(out, buf_slice(&headers), slice_of(payload));
    buf_deinit(&headers);
}

#define SAID(out, payload, ...)                       \
    add_said(out, (const char *const[]){__VA_ARGS__}, \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) / 2, payload)

// ---- what a parser said -----------------------------------------------------------------------

struct record {
    struct buf events; // as text to compare
    struct buf raw;
    int count;
    int stop_at; // the callback returns 7 at this event
};

static int note_event(void *owner, const struct stream_event *event)
{
    struct record *record = owner;
    assert_true(event->is_complete);
    assert_non_null(event->data.data);
    if (event->is_error)
        buf_add_text(&record->events, "!");
    if (event->name.data)
        buf_addf(&record->events, "%.*s=", (int)event->name.len, event->name.data);
    buf_addf(&record->events, "%.*s|", (int)event->data.len, event->data.data);
    buf_add_slice(&record->raw, event->raw);
    return ++record->count == record->stop_at ? 7 : 0;
}

struct fixture {
    struct buf bytes;
    struct record record;
    struct eventstream_parser parser;
};

static void begin(struct fixture *fixture, size_t limit)
{
    fixture->record = (struct record){.count = 0};
    buf_init(&fixture->record.events, 1 << 20);
    buf_init(&fixture->record.raw, 1 << 20);
    buf_add(&fixture->record.events, "", 0);
    buf_add(&fixture->record.raw, "", 0);
    eventstream_parser_init(&fixture->parser, limit, note_event, &fixture->record);
}

static void end(struct fixture *fixture)
{
    buf_deinit(&fixture->record.events);
    buf_deinit(&fixture->record.raw);
    eventstream_parser_deinit(&fixture->parser);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    buf_init(&fixture.bytes, 1 << 20);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    buf_deinit(&fixture->bytes);
    return 0;
}

// Feeds all bytes in pieces of `piece`.
static int feed(struct fixture *fixture, size_t piece)
{
    int rc = 0;
    for (size_t at = 0; at < fixture->bytes.len && rc == 0; at += piece) {
        size_t rest = fixture->bytes.len - at;
        rc = eventstream_parser_feed(&fixture->parser, fixture->bytes.data + at,
                                     rest < piece ? rest : piece);
    }
    return rc;
}

// At every two places where the bytes can be split, and in pieces of every size.
static void assert_events(struct fixture *fixture, const char *expected)
{
    struct slice bytes = buf_slice(&fixture->bytes);
    for (size_t piece = 1; piece <= bytes.len; piece++) {
        begin(fixture, LIMIT);
        assert_int_equal(feed(fixture, piece), 0);
        assert_int_equal(eventstream_parser_end(&fixture->parser), 0);
        assert_string_equal(fixture->record.events.data, expected);
        assert_true(slice_equal(buf_slice(&fixture->record.raw), bytes));
        end(fixture);
    }
    for (size_t first = 0; first <= bytes.len; first++) {
        for (size_t second = first; second <= bytes.len; second++) {
            begin(fixture, LIMIT);
            eventstream_parser_feed(&fixture->parser, bytes.data, first);
            eventstream_parser_feed(&fixture->parser, bytes.data + first, second - first);
            eventstream_parser_feed(&fixture->parser, bytes.data + second, bytes.len - second);
            assert_string_equal(fixture->record.events.data, expected);
            end(fixture);
        }
    }
}

// However the bytes are split, this is what is wrong with them, after `events`.
static void assert_broken(struct fixture *fixture, const char *events, const char *problem)
{
    for (size_t piece = 1; piece <= fixture->bytes.len; piece++) {
        begin(fixture, LIMIT);
        assert_int_equal(feed(fixture, piece), STREAM_BROKEN);
        assert_string_equal(fixture->parser.problem, problem);
        assert_string_equal(fixture->record.events.data, events);
        end(fixture);
    }
    buf_clear(&fixture->bytes);
}

// ---- tests ------------------------------------------------------------------------------------

static void test_a_frame_is_an_event_however_the_bytes_are_split(void **state)
{
    struct fixture *fixture = *state;
    SAID(&fixture->bytes, "{\"a\":1}", ":event-type", "delta", ":content-type", "application/json",
         ":message-type", "event");
    add_frame(&fixture->bytes, SLICE(""), SLICE(""));
    SAID(&fixture->bytes, "{\"b\":2}", ":message-type", "event", ":event-type", "stop");
    assert_events(fixture, "delta={\"a\":1}||stop={\"b\":2}|");
}

static void test_bytes_that_a_provider_has_sent_are_read(void **state)
{
    static const char sent[] =
        "\0\0\0\x8e\0\0\0\x52\xee\x91\xe1\x42\x0b:event-type\x07\0\x0cmessageStart\x0d:content-type"
        "\x07\0\x10"
        "application/json\x0d:message-type\x07\0\x05"
        "event{\"p\":\"abcdefghijklmnopq\",\"role\":\"assistant\"}\xf4\x50\xac\x95";
    struct fixture *fixture = *state;
    buf_add(&fixture->bytes, sent, sizeof(sent) - 1);
    assert_events(fixture, "messageStart={\"p\":\"abcdefghijklmnopq\",\"role\":\"assistant\"}|");
}

static void test_headers_of_all_types_are_stepped_over(void **state)
{
    static const char headers[] = "\1a\0\1b\1\1c\2x\1d\3xx\1e\4xxxx\1f\5xxxxxxxx\1g\6\0\3\0\1\xff"
                                  "\1h\7\0\0\1i\10xxxxxxxx\1j\11xxxxxxxxxxxxxxxx"
                                  "\13:event-type\7\0\4last";
    struct fixture *fixture = *state;
    add_frame(&fixture->bytes, (struct slice){headers, sizeof(headers) - 1}, SLICE("{}"));
    assert_events(fixture, "last={}|");
}

static void test_only_strings_are_names(void **state)
{
    static const char headers[] = "\13:event-type\6\0\1x\15:message-type\4\0\0\0\1";
    struct fixture *fixture = *state;
    add_frame(&fixture->bytes, (struct slice){headers, sizeof(headers) - 1}, SLICE("{}"));
    assert_events(fixture, "{}|");
}

static void test_an_exception_is_an_error_with_its_name_in_front(void **state)
{
    struct fixture *fixture = *state;
    SAID(&fixture->bytes, " { \"message\":\"slow\"}", ":message-type", "exception",
         ":exception-type", "throttlingException");
    SAID(&fixture->bytes, "{ }", ":message-type", "exception", ":exception-type", "b");
    SAID(&fixture->bytes, "", ":message-type", "exception", ":exception-type", "c");
    SAID(&fixture->bytes, "no \"JSON\"", ":message-type", "exception", ":exception-type", "d");
    SAID(&fixture->bytes, "{\"message\":", ":message-type", "exception", ":exception-type", "e");
    SAID(&fixture->bytes, "{\"a\":1}", ":message-type", "exception");
    SAID(&fixture->bytes, "", ":message-type", "exception");
    begin(fixture, LIMIT);
    assert_int_equal(feed(fixture, 5), 0);
    assert_string_equal(fixture->record.events.data,
                        "!throttlingException={\"__type\":\"throttlingException\","
                        "\"message\":\"slow\"}|!b={\"__type\":\"b\"}|!c={\"__type\":\"c\"}|"
                        "!d={\"__type\":\"d\",\"message\":\"no \\\"JSON\\\"\"}|"
                        "!e={\"__type\":\"e\",\"message\":\"{\\\"message\\\":\"}|"
                        "!{\"a\":1}|!{}|");
    end(fixture);
}

static void test_an_error_frame_tells_by_its_headers(void **state)
{
    struct fixture *fixture = *state;
    SAID(&fixture->bytes, "", ":message-type", "error", ":error-code", "InternalError",
         ":error-message", "it \"broke\"", ":event-type", "x");
    SAID(&fixture->bytes, "", ":message-type", "error", ":error-message", "m");
    begin(fixture, LIMIT);
    assert_int_equal(feed(fixture, 7), 0);
    assert_string_equal(fixture->record.events.data,
                        "!InternalError={\"__type\":\"InternalError\",\"message\":\"it "
                        "\\\"broke\\\"\"}|!{\"message\":\"m\"}|");
    end(fixture);
}

static void test_a_long_error_that_is_no_json_is_cut(void **state)
{
    enum { LEN = 200000 };
    struct fixture *fixture = *state;
    struct buf text;
    buf_init(&text, LEN);
    buf_reserve(&text, LEN - 1);
    memset(text.data, '\1', LEN - 1);
    text.data[LEN - 1] = '\0';
    SAID(&fixture->bytes, text.data, ":message-type", "exception", ":exception-type", "x");
    begin(fixture, (size_t)2 * LEN);
    assert_int_equal(feed(fixture, fixture->bytes.len), 0);
    assert_int_equal(fixture->record.events.len,
                     strlen("!x={\"__type\":\"x\",\"message\":\"\"}|") + (size_t)6 * 0xFFFF);
    end(fixture);
    buf_deinit(&text);
}

static void test_any_changed_byte_is_found(void **state)
{
    struct fixture *fixture = *state;
    SAID(&fixture->bytes, "{\"a\":1}", ":event-type", "delta");
    for (size_t i = 0; i < fixture->bytes.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            fixture->bytes.data[i] = (char)(fixture->bytes.data[i] ^ 1 << bit);
            begin(fixture, LIMIT);
            assert_int_equal(feed(fixture, fixture->bytes.len), STREAM_BROKEN);
            assert_string_equal(fixture->parser.problem,
                                i < 12 ? "the checksum of a frame's lengths is wrong"
                                       : "the checksum of a frame is wrong");
            assert_int_equal(fixture->record.count, 0);
            end(fixture);
            fixture->bytes.data[i] = (char)(fixture->bytes.data[i] ^ 1 << bit);
        }
    }
}

static void test_bytes_that_are_no_frames_are_refused_after_twelve(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, LIMIT);
    assert_int_equal(eventstream_parser_feed(&fixture->parser, "data: {\"ab", 10), 0);
    assert_int_equal(eventstream_parser_feed(&fixture->parser, "\":1}\n\n", 6), STREAM_BROKEN);
    end(fixture);
}

static void test_lengths_that_do_not_fit_are_refused_before_the_bytes_come(void **state)
{
    static const size_t lengths[][2] = {{0, 0},   {15, 0},          {16, 1},         {20, 5},
                                        {30, 20}, {16, 0xFFFFFFF0}, {16, 0xFFFFFFFF}};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        add_frame(&fixture->bytes, SLICE("\1a\0"), SLICE("x"));
        add_number(&fixture->bytes, lengths[i][0]);
        add_number(&fixture->bytes, lengths[i][1]);
        add_crc(&fixture->bytes, fixture->bytes.len - 8);
        assert_broken(fixture, "x|", "the lengths of a frame do not fit together");
    }
}

static void test_headers_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        struct slice headers;
        const char *problem;
    } cases[] = {
        {{"\0\0", 2}, "a header's name does not fit into its frame"},
        {{"\1", 1}, "a header's name does not fit into its frame"},
        {{"\1a", 2}, "a header's name does not fit into its frame"},
        {{"\xff"
          "a\0",
          3},
         "a header's name does not fit into its frame"},
        {{"\1a\12", 3}, "a header of a frame has an unknown type"},
        {{"\1a\xff", 3}, "a header of a frame has an unknown type"},
        {{"\1a\2", 3}, "a header's value does not fit into its frame"},
        {{"\1a\3x", 4}, "a header's value does not fit into its frame"},
        {{"\1a\4xxx", 6}, "a header's value does not fit into its frame"},
        {{"\1a\5xxxxxxx", 10}, "a header's value does not fit into its frame"},
        {{"\1a\6", 3}, "a header's value does not fit into its frame"},
        {{"\1a\6\0", 4}, "a header's value does not fit into its frame"},
        {{"\1a\7\0\1", 5}, "a header's value does not fit into its frame"},
        {{"\1a\7\xff\xffx", 6}, "a header's value does not fit into its frame"},
        {{"\1a\10xxxxxxx", 10}, "a header's value does not fit into its frame"},
        {{"\1a\11xxxxxxxxxxxxxxx", 18}, "a header's value does not fit into its frame"},
        {{"\1a\0\1b", 5}, "a header's name does not fit into its frame"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        add_frame(&fixture->bytes, cases[i].headers, SLICE("{\"long\":\"payload behind\"}"));
        assert_broken(fixture, "", cases[i].problem);
    }
}

static void test_a_frame_over_the_limit_is_refused_and_one_of_its_size_is_not(void **state)
{
    struct fixture *fixture = *state;
    add_frame(&fixture->bytes, SLICE(""), SLICE("0123456789"));
    for (size_t piece = 1; piece <= fixture->bytes.len; piece++) {
        begin(fixture, fixture->bytes.len);
        assert_int_equal(feed(fixture, piece), 0);
        assert_string_equal(fixture->record.events.data, "0123456789|");
        end(fixture);
        begin(fixture, fixture->bytes.len - 1);
        assert_int_equal(feed(fixture, piece), STREAM_TOO_LARGE);
        end(fixture);
    }
}

static void test_an_announced_length_alone_takes_no_memory(void **state)
{
    struct fixture *fixture = *state;
    add_number(&fixture->bytes, 16 << 20);
    add_number(&fixture->bytes, 0);
    add_crc(&fixture->bytes, 0);
    begin(fixture, 16 << 20);
    assert_int_equal(feed(fixture, 12), 0);
    assert_true(fixture->parser.carry.cap < 4096);
    end(fixture);
}

static void test_an_end_within_a_frame_is_told(void **state)
{
    struct fixture *fixture = *state;
    SAID(&fixture->bytes, "{}", ":event-type", "delta");
    size_t whole = fixture->bytes.len;
    for (size_t len = 0; len <= whole; len++) {
        fixture->bytes.len = len;
        begin(fixture, LIMIT);
        assert_int_equal(feed(fixture, whole), 0);
        assert_int_equal(eventstream_parser_end(&fixture->parser),
                         len == 0 || len == whole ? 0 : STREAM_CUT);
        end(fixture);
    }
}

static void test_the_callback_can_end_the_feeding(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        SAID(&fixture->bytes, "{}", ":event-type", "delta");
    begin(fixture, LIMIT);
    fixture->record.stop_at = 2;
    assert_int_equal(feed(fixture, fixture->bytes.len), 7);
    assert_int_equal(fixture->record.count, 2);
    end(fixture);
}

static void test_memory_of_a_big_frame_is_given_back(void **state)
{
    static char payload[50001];
    struct fixture *fixture = *state;
    memset(payload, 'x', sizeof(payload) - 1);
    add_frame(&fixture->bytes, SLICE(""), slice_of(payload));
    begin(fixture, LIMIT);
    assert_int_equal(feed(fixture, 1000), 0);
    assert_int_equal(fixture->record.count, 1);
    assert_true(fixture->parser.carry.cap <= STREAM_KEPT);
    end(fixture);
}

static void test_what_is_written_is_what_a_provider_would_send(void **state)
{
    struct fixture *fixture = *state;
    struct buf written;
    buf_init(&written, LIMIT);
    SAID(&fixture->bytes, "{\"a\":1}", ":event-type", "delta", ":content-type", "application/json",
         ":message-type", "event");
    SAID(&fixture->bytes, "{}", ":exception-type", "oops", ":content-type", "application/json",
         ":message-type", "exception");
    assert_int_equal(
        eventstream_add(&written, EVENTSTREAM_EVENT, SLICE("delta"), SLICE("{\"a\":1}")), 0);
    assert_int_equal(eventstream_add(&written, EVENTSTREAM_EXCEPTION, SLICE("oops"), SLICE("{}")),
                     0);
    assert_true(slice_equal(buf_slice(&written), buf_slice(&fixture->bytes)));
    buf_deinit(&written);
}

static void test_a_name_or_a_frame_that_is_too_long_is_not_written(void **state)
{
    static char name[0x10001];
    struct fixture *fixture = *state;
    memset(name, 'x', sizeof(name) - 1);
    assert_int_equal(
        eventstream_add(&fixture->bytes, EVENTSTREAM_EVENT, slice_of(name), SLICE("{}")), -1);
    assert_int_equal(
        eventstream_add(&fixture->bytes, EVENTSTREAM_EVENT, slice_of(name + 1), SLICE("{}")), 0);
    fixture->bytes.limit = fixture->bytes.len + 100;
    size_t len = fixture->bytes.len;
    assert_int_equal(eventstream_add(&fixture->bytes, EVENTSTREAM_EVENT, SLICE("x"), SLICE("{}")),
                     -1);
    assert_int_equal(fixture->bytes.len, len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_frame_is_an_event_however_the_bytes_are_split,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_that_a_provider_has_sent_are_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_headers_of_all_types_are_stepped_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_strings_are_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_exception_is_an_error_with_its_name_in_front,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_error_frame_tells_by_its_headers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_error_that_is_no_json_is_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_any_changed_byte_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_no_frames_are_refused_after_twelve,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_lengths_that_do_not_fit_are_refused_before_the_bytes_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_that_do_not_fit_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_frame_over_the_limit_is_refused_and_one_of_its_size_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_announced_length_alone_takes_no_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_end_within_a_frame_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_callback_can_end_the_feeding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_of_a_big_frame_is_given_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_written_is_what_a_provider_would_send, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_or_a_frame_that_is_too_long_is_not_written,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
