#include "http/upstream.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "trial.h"

#define HELLO "HTTP/1.1 200 OK\r\nServer: peer\r\nContent-Length: 5\r\n\r\nhello"

static const struct peer_step hello[] = {PEER_DO(AWAIT), PEER_SAY(HELLO), PEER_DO(AGAIN)};

static void assert_text(const struct buf *buf, const char *text)
{
    assert_int_equal(buf->len, strlen(text));
    if (buf->len)
        assert_memory_equal(buf->data, text, buf->len);
}

static void assert_complete(const struct record *record, int status, const char *body)
{
    assert_string_equal(record->err.message, "");
    assert_int_equal(record->err.kind, ERROR_NONE);
    assert_int_equal(record->status, status);
    assert_int_equal(record->heads, 1);
    assert_text(&record->body, body);
}

static void test_get_brings_head_and_body(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;

    trial_open(&trial, hello, NULL);
    record_get(&record, &trial);
    assert_complete(&record, 200, "hello");
    assert_text(&record.server, "peer");
    assert_true(record.has_body_end);
    assert_false(record.is_reused);
    assert_true(record.is_heard);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_request_has_line_host_and_the_callers_fields(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;
    struct buf wanted;

    trial_open(&trial, hello, NULL);
    record_get(&record, &trial);
    buf_init(&wanted, 1024);
    buf_addf(&wanted, "GET /path HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n\r\n",
             trial.peer.port);
    assert_text(&trial.peer.received, wanted.data);
    buf_deinit(&wanted);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_post_body_segments_follow_the_head(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};
    struct slice segments[40];
    struct slice path;

    trial_open(&trial, hello, NULL);
    for (size_t i = 0; i < 40; i++)
        segments[i] = SLICE("ab");
    struct upstream_request request = {
        .origin = upstream_origin(trial.pool, "http://localhost", &path, NULL),
        .method = SLICE("POST"),
        .path = SLICE("?q"),
        .body = segments,
        .body_count = 40,
    };
    request.origin = trial.origin;
    record_start_request(&record, &trial, &request);
    record_await(&record);
    assert_complete(&record, 200, "hello");
    assert_non_null(strstr(trial.peer.received.data, "POST /?q HTTP/1.1\r\n"));
    assert_non_null(strstr(trial.peer.received.data, "Content-Length: 80\r\n\r\nabab"));
    assert_int_equal(trial.peer.requests, 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_post_without_body_says_length_zero(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, hello, NULL);
    record_start(&record, &trial, "POST", NULL);
    record_await(&record);
    assert_non_null(strstr(trial.peer.received.data, "Content-Length: 0\r\n"));
    record_deinit(&record);
    trial_close(&trial);
}

static void test_second_exchange_uses_the_same_connection(void **state)
{
    (void)state;
    struct trial trial;
    struct record first, second;

    trial_open(&trial, hello, NULL);
    record_get(&first, &trial);
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    record_get(&second, &trial);
    assert_complete(&second, 200, "hello");
    assert_true(second.is_reused);
    assert_int_equal(trial.peer.accepted, 1);
    record_deinit(&first);
    record_deinit(&second);
    trial_close(&trial);
}

static void test_fresh_exchange_makes_its_own_connection(void **state)
{
    (void)state;
    struct trial trial;
    struct record first, second = {0};

    trial_open(&trial, hello, NULL);
    record_get(&first, &trial);
    const struct upstream_request request = {
        .origin = trial.origin, .method = SLICE("GET"), .path = SLICE("/"), .fresh = true};
    record_start_request(&second, &trial, &request);
    record_await(&second);
    assert_false(second.is_reused);
    assert_int_equal(trial.peer.accepted, 2);
    assert_int_equal(upstream_pool_idle(trial.pool), 2);
    record_deinit(&first);
    record_deinit(&second);
    trial_close(&trial);
}

static void start_next(struct record *record)
{
    struct record *next = record + 1;
    record_start(next, record->trial, "GET", NULL);
}

static void test_exchange_started_in_on_done_finds_the_connection_idle(void **state)
{
    (void)state;
    struct trial trial;
    struct record records[2] = {{.in_done = start_next}};

    trial_open(&trial, hello, NULL);
    record_start(&records[0], &trial, "GET", NULL);
    record_await(&records[0]);
    record_await(&records[1]);
    assert_true(records[1].is_reused);
    assert_int_equal(trial.peer.accepted, 1);
    record_deinit(&records[0]);
    record_deinit(&records[1]);
    trial_close(&trial);
}

static void test_interim_answers_are_skipped(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" HELLO),
        PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_complete(&record, 200, "hello");
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_body_delimited_by_close_is_complete_and_not_pooled(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY("HTTP/1.1 200 OK\r\n\r\nuntil the end"), PEER_DO(CLOSE)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_complete(&record, 200, "until the end");
    assert_false(record.has_body_end);
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_chunks_and_trailers_are_removed(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nChecksum: 1\r\n\r\n"),
        PEER_DO(AGAIN)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_complete(&record, 200, "hello");
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void await_bodyless(const char *method, const char *answer, int status)
{
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(answer), PEER_DO(AGAIN)};
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, script, NULL);
    record_start(&record, &trial, method, NULL);
    record_await(&record);
    assert_complete(&record, status, "");
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_answers_without_body_by_rule_end_with_their_head(void **state)
{
    (void)state;
    await_bodyless("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 200);
    await_bodyless("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200);
    await_bodyless("HEAD", "HTTP/1.1 200 OK\r\n\r\n", 200);
    await_bodyless("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204);
    await_bodyless("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304);
    await_bodyless("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200);
}

static void await_unpooled(const char *answer)
{
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_SAY(answer), PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_complete(&record, 200, "hello");
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    trial_await(&trial, &trial.peer.open, 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_connection_that_must_not_be_reused_is_closed(void **state)
{
    (void)state;
    await_unpooled("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    await_unpooled("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    await_unpooled(HELLO "garbage");
}

static void test_http_1_0_with_keepalive_is_pooled(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
        PEER_DO(AGAIN)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    record_get(&record, &trial);
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_large_body_is_written_and_read_whole(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1000 * 1000 };
    const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n"),
        {PEER_FILL, NULL, SIZE},
        PEER_DO(AGAIN)};
    struct trial trial;
    struct record record = {0};
    char *body = mem_alloc(SIZE + 1);

    memset(body, 'y', SIZE);
    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "POST", body);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_NONE);
    assert_int_equal(record.body.len, SIZE);
    assert_int_equal(trial.peer.requests, 1);
    assert_int_equal(upstream_pool_idle(trial.pool), 1);
    free(body);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_answer_before_the_request_is_written_is_delivered_not_pooled(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1000 * 1000 };
    const struct peer_step script[] = {
        PEER_DO(AWAIT_HEAD), PEER_DO(STOP),
        PEER_SAY("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"), PEER_DO(END)};
    struct trial trial;
    struct record record = {0};
    char *body = mem_alloc(SIZE + 1);

    memset(body, 'y', SIZE);
    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "POST", body);
    record_await(&record);
    assert_complete(&record, 413, "big");
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    free(body);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_path_with_a_line_break_is_refused(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, hello, NULL);
    const struct upstream_request request = {
        .origin = trial.origin, .method = SLICE("GET"), .path = SLICE("/ HTTP/1.1\r\nX: y")};
    record_start_request(&record, &trial, &request);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_BAD_REQUEST);
    assert_int_equal(trial.peer.accepted, 0);
    record_deinit(&record);
    trial_close(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_brings_head_and_body),
        cmocka_unit_test(test_request_has_line_host_and_the_callers_fields),
        cmocka_unit_test(test_post_body_segments_follow_the_head),
        cmocka_unit_test(test_post_without_body_says_length_zero),
        cmocka_unit_test(test_second_exchange_uses_the_same_connection),
        cmocka_unit_test(test_fresh_exchange_makes_its_own_connection),
        cmocka_unit_test(test_exchange_started_in_on_done_finds_the_connection_idle),
        cmocka_unit_test(test_interim_answers_are_skipped),
        cmocka_unit_test(test_body_delimited_by_close_is_complete_and_not_pooled),
        cmocka_unit_test(test_chunks_and_trailers_are_removed),
        cmocka_unit_test(test_answers_without_body_by_rule_end_with_their_head),
        cmocka_unit_test(test_connection_that_must_not_be_reused_is_closed),
        cmocka_unit_test(test_http_1_0_with_keepalive_is_pooled),
        cmocka_unit_test(test_large_body_is_written_and_read_whole),
        cmocka_unit_test(test_answer_before_the_request_is_written_is_delivered_not_pooled),
        cmocka_unit_test(test_path_with_a_line_break_is_refused),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
