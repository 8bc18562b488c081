// Streams that are no server-sent events: lines of JSON and AWS event frames.
#include "relay_fixture.h"

static struct watch *small_watch(void)
{
    static const struct watch_rule rules[] = {
        {.role = WATCH_CONTENT, .path = "said"},  {.role = WATCH_FINISH, .path = "why"},
        {.role = WATCH_USAGE, .path = "counts"},  {.role = WATCH_ERROR, .path = "wrong"},
        {.role = WATCH_TERMINAL, .event = "end"}, {.role = WATCH_TERMINAL, .path = "done"},
    };
    struct watch *watch = watch_new();
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        assert_int_equal(watch_add(watch, &rules[i], NULL), 0);
    return watch;
}

static int small_set_up(void **state)
{
    set_up(state);
    struct fixture *fixture = *state;
    watch_free(fixture->watch);
    fixture->watch = small_watch();
    fixture->plan.watch = fixture->watch;
    fixture->plan.terminal = (struct slice){NULL, 0};
    return 0;
}

static void begin_framed(struct fixture *fixture, enum framing framing)
{
    fixture->plan.framing = framing;
    begin(fixture, 200, framing_type(framing));
}

static void feed_bytes(struct fixture *fixture, const struct buf *bytes, size_t from, size_t to)
{
    relay_on_body(fixture->relay, bytes->data + from, to - from, false);
    relay_on_wake_end(fixture->relay);
}

static void feed_frame(struct fixture *fixture, enum eventstream_message type, const char *name,
                       const char *payload)
{
    struct buf frame;
    buf_init(&frame, 4096);
    eventstream_add(&frame, type, slice_of(name), slice_of(payload));
    feed_bytes(fixture, &frame, 0, frame.len);
    buf_deinit(&frame);
}

static void feed_event(struct fixture *fixture, const char *name, const char *payload)
{
    feed_frame(fixture, EVENTSTREAM_EVENT, name, payload);
}

#define SAID "{\"said\":\"hi\"}\n"
#define WHY  "{\"why\":\"stop\"}\n"

// ---- lines ------------------------------------------------------------------------------------

static void test_lines_commit_and_end_as_events_do(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, "{\"said\":\"\"}\n\n");
    assert_false(fixture->exchange.is_started);
    feed(fixture, SAID "\r\n{\"why\":\"st");
    assert_sent(fixture, "{\"said\":\"\"}\n\n" SAID "\r\n");
    feed(fixture, "op\"}\n{\"done\":true,\"counts\":{\"n\":1}}\n");
    assert_true(fixture->exchange.is_ended);
    end(fixture);
    assert_true(fixture->report.is_complete);
    assert_string_equal(fixture->usage, "{\"n\":1}");
    assert_sent(fixture,
                "{\"said\":\"\"}\n\n" SAID "\r\n" WHY "{\"done\":true,\"counts\":{\"n\":1}}\n");
}

static void test_a_last_line_without_its_end_gets_it(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, SAID "{\"done\":true}");
    end(fixture);
    assert_true(fixture->report.is_complete);
    assert_sent(fixture, SAID "{\"done\":true}\n");
}

static void test_half_a_line_is_a_stream_that_was_cut(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, SAID "{\"done\":tr");
    end(fixture);
    assert_false(fixture->report.is_complete);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_sent(fixture, SAID);
}

static void test_lines_that_end_without_a_finish_are_a_failure(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, SAID);
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->exchange.is_ended);
}

static void test_an_error_line_behind_the_commit_reaches_the_client(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, SAID "{\"wrong\":\"so\"}\n" SAID);
    end(fixture);
    assert_true(fixture->report.is_error_sent);
    assert_string_equal(fixture->provider_error, "\"so\"");
    assert_sent(fixture, SAID "{\"wrong\":\"so\"}\n");
}

static void test_json_lines_are_a_stream_and_json_is_a_document(void **state)
{
    static const char *const types[] = {"application/x-ndjson", "application/jsonl",
                                        "application/json-seq", "text/plain", ""};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        fixture->plan.framing = FRAMING_NDJSON;
        begin(fixture, 200, types[i]);
        feed(fixture, SAID);
        assert_true(fixture->exchange.is_started);
        end(fixture);
        tear_down(state);
        small_set_up(state);
        fixture = *state;
    }
    fixture->plan.framing = FRAMING_NDJSON;
    begin(fixture, 200, "application/json; charset=utf-8");
    feed(fixture, SAID);
    assert_false(fixture->exchange.is_started);
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_a_missing_type_is_that_of_the_framing(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.framing = FRAMING_EVENTSTREAM;
    fixture->plan.hold_all = true;
    begin(fixture, 200, "");
    feed_event(fixture, "x", "{\"said\":1,\"why\":1}");
    feed_event(fixture, "end", "{}");
    end(fixture);
    assert_string_equal(fixture->forward, "content-type: application/vnd.amazon.eventstream\r\n");
    relay_release(fixture->relay);
}

