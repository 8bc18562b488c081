// The relay as it is used for nearly every request.
#include "relay_fixture.h"

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

static void test_a_terminal_event_that_is_a_finish_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    static const struct watch_rule rules[] = {{.role = WATCH_FINISH, .path = "end"},
                                              {.role = WATCH_TERMINAL, .path = "end"}};
    const char *event = "data: {\"end\":true}\n\n";
    watch_free(fixture->watch);
    fixture->watch = watch_new();
    fixture->plan.watch = fixture->watch;
    watch_add(fixture->watch, &rules[0], NULL);
    watch_add(fixture->watch, &rules[1], NULL);
    for (int holds = 0; holds < 2; holds++) {
        fixture->plan.hold_events = holds ? 3 : 0;
        fixture->is_done = false;
        buf_clear(&fixture->exchange.sent);
        begin(fixture, 200, "text/event-stream");
        feed(fixture, event);
        end(fixture);
        assert_sent(fixture, event);
        assert_true(fixture->report.is_complete);
        relay_free(fixture->relay);
        fixture->relay = NULL;
    }
}

static void test_the_first_and_the_last_usage_are_reported(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "text/event-stream");
    feed(fixture, "data: {\"usage\":{\"a\":1}}\n\n" HELLO "data: {\"usage\":{\"a\":2}}\n\n");
    feed(fixture, FINISH "data: {\"usage\":{\"a\":3}}\n\n" DONE);
    end(fixture);
    assert_string_equal(fixture->first_usage, "{\"a\":1}");
    assert_string_equal(fixture->usage, "{\"a\":3}");
}

static void test_an_error_without_a_value_is_told_by_its_event(void **state)
{
    struct fixture *fixture = *state;
    const struct watch_rule rule = {.role = WATCH_ERROR, .path = "type", .equals = "error"};
    watch_add(fixture->watch, &rule, NULL);
    begin(fixture, 200, "text/event-stream");
    feed(fixture, "data: {\"type\":\"error\",\"message\":\"why\"}\n\n");
    end(fixture);
    assert_string_equal(fixture->provider_error, "{\"type\":\"error\",\"message\":\"why\"}");
}

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
        TEST(test_a_terminal_event_that_is_a_finish_is_an_answer),
        TEST(test_the_first_and_the_last_usage_are_reported),
        TEST(test_an_error_without_a_value_is_told_by_its_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
