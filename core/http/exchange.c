// The handler's side of one request: exchange_*() of server.h.
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "http/connection.h"
#include "http/inner.h"

static struct connection *connection_of(const struct exchange *exchange)
{
    return (struct connection *)((char *)exchange - offsetof(struct connection, exchange));
}

const struct request *exchange_request(const struct exchange *exchange)
{
    return exchange->request;
}

void exchange_set_data(struct exchange *exchange, void *data)
{
    exchange->data = data;
}

void *exchange_data(const struct exchange *exchange)
{
    return exchange->data;
}

bool exchange_is_gone(const struct exchange *exchange)
{
    if (exchange->inner)
        return inner_is_gone(exchange->inner);
    return connection_of(exchange)->state == CONNECTION_CLOSED;
}

const char *exchange_peer(const struct exchange *exchange)
{
    struct connection *connection = connection_of(exchange);
    char ip[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 16];
    if (exchange->inner)
        return "inner";
    if (connection->peer_text)
        return connection->peer_text;
    int len;
    if (connection->peer.any.sa_family == AF_INET6) {
        uv_ip6_name(&connection->peer.v6, ip, sizeof(ip));
        len = snprintf(text, sizeof(text), "[%s]:%d", ip, ntohs(connection->peer.v6.sin6_port));
    } else {
        uv_ip4_name(&connection->peer.v4, ip, sizeof(ip));
        len = snprintf(text, sizeof(text), "%s:%d", ip, ntohs(connection->peer.v4.sin_port));
    }
    connection->peer_text = mem_dup(text, (size_t)len);
    return connection->peer_text;
}

void exchange_take_body(struct exchange *exchange, char *bytes, size_t len)
{
    if (exchange->inner)
        inner_take_body(exchange->inner, bytes, len);
    else
        request_reader_take_body(&connection_of(exchange)->reader, bytes, len);
}

void exchange_drop_body(struct exchange *exchange)
{
    if (exchange->inner)
        inner_drop_body(exchange->inner);
    else
        request_reader_drop_body(&connection_of(exchange)->reader);
}

// Starts the answer: what its head says, and whether the connection stays.
static void add_head(struct exchange *exchange, struct response_head *head, struct buf *out)
{
    struct connection *connection = connection_of(exchange);
    const struct request_reader *reader = &connection->reader;

    exchange->is_started = true;
    exchange->has_body = response_has_body(head->status) && !reader->request.is_head;
    if (!response_has_body(head->status))
        head->framing = RESPONSE_NONE;
    exchange->is_chunked = head->framing == RESPONSE_CHUNKED;
    connection->keep_alive =
        reader->keep_alive && !connection->server->is_draining && head->framing != RESPONSE_CLOSE;
    if (!connection->keep_alive)
        head->persistence = RESPONSE_CLOSES;
    else if (reader->is_http10)
        head->persistence = RESPONSE_KEEP_ALIVE;
    response_add_head(head, out);
}

// The same in one step, where nobody has to be told apart by framing.
static void reply_inner(struct exchange *exchange, int status, struct slice headers,
                        struct slice body)
{
    inner_begin(exchange->inner, status, headers);
    inner_write(exchange->inner, body);
    inner_end(exchange->inner);
}

void exchange_reply(struct exchange *exchange, int status, struct slice headers, struct slice body)
{
    if (exchange->inner) {
        reply_inner(exchange, status, headers, body);
        return;
    }
    struct connection *connection = connection_of(exchange);
    struct response_head head = {status, headers, RESPONSE_LENGTH, RESPONSE_PERSISTS, body.len};
    struct buf out = server_lend_buf(connection->server);

    add_head(exchange, &head, &out);
    exchange->is_ended = true;
    uv_buf_t bufs[2] = {
        uv_buf_init(out.data, (unsigned)out.len),
        {.base = (char *)body.data, .len = exchange->has_body ? body.len : 0},
    };
    exchange->bytes_sent = bufs[1].len;
    connection_write(connection, bufs, bufs[1].len ? 2 : 1);
    server_return_buf(connection->server, &out);
}

void exchange_start(struct exchange *exchange, int status, struct slice headers)
{
    if (exchange->inner) {
        inner_begin(exchange->inner, status, headers);
        return;
    }
    struct connection *connection = connection_of(exchange);
    struct response_head head = {.status = status, .headers = headers};
    head.framing = connection->reader.is_http10 ? RESPONSE_CLOSE : RESPONSE_CHUNKED;

    exchange->pending = server_lend_buf(connection->server);
    add_head(exchange, &head, &exchange->pending);
    exchange->head_len = exchange->pending.len;
    if (connection->state == CONNECTION_CLOSED)
        server_return_buf(connection->server, &exchange->pending);
}

