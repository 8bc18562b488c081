#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/upstream.h"
#include "trial.h"

#define HEAD    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
#define HELLO   HEAD "hello"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

static const struct peer_step hello[] = {PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(AGAIN)};

static void expect_protocol_error(const char *answer)
{
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(answer), PEER_DO(CLOSE)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_PROTOCOL);
    assert_true(record.is_heard);
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_truncated_head_is_a_protocol_error(void **state)
{
    (void)state;
    expect_protocol_error("HTTP/1.1 200 OK");
    expect_protocol_error("HTTP/1.1 200 OK\r\nServer: x\r\n");
    expect_protocol_error("HTTP/1.1 100 Continue\r\n\r\n");
}

static void test_truncated_body_is_a_protocol_error(void **state)
{
    (void)state;
    expect_protocol_error(HEAD "hell");
    expect_protocol_error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
}

static void test_garbage_is_a_protocol_error(void **state)
{
    (void)state;
    expect_protocol_error("SSH-2.0-OpenSSH_9.2\r\n");
    expect_protocol_error("\r\n\r\n\r\n");
}

// The answer is cut after every number of bytes, by an orderly end or by a reset.
static void expect_cut_answer_to_fail(const char *answer, enum peer_action how)
{
    size_t whole = strlen(answer);
    for (size_t len = 0; len < whole; len++) {
        const struct peer_step script[] = {
            PEER_DO(AWAIT), {PEER_SEND_BYTES, answer, len}, {how, NULL, 0}};
        struct trial trial;
        struct record record;

        trial_open(&trial, script, NULL);
        record_get(&record, &trial);
        assert_int_equal(record.err.kind, record.is_heard ? ERROR_PROTOCOL : ERROR_CONNECT);
        if (how == PEER_CLOSE)
            assert_int_equal(record.is_heard, len > 0);
        assert_false(record.is_reused);
        record_deinit(&record);
        trial_close(&trial);
    }
}

static void test_answer_cut_at_every_byte_fails(void **state)
{
    (void)state;
    expect_cut_answer_to_fail(HELLO, PEER_CLOSE);
    expect_cut_answer_to_fail(CHUNKED, PEER_CLOSE);
    expect_cut_answer_to_fail(HELLO, PEER_RESET);
    expect_cut_answer_to_fail(CHUNKED, PEER_RESET);
}

static void test_answer_split_at_every_byte_is_the_same(void **state)
{
    (void)state;
    for (size_t len = 1; len < strlen(CHUNKED); len++) {
        const struct peer_step script[] = {PEER_DO(AWAIT),
                                           {PEER_SEND_BYTES, CHUNKED, len},
                                           PEER_DO(PAUSE),
                                           PEER_SAY(&CHUNKED[len]),
                                           PEER_DO(AGAIN)};
        struct trial trial;
        struct record record = {0};

        trial_open(&trial, script, NULL);
        record_start(&record, &trial, "GET", NULL);
        trial_await(&trial, &trial.peer.requests, 1);
        trial_settle(&trial);
        peer_continue(&trial.peer, 0);
        record_await(&record);
        assert_int_equal(record.err.kind, ERROR_NONE);
        assert_int_equal(record.body.len, 5);
        assert_memory_equal(record.body.data, "hello", 5);
        assert_int_equal(upstream_pool_idle(trial.pool), 1);
        record_deinit(&record);
        trial_close(&trial);
    }
}

static void test_endless_head_is_cut_off(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT),
                                       PEER_SAY("HTTP/1.1 200 OK\r\nX: "),
                                       {PEER_FILL, NULL, 1000000},
                                       PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_PROTOCOL);
    assert_non_null(strstr(record.err.message, "too large"));
    trial_await(&trial, &trial.peer.open, 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_body_longer_than_its_length_is_cut_and_the_connection_closed(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(HEAD "hello world"), PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_NONE);
    assert_int_equal(record.body.len, 5);
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_connection_closed_before_an_answer_is_a_connect_error(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_DO(CLOSE)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_CONNECT);
    assert_false(record.is_heard);
    assert_non_null(strstr(record.err.message, "closed before an answer"));
    record_deinit(&record);
    trial_close(&trial);
}