// ---- frames -----------------------------------------------------------------------------------

static void test_frames_pass_through_however_they_are_split(void **state)
{
    struct buf bytes;
    buf_init(&bytes, 4096);
    eventstream_add(&bytes, EVENTSTREAM_EVENT, SLICE("delta"), SLICE("{\"said\":\"hi\"}"));
    eventstream_add(&bytes, EVENTSTREAM_EVENT, SLICE("stop"), SLICE("{\"why\":\"stop\"}"));
    eventstream_add(&bytes, EVENTSTREAM_EVENT, SLICE("end"), SLICE("{\"counts\":{\"n\":2}}"));
    for (size_t at = 0; at <= bytes.len; at++) {
        struct fixture *fixture = *state;
        begin_framed(fixture, FRAMING_EVENTSTREAM);
        feed_bytes(fixture, &bytes, 0, at);
        feed_bytes(fixture, &bytes, at, bytes.len);
        assert_true(fixture->exchange.is_ended);
        end(fixture);
        assert_true(fixture->report.is_complete);
        assert_string_equal(fixture->usage, "{\"n\":2}");
        assert_true(slice_equal(buf_slice(&fixture->exchange.sent), buf_slice(&bytes)));
        tear_down(state);
        small_set_up(state);
    }
    buf_deinit(&bytes);
}

static void test_what_comes_behind_the_finish_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "delta", "{\"said\":1}");
    feed_event(fixture, "stop", "{\"why\":1}");
    assert_false(fixture->exchange.is_ended);
    feed_event(fixture, "end", "{}");
    assert_true(fixture->exchange.is_ended);
    end(fixture);
}

// Cuts the stream within its last frame, or right before it.
static void cut(struct fixture *fixture, bool finishes, bool has_half, enum error_kind err)
{
    struct buf frame;
    struct error reset = {.kind = err};
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "delta", "{\"said\":1}");
    if (finishes)
        feed_event(fixture, "stop", "{\"why\":1}");
    buf_init(&frame, 4096);
    eventstream_add(&frame, EVENTSTREAM_EVENT, SLICE("end"), SLICE("{}"));
    if (has_half)
        feed_bytes(fixture, &frame, 0, frame.len / 2);
    relay_on_end(fixture->relay, err ? &reset : NULL);
    buf_deinit(&frame);
}

static void test_a_stream_that_was_cut_is_whole_only_behind_its_finish(void **state)
{
    static const enum error_kind errors[] = {ERROR_NONE, ERROR_CONNECT};
    for (int i = 0; i < 8; i++) {
        struct fixture *fixture = *state;
        cut(fixture, i & 1, i & 2, errors[i >> 2]);
        assert_true(fixture->report.is_committed);
        assert_int_equal(fixture->report.is_complete, i & 1);
        assert_int_equal(fixture->exchange.is_ended, i & 1);
        tear_down(state);
        small_set_up(state);
    }
}

static void test_an_exception_before_the_commit_is_the_callers(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "start", "{\"role\":1}");
    feed_frame(fixture, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"slow\"}");
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_UPSTREAM_5XX);
    assert_string_equal(fixture->provider_error,
                        "{\"__type\":\"throttlingException\",\"message\":\"slow\"}");
}

static void test_an_exception_is_an_error_whatever_the_watch_says(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_frame(fixture, EVENTSTREAM_EXCEPTION, "end", "{\"said\":1,\"why\":1}");
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_UPSTREAM_5XX);
}

static int never_called(struct relay *relay, enum relay_part part, struct slice name,
                        struct slice data, struct error *err)
{
    (void)relay;
    (void)part;
    (void)name;
    (void)data;
    (void)err;
    fail();
    return -1;
}

static void test_no_codec_is_asked_what_an_exception_means(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.translates = fixture->plan.is_told = true;
    fixture->plan.type = SLICE("text/other");
    fixture->codec = never_called;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_frame(fixture, EVENTSTREAM_EXCEPTION, "a", "");
    end(fixture);
    assert_string_equal(fixture->provider_error, "{\"__type\":\"a\"}");
}

