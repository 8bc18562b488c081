// An exchange without a connection, between a handler and a reader that only note what they hear.
#include "http/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "http/headers.h"

struct fixture {
    struct loop *loop;
    struct turn turn;
    struct inner *inner;
    struct exchange *exchange;
    int news, gones, drains;
    bool releases_when_gone;
    bool is_closed;
};

static struct fixture *fixture_of(struct exchange *exchange)
{
    return exchange_data(exchange);
}

static void on_gone(struct exchange *exchange)
{
    struct fixture *fixture = fixture_of(exchange);
    fixture->gones++;
    if (fixture->releases_when_gone)
        exchange_release(exchange);
}

static void on_drain(struct exchange *exchange)
{
    fixture_of(exchange)->drains++;
}

static void on_news(void *reader)
{
    ((struct fixture *)reader)->news++;
}

static const struct inner_handler handler = {on_gone, on_drain, on_news};

static void begin(struct fixture *fixture)
{
    static const struct inner_request request = {
        .method = SLICE("POST"),
        .path = SLICE("/v1/chat/completions"),
        .query = SLICE("a=b"),
        .body = SLICE("{}"),
    };
    fixture->inner = inner_new(&request, &handler, fixture, &fixture->turn);
    assert_int_equal(inner_add_header(fixture->inner, SLICE("X-One"), SLICE("1")), 0);
    fixture->exchange = inner_serve(fixture->inner);
    exchange_set_data(fixture->exchange, fixture);
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = loop_new();
    turn_init(&fixture->turn, fixture->loop);
    begin(fixture);
    *state = fixture;
    return 0;
}

static void on_closed(void *owner)
{
    ((struct fixture *)owner)->is_closed = true;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    turn_close(&fixture->turn, on_closed, fixture);
    uv_run(&fixture->loop->uv, UV_RUN_DEFAULT);
    assert_true(fixture->is_closed);
    assert_int_equal(loop_free(fixture->loop), 0);
    free(fixture);
    return 0;
}

static void turn_once(struct fixture *fixture)
{
    uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
}

static void assert_bytes(struct slice bytes, const char *expected)
{
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.len);
}

static void write_bytes(struct exchange *exchange, size_t len)
{
    char *bytes = mem_alloc(len);
    exchange_write(exchange, (struct slice){bytes, len});
    exchange_flush(exchange);
    free(bytes);
}

static void test_a_request_is_what_was_asked(void **state)
{
    struct fixture *fixture = *state;
    const struct request *request = exchange_request(fixture->exchange);

    assert_bytes(request->method, "POST");
    assert_bytes(request->path, "/v1/chat/completions");
    assert_bytes(request->query, "a=b");
    assert_bytes(request->body, "{}");
    assert_bytes(headers_find(request->headers, SLICE("x-one")), "1");
    assert_true(request->ready_ns > 0);
    assert_string_equal(exchange_peer(fixture->exchange), "inner");
    exchange_take_body(fixture->exchange, mem_dup("[1]", 3), 3);
    assert_bytes(request->body, "[1]");
    exchange_drop_body(fixture->exchange);
    assert_null(request->body.data);
    exchange_take_body(fixture->exchange, mem_dup("[2]", 3), 3); // freed with the rest
    exchange_release(fixture->exchange);
    inner_free(fixture->inner);
}

static void test_a_whole_answer_is_there_when_the_handler_is_done(void **state)
{
    struct fixture *fixture = *state;

    exchange_reply(fixture->exchange, 201, SLICE("a: b\r\n"), SLICE("hello"));
    assert_int_equal(fixture->news, 0); // never from inside the handler's call
    assert_int_equal(inner_progress(fixture->inner), INNER_RUNNING);
    exchange_release(fixture->exchange);
    turn_once(fixture);
    assert_int_equal(fixture->news, 1);
    assert_int_equal(inner_progress(fixture->inner), INNER_WHOLE);
    assert_int_equal(inner_status(fixture->inner), 201);
    assert_bytes(inner_headers(fixture->inner), "a: b\r\n");
    assert_bytes(inner_bytes(fixture->inner), "hello");
    inner_free(fixture->inner);
}

static void test_a_stream_comes_as_it_is_flushed(void **state)
{
    struct fixture *fixture = *state;

    exchange_start(fixture->exchange, 200, SLICE(""));
    exchange_write(fixture->exchange, SLICE("one "));
    exchange_flush(fixture->exchange);
    turn_once(fixture);
    assert_int_equal(fixture->news, 1);
    assert_bytes(inner_bytes(fixture->inner), "one ");
    inner_consume(fixture->inner);
    exchange_write(fixture->exchange, SLICE("two"));
    exchange_end(fixture->exchange);
    exchange_release(fixture->exchange);
    turn_once(fixture);
    assert_bytes(inner_bytes(fixture->inner), "two");
    assert_int_equal(inner_progress(fixture->inner), INNER_WHOLE);
    inner_free(fixture->inner);
}