static void test_idle_connection_closed_by_the_server_leaves_the_pool(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(PAUSE),
                                       PEER_DO(CLOSE)};
    struct trial trial;
    struct record record, next;

    trial_open(&trial, script, NULL);
    trial.peer.scripts[1] = hello;
    record_get(&record, &trial);
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    peer_continue(&trial.peer, 0);
    while (upstream_pool_idle(trial.pool))
        uv_run(&trial.loop->uv, UV_RUN_ONCE);
    record_get(&next, &trial);
    assert_int_equal(next.err.kind, ERROR_NONE);
    assert_false(next.is_reused);
    record_deinit(&record);
    record_deinit(&next);
    trial_close(&trial);
}

static void test_bytes_on_an_idle_connection_close_it(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(PAUSE),
                                       PEER_SAY("HTTP/1.1 408 Timeout\r\n\r\n"), PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    peer_continue(&trial.peer, 0);
    trial_await(&trial, &trial.peer.open, 0);
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void expect_unheard_death(enum peer_action how)
{
    const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(AWAIT), {how, NULL, 0}};
    struct trial trial;
    struct record first, second;

    trial_open(&trial, script, NULL);
    record_get(&first, &trial);
    record_get(&second, &trial);
    assert_int_equal(second.err.kind, ERROR_CONNECT);
    assert_true(second.is_reused);
    assert_false(second.is_heard);
    assert_int_equal(trial.peer.requests, 2); // once each: nothing is sent again by itself
    assert_int_equal(trial.peer.accepted, 1);
    record_deinit(&first);
    record_deinit(&second);
    trial_close(&trial);
}

static void test_reused_connection_that_dies_unheard_says_so(void **state)
{
    (void)state;
    expect_unheard_death(PEER_CLOSE);
    expect_unheard_death(PEER_RESET);
}

static void test_request_meets_a_connection_that_has_just_been_closed(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(PAUSE),
                                       PEER_DO(RESET)};
    struct trial trial;
    struct record first, second = {0};

    trial_open(&trial, script, NULL);
    record_get(&first, &trial);
    peer_continue(&trial.peer, 0); // the loop has not turned: the pool does not know yet
    record_start(&second, &trial, "POST", "body");
    record_await(&second);
    assert_int_equal(second.err.kind, ERROR_CONNECT);
    assert_true(second.is_reused);
    assert_false(second.is_heard);
    record_deinit(&first);
    record_deinit(&second);
    trial_close(&trial);
}

// A port on which nothing listens: it was bound a moment ago.
static int dead_port(struct trial *trial)
{
    struct peer other;
    peer_open(&other, trial->loop, hello);
    peer_close(&other);
    trial_settle(trial);
    return other.port;
}

static void test_refused_connection_names_host_and_port(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;
    struct slice path;
    char url[64], wanted[128];

    trial_open(&trial, hello, NULL);
    int port = dead_port(&trial);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    snprintf(wanted, sizeof(wanted), "cannot connect to 127.0.0.1:%d: connection refused", port);
    trial.origin = upstream_origin(trial.pool, url, &path, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_CONNECT);
    assert_string_equal(record.err.message, wanted);
    assert_int_equal(record.heads, 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_offline_pool_reaches_nobody(void **state)
{
    struct trial trial;
    struct record record;

    (void)state;
    trial_open(&trial, hello, NULL);
    upstream_pool_set_offline(trial.pool);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_CONNECT);
    assert_string_equal(record.err.message, "there is no network here");
    record_deinit(&record);
    trial_close(&trial);
}

static void test_unknown_name_is_a_dns_error(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;
    struct slice path;

    trial_open(&trial, hello, NULL);
    // An overlong label is refused by the resolver itself: no query leaves the machine.
    trial.origin = upstream_origin(
        trial.pool,
        "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid",
        &path, NULL);
    record_get(&record, &trial);
    assert_int_equal(record.err.kind, ERROR_DNS);
    record_deinit(&record);
    trial_close(&trial);
}

struct blackhole {
    int listener, filler[8];
    int port;
};

// A listener with a full backlog: the kernel drops further SYNs, so a connection hangs.
static void blackhole_open(struct blackhole *hole)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    uv_ip4_addr("127.0.0.1", 0, &address);
    hole->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(hole->listener, 0), 0);
    getsockname(hole->listener, (struct sockaddr *)&address, &len);
    hole->port = ntohs(address.sin_port);
    for (size_t i = 0; i < 8; i++) {
        hole->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(hole->filler[i], (struct sockaddr *)&address, sizeof(address));
    }
}

