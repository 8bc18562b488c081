// Answers that the client gets in another dialect: only their bytes are made elsewhere.
#include "relay_fixture.h"

static void put(struct relay *relay, enum relay_part part, const char *before, struct slice text,
                const char *behind)
{
    struct buf out;
    buf_init(&out, 4096);
    buf_add_text(&out, before);
    buf_add_slice(&out, text);
    buf_add_text(&out, behind);
    relay_put(relay, part, buf_slice(&out));
    buf_deinit(&out);
}

static bool says(struct slice data, const char *text)
{
    return data.len && memmem(data.data, data.len, text, strlen(text)) != NULL;
}

// What it makes tells of what it was asked: [event data], [finish] ...; "silent" makes nothing.
static int codec(struct relay *relay, enum relay_part part, struct slice name, struct slice data,
                 struct error *err)
{
    static const char *const begins[] = {"[", "[finish", "<body ", "<stream "};
    static const char *const ends[] = {"]", "]", ">", ">"};
    struct slice said = SLICE("chunk");

    if (says(data, "refuse")) {
        error_set(err, ERROR_OVERLOADED, "no more");
        return -1;
    }
    if (says(data, "silent"))
        return 0;
    if (name.data)
        said = name;
    else if (part != RELAY_EVENT || !says(data, "delta"))
        said = data;
    else if (says(data, "hello"))
        said = SLICE("hello");
    else if (says(data, "stop"))
        said = SLICE("stop");
    put(relay, part, begins[part], said, ends[part]);
    return 0;
}

static int translating_set_up(void **state)
{
    set_up(state);
    struct fixture *fixture = *state;
    fixture->plan.translates = true;
    fixture->plan.type = SLICE("text/other");
    fixture->codec = codec;
    return 0;
}

static void begin_stream(struct fixture *fixture)
{
    begin(fixture, 200, "text/event-stream");
}

#define SILENT CHUNK("\"silent\":1")
#define REFUSE CHUNK("\"refuse\":1")

static void test_the_client_gets_what_is_made_of_each_event(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, ROLE);
    assert_false(fixture->exchange.is_started);
    feed(fixture, HELLO);
    assert_sent(fixture, "[chunk][hello]");
    feed(fixture, SILENT FINISH USAGE);
    assert_false(fixture->exchange.is_ended);
    feed(fixture, DONE);
    assert_true(fixture->exchange.is_ended);
    end(fixture);
    assert_sent(fixture, "[chunk][hello][stop][{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}]"
                         "[[DONE]][finish]");
    assert_true(fixture->report.is_complete);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":3}");
}

static void test_the_name_of_an_event_comes_with_it(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, "event: greeting\n" HELLO);
    assert_sent(fixture, "[greeting]");
}

static void test_hidden_usage_is_translated_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hide_usage = true;
    begin_stream(fixture);
    feed(fixture, HELLO USAGE);
    assert_sent(fixture, "[hello][{\"choices\":[],\"usage\":{\"prompt_tokens\":3}}]");
}

static void test_comments_stay_where_the_client_can_take_them(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, ": one\n\n" HELLO ": two\n\nevent: nothing\n\n");
    assert_sent(fixture, ": one\n\n[hello]: two\n\n");
}

static void test_comments_are_left_out_where_it_cannot(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.lacks_comments = true;
    begin_stream(fixture);
    feed(fixture, ": one\n\n" HELLO ": two\n\n");
    assert_sent(fixture, "[hello]");
}

static void test_content_commits_though_nothing_was_made_of_it(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, CHUNK("\"content\":\"silent\""));
    assert_true(fixture->exchange.is_started);
    assert_sent(fixture, "");
}

static void test_a_stream_of_nothing_but_its_end_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, ROLE DONE);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_a_stream_that_ends_after_its_finish_gets_its_last_bytes(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH);
    end(fixture);
    assert_sent(fixture, "[hello][stop][finish]");
    assert_true(fixture->report.is_complete);
}

static void test_a_stream_that_breaks_gets_none(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, HELLO);
    end(fixture);
    assert_sent(fixture, "[hello]");
    assert_false(fixture->report.is_complete);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->exchange.is_ended);
}

static void test_an_event_refused_before_content_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, ROLE REFUSE);
    assert_true(fixture->is_canceled);
    end(fixture);
    assert_false(fixture->exchange.is_started);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_OVERLOADED);
    assert_int_equal(fixture->report.phase, RELAY_FIRST_TOKEN);
}

