#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_LIMIT = 128 * 1024 * 1024 };

void trial_open(struct trial *trial, const struct peer_step *script,
                const struct upstream_settings *settings)
{
    const struct upstream_settings usual = {
        .idle_per_origin = 4, .idle_time_ms = 60000, .proxy = ""};
    char url[64];
    struct slice path;

    memset(trial, 0, sizeof(*trial));
    trial->loop = loop_new();
    trial->pool = upstream_pool_new(trial->loop, settings ? settings : &usual);
    peer_open(&trial->peer, trial->loop, script);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", trial->peer.port);
    trial->origin = upstream_origin(trial->pool, url, &path, NULL);
    assert_non_null(trial->origin);
}

static void on_closed(void *owner)
{
    struct trial *trial = owner;
    assert_false(trial->is_closed);
    trial->is_closed = true;
}

void trial_close(struct trial *trial)
{
    upstream_pool_close(trial->pool, on_closed, trial);
    peer_close(&trial->peer);
    while (uv_run(&trial->loop->uv, UV_RUN_DEFAULT))
        continue;
    assert_true(trial->is_closed);
    assert_int_equal(upstream_pool_in_flight(trial->pool), 0);
    assert_int_equal(upstream_pool_idle(trial->pool), 0);
    upstream_pool_free(trial->pool);
    assert_int_equal(loop_free(trial->loop), 0);
}

// A turn that had its event in a timer would go on to wait for another one.
static void end_turn(const struct record *record)
{
    uv_stop(&record->trial->loop->uv);
}

static void on_head(void *owner, const struct upstream_head *head)
{
    struct record *record = owner;
    assert_int_equal(record->dones, 0);
    record->heads++;
    end_turn(record);
    record->status = head->status;
    record->has_body_end = head->has_body_end;
    buf_add_slice(&record->server, headers_find(head->headers, SLICE("server")));
    if (record->in_head)
        record->in_head(record);
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    (void)is_last;
    struct record *record = owner;
    assert_int_equal(record->dones, 0);
    assert_int_equal(record->heads, 1);
    buf_add(&record->body, bytes, len);
    if (record->in_body)
        record->in_body(record);
}

static void on_pause(void *owner)
{
    struct record *record = owner;
    assert_int_equal(record->dones, 0);
    record->pauses++;
    end_turn(record);
    if (record->in_pause)
        record->in_pause(record);
}

static void on_done(void *owner, const struct error *err)
{
    struct record *record = owner;
    assert_non_null(record->upstream); // never from inside upstream_start()
    record->dones++;
    end_turn(record);
    record->is_reused = upstream_was_reused(record->upstream);
    record->is_heard = upstream_was_heard(record->upstream);
    record->upstream = NULL;
    if (err)
        record->err = *err;
    if (record->in_done)
        record->in_done(record);
}

static const struct upstream_handler handler = {on_head, on_body, on_pause, on_done};

void record_start_request(struct record *record, struct trial *trial,
                          const struct upstream_request *request)
{
    record->trial = trial;
    buf_init(&record->body, BODY_LIMIT);
    buf_init(&record->server, 1024);
    record->upstream = upstream_start(trial->pool, request, &handler, record);
}

void record_start(struct record *record, struct trial *trial, const char *method, const char *body)
{
    record->segment = slice_of(body);
    const struct upstream_request request = {
        .origin = trial->origin,
        .method = slice_of(method),
        .path = SLICE("/path"),
        .headers = SLICE("Accept: */*\r\n"),
        .body = &record->segment,
        .body_count = body ? 1 : 0,
        .connect_ms = 5000,
    };
    record_start_request(record, trial, &request);
}

void record_await(struct record *record)
{
    while (!record->dones)
        uv_run(&record->trial->loop->uv, UV_RUN_ONCE);
    assert_int_equal(record->dones, 1);
}

void record_deinit(struct record *record)
{
    buf_deinit(&record->body);
    buf_deinit(&record->server);
}

void record_get(struct record *record, struct trial *trial)
{
    memset(record, 0, sizeof(*record));
    record_start(record, trial, "GET", NULL);
    record_await(record);
}

void trial_await(struct trial *trial, const size_t *value, size_t wanted)
{
    while (*value != wanted)
        uv_run(&trial->loop->uv, UV_RUN_ONCE);
}

void trial_settle(struct trial *trial)
{
    for (int i = 0; i < 20; i++)
        uv_run(&trial->loop->uv, UV_RUN_NOWAIT);
}