static void blackhole_close(struct blackhole *hole)
{
    for (size_t i = 0; i < 8; i++)
        close(hole->filler[i]);
    close(hole->listener);
}

static void start_into(struct blackhole *hole, struct trial *trial, struct record *record,
                       uint32_t connect_ms)
{
    struct slice path;
    char url[64];

    blackhole_open(hole);
    trial_open(trial, hello, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", hole->port);
    const struct upstream_request request = {
        .origin = upstream_origin(trial->pool, url, &path, NULL),
        .method = SLICE("GET"),
        .path = SLICE("/"),
        .connect_ms = connect_ms,
    };
    record_start_request(record, trial, &request);
}

static void test_connection_that_hangs_times_out(void **state)
{
    (void)state;
    struct blackhole hole;
    struct trial trial;
    struct record record = {0};

    start_into(&hole, &trial, &record, 50);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_TIMEOUT);
    assert_non_null(strstr(record.err.message, "within 50 ms"));
    record_deinit(&record);
    trial_close(&trial);
    blackhole_close(&hole);
}

static void test_cancel_while_connecting_does_not_wait(void **state)
{
    (void)state;
    struct blackhole hole;
    struct trial trial;
    struct record record = {0};

    start_into(&hole, &trial, &record, 600000);
    trial_settle(&trial);
    assert_int_equal(record.dones, 0);
    upstream_cancel(record.upstream);
    assert_int_equal(record.dones, 0);
    uv_run(&trial.loop->uv, UV_RUN_NOWAIT);
    uv_run(&trial.loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(record.dones, 1);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    record_deinit(&record);
    trial_close(&trial);
    blackhole_close(&hole);
}

static void test_many_connections_at_once_need_several_curl_handles(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct trial trial;
    struct record records[COUNT] = {0};

    trial_open(&trial, hello, NULL);
    for (size_t i = 0; i < COUNT; i++)
        record_start(&records[i], &trial, "GET", NULL);
    assert_int_equal(upstream_pool_in_flight(trial.pool), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        record_await(&records[i]);
        assert_int_equal(records[i].err.kind, ERROR_NONE);
        record_deinit(&records[i]);
    }
    assert_int_equal(upstream_pool_idle(trial.pool), 4);
    trial_close(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated_head_is_a_protocol_error),
        cmocka_unit_test(test_truncated_body_is_a_protocol_error),
        cmocka_unit_test(test_garbage_is_a_protocol_error),
        cmocka_unit_test(test_answer_cut_at_every_byte_fails),
        cmocka_unit_test(test_answer_split_at_every_byte_is_the_same),
        cmocka_unit_test(test_endless_head_is_cut_off),
        cmocka_unit_test(test_body_longer_than_its_length_is_cut_and_the_connection_closed),
        cmocka_unit_test(test_connection_closed_before_an_answer_is_a_connect_error),
        cmocka_unit_test(test_idle_connection_closed_by_the_server_leaves_the_pool),
        cmocka_unit_test(test_bytes_on_an_idle_connection_close_it),
        cmocka_unit_test(test_reused_connection_that_dies_unheard_says_so),
        cmocka_unit_test(test_request_meets_a_connection_that_has_just_been_closed),
        cmocka_unit_test(test_refused_connection_names_host_and_port),
        cmocka_unit_test(test_offline_pool_reaches_nobody),
        cmocka_unit_test(test_unknown_name_is_a_dns_error),
        cmocka_unit_test(test_connection_that_hangs_times_out),
        cmocka_unit_test(test_cancel_while_connecting_does_not_wait),
        cmocka_unit_test(test_many_connections_at_once_need_several_curl_handles),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
