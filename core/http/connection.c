#include "http/connection.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

// Exists only while a client is slower than its answer.
struct write_queue {
    uv_write_t request;
    struct buf flying; // handed to libuv, must not move
    struct buf next;   // written when `flying` is through
    size_t left;       // of `flying`, at the last look
    unsigned looks;    // in a row that saw no progress
};

static void consume(struct connection *connection, const char *bytes, size_t len);
static void start_reading(struct connection *connection);

static enum connection_wait wait_of(const struct connection *connection)
{
    switch (connection->state) {
    case CONNECTION_IDLE:
        return WAIT_REQUEST;
    case CONNECTION_HEAD:
        return WAIT_HEAD;
    case CONNECTION_BODY:
        return WAIT_BODY;
    case CONNECTION_SERVING:
    case CONNECTION_FLUSHING:
    case CONNECTION_ENDING:
        return connection->queue ? WAIT_TAKING : WAIT_NOTHING;
    case CONNECTION_LINGER:
        return WAIT_CLOSE;
    case CONNECTION_CLOSED:
        break;
    }
    return WAIT_NOTHING;
}

// Enters a state, or the same one again, and starts its wait.
static void enter(struct connection *connection, enum connection_state state)
{
    struct server *server = connection->server;
    connection->state = state;
    connection->since_ms = loop_now_ms(server->loop);
    list_remove(&connection->node);
    list_add_back(&server->waiting[wait_of(connection)], &connection->node);
}

// ---- closing ----------------------------------------------------------------------------------