static void test_a_slow_reader_is_a_backlog_and_its_drain_is_told_once(void **state)
{
    struct fixture *fixture = *state;

    exchange_start(fixture->exchange, 200, SLICE(""));
    write_bytes(fixture->exchange, LIMIT_WRITE_PAUSE - 1);
    assert_int_equal(exchange_backlog(fixture->exchange), LIMIT_WRITE_PAUSE - 1);
    inner_consume(fixture->inner);
    turn_once(fixture);
    assert_int_equal(fixture->drains, 0); // it was never full
    write_bytes(fixture->exchange, LIMIT_WRITE_PAUSE);
    turn_once(fixture);
    assert_int_equal(fixture->drains, 0);
    inner_consume(fixture->inner);
    assert_int_equal(exchange_backlog(fixture->exchange), 0);
    turn_once(fixture);
    turn_once(fixture);
    assert_int_equal(fixture->drains, 1);
    exchange_end(fixture->exchange);
    exchange_release(fixture->exchange);
    inner_free(fixture->inner);
}

static void test_a_reader_that_cancels_is_a_client_that_has_gone(void **state)
{
    struct fixture *fixture = *state;

    exchange_start(fixture->exchange, 200, SLICE(""));
    inner_cancel(fixture->inner);
    assert_true(exchange_is_gone(fixture->exchange));
    assert_int_equal(fixture->gones, 0); // from the loop, not from inside the call
    exchange_write(fixture->exchange, SLICE("late"));
    assert_int_equal(inner_bytes(fixture->inner).len, 0);
    turn_once(fixture);
    assert_int_equal(fixture->gones, 1);
    assert_int_equal(inner_progress(fixture->inner), INNER_CANCELED);
    exchange_release(fixture->exchange);
    turn_once(fixture);
    assert_int_equal(fixture->gones, 1);
    inner_free(fixture->inner);
}

static void test_a_reader_may_leave_before_the_handler(void **state)
{
    struct fixture *fixture = *state;

    fixture->releases_when_gone = true;
    inner_free(fixture->inner);
    assert_true(exchange_is_gone(fixture->exchange));
    turn_once(fixture);
    assert_int_equal(fixture->gones, 1);
    assert_int_equal(fixture->news, 0); // nobody is there to be told
}

static void test_an_answer_that_was_begun_and_left_is_broken(void **state)
{
    struct fixture *fixture = *state;

    exchange_start(fixture->exchange, 200, SLICE(""));
    exchange_release(fixture->exchange);
    assert_int_equal(inner_progress(fixture->inner), INNER_BROKEN);
    inner_free(fixture->inner);
    begin(fixture);
    exchange_start(fixture->exchange, 200, SLICE(""));
    exchange_abort(fixture->exchange);
    exchange_release(fixture->exchange);
    assert_int_equal(inner_progress(fixture->inner), INNER_BROKEN);
    inner_free(fixture->inner);
}

static void test_a_discarded_answer_goes_on_into_nothing(void **state)
{
    struct fixture *fixture = *state;

    inner_discard(fixture->inner);
    exchange_start(fixture->exchange, 200, SLICE(""));
    write_bytes(fixture->exchange, LIMIT_WRITE_PAUSE * 2);
    assert_int_equal(exchange_backlog(fixture->exchange), 0);
    assert_int_equal(exchange_bytes_sent(fixture->exchange), LIMIT_WRITE_PAUSE * 2);
    assert_false(exchange_is_gone(fixture->exchange));
    turn_once(fixture);
    assert_int_equal(fixture->gones + fixture->news, 0);
    inner_cancel(inner_of(fixture->exchange));
    turn_once(fixture);
    assert_int_equal(fixture->gones, 1);
    exchange_release(fixture->exchange);
}

static void test_one_that_was_never_served_can_be_left(void **state)
{
    struct fixture *fixture = *state;
    static const struct inner_request request = {.method = SLICE("POST"), .path = SLICE("/")};

    struct inner *inner = inner_new(&request, &handler, fixture, &fixture->turn);
    assert_null(inner_exchange(inner));
    inner_free(inner);
    exchange_release(fixture->exchange);
    inner_free(fixture->inner);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_is_what_was_asked),
        TEST(test_a_whole_answer_is_there_when_the_handler_is_done),
        TEST(test_a_stream_comes_as_it_is_flushed),
        TEST(test_a_slow_reader_is_a_backlog_and_its_drain_is_told_once),
        TEST(test_a_reader_that_cancels_is_a_client_that_has_gone),
        TEST(test_a_reader_may_leave_before_the_handler),
        TEST(test_an_answer_that_was_begun_and_left_is_broken),
        TEST(test_a_discarded_answer_goes_on_into_nothing),
        TEST(test_one_that_was_never_served_can_be_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