static void test_an_event_refused_after_content_breaks_the_stream(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, HELLO REFUSE HELLO FINISH DONE);
    end(fixture);
    assert_sent(fixture, "[hello]");
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_error_sent);
    assert_int_equal(fixture->failed, ERROR_OVERLOADED);
    assert_int_equal(fixture->report.phase, RELAY_STREAM);
}

static int ends_refused;

static int refuse_the_end(struct relay *relay, enum relay_part part, struct slice name,
                          struct slice data, struct error *err)
{
    ends_refused += part == RELAY_FINISH;
    return part == RELAY_FINISH ? error_set(err, ERROR_TIMEOUT, "no end")
                                : codec(relay, part, name, data, err);
}

static void test_an_end_that_cannot_be_made_is_a_broken_stream(void **state)
{
    struct fixture *fixture = *state;
    fixture->codec = refuse_the_end;
    ends_refused = 0;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH DONE);
    assert_false(fixture->exchange.is_ended);
    end(fixture);
    assert_int_equal(ends_refused, 1); // it is asked for once
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_complete);
    assert_int_equal(fixture->failed, ERROR_TIMEOUT);
    assert_sent(fixture, "[hello][stop][[DONE]]");
}

static void test_an_end_that_cannot_be_made_behind_no_content_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->codec = refuse_the_end;
    begin_stream(fixture);
    feed(fixture, ROLE FINISH DONE);
    end(fixture);
    assert_false(fixture->report.is_committed);
    assert_false(fixture->exchange.is_started);
    assert_int_equal(fixture->failed, ERROR_TIMEOUT);
}

static void test_an_end_that_cannot_be_made_of_too_little_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->codec = refuse_the_end;
    fixture->plan.hold_events = 3;
    begin_stream(fixture);
    feed(fixture, HELLO HELLO FINISH);
    end(fixture);
    assert_false(fixture->exchange.is_started);
    assert_int_equal(fixture->failed, ERROR_TIMEOUT);
}

static void test_an_end_releases_what_there_is_of_it(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 3;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH);
    assert_false(fixture->exchange.is_started);
    feed(fixture, DONE);
    assert_sent(fixture, "[hello][stop][[DONE]][finish]");
    assert_true(fixture->exchange.is_ended);
    end(fixture);
    assert_true(fixture->report.is_complete);
}

static void test_an_end_that_cannot_be_made_of_what_is_held_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->codec = refuse_the_end;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, HELLO FINISH DONE);
    end(fixture);
    assert_false(fixture->report.is_held);
    assert_false(fixture->exchange.is_started);
    assert_int_equal(fixture->failed, ERROR_TIMEOUT);
}

static void test_an_error_of_the_provider_is_not_sent_in_its_words(void **state)
{
    struct fixture *fixture = *state;
    begin_stream(fixture);
    feed(fixture, HELLO ERROR_EVENT);
    end(fixture);
    assert_sent(fixture, "[hello]");
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_error_sent);
    assert_int_equal(fixture->failed, ERROR_UPSTREAM_5XX);
    assert_string_equal(fixture->provider_error, "{\"message\":\"it broke\"}");
}

static void test_what_is_held_is_what_was_made(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    begin_stream(fixture);
    feed(fixture, ROLE HELLO FINISH DONE);
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_string_equal(fixture->body, "[chunk][hello][stop][[DONE]][finish]");
    assert_string_equal(fixture->forward, "content-type: text/other\r\n");
    assert_false(fixture->exchange.is_started);
    relay_release(fixture->relay);
    assert_sent(fixture, "[chunk][hello][stop][[DONE]][finish]");
    assert_true(fixture->exchange.is_ended);
}

static void test_held_content_events_are_the_providers(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_events = 2;
    begin_stream(fixture);
    feed(fixture, HELLO CHUNK("\"role\":\"x\""));
    assert_false(fixture->exchange.is_started);
    feed(fixture, CHUNK("\"content\":\"silent\""));
    assert_sent(fixture, "[hello][chunk]");
}

// ---- whole bodies -----------------------------------------------------------------------------

static void test_a_whole_body_is_translated_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    begin(fixture, 201, "application/json");
    feed(fixture, "{\"usage\":");
    feed(fixture, "{\"a\":1}}");
    assert_false(fixture->exchange.is_started);
    end(fixture);
    assert_int_equal(fixture->exchange.status, 201);
    assert_sent(fixture, "<body {\"usage\":{\"a\":1}}>");
    assert_string_equal(fixture->usage, "{\"a\":1}");
    assert_true(fixture->report.is_complete);
}