static void free_connection(struct connection *connection)
{
    struct server *server = connection->server;
    list_remove(&connection->node);
    outbox_drop(&connection->out);
    request_reader_deinit(&connection->reader);
    free(connection->peer_text);
    free(connection);
    server_forget_connection(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct server *server = connection->server;
    struct exchange *exchange = &connection->exchange;

    connection->is_closed = true;
    if (!exchange->is_held)
        free_connection(connection);
    else if (!exchange->is_ended)
        server->handler->on_gone(server->owner, exchange); // may free the connection
}

static void send_kept(struct connection *connection)
{
    outbox_send(&connection->server->loop->outbox, &connection->out);
}

static bool begin_close(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return false;
    send_kept(connection);
    if (connection->state == CONNECTION_CLOSED) // the kept bytes met an error
        return false;
    enter(connection, CONNECTION_CLOSED);
    buf_deinit(&connection->pipeline);
    server_return_buf(connection->server, &connection->exchange.pending);
    return true;
}

void connection_close(struct connection *connection)
{
    if (begin_close(connection))
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

void connection_reset(struct connection *connection)
{
    if (begin_close(connection) && uv_tcp_close_reset(&connection->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

// The last byte is with the kernel. Closing with unread bytes of the client in our socket would
// send a reset, which can destroy an answer that the client has not read yet: so shut down our
// side and wait for the client's (RFC 9112 section 9.6).
static void linger(struct connection *connection)
{
    uv_os_fd_t fd;
    if (connection->is_at_eof || uv_fileno((uv_handle_t *)&connection->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0) {
        connection_close(connection);
        return;
    }
    enter(connection, CONNECTION_LINGER);
    start_reading(connection);
}

// Nothing more will be written: closes once the queue is empty.
static void end(struct connection *connection)
{
    buf_deinit(&connection->pipeline);
    send_kept(connection);
    if (connection->state == CONNECTION_CLOSED)
        return;
    enter(connection, CONNECTION_ENDING);
    if (!connection->queue)
        linger(connection);
}

// ---- writing ----------------------------------------------------------------------------------

static void on_written(uv_write_t *request, int status);

size_t connection_queued(const struct connection *connection)
{
    const struct write_queue *queue = connection->queue;
    size_t kept = outbox_kept(&connection->out);
    if (!queue)
        return kept;
    return uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp) + queue->next.len;
}

static void free_queue(struct connection *connection)
{
    buf_deinit(&connection->queue->flying);
    buf_deinit(&connection->queue->next);
    free(connection->queue);
    connection->queue = NULL;
}

static void write_next(struct connection *connection)
{
    struct write_queue *queue = connection->queue;
    struct buf empty = queue->flying;
    queue->flying = queue->next;
    queue->next = empty;
    buf_clear(&queue->next);
    queue->left = queue->flying.len;
    queue->looks = 0;

    uv_buf_t buf = uv_buf_init(queue->flying.data, (unsigned)queue->flying.len);
    queue->request.data = connection;
    if (uv_write(&queue->request, (uv_stream_t *)&connection->tcp, &buf, 1, on_written) != 0) {
        free_queue(connection);
        connection_close(connection);
    }
}

// The client has taken everything.
static void on_flushed(struct connection *connection)
{
    enum connection_state state = connection->state;
    if (state == CONNECTION_ENDING) {
        linger(connection);
    } else if (state == CONNECTION_FLUSHING && connection->is_at_eof) {
        connection_close(connection);
    } else if (state == CONNECTION_FLUSHING) {
        enter(connection, CONNECTION_IDLE);
        consume(connection, "", 0);
    } else {
        enter(connection, state);
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *connection = request->data;
    struct server *server = connection->server;
    struct exchange *exchange = &connection->exchange;

    if (status != 0 || connection->state == CONNECTION_CLOSED) {
        free_queue(connection);
        connection_close(connection);
        return;
    }
    if (connection->queue->next.len) {
        write_next(connection);
        if (connection->state != CONNECTION_CLOSED)
            enter(connection, connection->state);
    } else {
        free_queue(connection);
        if (connection->state != CONNECTION_BODY) // "100 Continue": its wait goes on
            on_flushed(connection);
    }
    if (connection->state == CONNECTION_SERVING && exchange->is_full && !exchange->is_ended &&
        connection_queued(connection) <= LIMIT_WRITE_RESUME) {
        exchange->is_full = false;
        server->handler->on_drain(server->owner, exchange);
    }
}

static void queue_rest(struct connection *connection, const uv_buf_t *bufs, unsigned count,
                       size_t written)
{
    bool is_new = !connection->queue;
    if (is_new) {
        connection->queue = mem_alloc(sizeof(*connection->queue));
        buf_init(&connection->queue->flying, SIZE_MAX / 4);
        buf_init(&connection->queue->next, SIZE_MAX / 4);
    }
    for (unsigned i = 0; i < count; i++) {
        size_t skip = written < bufs[i].len ? written : bufs[i].len;
        written -= skip;
        buf_add(&connection->queue->next, bufs[i].base + skip, bufs[i].len - skip);
    }
    if (!is_new)
        return;
    write_next(connection);
    if (connection->state == CONNECTION_SERVING)
        enter(connection, CONNECTION_SERVING);
}

// Sends what the socket takes and queues the rest.
static void send_now(struct connection *connection, const uv_buf_t *bufs, unsigned count)
{
    size_t total = 0;
    for (unsigned i = 0; i < count; i++)
        total += bufs[i].len;
    int rc = uv_try_write((uv_stream_t *)&connection->tcp, bufs, count);
    if (rc < 0 && rc != UV_EAGAIN)
        connection_close(connection);
    else if (rc < 0 || (size_t)rc < total)
        queue_rest(connection, bufs, count, rc < 0 ? 0 : (size_t)rc);
}

static void on_turn_end(struct outbox_item *item, const char *bytes, size_t len)
{
    struct connection *connection = LIST_ITEM(item, struct connection, out);
    uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
    if (connection->state == CONNECTION_CLOSED)
        return;
    send_now(connection, &buf, 1);
    if (connection->queue && connection->state == CONNECTION_IDLE)
        enter(connection, CONNECTION_FLUSHING);
}

void connection_write(struct connection *connection, const uv_buf_t *bufs, unsigned count)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (!connection->queue &&
        outbox_add(&connection->server->loop->outbox, &connection->out, bufs, count))
        return;
    send_kept(connection);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->queue)
        queue_rest(connection, bufs, count, 0);
    else
        send_now(connection, bufs, count);
}

// ---- refusing ---------------------------------------------------------------------------------

// Answers for the server, without the handler, and ends the connection.
static void refuse(struct connection *connection, int status, const char *message)
{
    struct server *server = connection->server;
    const struct request *request = &connection->reader.request;
    struct buf body, head = server_lend_buf(server);

    buf_init(&body, SIZE_MAX / 4);
    server->handler->format_error(server->owner, request->target, status, message, &body);
    struct response_head fields = {
        .status = status,
        .headers = status == 503 ? SLICE("content-type: application/json\r\nretry-after: 1\r\n")
                                 : SLICE("content-type: application/json\r\n"),
        .framing = RESPONSE_LENGTH,
        .persistence = RESPONSE_CLOSES,
        .length = body.len,
    };
    response_add_head(&fields, &head);
    uv_buf_t bufs[2] = {uv_buf_init(head.data, (unsigned)head.len),
                        uv_buf_init(body.data, (unsigned)body.len)};
    connection_write(connection, bufs, request->is_head || !body.len ? 1 : 2);
    server_return_buf(server, &head);
    buf_deinit(&body);
    request_reader_reset(&connection->reader);
    if (connection->state != CONNECTION_CLOSED)
        end(connection);
    if (server->handler->on_refused)
        server->handler->on_refused(server->owner, status, message);
}

// A client that takes no byte for WAIT_LOOKS looks in a row is given up.
static void look_at_queue(struct connection *connection)
{
    struct write_queue *queue = connection->queue;
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp);
    queue->looks = left == queue->left ? queue->looks + 1 : 0;
    queue->left = left;
    if (queue->looks >= WAIT_LOOKS)
        connection_close(connection);
    else
        enter(connection, connection->state);
}

void connection_expire(struct connection *connection)
{
    switch (wait_of(connection)) {
    case WAIT_HEAD:
        refuse(connection, 408, "the request head took too long");
        break;
    case WAIT_BODY:
        refuse(connection, 408, "the request body took too long");
        break;
    case WAIT_TAKING:
        look_at_queue(connection);
        break;
    case WAIT_REQUEST:
    case WAIT_CLOSE:
    case WAIT_NOTHING:
    case WAIT_KINDS:
        connection_close(connection);
        break;
    }
}

// ---- reading ----------------------------------------------------------------------------------

static void serve(struct connection *connection, uint64_t now_ns)
{
    struct server *server = connection->server;
    connection->reader.request.ready_ns = now_ns ? now_ns : clock_monotonic_ns();
    connection->exchange =
        (struct exchange){.request = &connection->reader.request, .is_held = true};
    enter(connection, CONNECTION_SERVING);
    server->handler->on_request(server->owner, &connection->exchange);
}

static void send_continue(struct connection *connection)
{
    char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init(line, sizeof(line) - 1);
    connection->reader.wants_continue = false;
    connection_write(connection, &buf, 1);
}

// Acts on what the reader has found. `now_ns` is set when the request began with these bytes.
static void advance(struct connection *connection, uint64_t now_ns)
{
    struct request_reader *reader = &connection->reader;
    switch (reader->state) {
    case REQUEST_HEAD:
        if (connection->state == CONNECTION_IDLE && !request_reader_is_empty(reader))
            enter(connection, CONNECTION_HEAD);
        break;
    case REQUEST_BODY:
        enter(connection, CONNECTION_BODY);
        if (reader->wants_continue && reader->body_len == 0)
            send_continue(connection);
        break;
    case REQUEST_DONE:
        serve(connection, now_ns);
        break;
    case REQUEST_BAD:
        refuse(connection, reader->status, reader->message);
        break;
    }
}

static bool wants_bytes(const struct connection *connection)
{
    return connection->state <= CONNECTION_BODY;
}

// Reads requests until one is being served. Returns how many bytes were used. The handler may
// answer and release inside on_request: then the loop, not the handler's call, goes on.
static size_t read_requests(struct connection *connection, const char *bytes, size_t len)
{
    size_t used = 0;
    connection->is_consuming = true;
    while (used < len && wants_bytes(connection)) {
        uint64_t now_ns = 0;
        if (connection->state == CONNECTION_IDLE) {
            now_ns = clock_monotonic_ns();
            connection->reader.request.received_ns = now_ns;
        }
        used += request_reader_feed(&connection->reader, bytes + used, len - used);
        advance(connection, now_ns);
    }
    connection->is_consuming = false;
    return used;
}

// Reads what was kept from before, then `bytes`, and keeps what is too early for.
static void consume(struct connection *connection, const char *bytes, size_t len)
{
    struct buf kept = connection->pipeline;
    connection->pipeline = (struct buf){0};
    if (kept.len) {
        size_t used = read_requests(connection, kept.data, kept.len);
        buf_consume(&kept, used);
    }
    size_t used = kept.len ? 0 : read_requests(connection, bytes, len);
    bool is_early =
        connection->state == CONNECTION_SERVING || connection->state == CONNECTION_FLUSHING;
    if (is_early && (kept.len || used < len)) {
        kept.limit = LIMIT_PIPELINE + LIMIT_READ_BUFFER;
        buf_add(&kept, bytes + used, len - used);
        connection->pipeline = kept;
    } else {
        buf_deinit(&kept);
    }
    // Beyond the limit nothing is read, so that a client's departure is noticed only later.
    if (connection->pipeline.len >= LIMIT_PIPELINE) {
        connection->is_reading = false;
        uv_read_stop((uv_stream_t *)&connection->tcp);
    } else {
        start_reading(connection);
    }
}

static void on_eof(struct connection *connection)
{
    bool is_sending =
        connection->state == CONNECTION_ENDING || connection->state == CONNECTION_FLUSHING;
    connection->is_at_eof = true;
    connection->is_reading = false;
    if (!is_sending)
        connection_close(connection);
}

// A long body is read to where it is kept.
static void lend_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *connection = handle->data;
    struct room room = {NULL, 0};

    loop_lend_buf(handle, suggested, buf);
    if (connection->state == CONNECTION_BODY)
        room = request_reader_room(&connection->reader);
    if (room.len)
        *buf = uv_buf_init(room.data, (unsigned)room.len);
}

static void on_filled(struct connection *connection, size_t len)
{
    connection->is_consuming = true;
    request_reader_filled(&connection->reader, len);
    advance(connection, 0);
    connection->is_consuming = false;
    consume(connection, "", 0);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;
    if (count == UV_EOF)
        on_eof(connection);
    else if (count < 0)
        connection_close(connection);
    else if (count > 0 && buf->base != connection->server->loop->read_buf)
        on_filled(connection, (size_t)count);
    else if (count > 0 && connection->state < CONNECTION_ENDING)
        consume(connection, buf->base, (size_t)count);
}

static void start_reading(struct connection *connection)
{
    if (connection->is_reading || connection->is_at_eof || connection->state == CONNECTION_CLOSED)
        return;
    connection->is_reading = true;
    if (uv_read_start((uv_stream_t *)&connection->tcp, lend_room, on_read) != 0)
        connection_close(connection);
}

// ---- life -------------------------------------------------------------------------------------

void connection_release(struct connection *connection)
{
    struct exchange *exchange = &connection->exchange;
    bool is_over = exchange->is_ended && !connection->keep_alive;

    exchange->is_held = false;
    server_return_buf(connection->server, &exchange->pending);
    if (connection->state == CONNECTION_CLOSED) {
        if (connection->is_closed)
            free_connection(connection);
        return;
    }
    request_reader_reset(&connection->reader);
    if (!exchange->is_ended) {
        connection_close(connection);
    } else if (is_over || connection->server->is_draining) {
        end(connection);
    } else if (connection->queue) {
        enter(connection, CONNECTION_FLUSHING);
    } else {
        enter(connection, CONNECTION_IDLE);
        if (!connection->is_consuming)
            consume(connection, "", 0);
    }
}

struct connection *connection_new(struct server *server, int fd, const struct sockaddr *peer,
                                  socklen_t peer_len)
{
    struct connection *connection = mem_alloc(sizeof(*connection));
    connection->server = server;
    connection->tcp.data = connection;
    connection->state = CONNECTION_IDLE;
    memcpy(&connection->peer, peer,
           peer_len < sizeof(connection->peer) ? peer_len : sizeof(connection->peer));
    list_init(&connection->node);
    outbox_item_init(&connection->out, on_turn_end);
    request_reader_init(&connection->reader, &server->limits);
    server->connections++;
    uv_tcp_init(&server->loop->uv, &connection->tcp);
    enter(connection, CONNECTION_IDLE);
    if (uv_tcp_open(&connection->tcp, fd) != 0) {
        close(fd);
        connection_close(connection);
        return NULL;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    start_reading(connection);
    return connection;
}
