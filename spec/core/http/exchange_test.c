// The handler's side of an exchange: exchange_*() over real sockets.
#include "base/limits.h"
#include "http/connection.h"
#include "server_fixture.h"

#define GET "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

// Opens a connection with a request that the test answers.
static struct exchange *hold(struct fixture *fixture, int *fd, const char *request)
{
    fixture_start(fixture, fixture_limits());
    fixture->answers_at_once = false;
    *fd = client_open(fixture);
    client_send(fixture, *fd, request);
    FIXTURE_UNTIL(fixture, fixture->held);
    return fixture->held;
}

static void test_a_request_carries_its_times_and_peer(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    uint64_t before = clock_monotonic_ns();
    struct exchange *exchange = hold(&fixture, &fd, GET);
    const struct request *request = exchange_request(exchange);
    struct sockaddr_in own = {0};
    socklen_t len = sizeof(own);
    char peer[64];

    assert_true(request->received_ns >= before && request->ready_ns >= request->received_ns);
    assert_true(request->ready_ns <= clock_monotonic_ns());
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    snprintf(peer, sizeof(peer), "127.0.0.1:%d", ntohs(own.sin_port));
    assert_string_equal(exchange_peer(exchange), peer);
    exchange_set_data(exchange, peer);
    assert_ptr_equal(exchange_data(exchange), peer);
    fixture_answer(exchange);
    close(fd);
    fixture_stop(&fixture);
}

static void test_a_streamed_answer_is_chunked_one_chunk_per_flush(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    assert_false(exchange_is_started(exchange));
    exchange_start(exchange, 200, SLICE("content-type: text/event-stream\r\n"));
    assert_true(exchange_is_started(exchange));
    exchange_write(exchange, SLICE("data: "));
    exchange_write(exchange, SLICE("hello\n\n"));
    exchange_flush(exchange);
    char *first = client_read_until(&fixture, fd, "hello\n\n\r\n");
    assert_string_equal(first, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                               "transfer-encoding: chunked\r\n\r\nd\r\ndata: hello\n\n\r\n");
    exchange_flush(exchange); // nothing is pending: nothing goes out
    exchange_write(exchange, SLICE("bye"));
    exchange_end(exchange);
    assert_int_equal(exchange_bytes_sent(exchange), 16);
    exchange_release(exchange);
    char *rest = client_read_until(&fixture, fd, "0\r\n\r\n");
    assert_string_equal(rest, "3\r\nbye\r\n0\r\n\r\n");
    free(first);
    free(rest);

    fixture.answers_at_once = true; // and the connection goes on
    client_send(&fixture, fd, GET);
    free(client_read_until(&fixture, fd, "GET /a "));
    close(fd);
    fixture_stop(&fixture);
}

static void test_the_head_alone_can_be_flushed(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    exchange_start(exchange, 201, SLICE(""));
    exchange_flush(exchange);
    char *head = client_read_until(&fixture, fd, "\r\n\r\n");
    assert_string_equal(head, "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n");
    exchange_end(exchange);
    exchange_release(exchange);
    char *end = client_read_until(&fixture, fd, "0\r\n\r\n");
    assert_string_equal(end, "0\r\n\r\n");
    free(head);
    free(end);
    close(fd);
    fixture_stop(&fixture);
}

static void test_exchanges_fed_in_turns_do_not_mix(void **state)
{
    (void)state;
    struct fixture fixture;
    int first_fd;
    struct exchange *first = hold(&fixture, &first_fd, GET);
    int second_fd = client_open(&fixture);
    client_send(&fixture, second_fd, GET);
    FIXTURE_UNTIL(&fixture, fixture.held != first);
    struct exchange *second = fixture.held;
    exchange_start(first, 200, SLICE(""));
    exchange_start(second, 200, SLICE(""));
    for (int i = 0; i < 3; i++) {
        exchange_write(first, SLICE("a"));
        exchange_write(second, SLICE("b"));
    }
    exchange_end(second);
    exchange_end(first);
    exchange_release(first);
    exchange_release(second);
    char *text = client_read_until(&fixture, first_fd, "0\r\n\r\n");
    assert_contains(text, "\r\n3\r\naaa\r\n0\r\n\r\n");
    free(text);
    text = client_read_until(&fixture, second_fd, "0\r\n\r\n");
    assert_contains(text, "\r\n3\r\nbbb\r\n0\r\n\r\n");
    free(text);
    close(first_fd);
    close(second_fd);
    fixture_stop(&fixture);
}

