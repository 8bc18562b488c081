// What a plan may ask for beside the relay's usual way: holding, and a look at each event.
#include "relay_fixture.h"

#define BYE CHUNK("\"content\":\"bye\"")

static void begin_stream(struct fixture *fixture)
{
    begin(fixture, 200, "text/event-stream");
}

// ---- hold = n ---------------------------------------------------------------------------------

static void test_content_is_released_with_the_event_that_was_asked_for(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 2;
    begin_stream(fixture);
    feed(fixture, ROLE HELLO);
    assert_false(fixture->exchange.is_started);
    feed(fixture, ROLE);
    assert_false(fixture->exchange.is_started); // no content
    feed(fixture, BYE);
    assert_sent(fixture, ROLE HELLO ROLE BYE);
    feed(fixture, HELLO);
    assert_sent(fixture, ROLE HELLO ROLE BYE HELLO);
    feed(fixture, FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_complete);
}

static void test_a_short_stream_is_released_by_its_end(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 9;
    begin_stream(fixture);
    feed(fixture, HELLO);
    assert_false(fixture->exchange.is_started);
    feed(fixture, FINISH);
    assert_sent(fixture, HELLO FINISH);
    end(fixture);
    assert_sent(fixture, HELLO FINISH DONE);
    assert_true(fixture->report.is_complete);
}

static void test_a_terminal_event_alone_releases_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 9;
    begin_stream(fixture);
    feed(fixture, HELLO DONE);
    assert_sent(fixture, HELLO DONE);
    assert_true(fixture->exchange.is_ended);
    end(fixture);
    assert_true(fixture->report.is_complete);
}

static void test_a_failure_while_holding_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 3;
    begin_stream(fixture);
    feed(fixture, HELLO BYE ERROR_EVENT);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_false(fixture->exchange.is_started);
    assert_string_equal(fixture->provider_error, "{\"message\":\"it broke\"}");
}

static void test_bytes_that_end_while_holding_are_no_answer(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 3;
    begin_stream(fixture);
    feed(fixture, HELLO);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_the_first_token_is_in_time_though_it_is_held(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 3;
    fixture->plan.first_token_ms = 1;
    begin_stream(fixture);
    feed(fixture, HELLO);
    uint64_t until = timers_now_ms(fixture->timers) + 5;
    while (timers_now_ms(fixture->timers) < until)
        uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
    assert_false(fixture->is_canceled);
    feed(fixture, FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_complete);
}

// ---- hold = true ------------------------------------------------------------------------------

static void test_a_whole_stream_is_held_and_released_byte_for_byte(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, ": hi\n\n" ROLE HELLO FINISH USAGE DONE);
    assert_false(fixture->exchange.is_started);
    assert_false(fixture->is_done);
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_NONE);
    assert_int_equal(fixture->report.status, 200);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":3}");
    assert_string_equal(fixture->forward, "Content-Type: text/event-stream\r\n");
    relay_release(fixture->relay);
    assert_true(fixture->exchange.is_ended);
    assert_sent(fixture, ": hi\n\n" ROLE HELLO FINISH USAGE DONE);
}

static void test_a_held_stream_without_its_terminal_event_gets_it(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH);
    end(fixture);
    assert_true(fixture->report.is_held);
    relay_release(fixture->relay);
    assert_sent(fixture, HELLO FINISH DONE);
}

static void test_a_held_stream_that_is_cut_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO);
    end(fixture);
    assert_false(fixture->report.is_held);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_a_held_stream_of_nothing_but_done_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, ROLE DONE);
    end(fixture);
    assert_false(fixture->report.is_held);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_more_than_may_be_held_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    fixture->plan.hold_limit = 200;
    begin_stream(fixture);
    feed(fixture, HELLO HELLO);
    assert_false(fixture->is_canceled);
    feed(fixture, HELLO);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_false(fixture->report.is_held);
    assert_int_equal(fixture->failed, ERROR_TOO_LARGE);
}

static void test_after_the_terminal_event_the_upstream_has_a_moment(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH DONE);
    for (int i = 0; i < 3; i++)
        feed(fixture, ": still here\n\n"); // must not put it off
    uint64_t until = timers_now_ms(fixture->timers) + 2000;
    while (!fixture->is_canceled && timers_now_ms(fixture->timers) < until)
        uv_run(&fixture->loop->uv, UV_RUN_ONCE);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_int_equal(fixture->failed, ERROR_NONE);
}

static void test_a_client_that_leaves_meanwhile_does_not_spoil_what_is_held(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH DONE);
    relay_cancel(fixture->relay);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_true(fixture->report.is_held);
}

static void test_a_whole_body_is_held_and_released(void **state)
{
    struct fixture *fixture = *state;
    const char *body = "{\"usage\":{\"a\":1}}";
    fixture->plan.hold_all = true;
    fixture->plan.is_stream = false;
    begin(fixture, 201, "application/json");
    relay_on_body(fixture->relay, body, strlen(body), true);
    relay_on_wake_end(fixture->relay);
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_string_equal(fixture->body, body);
    assert_string_equal(fixture->usage, "{\"a\":1}");
    assert_false(fixture->exchange.is_started);
    relay_release(fixture->relay);
    assert_int_equal(fixture->exchange.status, 201);
    assert_sent(fixture, body);
}

