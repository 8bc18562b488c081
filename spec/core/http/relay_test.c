// The relay against a client that only keeps what it is given: this file stands in for
// exchange_*().
#include "http/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CHUNK(text) \
    "data: {\"choices\":[{\"index\":0,\"delta\":{" text "},\"finish_reason\":null}]}\n\n"
#define ROLE        CHUNK("\"role\":\"assistant\",\"content\":\"\"")
#define HELLO       CHUNK("\"content\":\"hello\"")
#define FINISH      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n"
#define DONE        "data: [DONE]\n\n"
#define ERROR_EVENT "data: {\"error\":{\"message\":\"it broke\"}}\n\n"

enum { TEXT = 200 }; // kept of what a report says

struct exchange {
    struct buf sent;
    int status;
    bool is_started, is_ended;
    size_t backlog;
};

bool exchange_is_started(const struct exchange *exchange)
{
    return exchange->is_started;
}

void exchange_start(struct exchange *exchange, int status, struct slice headers)
{
    (void)headers;
    exchange->is_started = true;
    exchange->status = status;
}

void exchange_write(struct exchange *exchange, struct slice bytes)
{
    buf_add_slice(&exchange->sent, bytes);
}

void exchange_flush(struct exchange *exchange)
{
    (void)exchange;
}

void exchange_reply(struct exchange *exchange, int status, struct slice headers, struct slice body)
{
    exchange_start(exchange, status, headers);
    exchange_write(exchange, body);
    exchange->is_ended = true;
}

void exchange_end(struct exchange *exchange)
{
    exchange->is_ended = true;
}

size_t exchange_backlog(const struct exchange *exchange)
{
    return exchange->backlog;
}

struct fixture {
    struct loop *loop;
    struct timers *timers;
    struct watch *watch;
    struct exchange exchange;
    struct relay *relay;
    struct relay_plan plan;
    struct headers headers;
    bool is_canceled, is_paused, is_done;
    struct relay_report report; // without what it borrows
    enum error_kind failed;
    char usage[TEXT], provider_error[TEXT], body[TEXT];
};

static void on_commit(void *owner, int status, uint64_t now_ns, struct buf *headers)
{
    assert_true(now_ns > 0);
    (void)owner;
    (void)status;
    (void)headers;
}

static void redact(void *owner, struct slice text, struct buf *out)
{
    (void)owner;
    buf_add_slice(out, text);
}

static void copy(char into[TEXT], struct slice text)
{
    if (text.data)
        memcpy(into, text.data, text.len < TEXT ? text.len : TEXT - 1);
}

static void on_done(void *owner, const struct relay_report *report)
{
    struct fixture *fixture = owner;
    assert_false(fixture->is_done);
    fixture->is_done = true;
    fixture->report = *report;
    fixture->failed = report->error ? report->error->kind : ERROR_NONE;
    copy(fixture->usage, report->usage);
    copy(fixture->provider_error, report->provider_error);
    copy(fixture->body, report->body);
}

static void pause_it(void *owner)
{
    ((struct fixture *)owner)->is_paused = true;
}

static void resume_it(void *owner)
{
    ((struct fixture *)owner)->is_paused = false;
}

static void cancel_it(void *owner)
{
    ((struct fixture *)owner)->is_canceled = true;
}

static const struct relay_handler handler = {on_commit, redact,    on_done,
                                             pause_it,  resume_it, cancel_it};

static struct watch *chat_watch(void)
{
    static const struct watch_rule rules[] = {
        {WATCH_CONTENT, "choices[].delta.content", NULL, NULL, NULL},
        {WATCH_CONTENT, "choices[].delta.tool_calls", NULL, NULL, NULL},
        {WATCH_FINISH, "choices[].finish_reason", NULL, NULL, NULL},
        {WATCH_USAGE, "usage", NULL, NULL, NULL},
        {WATCH_ERROR, "error", NULL, NULL, NULL},
        {WATCH_TERMINAL, NULL, NULL, NULL, "[DONE]"},
        {WATCH_CHOICES, "choices[]", NULL, NULL, NULL},
        {WATCH_INDEX, "choices[].index", NULL, NULL, NULL},
    };
    struct watch *watch = watch_new();
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        assert_int_equal(watch_add(watch, &rules[i], NULL), 0);
    return watch;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new(), .watch = chat_watch()};
    fixture.timers = timers_new(fixture.loop);
    buf_init(&fixture.exchange.sent, 1 << 20);
    headers_init(&fixture.headers, 4096, 20);
    fixture.plan = (struct relay_plan){
        .exchange = &fixture.exchange,
        .timers = fixture.timers,
        .watch = fixture.watch,
        .is_stream = true,
        .choices = 1,
        .terminal = SLICE(DONE),
        .hold_limit = 4096,
    };
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    relay_free(fixture->relay);
    buf_deinit(&fixture->exchange.sent);
    headers_deinit(&fixture->headers);
    watch_free(fixture->watch);
    timers_close(fixture->timers);
    uv_run(&fixture->loop->uv, UV_RUN_DEFAULT);
    return loop_free(fixture->loop);
}

