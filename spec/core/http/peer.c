#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { RECEIVED_LIMIT = 128 * 1024 * 1024 };

struct peer_connection {
    uv_tcp_t tcp;
    struct peer *peer;
    size_t index;
    const struct peer_step *script, *step;
    struct buf unread; // bytes no step has asked for yet
    bool is_closed;
};

static void on_connection_closed(uv_handle_t *handle)
{
    struct peer_connection *connection = handle->data;
    buf_deinit(&connection->unread);
    free(connection);
}

static void connection_close(struct peer_connection *connection, bool is_reset)
{
    if (connection->is_closed)
        return;
    connection->is_closed = true;
    connection->peer->open--;
    connection->peer->connections[connection->index] = NULL;
    if (is_reset)
        uv_tcp_close_reset(&connection->tcp, on_connection_closed);
    else
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

struct sending {
    uv_write_t request;
    char *bytes;
};

static void on_sent(uv_write_t *request, int status)
{
    struct sending *sending = (struct sending *)request;
    (void)status;
    free(sending->bytes);
    free(sending);
}

static void send_bytes(struct peer_connection *connection, char *bytes, size_t len)
{
    struct sending *sending = mem_alloc(sizeof(*sending));
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    sending->bytes = bytes;
    uv_write(&sending->request, (uv_stream_t *)&connection->tcp, &buf, 1, on_sent);
}

static void fill(struct peer_connection *connection, size_t len)
{
    char *bytes = mem_alloc(len);
    memset(bytes, 'x', len);
    send_bytes(connection, bytes, len);
}

// Length of the first request in `unread`, 0 while it is incomplete.
static size_t request_length(const struct peer_connection *connection, bool with_body)
{
    const struct buf *unread = &connection->unread;
    const char *end = unread->len ? memmem(unread->data, unread->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return 0;
    size_t len = (size_t)(end - unread->data) + 4;
    const char *field = memmem(unread->data, len, "Content-Length: ", 16);
    if (with_body && field)
        len += strtoul(field + 16, NULL, 10);
    return len <= unread->len ? len : 0;
}

static bool take_request(struct peer_connection *connection, bool with_body)
{
    size_t len = request_length(connection, with_body);
    if (!len)
        return false;
    buf_consume(&connection->unread, len);
    connection->peer->requests++;
    return true;
}

// Does one step. Returns false when the script waits or is over.
static bool do_step(struct peer_connection *connection)
{
    const struct peer_step *step = connection->step;
    switch (step->action) {
    case PEER_AWAIT:
    case PEER_AWAIT_HEAD:
        if (!take_request(connection, step->action == PEER_AWAIT))
            return false;
        break;
    case PEER_SEND:
        send_bytes(connection, mem_dup(step->text, strlen(step->text)), strlen(step->text));
        break;
    case PEER_SEND_BYTES:
        if (step->len)
            send_bytes(connection, mem_dup(step->text, step->len), step->len);
        break;
    case PEER_FILL:
        fill(connection, step->len);
        break;
    case PEER_STOP:
        uv_read_stop((uv_stream_t *)&connection->tcp);
        break;
    case PEER_CLOSE:
    case PEER_RESET:
        connection_close(connection, step->action == PEER_RESET);
        return false;
    case PEER_AGAIN:
        connection->step = connection->script;
        return true;
    default:
        return false;
    }
    connection->step++;
    return true;
}

static void go_on(struct peer_connection *connection)
{
    while (!connection->is_closed && do_step(connection))
        continue;
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct peer_connection *connection = stream->data;
    if (nread < 0) {
        connection_close(connection, false);
        return;
    }
    buf_add(&connection->peer->received, buf->base, (size_t)nread);
    buf_add(&connection->unread, buf->base, (size_t)nread);
    go_on(connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct peer *peer = listener->data;
    struct peer_connection *connection = mem_alloc(sizeof(*connection));

    assert_int_equal(status, 0);
    assert_true(peer->accepted < PEER_MAX_CONNECTIONS);
    connection->peer = peer;
    connection->index = peer->accepted++;
    peer->open++;
    peer->connections[connection->index] = connection;
    connection->script = peer->scripts[connection->index];
    for (size_t i = connection->index; !connection->script; i--)
        connection->script = peer->scripts[i];
    connection->step = connection->script;
    buf_init(&connection->unread, RECEIVED_LIMIT);
    uv_tcp_init(&peer->loop->uv, &connection->tcp);
    connection->tcp.data = connection;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&connection->tcp), 0);
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, loop_lend_buf, on_read);
    go_on(connection);
}

void peer_open(struct peer *peer, struct loop *loop, const struct peer_step *script)
{
    struct sockaddr_in address;
    int len = sizeof(address);

    memset(peer, 0, sizeof(*peer));
    peer->loop = loop;
    peer->scripts[0] = script;
    buf_init(&peer->received, RECEIVED_LIMIT);
    uv_tcp_init(&loop->uv, &peer->listener);
    peer->listener.data = peer;
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&peer->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&peer->listener, 64, on_connection), 0);
    uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&address, &len);
    peer->port = ntohs(address.sin_port);
}

void peer_continue(struct peer *peer, size_t index)
{
    struct peer_connection *connection = peer->connections[index];
    assert_non_null(connection);
    assert_int_equal(connection->step->action, PEER_PAUSE);
    connection->step++;
    go_on(connection);
}

void peer_close(struct peer *peer)
{
    for (size_t i = 0; i < peer->accepted; i++) {
        if (peer->connections[i])
            connection_close(peer->connections[i], false);
    }
    uv_close((uv_handle_t *)&peer->listener, NULL);
    buf_deinit(&peer->received);
}
