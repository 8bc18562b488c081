#include "http/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/connector.h"
#include "http/origin.h"
#include "http/pool.h"
#include "http/request_head.h"
#include "http/response_parser.h"
#include "http/transport.h"
#include "http/turn.h"

enum {
    REQUEST_HEAD_LIMIT = 1024 * 1024, // the caller has limits of its own; this is a last resort
    FEW_SEGMENTS = 16,                // of a request; more cost an allocation
    SPARE_EXCHANGES = 64,             // finished ones kept for the next
};

struct upstream_pool {
    struct turn turn;
    struct origins origins;
    struct pool idle;
    struct connector *connector; // NULL until the first connection: libcurl costs memory
    char *ca_file;               // owned
    struct list running;
    size_t in_flight;
    struct buf head;        // of the request that is being sent
    struct headers headers; // empty; memory for the next answer's head
    struct list spare;
    size_t spare_count;
    bool is_closed, is_offline;
};

// CONNECTING -> RUNNING -> DONE; ENDING, from any of them, waits for the next turn to call on_done.
enum upstream_state { UPSTREAM_CONNECTING, UPSTREAM_RUNNING, UPSTREAM_ENDING, UPSTREAM_DONE };

struct upstream {
    struct list node; // in pool->running or ->spare
    struct upstream_pool *pool;
    const struct upstream_handler *handler;
    void *owner;
    struct upstream_request request;
    struct connector_job *connecting; // NULL unless CONNECTING
    struct transport *transport;      // NULL unless RUNNING
    struct error *failure;            // owned; while ENDING
    struct turn_item ending;
    struct response_parser parser;
    enum upstream_state state;
    bool is_reused;
    bool is_heard;
    bool is_sent;   // the whole request has gone to the kernel
    bool is_paused; // by the caller
    bool has_news;  // on_head or on_body ran since the last on_pause
};

static struct upstream *upstream_new(struct upstream_pool *pool)
{
    if (!pool->spare_count)
        return mem_alloc(sizeof(struct upstream));
    struct upstream *upstream = LIST_ITEM(pool->spare.next, struct upstream, node);
    list_remove(&upstream->node);
    pool->spare_count--;
    memset(upstream, 0, sizeof(*upstream));
    return upstream;
}

// An exchange on it, or whoever asked for it, is done.
static void release_origin(struct upstream_pool *pool, struct origin *origin)
{
    struct origin *gone = origins_unref(&pool->origins, origin);
    if (!gone)
        return;
    pool_forget(gone);
    origin_free(gone);
}

static void upstream_free(struct upstream *upstream)
{
    struct upstream_pool *pool = upstream->pool;
    release_origin(pool, upstream->request.origin);
    turn_remove(&upstream->ending);
    response_parser_deinit(&upstream->parser);
    free(upstream->failure);
    if (pool->spare_count < SPARE_EXCHANGES) {
        list_add_front(&pool->spare, &upstream->node);
        pool->spare_count++;
    } else {
        free(upstream);
    }
    turn_release(&pool->turn);
}

// The last callback. The connection has been let go of before, so that on_done may start anew on
// it.
static void finish(struct upstream *upstream, const struct error *err)
{
    upstream->state = UPSTREAM_DONE;
    list_remove(&upstream->node);
    upstream->pool->in_flight--;
    upstream->handler->on_done(upstream->owner, err);
    upstream_free(upstream);
}

static void on_ending(struct turn_item *item)
{
    struct upstream *upstream = LIST_ITEM(item, struct upstream, ending);
    finish(upstream, upstream->failure);
}

// Lets go of whatever is under way and leaves on_done to the next turn.
static void end_later(struct upstream *upstream, enum error_kind kind, const char *message)
{
    if (upstream->connecting)
        connector_cancel(upstream->connecting);
    if (upstream->transport)
        transport_close(upstream->transport);
    upstream->connecting = NULL;
    upstream->transport = NULL;
    response_parser_stop(&upstream->parser);
    upstream->state = UPSTREAM_ENDING;
    if (!upstream->failure)
        upstream->failure = mem_alloc(sizeof(*upstream->failure));
    error_set(upstream->failure, kind, "%s", message);
    turn_add(&upstream->pool->turn, &upstream->ending);
}

// on_pause, when there is something that it is good for. Returns false when it ended the exchange.
static bool tell_pause(struct upstream *upstream)
{
    if (upstream->has_news) {
        upstream->has_news = false;
        upstream->handler->on_pause(upstream->owner);
    }
    return upstream->state == UPSTREAM_RUNNING;
}

static void release_transport(struct upstream *upstream)
{
    struct transport *transport = upstream->transport;
    upstream->transport = NULL;
    if (!response_parser_is_reusable(&upstream->parser) || !upstream->is_sent) {
        transport_close(transport);
        return;
    }
    transport_resume(transport);
    pool_put(&upstream->pool->idle, upstream->request.origin, transport);
}

