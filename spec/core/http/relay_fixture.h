// What the tests of the relay share: a client that only keeps what it is given (this file stands in
// for exchange_*()), and what the relay has reported.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/relay.h"

#define CHUNK(text) \
    "data: {\"choices\":[{\"index\":0,\"delta\":{" text "},\"finish_reason\":null}]}\n\n"
#define ROLE        CHUNK("\"role\":\"assistant\",\"content\":\"\"")
#define HELLO       CHUNK("\"content\":\"hello\"")
#define FINISH      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n"
#define DONE        "data: [DONE]\n\n"
#define ERROR_EVENT "data: {\"error\":{\"message\":\"it broke\"}}\n\n"

enum { TEXT = 200 }; // kept of what a report says

struct exchange {
    struct buf sent;
    int status;
    bool is_started, is_ended;
    size_t backlog;
};

bool exchange_is_started(const struct exchange *exchange)
{
    return exchange->is_started;
}

void exchange_start(struct exchange *exchange, int status, struct slice headers)
{
    (void)headers;
    exchange->is_started = true;
    exchange->status = status;
}

void exchange_write(struct exchange *exchange, struct slice bytes)
{
    buf_add_slice(&exchange->sent, bytes);
}

void exchange_pass(struct exchange *exchange, struct slice bytes)
{
    exchange_write(exchange, bytes);
}

void exchange_flush(struct exchange *exchange)
{
    (void)exchange;
}

void exchange_reply(struct exchange *exchange, int status, struct slice headers, struct slice body)
{
    exchange_start(exchange, status, headers);
    exchange_write(exchange, body);
    exchange->is_ended = true;
}

void exchange_end(struct exchange *exchange)
{
    exchange->is_ended = true;
}

size_t exchange_backlog(const struct exchange *exchange)
{
    return exchange->backlog;
}

struct fixture {
    struct loop *loop;
    struct timers *timers;
    struct watch *watch;
    struct exchange exchange;
    struct relay *relay;
    struct relay_plan plan;
    struct headers headers;
    bool is_canceled, is_paused, is_done;
    enum relay_verdict (*hook)(const struct stream_event *event, struct buf *instead,
                               struct error *err);
    int (*codec)(struct relay *relay, enum relay_part part, struct slice name, struct slice data,
                 struct error *err);
    struct relay_report report; // without what it borrows
    enum error_kind failed;
    char first_usage[TEXT], usage[TEXT], provider_error[TEXT], body[TEXT], forward[TEXT];
};

static void on_commit(void *owner, int status, uint64_t now_ns, struct buf *headers)
{
    assert_true(now_ns > 0);
    (void)owner;
    (void)status;
    (void)headers;
}

// The one secret that there is; what stands for it is as long.
#define SECRET "sk-secret"
#define HIDDEN "*********"

static void redact(void *owner, struct slice text, struct buf *out)
{
    (void)owner;
    buf_add_slice(out, text);
    char *found = memmem(out->data, out->len, SECRET, sizeof(SECRET) - 1);
    if (found)
        memset(found, '*', sizeof(SECRET) - 1);
}

static void copy(char into[TEXT], struct slice text)
{
    if (text.data)
        memcpy(into, text.data, text.len < TEXT ? text.len : TEXT - 1);
}

static void on_done(void *owner, const struct relay_report *report)
{
    struct fixture *fixture = owner;
    assert_false(fixture->is_done);
    fixture->is_done = true;
    fixture->report = *report;
    fixture->failed = report->error ? report->error->kind : ERROR_NONE;
    copy(fixture->first_usage, report->first_usage);
    copy(fixture->usage, report->usage);
    copy(fixture->provider_error, report->provider_error);
    copy(fixture->body, report->body);
    copy(fixture->forward, report->forward);
}

// What the test has put into `hook`: NULL lets events pass as they are.
static enum relay_verdict on_event(void *owner, const struct stream_event *event,
                                   struct buf *instead, struct error *err)
{
    struct fixture *fixture = owner;
    return fixture->hook(event, instead, err);
}

// What the test has put into `codec`.
static int translate(void *owner, enum relay_part part, const struct stream_event *event,
                     struct error *err)
{
    struct fixture *fixture = owner;
    return fixture->codec(fixture->relay, part, event->name, event->data, err);
}

static void pause_it(void *owner)
{
    ((struct fixture *)owner)->is_paused = true;
}

static void resume_it(void *owner)
{
    ((struct fixture *)owner)->is_paused = false;
}

static void cancel_it(void *owner)
{
    ((struct fixture *)owner)->is_canceled = true;
}

static const struct relay_handler handler = {on_commit, redact,   on_event,  translate,
                                             on_done,   pause_it, resume_it, cancel_it};

static struct watch *chat_watch(void)
{
    static const struct watch_rule rules[] = {
        {.role = WATCH_CONTENT, .path = "choices[].delta.content"},
        {.role = WATCH_CONTENT, .path = "choices[].delta.tool_calls"},
        {.role = WATCH_FINISH, .path = "choices[].finish_reason"},
        {.role = WATCH_USAGE, .path = "usage"},
        {.role = WATCH_ERROR, .path = "error"},
        {.role = WATCH_TERMINAL, .data = "[DONE]"},
        {.role = WATCH_CHOICES, .path = "choices[]"},
        {.role = WATCH_INDEX, .path = "choices[].index"},
    };
    struct watch *watch = watch_new();
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        assert_int_equal(watch_add(watch, &rules[i], NULL), 0);
    return watch;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new(), .watch = chat_watch()};
    fixture.timers = timers_new(fixture.loop);
    buf_init(&fixture.exchange.sent, 1 << 20);
    headers_init(&fixture.headers, 4096, 20);
    fixture.plan = (struct relay_plan){
        .exchange = &fixture.exchange,
        .timers = fixture.timers,
        .watch = fixture.watch,
        .is_stream = true,
        .choices = 1,
        .terminal = SLICE(DONE),
        .hold_limit = 4096,
    };
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    relay_free(fixture->relay);
    buf_deinit(&fixture->exchange.sent);
    headers_deinit(&fixture->headers);
    watch_free(fixture->watch);
    timers_close(fixture->timers);
    uv_run(&fixture->loop->uv, UV_RUN_DEFAULT);
    return loop_free(fixture->loop);
}

static void begin(struct fixture *fixture, int status, const char *content_type)
{
    fixture->relay = relay_new(&fixture->plan, &handler, fixture);
    headers_add_name(&fixture->headers, "Content-Type", 12);
    headers_add_value(&fixture->headers, content_type, strlen(content_type));
    headers_end_field(&fixture->headers);
    relay_on_head(fixture->relay, status, &fixture->headers);
}

static void feed(struct fixture *fixture, const char *text)
{
    relay_on_body(fixture->relay, text, strlen(text), false);
    relay_on_wake_end(fixture->relay);
}

// A canceled upstream ends with an error of its own.
static void end(struct fixture *fixture)
{
    struct error err;
    error_set(&err, ERROR_CANCELED, "canceled");
    relay_on_end(fixture->relay, fixture->is_canceled ? &err : NULL);
    assert_true(fixture->is_done);
}

static void assert_sent(struct fixture *fixture, const char *text)
{
    struct buf *sent = &fixture->exchange.sent;
    assert_string_equal(sent->data ? sent->data : "", text);
}