static void test_a_stream_for_http_1_0_ends_with_the_connection(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange =
        hold(&fixture, &fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    exchange_start(exchange, 200, SLICE(""));
    exchange_write(exchange, SLICE("ab"));
    exchange_flush(exchange);
    exchange_write(exchange, SLICE("cd"));
    exchange_end(exchange);
    exchange_release(exchange);
    char *answer = client_read_all(&fixture, fd);
    assert_string_equal(answer, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcd");
    free(answer);
    fixture_stop(&fixture);
}

static void test_head_gets_the_head_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(exchange_request(exchange)->is_head);
    exchange_reply(exchange, 200, SLICE(""), SLICE("12345"));
    assert_int_equal(exchange_bytes_sent(exchange), 0);
    exchange_release(exchange);
    char *answer = client_read_until(&fixture, fd, "\r\n\r\n");
    assert_string_equal(answer, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    free(answer);

    fixture.held = NULL;
    client_send(&fixture, fd, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    FIXTURE_UNTIL(&fixture, fixture.held);
    exchange_start(fixture.held, 200, SLICE(""));
    exchange_write(fixture.held, SLICE("12345"));
    exchange_end(fixture.held);
    exchange_release(fixture.held);
    answer = client_read_all(&fixture, fd);
    assert_string_equal(answer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
                                "connection: close\r\n\r\n");
    free(answer);
    fixture_stop(&fixture);
}

static void test_204_has_neither_body_nor_framing(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    exchange_reply(exchange, 204, SLICE("allow: POST\r\n"), SLICE("ignored"));
    exchange_release(exchange);
    fixture.answers_at_once = true;
    client_send(&fixture, fd, GET);
    char *answers = client_read_until(&fixture, fd, "GET /a ");
    assert_contains(answers, "HTTP/1.1 204 No Content\r\nallow: POST\r\n\r\nHTTP/1.1 200 OK\r\n");
    free(answers);
    close(fd);
    fixture_stop(&fixture);
}

static void test_an_aborted_stream_lacks_its_last_chunk(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    exchange_start(exchange, 200, SLICE(""));
    exchange_write(exchange, SLICE("half"));
    exchange_abort(exchange);
    char *answer = client_read_all(&fixture, fd);
    assert_contains(answer, "4\r\nhalf\r\n");
    assert_lacks(answer, "\r\n0\r\n");
    exchange_release(exchange);
    FIXTURE_UNTIL(&fixture, server_connections(fixture.server) == 0);
    assert_int_equal(fixture.gone, 0);
    free(answer);
    fixture_stop(&fixture);
}

static void test_an_aborted_stream_delimited_by_close_is_reset(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, "GET / HTTP/1.0\r\n\r\n");
    struct buf in;
    bool reset = false;
    exchange_start(exchange, 200, SLICE(""));
    exchange_write(exchange, SLICE("half"));
    exchange_flush(exchange);
    exchange_abort(exchange);
    exchange_release(exchange);
    buf_init(&in, SIZE_MAX / 4);
    FIXTURE_UNTIL(&fixture, !client_take(fd, &in, &reset));
    assert_true(reset);
    buf_deinit(&in);
    close(fd);
    fixture_stop(&fixture);
}

// ---- the client goes --------------------------------------------------------------------------

static void leave_by_close(int fd)
{
    close(fd);
}

static void leave_by_half_close(int fd)
{
    shutdown(fd, SHUT_WR);
}

static void leave_by_reset(int fd)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

static void test_a_client_that_leaves_is_noticed_once(void **state)
{
    (void)state;
    static void (*const ways[])(int) = {leave_by_close, leave_by_half_close, leave_by_reset};
    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        int fd;
        struct exchange *exchange = hold(&fixture, &fd, GET);
        if (i == 1) {
            exchange_start(exchange, 200, SLICE(""));
            exchange_write(exchange, SLICE("x"));
            exchange_flush(exchange);
        }
        ways[i](fd);
        FIXTURE_UNTIL(&fixture, fixture.gone);
        // The exchange is still good for everything, without effect.
        assert_true(exchange_is_gone(exchange));
        assert_int_equal(exchange_request(exchange)->path.len, 2);
        assert_non_null(exchange_peer(exchange));
        if (i != 1)
            exchange_start(exchange, 200, SLICE(""));
        exchange_write(exchange, SLICE("x"));
        exchange_flush(exchange);
        exchange_end(exchange);
        exchange_abort(exchange);
        assert_int_equal(server_connections(fixture.server), 1);
        exchange_release(exchange);
        assert_int_equal(server_connections(fixture.server), 0);
        assert_int_equal(fixture.gone, 1);
        if (i == 1)
            close(fd);
        fixture_stop(&fixture);
    }
}

static void test_a_client_that_half_closes_at_once_has_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int fd = client_open(&fixture);
    send(fd, GET, sizeof(GET) - 1, 0);
    shutdown(fd, SHUT_WR);
    FIXTURE_UNTIL(&fixture, fixture.gone);
    assert_int_equal(fixture.requests, 1);
    exchange_release(fixture.held);
    close(fd);
    fixture_stop(&fixture);
}

static void test_a_client_that_leaves_after_the_end_is_not_reported(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    exchange_reply(exchange, 200, SLICE(""), SLICE("x"));
    close(fd);
    FIXTURE_UNTIL(&fixture, exchange_is_gone(exchange));
    exchange_release(exchange);
    FIXTURE_UNTIL(&fixture, server_connections(fixture.server) == 0);
    assert_int_equal(fixture.gone, 0);
    fixture_stop(&fixture);
}