static void test_an_exception_behind_the_commit_reaches_the_client_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct buf expected;
    buf_init(&expected, 4096);
    eventstream_add(&expected, EVENTSTREAM_EVENT, SLICE("delta"), SLICE("{\"said\":1}"));
    eventstream_add(&expected, EVENTSTREAM_EXCEPTION, SLICE("a"), SLICE("{}"));
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_bytes(fixture, &expected, 0, expected.len);
    feed_event(fixture, "delta", "{\"said\":1}");
    end(fixture);
    assert_true(fixture->report.is_error_sent);
    assert_true(slice_equal(buf_slice(&fixture->exchange.sent), buf_slice(&expected)));
    buf_deinit(&expected);
}

static void test_an_exception_with_a_secret_is_the_callers_to_tell(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "delta", "{\"said\":1}");
    size_t len = fixture->exchange.sent.len;
    feed_frame(fixture, EVENTSTREAM_EXCEPTION, "a", "{\"message\":\"" SECRET "\"}");
    end(fixture);
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_error_sent);
    assert_int_equal(fixture->exchange.sent.len, len);
}

static void test_a_secret_in_an_error_line_is_hidden(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, SAID "{\"wrong\":\"" SECRET "\"}\n");
    end(fixture);
    assert_true(fixture->report.is_error_sent);
    assert_sent(fixture, SAID "{\"wrong\":\"" HIDDEN "\"}\n");
}

static void test_bytes_that_are_no_frames_fail(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed(fixture, "data: {\"said\":1}\n\n");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->report.is_committed);
}

static void test_a_broken_frame_behind_the_finish_fails(void **state)
{
    struct fixture *fixture = *state;
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "delta", "{\"said\":1}");
    feed_event(fixture, "stop", "{\"why\":1}");
    feed(fixture, "no frame at all");
    end(fixture);
    assert_false(fixture->report.is_complete);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

// ---- translated -------------------------------------------------------------------------------

static int put_data(struct relay *relay, enum relay_part part, struct slice name, struct slice data,
                    struct error *err)
{
    struct buf out;
    (void)err;
    buf_init(&out, 4096);
    buf_addf(&out, "[%.*s %.*s]", (int)name.len, name.data ? name.data : "", (int)data.len,
             data.data ? data.data : "");
    relay_put(relay, part, buf_slice(&out));
    buf_deinit(&out);
    return 0;
}

static void translate_it(struct fixture *fixture)
{
    fixture->plan.translates = true;
    fixture->plan.type = SLICE("text/other");
    fixture->codec = put_data;
}

static void test_a_codec_gets_the_names_of_frames(void **state)
{
    struct fixture *fixture = *state;
    translate_it(fixture);
    begin_framed(fixture, FRAMING_EVENTSTREAM);
    feed_event(fixture, "delta", "{\"said\":1}");
    feed_event(fixture, "stop", "{\"why\":1}");
    end(fixture);
    assert_sent(fixture, "[delta {\"said\":1}][stop {\"why\":1}][ ]");
    assert_true(fixture->report.is_complete);
}

static void test_blank_lines_are_no_comments_for_others(void **state)
{
    struct fixture *fixture = *state;
    translate_it(fixture);
    begin_framed(fixture, FRAMING_NDJSON);
    feed(fixture, "\n{\"said\":1}\n\r\n\n");
    end(fixture);
    assert_sent(fixture, "[ {\"said\":1}]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_commit_and_end_as_events_do),
        TEST(test_a_last_line_without_its_end_gets_it),
        TEST(test_half_a_line_is_a_stream_that_was_cut),
        TEST(test_lines_that_end_without_a_finish_are_a_failure),
        TEST(test_an_error_line_behind_the_commit_reaches_the_client),
        TEST(test_json_lines_are_a_stream_and_json_is_a_document),
        TEST(test_a_missing_type_is_that_of_the_framing),
        TEST(test_frames_pass_through_however_they_are_split),
        TEST(test_what_comes_behind_the_finish_is_waited_for),
        TEST(test_a_stream_that_was_cut_is_whole_only_behind_its_finish),
        TEST(test_an_exception_before_the_commit_is_the_callers),
        TEST(test_an_exception_is_an_error_whatever_the_watch_says),
        TEST(test_no_codec_is_asked_what_an_exception_means),
        TEST(test_an_exception_behind_the_commit_reaches_the_client_as_it_is),
        TEST(test_an_exception_with_a_secret_is_the_callers_to_tell),
        TEST(test_a_secret_in_an_error_line_is_hidden),
        TEST(test_bytes_that_are_no_frames_fail),
        TEST(test_a_broken_frame_behind_the_finish_fails),
        TEST(test_a_codec_gets_the_names_of_frames),
        TEST(test_blank_lines_are_no_comments_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
