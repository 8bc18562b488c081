#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/upstream.h"
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

static void pause_reading(struct record *record)
{
    upstream_pause(record->upstream);
}

static void test_paused_exchange_reads_nothing_until_resumed(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT),
                                       PEER_SAY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
                                       PEER_DO(PAUSE), PEER_SAY("hello"), PEER_DO(END)};
    struct trial trial;
    struct record record = {.in_head = pause_reading};

    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "GET", NULL);
    while (!record.heads)
        uv_run(&trial.loop->uv, UV_RUN_ONCE);
    peer_continue(&trial.peer, 0);
    trial_settle(&trial);
    assert_int_equal(record.body.len, 0);
    upstream_resume(record.upstream);
    record_await(&record);
    assert_complete(&record, 200, "hello");
    assert_int_equal(record.pauses, 2);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_pooled_connection_of_a_paused_exchange_reads_again(void **state)
{
    (void)state;
    struct trial trial;
    struct record first = {.in_body = pause_reading}, second;

    trial_open(&trial, hello, NULL);
    record_start(&first, &trial, "GET", NULL);
    record_await(&first);
    record_get(&second, &trial);
    assert_complete(&second, 200, "hello");
    assert_true(second.is_reused);
    record_deinit(&first);
    record_deinit(&second);
    trial_close(&trial);
}

static void test_one_wake_up_ends_with_one_pause(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n"),
        PEER_DO(PAUSE), PEER_SAY("1\r\nc\r\n1\r\nd\r\n0\r\n\r\n"), PEER_DO(END)};
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "GET", NULL);
    while (!record.pauses)
        uv_run(&trial.loop->uv, UV_RUN_ONCE);
    assert_text(&record.body, "ab");
    peer_continue(&trial.peer, 0);
    record_await(&record);
    assert_complete(&record, 200, "abcd");
    assert_int_equal(record.pauses, 2);
    record_deinit(&record);
    trial_close(&trial);
}

static void cancel(struct record *record)
{
    upstream_cancel(record->upstream);
    upstream_cancel(record->upstream);
    assert_int_equal(record->dones, 0);
    record->in_head = record->in_body = record->in_pause = NULL;
}

static void test_cancel_while_awaiting_the_head_closes_the_connection(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_DO(END)};
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "GET", NULL);
    trial_await(&trial, &trial.peer.requests, 1);
    cancel(&record);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    assert_int_equal(upstream_pool_idle(trial.pool), 0);
    trial_await(&trial, &trial.peer.open, 0);
    record_deinit(&record);
    trial_close(&trial);
}

static void expect_canceled_inside(struct record *record, size_t body_len)
{
    struct trial trial;

    trial_open(&trial, hello, NULL);
    record_start(record, &trial, "GET", NULL);
    record_await(record);
    assert_int_equal(record->err.kind, ERROR_CANCELED);
    assert_int_equal(record->heads, 1);
    assert_int_equal(record->body.len, body_len);
    assert_int_equal(record->pauses, 0);
    trial_await(&trial, &trial.peer.open, 0);
    record_deinit(record);
    trial_close(&trial);
}

static void test_cancel_inside_on_head_or_on_body_is_the_last_word(void **state)
{
    (void)state;
    expect_canceled_inside(&(struct record){.in_head = cancel}, 0);
    expect_canceled_inside(&(struct record){.in_body = cancel}, 5);
}

static void cancel_only(struct record *record)
{
    upstream_cancel(record->upstream);
    record->in_pause = NULL;
}

static void test_cancel_in_the_last_pause_cancels(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {.in_pause = cancel_only};

    trial_open(&trial, hello, NULL);
    record_start(&record, &trial, "GET", NULL);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    assert_int_equal(record.pauses, 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_cancel_right_after_start_connects_nothing(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, hello, NULL);
    record_start(&record, &trial, "GET", NULL);
    cancel(&record);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_cancel_while_a_large_body_is_queued_is_safe(void **state)
{
    (void)state;
    enum { SIZE = 20 * 1000 * 1000 };
    const struct peer_step script[] = {PEER_DO(AWAIT_HEAD), PEER_DO(STOP), PEER_DO(END)};
    struct trial trial;
    struct record record = {0};
    char *body = mem_alloc(SIZE + 1);

    memset(body, 'y', SIZE);
    trial_open(&trial, script, NULL);
    record_start(&record, &trial, "POST", body);
    trial_await(&trial, &trial.peer.requests, 1);
    cancel(&record);
    record_await(&record);
    free(body);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_closing_the_pool_cancels_what_runs(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_DO(AWAIT), PEER_DO(END)};
    struct trial trial;
    struct record running = {0}, connecting = {0};

    trial_open(&trial, script, NULL);
    record_start(&running, &trial, "GET", NULL);
    trial_await(&trial, &trial.peer.requests, 1);
    record_start(&connecting, &trial, "GET", NULL);
    assert_int_equal(upstream_pool_in_flight(trial.pool), 2);
    trial_close(&trial);
    assert_int_equal(running.err.kind, ERROR_CANCELED);
    assert_int_equal(connecting.err.kind, ERROR_CANCELED);
    record_deinit(&running);
    record_deinit(&connecting);
}

static void test_unused_pool_closes(void **state)
{
    (void)state;
    struct trial trial;
    trial_open(&trial, hello, NULL);
    trial_close(&trial);
}

static void test_endless_stream_leaves_turns_to_others(void **state)
{
    (void)state;
    const struct peer_step flood[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"),
        {PEER_FILL, NULL, 50000000},
        PEER_DO(END)};
    struct trial trial;
    struct record large = {0}, small;

    trial_open(&trial, flood, NULL);
    trial.peer.scripts[1] = hello;
    record_start(&large, &trial, "GET", NULL);
    while (!large.heads)
        uv_run(&trial.loop->uv, UV_RUN_ONCE);
    record_get(&small, &trial);
    assert_complete(&small, 200, "hello");
    record_await(&large);
    assert_int_equal(large.body.len, 50000000);
    // A wake-up brings a quarter of a megabyte at most.
    assert_true(large.pauses >= 50000000 / (256 * 1024));
    record_deinit(&large);
    record_deinit(&small);
    trial_close(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paused_exchange_reads_nothing_until_resumed),
        cmocka_unit_test(test_pooled_connection_of_a_paused_exchange_reads_again),
        cmocka_unit_test(test_one_wake_up_ends_with_one_pause),
        cmocka_unit_test(test_cancel_while_awaiting_the_head_closes_the_connection),
        cmocka_unit_test(test_cancel_inside_on_head_or_on_body_is_the_last_word),
        cmocka_unit_test(test_cancel_in_the_last_pause_cancels),
        cmocka_unit_test(test_cancel_right_after_start_connects_nothing),
        cmocka_unit_test(test_cancel_while_a_large_body_is_queued_is_safe),
        cmocka_unit_test(test_closing_the_pool_cancels_what_runs),
        cmocka_unit_test(test_unused_pool_closes),
        cmocka_unit_test(test_endless_stream_leaves_turns_to_others),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