static void complete(struct upstream *upstream)
{
    if (!tell_pause(upstream))
        return;
    release_transport(upstream);
    finish(upstream, NULL);
}

static void fail(struct upstream *upstream, const struct error *err)
{
    if (!tell_pause(upstream))
        return;
    transport_close(upstream->transport);
    upstream->transport = NULL;
    finish(upstream, err);
}

static void fail_parsing(struct upstream *upstream)
{
    struct error err;
    error_set(&err, ERROR_PROTOCOL, "the answer of %s cannot be used: %s",
              upstream->request.origin->endpoint, response_parser_failure(&upstream->parser));
    fail(upstream, &err);
}

static void on_parsed_head(void *owner, const struct upstream_head *head)
{
    struct upstream *upstream = owner;
    upstream->has_news = true;
    upstream->handler->on_head(upstream->owner, head);
    response_parser_swap_headers(&upstream->parser, &upstream->pool->headers);
}

static void on_parsed_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    struct upstream *upstream = owner;
    upstream->has_news = true;
    upstream->handler->on_body(upstream->owner, bytes, len, is_last);
}

static const struct response_events parser_events = {on_parsed_head, on_parsed_body};

static void on_read(void *owner, const char *bytes, size_t len)
{
    struct upstream *upstream = owner;

    // Most heads come in one piece: the pool's memory for one is back before another needs it.
    if (!upstream->is_heard)
        response_parser_swap_headers(&upstream->parser, &upstream->pool->headers);
    upstream->is_heard = true;
    switch (response_parser_feed(&upstream->parser, bytes, len)) {
    case RESPONSE_COMPLETE:
        complete(upstream);
        break;
    case RESPONSE_FAILED:
        fail_parsing(upstream);
        break;
    default: // more to come, or canceled by a callback
        break;
    }
}

static void on_read_pause(void *owner)
{
    tell_pause(owner);
}

static void on_read_end(void *owner, const char *reason)
{
    struct upstream *upstream = owner;
    const char *endpoint = upstream->request.origin->endpoint;
    struct error err;

    if (!upstream->is_heard) {
        error_set(&err, ERROR_CONNECT, "%s: the connection was closed before an answer%s%s",
                  endpoint, reason ? ": " : "", reason ? reason : "");
        fail(upstream, &err);
    } else if (reason) {
        error_set(&err, ERROR_PROTOCOL, "%s: the connection was lost within the answer: %s",
                  endpoint, reason);
        fail(upstream, &err);
    } else if (response_parser_end(&upstream->parser) == RESPONSE_COMPLETE) {
        complete(upstream);
    } else {
        fail_parsing(upstream);
    }
}

static void on_sent(void *owner)
{
    struct upstream *upstream = owner;
    upstream->is_sent = true;
}

static const struct transport_events exchange_events = {
    .on_read = on_read,
    .on_pause = on_read_pause,
    .on_end = on_read_end,
    .on_written = on_sent,
};

// Head and body in one write.
static void send_request(struct upstream *upstream)
{
    const struct upstream_request *request = &upstream->request;
    struct slice few[FEW_SEGMENTS];
    size_t count = request->body_count + 1;
    struct slice *segments = count <= FEW_SEGMENTS ? few : mem_alloc(count * sizeof(*segments));

    if (request_head_build(&upstream->pool->head, request) != 0) {
        end_later(upstream, ERROR_BAD_REQUEST, "the request's head is too large");
    } else {
        segments[0] = buf_slice(&upstream->pool->head);
        for (size_t i = 1; i < count; i++)
            segments[i] = request->body[i - 1];
        // A broken connection is told by the reading side, as there may be an answer.
        upstream->is_sent =
            transport_write(upstream->transport, segments, count) == TRANSPORT_WRITTEN;
    }
    if (segments != few)
        free(segments);
}

static void run_on(struct upstream *upstream, struct transport *transport)
{
    upstream->state = UPSTREAM_RUNNING;
    upstream->transport = transport;
    transport_attach(transport, &exchange_events, upstream);
    if (upstream->is_paused)
        transport_pause(transport);
    send_request(upstream);
}

static void on_connected(void *owner, struct transport *transport, const struct error *err)
{
    struct upstream *upstream = owner;
    upstream->connecting = NULL;
    if (transport)
        run_on(upstream, transport);
    else
        finish(upstream, err);
}

static void connect_anew(struct upstream *upstream)
{
    struct upstream_pool *pool = upstream->pool;
    if (!pool->connector)
        pool->connector = connector_new(&pool->turn, pool->ca_file);
    upstream->state = UPSTREAM_CONNECTING;
    upstream->connecting = connector_start(pool->connector, upstream->request.origin,
                                           upstream->request.connect_ms, on_connected, upstream);
}