static void test_a_body_that_came_at_once_is_translated_too(void **state)
{
    struct fixture *fixture = *state;
    const char *body = "{\"a\":1}";
    for (int holds = 0; holds < 2; holds++) {
        fixture->plan.is_stream = false;
        fixture->plan.hold_all = holds;
        fixture->is_done = false;
        buf_clear(&fixture->exchange.sent);
        begin(fixture, 200, "application/json");
        relay_on_body(fixture->relay, body, strlen(body), true);
        end(fixture);
        assert_int_equal(fixture->report.is_held, holds);
        if (holds)
            relay_release(fixture->relay);
        assert_sent(fixture, "<body {\"a\":1}>");
        relay_free(fixture->relay);
        fixture->relay = NULL;
    }
}

static void test_a_body_that_cannot_be_translated_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    begin(fixture, 200, "application/json");
    feed(fixture, "[\"refuse\"]");
    end(fixture);
    assert_false(fixture->exchange.is_started);
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_OVERLOADED);
}

static void test_a_body_over_the_limit_is_not_relayed_unseen(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    fixture->plan.hold_limit = 4;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1,2,3]");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_TOO_LARGE);
    assert_false(fixture->exchange.is_started);
}

static void test_what_is_made_may_be_larger_than_what_may_be_held(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    fixture->plan.hold_limit = 8;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1,2,3]");
    end(fixture);
    assert_sent(fixture, "<body [1,2,3]>");
}

static void test_unless_it_is_to_be_held_itself(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.is_stream = false;
    fixture->plan.hold_all = true;
    fixture->plan.hold_limit = 8;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1,2,3]");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_TOO_LARGE);
    assert_false(fixture->report.is_held);
    assert_false(fixture->exchange.is_started);
}

static void test_a_body_where_a_stream_was_asked_for_becomes_one(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.makes_streams = true;
    begin(fixture, 200, "application/json");
    feed(fixture, "{\"usage\":{\"a\":1}}");
    end(fixture);
    assert_sent(fixture, "<stream {\"usage\":{\"a\":1}}>");
    assert_true(fixture->exchange.is_ended);
    assert_true(fixture->report.is_complete);
    assert_string_equal(fixture->usage, "{\"a\":1}");
}

static void test_a_stream_made_of_a_body_can_be_held(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.makes_streams = true;
    fixture->plan.hold_all = true;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1]");
    end(fixture);
    assert_true(fixture->report.is_held);
    assert_string_equal(fixture->body, "<stream [1]>");
    relay_release(fixture->relay);
    assert_sent(fixture, "<stream [1]>");
    assert_true(fixture->exchange.is_ended);
}

static void test_without_that_a_body_is_no_stream(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, 200, "application/json");
    feed(fixture, "[1]");
    end(fixture);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
    assert_false(fixture->exchange.is_started);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, translating_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_client_gets_what_is_made_of_each_event),
        TEST(test_the_name_of_an_event_comes_with_it),
        TEST(test_hidden_usage_is_translated_all_the_same),
        TEST(test_comments_stay_where_the_client_can_take_them),
        TEST(test_comments_are_left_out_where_it_cannot),
        TEST(test_content_commits_though_nothing_was_made_of_it),
        TEST(test_a_stream_of_nothing_but_its_end_is_no_answer),
        TEST(test_a_stream_that_ends_after_its_finish_gets_its_last_bytes),
        TEST(test_a_stream_that_breaks_gets_none),
        TEST(test_an_event_refused_before_content_reaches_nobody),
        TEST(test_an_event_refused_after_content_breaks_the_stream),
        TEST(test_an_end_that_cannot_be_made_is_a_broken_stream),
        TEST(test_an_end_that_cannot_be_made_behind_no_content_reaches_nobody),
        TEST(test_an_end_that_cannot_be_made_of_too_little_reaches_nobody),
        TEST(test_an_end_releases_what_there_is_of_it),
        TEST(test_an_end_that_cannot_be_made_of_what_is_held_reaches_nobody),
        TEST(test_an_error_of_the_provider_is_not_sent_in_its_words),
        TEST(test_what_is_held_is_what_was_made),
        TEST(test_held_content_events_are_the_providers),
        TEST(test_a_whole_body_is_translated_at_its_end),
        TEST(test_a_body_that_came_at_once_is_translated_too),
        TEST(test_a_body_that_cannot_be_translated_reaches_nobody),
        TEST(test_a_body_over_the_limit_is_not_relayed_unseen),
        TEST(test_what_is_made_may_be_larger_than_what_may_be_held),
        TEST(test_unless_it_is_to_be_held_itself),
        TEST(test_a_body_where_a_stream_was_asked_for_becomes_one),
        TEST(test_a_stream_made_of_a_body_can_be_held),
        TEST(test_without_that_a_body_is_no_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
