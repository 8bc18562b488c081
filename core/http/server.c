#include "http/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "http/connection.h"

enum {
    BACKLOG = 4096,          // the kernel cuts it to net.core.somaxconn
    ACCEPTS_PER_TURN = 64,   // then other work of the loop gets its turn
    ACCEPT_PAUSE_MS = 100,   // out of descriptors: trying at once would spin
    LINGER_MS = 5000,        // for the client to read an answer and close
    DRAIN_LINGER_MS = 1000,  // likewise, while somebody waits for the process to end
    SPARE_KEPT = 256 * 1024, // a larger buffer goes back to the allocator
    TICK_MIN_MS = 10,
    TICK_MAX_MS = 250,
};

// ---- the spare buffer -------------------------------------------------------------------------

struct buf server_lend_buf(struct server *server)
{
    struct buf lent = server->spare;
    server->spare = (struct buf){0};
    if (!lent.data)
        buf_init(&lent, SIZE_MAX / 4);
    return lent;
}

void server_return_buf(struct server *server, struct buf *buf)
{
    if (server->spare.data || buf->cap > SPARE_KEPT) {
        buf_deinit(buf);
    } else if (buf->data) {
        buf_clear(buf);
        server->spare = *buf;
    }
    *buf = (struct buf){0};
}

// ---- time -------------------------------------------------------------------------------------

static void on_connectable(uv_poll_t *poll, int status, int events);

static void accept_again(struct server *server)
{
    if (server->is_accepting || server->is_draining || server->accept_again_ms ||
        server->connections >= server->limits.connections)
        return;
    server->is_accepting = uv_poll_start(&server->listener, UV_READABLE, on_connectable) == 0;
}

static void on_tick(uv_timer_t *tick)
{
    struct server *server = tick->data;
    uint64_t now = loop_now_ms(server->loop);

    for (int kind = 0; kind < WAIT_KINDS; kind++) {
        struct list *head = &server->waiting[kind];
        while (kind != WAIT_NOTHING && !list_is_empty(head)) {
            struct connection *first = LIST_ITEM(head->next, struct connection, node);
            if (first->since_ms + server->wait_ms[kind] > now)
                break;
            connection_expire(first);
        }
    }
    if (server->accept_again_ms && now >= server->accept_again_ms) {
        server->accept_again_ms = 0;
        accept_again(server);
    }
    if (server->connections == 0 && !server->accept_again_ms)
        uv_timer_stop(tick);
}

// The loop of a server without connections sleeps.
static void start_tick(struct server *server)
{
    if (!uv_is_active((uv_handle_t *)&server->tick))
        uv_timer_start(&server->tick, on_tick, server->tick_ms, server->tick_ms);
}

static void set_waits(struct server *server)
{
    const struct server_limits *limits = &server->limits;
    uint32_t least = TICK_MAX_MS;

    server->wait_ms[WAIT_REQUEST] = limits->idle_time;
    server->wait_ms[WAIT_HEAD] = limits->head_time;
    server->wait_ms[WAIT_BODY] = limits->body_time;
    server->wait_ms[WAIT_TAKING] = limits->write_time / WAIT_LOOKS + 1;
    for (int kind = 0; kind < WAIT_KINDS; kind++) {
        if (kind != WAIT_NOTHING && server->wait_ms[kind] < least)
            least = server->wait_ms[kind];
    }
    server->tick_ms = least < TICK_MIN_MS ? TICK_MIN_MS : least;
}

void server_set_limits(struct server *server, const struct server_limits *limits)
{
    size_t connections = server->limits.connections;

    server->limits = *limits;
    server->limits.connections = connections;
    server->limits.blocks = &server->blocks;
    set_waits(server);
    if (uv_is_active((uv_handle_t *)&server->tick))
        uv_timer_start(&server->tick, on_tick, server->tick_ms, server->tick_ms);
}

// ---- accepting --------------------------------------------------------------------------------

static void stop_accepting(struct server *server)
{
    server->is_accepting = false;
    uv_poll_stop(&server->listener);
}

static bool accept_one(struct server *server)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(server->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        connection_new(server, fd, (struct sockaddr *)&peer, len);
        start_tick(server);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        stop_accepting(server);
        server->accept_again_ms = loop_now_ms(server->loop) + ACCEPT_PAUSE_MS;
        start_tick(server);
        return false;
    }
    return errno != EAGAIN && errno != EWOULDBLOCK;
}

static void on_connectable(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;
    (void)status;
    (void)events;
    loop_woke(server->loop);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (server->connections >= server->limits.connections) {
            stop_accepting(server);
            return;
        }
        if (!accept_one(server))
            return;
    }
}