void upstream_pool_set_offline(struct upstream_pool *pool)
{
    pool->is_offline = true;
}

struct upstream *upstream_start(struct upstream_pool *pool, const struct upstream_request *request,
                                const struct upstream_handler *handler, void *owner)
{
    struct upstream *upstream = upstream_new(pool);
    struct transport *transport;

    upstream->pool = pool;
    upstream->handler = handler;
    upstream->owner = owner;
    upstream->request = *request;
    origin_ref(request->origin);
    turn_item_init(&upstream->ending, on_ending);
    response_parser_init(&upstream->parser, slice_equal(request->method, SLICE("HEAD")),
                         &parser_events, upstream);
    list_add_back(&pool->running, &upstream->node);
    pool->in_flight++;
    turn_hold(&pool->turn);

    if (pool->is_closed) {
        end_later(upstream, ERROR_CANCELED, "canceled");
    } else if (!request_head_is_target(request->path)) {
        end_later(upstream, ERROR_BAD_REQUEST, "the path has a byte that must be percent-encoded");
    } else if (pool->is_offline) {
        end_later(upstream, ERROR_CONNECT, "there is no network here");
    } else if (!request->fresh && (transport = pool_take(request->origin))) {
        upstream->is_reused = true;
        run_on(upstream, transport);
    } else {
        connect_anew(upstream);
    }
    return upstream;
}

void upstream_pause(struct upstream *upstream)
{
    upstream->is_paused = true;
    if (upstream->transport)
        transport_pause(upstream->transport);
}

void upstream_resume(struct upstream *upstream)
{
    upstream->is_paused = false;
    if (upstream->transport)
        transport_resume(upstream->transport);
}

void upstream_cancel(struct upstream *upstream)
{
    if (upstream->state != UPSTREAM_DONE)
        end_later(upstream, ERROR_CANCELED, "canceled");
}

bool upstream_was_reused(const struct upstream *upstream)
{
    return upstream->is_reused;
}

bool upstream_was_sent(const struct upstream *upstream)
{
    return upstream->is_sent;
}

bool upstream_was_heard(const struct upstream *upstream)
{
    return upstream->is_heard;
}

struct upstream_pool *upstream_pool_new(struct loop *loop, const struct upstream_settings *settings)
{
    struct upstream_pool *pool = mem_alloc(sizeof(*pool));

    turn_init(&pool->turn, loop);
    origins_init(&pool->origins, settings->proxy);
    pool_init(&pool->idle, &pool->turn, settings->idle_per_origin, settings->idle_time_ms);
    if (settings->ca_file)
        pool->ca_file = mem_dup(settings->ca_file, strlen(settings->ca_file));
    list_init(&pool->running);
    list_init(&pool->spare);
    headers_init(&pool->headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    buf_init(&pool->head, REQUEST_HEAD_LIMIT);
    return pool;
}

void upstream_pool_close(struct upstream_pool *pool, void (*on_closed)(void *owner), void *owner)
{
    pool->is_closed = true;
    for (struct list *node = pool->running.next; node != &pool->running; node = node->next)
        upstream_cancel(LIST_ITEM(node, struct upstream, node));
    pool_close(&pool->idle);
    connector_close(pool->connector);
    turn_close(&pool->turn, on_closed, owner);
}

void upstream_pool_free(struct upstream_pool *pool)
{
    for (struct list *node = pool->spare.next, *next; node != &pool->spare; node = next) {
        next = node->next;
        free(LIST_ITEM(node, struct upstream, node));
    }
    connector_free(pool->connector);
    headers_deinit(&pool->headers);
    origins_deinit(&pool->origins);
    buf_deinit(&pool->head);
    free(pool->ca_file);
    free(pool);
}

struct turn *upstream_pool_turn(struct upstream_pool *pool)
{
    return &pool->turn;
}

size_t upstream_pool_in_flight(const struct upstream_pool *pool)
{
    return pool->in_flight;
}

size_t upstream_pool_idle(const struct upstream_pool *pool)
{
    return pool->idle.count;
}

struct origin *upstream_origin(struct upstream_pool *pool, const char *url, struct slice *path,
                               struct error *err)
{
    static const struct origin_way as_the_pool = {.proxy = NULL};
    return origins_intern(&pool->origins, url, &as_the_pool, path, err);
}

struct origin *upstream_origin_by(struct upstream_pool *pool, const char *url,
                                  const struct origin_way *way, struct slice *path,
                                  struct error *err)
{
    return origins_intern(&pool->origins, url, way, path, err);
}

struct slice upstream_origin_host(const struct origin *origin)
{
    return slice_of(origin->host);
}

void upstream_origin_unref(struct upstream_pool *pool, struct origin *origin)
{
    release_origin(pool, origin);
}