static void test_a_write_to_a_client_that_left_reports_from_the_loop(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    leave_by_reset(fd);
    exchange_start(exchange, 200, SLICE(""));
    for (int i = 0; i < 3; i++) {
        exchange_write(exchange, SLICE("x"));
        exchange_flush(exchange);
        assert_int_equal(fixture.gone, 0);
    }
    FIXTURE_UNTIL(&fixture, fixture.gone);
    exchange_release(exchange);
    fixture_stop(&fixture);
}

// ---- slow clients -----------------------------------------------------------------------------

static void fill(struct exchange *exchange, const char *block, size_t len)
{
    for (int i = 0; i < 1000 && exchange_backlog(exchange) <= LIMIT_WRITE_PAUSE; i++) {
        exchange_write(exchange, (struct slice){block, len});
        exchange_flush(exchange);
    }
}

static void test_a_slow_reader_builds_a_backlog_and_drains_it(void **state)
{
    (void)state;
    struct fixture fixture;
    struct buf in;
    bool reset;
    int fd;
    struct exchange *exchange = hold(&fixture, &fd, GET);
    size_t len = 100000, expected;
    char *block = malloc(len);

    memset(block, 'x', len);
    exchange_start(exchange, 200, SLICE(""));
    fill(exchange, block, len);
    assert_true(exchange_backlog(exchange) > LIMIT_WRITE_PAUSE);
    assert_int_equal(fixture.drains, 0);
    buf_init(&in, SIZE_MAX / 4);
    FIXTURE_UNTIL(&fixture, client_take(fd, &in, &reset) && fixture.drains);
    assert_true(exchange_backlog(exchange) <= LIMIT_WRITE_RESUME);
    fill(exchange, block, len); // and again
    exchange_end(exchange);
    expected = exchange_bytes_sent(exchange);
    exchange_release(exchange);
    fixture.answers_at_once = true; // the next request waits until the answer is through
    client_send(&fixture, fd, GET);
    FIXTURE_UNTIL(&fixture, client_take(fd, &in, &reset) && in.len > expected &&
                                strstr(in.data + in.len - 40, "GET /a "));
    assert_int_equal(fixture.drains, 1);
    assert_int_equal(fixture.requests, 2);
    size_t xs = 0;
    for (size_t i = 0; i < in.len; i++)
        xs += in.data[i] == 'x';
    assert_int_equal(xs, expected + 1); // one is in "x-test"
    buf_deinit(&in);
    free(block);
    close(fd);
    fixture_stop(&fixture);
}

static void test_a_large_reply_reaches_a_slow_reader_whole(void **state)
{
    (void)state;
    struct fixture fixture;
    int fd;
    struct exchange *exchange =
        hold(&fixture, &fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    size_t len = 32 << 20;
    char *body = malloc(len);
    memset(body, 'x', len);
    exchange_reply(exchange, 200, SLICE(""), (struct slice){body, len});
    exchange_release(exchange);
    char *answer = client_read_all(&fixture, fd);
    char *start = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(strlen(start), len);
    assert_memory_equal(start, body, len);
    free(answer);
    free(body);
    fixture_stop(&fixture);
}

static void test_a_client_that_takes_nothing_is_given_up(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.write_time = 40;
    fixture_start(&fixture, limits);
    fixture.answers_at_once = false;
    int fd = client_open(&fixture);
    client_send(&fixture, fd, GET);
    FIXTURE_UNTIL(&fixture, fixture.held);
    size_t len = 100000;
    char *block = calloc(1, len);
    exchange_start(fixture.held, 200, SLICE(""));
    fill(fixture.held, block, len);
    FIXTURE_UNTIL(&fixture, fixture.gone);
    exchange_release(fixture.held);
    free(block);
    close(fd);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_carries_its_times_and_peer),
        cmocka_unit_test(test_a_streamed_answer_is_chunked_one_chunk_per_flush),
        cmocka_unit_test(test_the_head_alone_can_be_flushed),
        cmocka_unit_test(test_exchanges_fed_in_turns_do_not_mix),
        cmocka_unit_test(test_a_stream_for_http_1_0_ends_with_the_connection),
        cmocka_unit_test(test_head_gets_the_head_alone),
        cmocka_unit_test(test_204_has_neither_body_nor_framing),
        cmocka_unit_test(test_an_aborted_stream_lacks_its_last_chunk),
        cmocka_unit_test(test_an_aborted_stream_delimited_by_close_is_reset),
        cmocka_unit_test(test_a_client_that_leaves_is_noticed_once),
        cmocka_unit_test(test_a_client_that_half_closes_at_once_has_gone),
        cmocka_unit_test(test_a_client_that_leaves_after_the_end_is_not_reported),
        cmocka_unit_test(test_a_write_to_a_client_that_left_reports_from_the_loop),
        cmocka_unit_test(test_a_slow_reader_builds_a_backlog_and_drains_it),
        cmocka_unit_test(test_a_large_reply_reaches_a_slow_reader_whole),
        cmocka_unit_test(test_a_client_that_takes_nothing_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
