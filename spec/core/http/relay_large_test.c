// Whole answers that are passed on while they come.
#include "base/limits.h"
#include "relay_fixture.h"

enum { ROOM = 1 << 22, TWICE = 2 * LIMIT_EARLY_HOLD };

#define HEAD           "{\"object\":\"list\",\"data\":[{\"embedding\":["
#define TAIL_OF(usage) "0.5],\"index\":0}],\"model\":\"m\",\"usage\":" usage "}"

// A unary answer whose protocol says that it may go on early.
static void start(struct fixture *fixture, bool is_early)
{
    buf_deinit(&fixture->exchange.sent);
    buf_init(&fixture->exchange.sent, ROOM);
    fixture->plan.is_stream = false;
    fixture->plan.hold_limit = ROOM;
    if (is_early)
        watch_set_passes_early(fixture->watch);
    begin(fixture, 200, "application/json");
}

// `before`, then numbers until so many bytes have come.
static void feed_numbers(struct fixture *fixture, const char *before, size_t bytes)
{
    struct buf text;
    buf_init(&text, ROOM);
    buf_add_text(&text, before);
    while (text.len < bytes)
        buf_add_text(&text, "0.25, ");
    feed(fixture, text.data);
    buf_deinit(&text);
}

static void test_an_answer_goes_on_once_enough_of_it_is_there(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, true);
    feed_numbers(fixture, HEAD, 1000);
    assert_false(fixture->exchange.is_started);
    feed_numbers(fixture, "", LIMIT_EARLY_HOLD);
    assert_true(fixture->exchange.is_started);
    size_t sent = fixture->exchange.sent.len;
    assert_true(sent > LIMIT_EARLY_HOLD);
    feed(fixture, TAIL_OF("{\"prompt_tokens\":7}"));
    assert_int_equal(fixture->exchange.sent.len, sent + strlen(TAIL_OF("{\"prompt_tokens\":7}")));
    end(fixture);
    assert_true(fixture->report.is_committed && fixture->report.is_complete);
    assert_true(fixture->exchange.is_ended);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":7}");
}

static void test_a_smaller_one_is_held_and_read_as_ever(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, true);
    feed_numbers(fixture, HEAD, LIMIT_EARLY_HOLD - 1000);
    feed(fixture, TAIL_OF("{\"prompt_tokens\":7}"));
    assert_false(fixture->exchange.is_started);
    end(fixture);
    assert_true(fixture->report.is_complete);
    assert_string_equal(fixture->usage, "{\"prompt_tokens\":7}");
}

static void test_without_that_word_it_is_held_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, false);
    feed_numbers(fixture, HEAD, TWICE);
    assert_false(fixture->exchange.is_started);
    feed(fixture, TAIL_OF("null"));
    end(fixture);
    assert_true(fixture->report.is_complete);
}

static void test_usage_is_found_however_the_end_is_cut(void **state)
{
    static const char tail[] = TAIL_OF("{\"a\":{\"b\":[1]},\"prompt_tokens\":7}");
    struct fixture *fixture = *state;
    start(fixture, true);
    feed_numbers(fixture, HEAD, LIMIT_EARLY_HOLD + 10);
    for (size_t i = 0; i < sizeof(tail) - 1; i++) {
        char piece[] = {tail[i], '\0'};
        feed(fixture, piece);
    }
    end(fixture);
    assert_string_equal(fixture->usage, "{\"a\":{\"b\":[1]},\"prompt_tokens\":7}");
}

static void test_an_end_without_usage_has_none(void **state)
{
    static const char *const tails[] = {
        "0.5]}]}",
        "0.5]}],\"usage\":null}",
        "0.5]}],\"usage\":{\"prompt_tokens\":7}", // cut: it is no JSON
        "\"usage\":{\"prompt_tokens\":7}",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        if (i) {
            tear_down(state);
            set_up(state);
        }
        start(fixture, true);
        feed_numbers(fixture, HEAD, LIMIT_EARLY_HOLD + 10);
        feed(fixture, tails[i]);
        end(fixture);
        assert_true(fixture->report.is_complete);
        assert_string_equal(fixture->usage, "");
    }
}

static void test_an_answer_that_breaks_off_does_not_look_whole(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    start(fixture, true);
    feed_numbers(fixture, HEAD, LIMIT_EARLY_HOLD + 10);
    error_set(&err, ERROR_CONNECT, "reset");
    relay_on_end(fixture->relay, &err);
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_complete);
    assert_false(fixture->exchange.is_ended);
    assert_int_equal(fixture->failed, ERROR_CONNECT);
}

static void test_an_answer_that_is_cut_does_not_look_whole(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, true);
    feed_numbers(fixture, HEAD, LIMIT_EARLY_HOLD + 10);
    feed(fixture, "0.5],\n");
    end(fixture);
    assert_true(fixture->report.is_committed);
    assert_false(fixture->report.is_complete);
    assert_false(fixture->exchange.is_ended);
    assert_string_equal(fixture->usage, "");
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_what_is_no_object_is_held(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, true);
    feed_numbers(fixture, "<html>", TWICE);
    assert_false(fixture->exchange.is_started);
    end(fixture);
    assert_sent(fixture, "");
    assert_false(fixture->report.is_committed);
    assert_int_equal(fixture->failed, ERROR_PROTOCOL);
}

static void test_an_answer_that_is_to_be_held_is_held(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.hold_all = true;
    start(fixture, true);
    feed_numbers(fixture, HEAD, TWICE);
    feed(fixture, TAIL_OF("null"));
    end(fixture);
    assert_false(fixture->exchange.is_started);
    assert_true(fixture->report.is_held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer_goes_on_once_enough_of_it_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_smaller_one_is_held_and_read_as_ever, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_without_that_word_it_is_held_to_its_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_usage_is_found_however_the_end_is_cut, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_end_without_usage_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_answer_that_breaks_off_does_not_look_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_answer_that_is_cut_does_not_look_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_object_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_answer_that_is_to_be_held_is_held, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