bool exchange_is_started(const struct exchange *exchange)
{
    return exchange->is_started;
}

void exchange_write(struct exchange *exchange, struct slice bytes)
{
    if (exchange->inner) {
        inner_write(exchange->inner, bytes);
        return;
    }
    struct connection *connection = connection_of(exchange);
    if (connection->state == CONNECTION_CLOSED || !exchange->has_body || exchange->is_ended ||
        !bytes.len)
        return;
    if (!exchange->pending.data)
        exchange->pending = server_lend_buf(connection->server);
    buf_add_slice(&exchange->pending, bytes);
}

// Writes what is pending and `more` as one chunk, the held head before it, the last chunk behind
// it.
static void send_pending(struct exchange *exchange, struct slice more, bool is_last)
{
    struct connection *connection = connection_of(exchange);
    struct buf *pending = &exchange->pending;
    char line[RESPONSE_CHUNK_LINE], tail[] = "\r\n0\r\n\r\n";
    bool has_framing = exchange->is_chunked && exchange->has_body;
    size_t pending_len = pending->len - exchange->head_len;
    size_t body_len = pending_len + more.len;
    uv_buf_t bufs[5];
    unsigned count = 0;

    if (exchange->head_len)
        bufs[count++] = uv_buf_init(pending->data, (unsigned)exchange->head_len);
    if (body_len && has_framing)
        bufs[count++] = uv_buf_init(line, (unsigned)response_chunk_line(body_len, line));
    if (pending_len)
        bufs[count++] = uv_buf_init(pending->data + exchange->head_len, (unsigned)pending_len);
    if (more.len)
        bufs[count++] = uv_buf_init((char *)more.data, (unsigned)more.len);
    if (has_framing && (body_len || is_last)) {
        char *from = body_len ? tail : tail + 2;
        char *to = tail + (is_last ? 7 : 2);
        bufs[count++] = uv_buf_init(from, (unsigned)(to - from));
    }
    exchange->bytes_sent += body_len;
    exchange->head_len = 0;
    if (count)
        connection_write(connection, bufs, count);
    server_return_buf(connection->server, pending);
    if (connection_queued(connection) >= LIMIT_WRITE_PAUSE)
        exchange->is_full = true;
}

void exchange_flush(struct exchange *exchange)
{
    if (exchange->inner)
        inner_flush(exchange->inner);
    else if (exchange->pending.len && connection_of(exchange)->state != CONNECTION_CLOSED)
        send_pending(exchange, (struct slice){NULL, 0}, false);
}

void exchange_pass(struct exchange *exchange, struct slice bytes)
{
    if (exchange->inner || bytes.len <= LIMIT_OUTBOX_WRITE)
        exchange_write(exchange, bytes);
    else if (connection_of(exchange)->state != CONNECTION_CLOSED && exchange->has_body &&
             !exchange->is_ended)
        send_pending(exchange, bytes, false);
}

size_t exchange_backlog(const struct exchange *exchange)
{
    if (exchange->inner)
        return inner_backlog(exchange->inner);
    const struct connection *connection = connection_of(exchange);
    if (connection->state == CONNECTION_CLOSED)
        return 0;
    return connection_queued(connection) + exchange->pending.len;
}

uint64_t exchange_bytes_sent(const struct exchange *exchange)
{
    return exchange->bytes_sent;
}

void exchange_end(struct exchange *exchange)
{
    if (exchange->is_ended)
        return;
    exchange->is_ended = true;
    if (exchange->inner)
        inner_end(exchange->inner);
    else if (connection_of(exchange)->state != CONNECTION_CLOSED)
        send_pending(exchange, (struct slice){NULL, 0}, true);
}

void exchange_abort(struct exchange *exchange)
{
    if (exchange->inner) {
        inner_break(exchange->inner);
        return;
    }
    struct connection *connection = connection_of(exchange);
    bool is_close_delimited = exchange->is_started && exchange->has_body && !exchange->is_chunked;

    exchange_flush(exchange);
    exchange->is_ended = true;
    // A plain close would look like the proper end of a body that is delimited by close.
    if (is_close_delimited)
        connection_reset(connection);
    else
        connection_close(connection);
}

void exchange_release(struct exchange *exchange)
{
    if (exchange->inner)
        inner_release(exchange->inner);
    else
        connection_release(connection_of(exchange));
}