static void begin(struct fixture *fixture, int status, const char *content_type)
{
    fixture->relay = relay_new(&fixture->plan, &handler, fixture);
    headers_add_name(&fixture->headers, "Content-Type", 12);
    headers_add_value(&fixture->headers, content_type, strlen(content_type));
    headers_end_field(&fixture->headers);
    relay_on_head(fixture->relay, status, &fixture->headers);
}

static void feed(struct fixture *fixture, const char *text)
{
    relay_on_body(fixture->relay, text, strlen(text), false);
    relay_on_wake_end(fixture->relay);
}

// A canceled upstream ends with an error of its own.
static void end(struct fixture *fixture)
{
    struct error err;
    error_set(&err, ERROR_CANCELED, "canceled");
    relay_on_end(fixture->relay, fixture->is_canceled ? &err : NULL);
    assert_true(fixture->is_done);
}

static void assert_sent(struct fixture *fixture, const char *text)
{
    struct buf *sent = &fixture->exchange.sent;
    assert_string_equal(sent->data ? sent->data : "", text);
}

static void test_T03_role_empty_and_comment_chunks_do_not_commit(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, ": PROCESSING\n\n" ROLE CHUNK("\"content\":null"));
    assert_false(fixture->exchange.is_started);
    feed(fixture, HELLO);
    assert_true(fixture->exchange.is_started);
    assert_sent(fixture, ": PROCESSING\n\n" ROLE CHUNK("\"content\":null") HELLO);
    feed(fixture, FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_complete);
}

static void test_a_tool_delta_commits(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"a\"}]"));
    assert_true(fixture->exchange.is_started);
    end(fixture);
}

static void test_the_answer_ends_with_the_terminal_event_before_the_upstream_does(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH DONE);
    assert_true(fixture->exchange.is_ended);
    assert_false(fixture->is_done);
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_NONE);
}

static void test_bytes_after_the_terminal_event_are_not_sent(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH DONE HELLO);
    end(fixture);
    assert_sent(fixture, HELLO FINISH DONE);
}

static void test_T01_a_cut_stream_is_left_open_for_an_error_event(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO);
    end(fixture);
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_complete);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->exchange.is_ended);
    assert_sent(fixture, HELLO);
}

static void test_a_missing_terminal_event_is_added_after_a_finish(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH);
    end(fixture);
    assert_true(fixture->report.is_complete);
    assert_sent(fixture, HELLO FINISH DONE);
}

static void test_a_reset_after_the_finish_is_a_success(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH);
    error_set(&err, ERROR_PROTOCOL, "reset");
    relay_on_end(fixture->relay, &err);
    assert_true(fixture->report.is_complete);
    assert_sent(fixture, HELLO FINISH DONE);
}

static void test_every_choice_needs_its_finish(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.choices = 2;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH);
    end(fixture);
    assert_false(fixture->report.is_complete);
}

static void test_a_stream_of_nothing_but_done_never_commits(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, ROLE DONE);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->exchange.is_started);
}

static void test_a_finish_without_content_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, ROLE FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_complete);
    assert_sent(fixture, ROLE FINISH DONE);
}

static void test_T02_an_error_event_before_content_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, ROLE ERROR_EVENT);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_string_equal(fixture->provider_error, "{\"message\":\"it broke\"}");
    assert_sent(fixture, "");
}

static void test_an_error_event_after_content_is_passed_on_and_ends_the_stream(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO ERROR_EVENT DONE);
    end(fixture);
    assert_true(fixture->report.is_error_sent);
    assert_false(fixture->report.is_complete);
    assert_sent(fixture, HELLO ERROR_EVENT);
}

static void test_T02_a_malformed_event_before_content_fails(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, "data: {\"choices\":[{\"del\n\n");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->report.is_committed);
}

static void test_T30_a_usage_chunk_that_nobody_asked_for_is_kept_and_hidden(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hide_usage = true;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH USAGE DONE);
    end(fixture);
    assert_sent(fixture, HELLO FINISH DONE);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":3}");
}

static void test_a_last_event_without_its_blank_line_is_completed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO FINISH "data: [DONE]");
    end(fixture);
    assert_sent(fixture, HELLO FINISH DONE);
    assert_true(fixture->report.is_complete);
}

