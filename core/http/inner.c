#include "http/inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/exchange.h"
#include "http/headers.h"

// Life: running until the handler has released its exchange; freed when the reader has left, too.
struct inner {
    struct exchange exchange;
    struct request request;
    struct headers headers;
    char *line;     // owned: method, path and query, which `request` points into
    char *own_body; // owned; what inner_take_body() took, or NULL
    const struct inner_handler *handler;
    void *reader; // NULL: it has left
    struct turn *turn;
    struct turn_item item; // carries what is owed out of the call that caused it
    bool owes_news, owes_gone, owes_drain;
    bool is_canceled, is_broken, is_released, is_telling;
    int status;
    struct buf lines;  // of the answer's head
    struct buf answer; // not consumed yet
};

static void free_when_left(struct inner *inner)
{
    if (inner->reader || inner->exchange.is_held || inner->is_telling)
        return;
    turn_remove(&inner->item);
    headers_deinit(&inner->headers);
    buf_deinit(&inner->lines);
    buf_deinit(&inner->answer);
    free(inner->line);
    free(inner->own_body);
    free(inner);
}

// What is told may be answered with any call of this file, the last one included.
static void tell(struct turn_item *item)
{
    struct inner *inner = LIST_ITEM(item, struct inner, item);
    struct exchange *exchange = &inner->exchange;

    inner->is_telling = true;
    if (inner->owes_gone) {
        inner->owes_gone = false;
        if (exchange->is_held && !exchange->is_ended)
            inner->handler->on_gone(exchange);
    }
    if (inner->owes_drain) {
        inner->owes_drain = false;
        if (exchange->is_held && !exchange->is_ended && !inner->is_canceled)
            inner->handler->on_drain(exchange);
    }
    if (inner->owes_news) {
        inner->owes_news = false;
        if (inner->reader)
            inner->handler->on_news(inner->reader);
    }
    inner->is_telling = false;
    free_when_left(inner);
}

static void owe(struct inner *inner, bool *what)
{
    *what = true;
    turn_add(inner->turn, &inner->item);
}

static struct slice place(char **at, struct slice text)
{
    struct slice copy = {*at, text.len};
    if (!text.data)
        return text;
    memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

struct inner *inner_new(const struct inner_request *request, const struct inner_handler *handler,
                        void *reader, struct turn *turn)
{
    struct inner *inner = mem_alloc(sizeof(*inner));
    uint64_t now_ns = clock_monotonic_ns();

    inner->handler = handler;
    inner->reader = reader;
    inner->turn = turn;
    turn_item_init(&inner->item, tell);
    headers_init(&inner->headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    buf_init(&inner->lines, LIMIT_RESPONSE_HEAD);
    buf_init(&inner->answer, SIZE_MAX / 4);
    inner->line = mem_alloc(request->method.len + request->path.len + request->query.len + 1);
    char *at = inner->line;
    inner->request = (struct request){
        .method = place(&at, request->method),
        .path = place(&at, request->path),
        .query = place(&at, request->query),
        .body = request->body,
        .headers = &inner->headers,
        .received_ns = now_ns,
        .ready_ns = now_ns,
    };
    inner->request.target = inner->request.path;
    inner->exchange = (struct exchange){.request = &inner->request, .inner = inner};
    return inner;
}

int inner_add_header(struct inner *inner, struct slice name, struct slice value)
{
    if (headers_add_name(&inner->headers, name.data, name.len) != 0 ||
        headers_add_value(&inner->headers, value.data, value.len) != 0)
        return -1;
    headers_end_field(&inner->headers);
    return 0;
}

struct exchange *inner_serve(struct inner *inner)
{
    inner->exchange.is_held = true;
    return &inner->exchange;
}

struct exchange *inner_exchange(struct inner *inner)
{
    return inner->exchange.is_held ? &inner->exchange : NULL;
}

struct inner *inner_of(const struct exchange *exchange)
{
    return exchange->inner;
}

// ---- the reader's side ------------------------------------------------------------------------

enum inner_progress inner_progress(const struct inner *inner)
{
    if (inner->is_canceled)
        return INNER_CANCELED;
    if (!inner->is_released)
        return INNER_RUNNING;
    return inner->exchange.is_ended && !inner->is_broken ? INNER_WHOLE : INNER_BROKEN;
}

int inner_status(const struct inner *inner)
{
    return inner->status;
}

struct slice inner_headers(const struct inner *inner)
{
    return buf_slice(&inner->lines);
}

struct slice inner_bytes(const struct inner *inner)
{
    return buf_slice(&inner->answer);
}

void inner_consume(struct inner *inner)
{
    buf_deinit(&inner->answer);
    if (!inner->exchange.is_full)
        return;
    inner->exchange.is_full = false;
    owe(inner, &inner->owes_drain);
}

void inner_cancel(struct inner *inner)
{
    if (inner->is_canceled || !inner->exchange.is_held)
        return;
    inner->is_canceled = true;
    buf_deinit(&inner->answer);
    owe(inner, &inner->owes_gone);
    owe(inner, &inner->owes_news);
}

void inner_discard(struct inner *inner)
{
    inner->reader = NULL;
    inner_consume(inner);
    free_when_left(inner);
}

void inner_free(struct inner *inner)
{
    inner_cancel(inner);
    inner->reader = NULL;
    free_when_left(inner);
}

// ---- the handler's side -----------------------------------------------------------------------

bool inner_is_gone(const struct inner *inner)
{
    return inner->is_canceled;
}

void inner_take_body(struct inner *inner, char *bytes, size_t len)
{
    inner_drop_body(inner);
    inner->own_body = bytes;
    inner->request.body = (struct slice){bytes, len};
}

void inner_drop_body(struct inner *inner)
{
    free(inner->own_body);
    inner->own_body = NULL;
    inner->request.body = (struct slice){NULL, 0};
}

void inner_begin(struct inner *inner, int status, struct slice headers)
{
    inner->exchange.is_started = true;
    inner->status = status;
    buf_add_slice(&inner->lines, headers);
}

void inner_write(struct inner *inner, struct slice bytes)
{
    if (inner->is_canceled || inner->exchange.is_ended)
        return;
    inner->exchange.bytes_sent += bytes.len;
    if (inner->reader)
        buf_add_slice(&inner->answer, bytes);
}

void inner_flush(struct inner *inner)
{
    if (inner->answer.len >= LIMIT_WRITE_PAUSE)
        inner->exchange.is_full = true;
    owe(inner, &inner->owes_news);
}

size_t inner_backlog(const struct inner *inner)
{
    return inner->answer.len;
}

void inner_end(struct inner *inner)
{
    inner->exchange.is_ended = true;
    owe(inner, &inner->owes_news);
}

void inner_break(struct inner *inner)
{
    inner->is_broken = true;
    inner_end(inner);
}

void inner_release(struct inner *inner)
{
    inner->exchange.is_held = false;
    inner->is_released = true;
    inner_drop_body(inner);
    owe(inner, &inner->owes_news);
    free_when_left(inner);
}