// ---- the end ----------------------------------------------------------------------------------

static void on_tick_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    if (server->on_drained)
        server->on_drained(server->owner);
}

static void finish_drain(struct server *server)
{
    if (!server->listener_is_closed || server->connections || server->tick_is_closing)
        return;
    server->tick_is_closing = true;
    uv_close((uv_handle_t *)&server->tick, on_tick_closed);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    server->listener_is_closed = true;
    finish_drain(server);
}

void server_forget_connection(struct server *server)
{
    server->connections--;
    accept_again(server);
    finish_drain(server);
}

static void close_all(struct list *head)
{
    while (!list_is_empty(head))
        connection_close(LIST_ITEM(head->next, struct connection, node));
}

void server_drain(struct server *server, void (*on_drained)(void *owner))
{
    if (server->is_draining)
        return;
    server->is_draining = true;
    server->wait_ms[WAIT_CLOSE] = DRAIN_LINGER_MS;
    server->on_drained = on_drained;
    uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    close(server->fd);
    close_all(&server->waiting[WAIT_REQUEST]);
}

void server_abort(struct server *server)
{
    for (int kind = WAIT_NOTHING + 1; kind < WAIT_KINDS; kind++)
        close_all(&server->waiting[kind]);
    // Running exchanges. Closing moves one to the back of this same list and is harmless twice.
    struct list *head = &server->waiting[WAIT_NOTHING];
    for (struct list *node = head->next, *next; node != head; node = next) {
        next = node->next;
        connection_close(LIST_ITEM(node, struct connection, node));
    }
}

// ---- the beginning ----------------------------------------------------------------------------

static int listen_error(struct error *err, const char *host, int port, int code)
{
    bool is_v6 = strchr(host, ':') && host[0] != '[';
    return error_set(err, ERROR_CONNECT, "cannot listen on %s%s%s:%d: %s", is_v6 ? "[" : "", host,
                     is_v6 ? "]" : "", port, uv_strerror(-code));
}

// A socket bound to the address, or -1 with errno.
static int bind_socket(const struct addrinfo *address, bool reuse_port)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

// Finds the address of a host name or number, which may be in brackets. Freed by the caller.
static struct addrinfo *resolve(const char *host, int port, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[16], *bare = mem_dup(host, strlen(host));
    size_t len = strlen(bare);

    if (len > 1 && bare[0] == '[' && bare[len - 1] == ']') {
        memmove(bare, bare + 1, len - 2);
        bare[len - 2] = '\0';
    }
    snprintf(service, sizeof(service), "%d", port);
    int rc = getaddrinfo(*bare ? bare : NULL, service, &hints, &found);
    free(bare);
    if (rc == 0)
        return found;
    error_set(err, ERROR_DNS, "cannot listen on %s:%d: %s", host, port, gai_strerror(rc));
    return NULL;
}

int server_bind(const char *host, int port, bool probe, int *bound_port, struct error *err)
{
    int fd = -1;
    struct addrinfo *address = resolve(host, port, err);
    if (!address)
        return -1;
    if (probe && port != 0) {
        fd = bind_socket(address, false);
        if (fd < 0)
            goto out;
        close(fd);
    }
    fd = bind_socket(address, true);
    if (fd >= 0)
        *bound_port = port_of(fd);
out:
    if (fd < 0)
        listen_error(err, host, port, errno);
    freeaddrinfo(address);
    return fd;
}

struct server *server_new(struct loop *loop, int fd, const struct server_limits *limits,
                          const struct server_handler *handler, void *owner, struct error *err)
{
    struct server *server = mem_alloc(sizeof(*server));
    server->loop = loop;
    server->limits = *limits;
    server->limits.blocks = &server->blocks;
    server->handler = handler;
    server->owner = owner;
    server->fd = fd;
    server->listener.data = server->tick.data = server;
    server->wait_ms[WAIT_CLOSE] = LINGER_MS;
    for (int kind = 0; kind < WAIT_KINDS; kind++)
        list_init(&server->waiting[kind]);
    set_waits(server);
    int rc = listen(fd, BACKLOG) == 0 ? uv_poll_init(&loop->uv, &server->listener, fd) : -errno;
    if (rc != 0) {
        error_set(err, ERROR_CONNECT, "cannot listen on port %d: %s", port_of(fd), uv_strerror(rc));
        close(fd);
        free(server);
        return NULL;
    }
    uv_timer_init(&loop->uv, &server->tick);
    accept_again(server);
    return server;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    buf_deinit(&server->spare);
    blocks_deinit(&server->blocks);
    free(server);
}

size_t server_connections(const struct server *server)
{
    return server->connections;
}
