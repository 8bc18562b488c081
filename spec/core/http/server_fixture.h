// A server on a loop and clients on plain sockets, all in one thread, for the tests of the server.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/response.h"
#include "http/server.h"

enum { PATIENCE_MS = 20000 }; // nothing is measured with it: a hanging test ends here

struct fixture {
    struct loop *loop;
    struct server *server;
    int port;
    bool is_drained;
    bool answers_at_once;  // in on_request: with "<method> <path>?<query> <body>"
    struct exchange *held; // the last exchange that was not answered at once
    int requests, gone, drains, refusals;
    int refused_status;
    _Atomic size_t bodies_held;
};

static inline void fixture_answer(struct exchange *exchange)
{
    const struct request *request = exchange_request(exchange);
    struct buf body;
    buf_init(&body, SIZE_MAX / 4);
    buf_add_slice(&body, request->method);
    buf_add_text(&body, " ");
    buf_add_slice(&body, request->path);
    if (request->query.data) {
        buf_add_text(&body, "?");
        buf_add_slice(&body, request->query);
    }
    buf_add_text(&body, " ");
    buf_add_slice(&body, request->body);
    exchange_reply(exchange, 200, SLICE("x-test: yes\r\n"), buf_slice(&body));
    exchange_release(exchange);
    buf_deinit(&body);
}

static inline void fixture_on_request(void *owner, struct exchange *exchange)
{
    struct fixture *fixture = owner;
    fixture->requests++;
    if (fixture->answers_at_once)
        fixture_answer(exchange);
    else
        fixture->held = exchange;
}

static inline void fixture_on_gone(void *owner, struct exchange *exchange)
{
    struct fixture *fixture = owner;
    assert_ptr_equal(exchange, fixture->held);
    assert_true(exchange_is_gone(exchange));
    fixture->gone++;
}

static inline void fixture_on_drain(void *owner, struct exchange *exchange)
{
    struct fixture *fixture = owner;
    assert_ptr_equal(exchange, fixture->held);
    fixture->drains++;
}

static inline void fixture_format_error(void *owner, struct slice target, int status,
                                        const char *message, struct buf *out)
{
    (void)owner;
    (void)target;
    response_error_body((struct slice){"", 0}, status, message, out);
}

static inline void fixture_on_refused(void *owner, int status, const char *message)
{
    struct fixture *fixture = owner;
    assert_non_null(message);
    fixture->refusals++;
    fixture->refused_status = status;
}

static const struct server_handler fixture_handler = {
    .on_request = fixture_on_request,
    .on_gone = fixture_on_gone,
    .on_drain = fixture_on_drain,
    .format_error = fixture_format_error,
    .on_refused = fixture_on_refused,
};

static inline struct server_limits fixture_limits(void)
{
    return (struct server_limits){
        .body = 4 << 20,
        .head = 64 << 10,
        .headers = 100,
        .connections = 1000,
        .head_time = PATIENCE_MS,
        .body_time = PATIENCE_MS,
        .idle_time = PATIENCE_MS,
        .write_time = PATIENCE_MS,
        .bodies_total = 1 << 30,
    };
}

static inline void fixture_start(struct fixture *fixture, struct server_limits limits)
{
    struct error err = {0};
    *fixture = (struct fixture){.loop = loop_new(), .answers_at_once = true};
    limits.bodies_held = &fixture->bodies_held;
    int fd = server_bind("127.0.0.1", 0, true, &fixture->port, &err);
    assert_true(fd >= 0);
    fixture->server = server_new(fixture->loop, fd, &limits, &fixture_handler, fixture, &err);
    assert_non_null(fixture->server);
}

static inline void fixture_on_drained(void *owner)
{
    struct fixture *fixture = owner;
    assert_false(fixture->is_drained);
    fixture->is_drained = true;
}

// Turns the loop once, without waiting longer than a moment.
static inline void fixture_turn(struct fixture *fixture)
{
    struct pollfd pfd = {.fd = uv_backend_fd(&fixture->loop->uv), .events = POLLIN};
    poll(&pfd, 1, 1);
    uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
}

// Turns the loop until the condition holds.
#define FIXTURE_UNTIL(fixture, condition)                                      \
    do {                                                                       \
        uint64_t give_up_ns = clock_monotonic_ns() + PATIENCE_MS * 1000000ull; \
        while (!(condition)) {                                                 \
            assert_true(clock_monotonic_ns() < give_up_ns);                    \
            fixture_turn(fixture);                                             \
        }                                                                      \
    } while (0)

// Ends the server; every test ends with it, so that none leaves a handle or a body behind.
static inline void fixture_stop(struct fixture *fixture)
{
    server_drain(fixture->server, fixture_on_drained);
    server_abort(fixture->server);
    FIXTURE_UNTIL(fixture, fixture->is_drained);
    assert_int_equal(fixture->bodies_held, 0);
    server_free(fixture->server);
    assert_int_equal(loop_free(fixture->loop), 0);
}

static inline int client_open(struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

// Sends everything, turning the loop while the socket is full. A server that has closed may leave
// the rest unsent.
static inline void client_send_bytes(struct fixture *fixture, int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;
        fixture_turn(fixture);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

static inline void client_send(struct fixture *fixture, int fd, const char *text)
{
    client_send_bytes(fixture, fd, text, strlen(text));
}

// Reads what has come. Returns false at the end of the connection; a reset sets *reset.
static inline bool client_take(int fd, struct buf *in, bool *reset)
{
    char bytes[16384];
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0)
            buf_add(in, bytes, (size_t)n);
        else if (n < 0 && errno == EAGAIN)
            return true;
        else {
            *reset = n < 0;
            return false;
        }
    }
}

// Reads until `text` has come. The bytes so far are the caller's, NUL-terminated, to free().
static inline char *client_read_until(struct fixture *fixture, int fd, const char *text)
{
    struct buf in;
    bool reset = false;
    buf_init(&in, SIZE_MAX / 4);
    buf_add(&in, "", 0);
    FIXTURE_UNTIL(fixture, strstr(in.data, text) || !client_take(fd, &in, &reset));
    if (!strstr(in.data, text))
        fail_msg("no \"%s\" in: %s", text, in.data);
    return buf_take(&in, NULL);
}

// Reads until the server closes; closes the socket. A reset fails the test.
static inline char *client_read_all(struct fixture *fixture, int fd)
{
    struct buf in;
    bool reset = false;
    buf_init(&in, SIZE_MAX / 4);
    buf_add(&in, "", 0);
    FIXTURE_UNTIL(fixture, !client_take(fd, &in, &reset));
    assert_false(reset);
    close(fd);
    return buf_take(&in, NULL);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in: %s", part, text);
}

static inline size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
        count++;
    return count;
}