static void test_a_body_that_outgrows_the_limit_is_not_relayed_unseen(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    fixture->plan.is_stream = false;
    fixture->plan.hold_limit = 4;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1,2,3]");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_TOO_LARGE);
    assert_false(fixture->exchange.is_started);
}

static void test_a_held_answer_that_is_not_released_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_false(fixture->exchange.is_started); // and tear_down() frees it
}

// ---- on_event ---------------------------------------------------------------------------------

static bool says(const struct stream_event *event, const char *text)
{
    return memmem(event->data.data, event->data.len, text, strlen(text)) != NULL;
}

// "hello" stays, "bye" becomes "moo", roles go.
static enum relay_verdict edit(const struct stream_event *event, struct buf *instead,
                               struct error *err)
{
    (void)err;
    if (says(event, "role"))
        return RELAY_DROPPED;
    if (!says(event, "bye"))
        return RELAY_AS_IT_IS;
    buf_add_text(instead, "data: moo\n\n");
    return RELAY_CHANGED;
}

static void test_events_stay_change_or_go(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.filters = true;
    fixture->hook = edit;
    begin_stream(fixture);
    feed(fixture, ROLE HELLO BYE FINISH DONE);
    end(fixture);
    assert_sent(fixture, HELLO "data: moo\n\n" FINISH DONE);
    assert_true(fixture->report.is_complete);
}

static enum relay_verdict drop_hello(const struct stream_event *event, struct buf *instead,
                                     struct error *err)
{
    (void)instead;
    (void)err;
    return says(event, "hello") ? RELAY_DROPPED : RELAY_AS_IT_IS;
}

static void test_content_that_is_dropped_does_not_commit(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.filters = true;
    fixture->hook = drop_hello;
    begin_stream(fixture);
    feed(fixture, HELLO);
    assert_false(fixture->exchange.is_started);
    feed(fixture, BYE);
    assert_sent(fixture, BYE);
    feed(fixture, FINISH DONE);
    end(fixture);
}

static enum relay_verdict refuse_bye(const struct stream_event *event, struct buf *instead,
                                     struct error *err)
{
    (void)instead;
    if (!says(event, "bye"))
        return RELAY_AS_IT_IS;
    error_set(err, ERROR_SCRIPT, "no");
    return RELAY_REFUSED;
}

static void test_a_refused_event_is_a_failure_of_the_stream(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.filters = true;
    fixture->hook = refuse_bye;
    begin_stream(fixture);
    feed(fixture, HELLO BYE HELLO);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_sent(fixture, HELLO);
    assert_int_equal(fixture->failed, ERROR_SCRIPT);
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_complete);
}

static enum relay_verdict never(const struct stream_event *event, struct buf *instead,
                                struct error *err)
{
    (void)event;
    (void)instead;
    (void)err;
    fail_msg("this event is nobody's business");
    return RELAY_DROPPED;
}

static void test_the_terminal_and_hidden_events_and_comments_are_not_shown(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.filters = true;
    fixture->plan.hide_usage = true;
    fixture->hook = edit;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH);
    fixture->hook = never;
    feed(fixture, USAGE ": comment\n\n" DONE);
    end(fixture);
    assert_sent(fixture, HELLO FINISH ": comment\n\n" DONE);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":3}");
}

static void test_what_is_held_is_what_was_made_of_the_events(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.filters = true;
    fixture->plan.hold_all = true;
    fixture->hook = edit;
    begin_stream(fixture);
    feed(fixture, HELLO BYE FINISH DONE);
    end(fixture);
    relay_release(fixture->relay);
    assert_sent(fixture, HELLO "data: moo\n\n" FINISH DONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_content_is_released_with_the_event_that_was_asked_for),
        TEST(test_a_short_stream_is_released_by_its_end),
        TEST(test_a_terminal_event_alone_releases_too),
        TEST(test_a_failure_while_holding_reaches_nobody),
        TEST(test_bytes_that_end_while_holding_are_no_answer),
        TEST(test_the_first_token_is_in_time_though_it_is_held),
        TEST(test_a_whole_stream_is_held_and_released_byte_for_byte),
        TEST(test_a_held_stream_without_its_terminal_event_gets_it),
        TEST(test_a_held_stream_that_is_cut_is_a_failure),
        TEST(test_a_held_stream_of_nothing_but_done_is_a_failure),
        TEST(test_more_than_may_be_held_is_too_large),
        TEST(test_after_the_terminal_event_the_upstream_has_a_moment),
        TEST(test_a_client_that_leaves_meanwhile_does_not_spoil_what_is_held),
        TEST(test_a_whole_body_is_held_and_released),
        TEST(test_a_body_that_outgrows_the_limit_is_not_relayed_unseen),
        TEST(test_a_held_answer_that_is_not_released_reaches_nobody),
        TEST(test_events_stay_change_or_go),
        TEST(test_content_that_is_dropped_does_not_commit),
        TEST(test_a_refused_event_is_a_failure_of_the_stream),
        TEST(test_the_terminal_and_hidden_events_and_comments_are_not_shown),
        TEST(test_what_is_held_is_what_was_made_of_the_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