static void test_a_sound_unary_body_goes_out_unchanged_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    begin(fixture, 200, "application/json");
    feed(fixture, "{\"choices\":[],");
    assert_false(fixture->exchange.is_started);
    feed(fixture, " \"usage\":{\"a\":1}}");
    end(fixture);
    assert_sent(fixture, "{\"choices\":[], \"usage\":{\"a\":1}}");
    assert_string_equal(fixture->usage, "{\"a\":1}");
    assert_true(fixture->exchange.is_ended);
}

static void test_a_unary_body_that_comes_at_once_goes_out_without_being_held(void **state)
{
    struct fixture *fixture = *state;
    static const char body[] = "{\"choices\":[],\"usage\":{\"a\":1}}";
    fixture->plan.is_stream = false;
    begin(fixture, 200, "application/json");
    relay_on_body(fixture->relay, body, sizeof(body) - 1, true);
    assert_false(fixture->exchange.is_started);
    end(fixture);
    assert_sent(fixture, body);
    assert_string_equal(fixture->usage, "{\"a\":1}");
    assert_true(fixture->exchange.is_ended);
}

static void test_T31_an_error_inside_a_200_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    begin(fixture, 200, "application/json");
    feed(fixture, "{\"error\":{\"code\":500}}");
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_string_equal(fixture->provider_error, "{\"code\":500}");
}

static void test_a_truncated_unary_body_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    begin(fixture, 200, "application/json");
    feed(fixture, "{\"choices\":[");
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_a_refusal_is_reported_with_its_body(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 429, "application/json");
    feed(fixture, "{\"error\":\"slow down\"}");
    end(fixture);
    assert_int_equal(fixture->report.status, 429);
    assert_int_equal(fixture->failed, ERROR_NONE);
    assert_string_equal(fixture->body, "{\"error\":\"slow down\"}");
}

static void test_a_refusal_without_end_is_not_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    char piece[4097];
    memset(piece, 'x', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    begin(fixture, 500, "text/plain");
    for (size_t i = 0; i < LIMIT_ERROR_BODY / (sizeof(piece) - 1); i++) {
        assert_false(fixture->is_canceled);
        feed(fixture, piece);
    }
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_int_equal(fixture->report.status, 500);
    assert_int_equal(fixture->failed, ERROR_NONE);
}

static void test_a_full_client_queue_pauses_the_upstream_until_it_drains(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    fixture->exchange.backlog = LIMIT_WRITE_PAUSE;
    feed(fixture, HELLO);
    assert_true(fixture->is_paused);
    relay_on_drain(fixture->relay);
    assert_false(fixture->is_paused);
    end(fixture);
}

static void test_too_much_before_content_is_refused(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    for (int i = 0; i < 200; i++)
        feed(fixture, ROLE);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_false(fixture->exchange.is_started);
}

static void test_a_first_token_deadline_cancels_the_upstream(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.first_token_ms = 5;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, ": still alive\n\n" ROLE);
    while (!fixture->is_canceled)
        uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_TIMEOUT);
    assert_int_equal(fixture->report.phase, RELAY_FIRST_TOKEN);
}

static void test_a_client_that_leaves_cancels_the_upstream(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, HELLO);
    relay_cancel(fixture->relay);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_CANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_T03_role_empty_and_comment_chunks_do_not_commit),
        TEST(test_a_tool_delta_commits),
        TEST(test_the_answer_ends_with_the_terminal_event_before_the_upstream_does),
        TEST(test_bytes_after_the_terminal_event_are_not_sent),
        TEST(test_T01_a_cut_stream_is_left_open_for_an_error_event),
        TEST(test_a_missing_terminal_event_is_added_after_a_finish),
        TEST(test_a_reset_after_the_finish_is_a_success),
        TEST(test_every_choice_needs_its_finish),
        TEST(test_a_stream_of_nothing_but_done_never_commits),
        TEST(test_a_finish_without_content_is_an_answer),
        TEST(test_T02_an_error_event_before_content_reaches_nobody),
        TEST(test_an_error_event_after_content_is_passed_on_and_ends_the_stream),
        TEST(test_T02_a_malformed_event_before_content_fails),
        TEST(test_T30_a_usage_chunk_that_nobody_asked_for_is_kept_and_hidden),
        TEST(test_a_last_event_without_its_blank_line_is_completed),
        TEST(test_a_sound_unary_body_goes_out_unchanged_at_its_end),
        TEST(test_a_unary_body_that_comes_at_once_goes_out_without_being_held),
        TEST(test_T31_an_error_inside_a_200_is_no_answer),
        TEST(test_a_truncated_unary_body_is_no_answer),
        TEST(test_a_refusal_is_reported_with_its_body),
        TEST(test_a_refusal_without_end_is_not_read_to_its_end),
        TEST(test_a_full_client_queue_pauses_the_upstream_until_it_drains),
        TEST(test_too_much_before_content_is_refused),
        TEST(test_a_first_token_deadline_cancels_the_upstream),
        TEST(test_a_client_that_leaves_cancels_the_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
