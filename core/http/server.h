// The HTTP/1.1 listener: accepts client connections and hands over whole requests.
//
// RFC 9112 read strictly (http/head.h): bare LF, obs-fold, a missing or repeated Host,
// Content-Length with Transfer-Encoding, differing Content-Lengths, NUL, an upper-case check of
// methods: 400 and close; an unknown method is 501, another version 505. Pipelined requests are
// answered in order, one at a time. Everything before on_request (timeouts, limits, bad heads) is
// answered here.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "loop/loop.h"

struct server;
struct exchange; // one request and its answer

// Limits in bytes and milliseconds. Copied.
struct server_limits {
    size_t body;    // a request body; over it 413
    size_t head;    // request line and headers; over it 431 (the line alone over LIMIT_URI: 414)
    size_t headers; // header lines; over it 431
    size_t connections;          // open client connections of this server; over it accept waits
    uint32_t head_time;          // from the first byte of a head to its end; else 408 and close
    uint32_t body_time;          // between two bytes of a body; else 408 and close
    uint32_t idle_time;          // of a kept-alive connection between requests; closed silently
    uint32_t write_time;         // a client that takes no byte for so long is closed
    _Atomic size_t *bodies_held; // shared by all workers: request bytes held now
    struct blocks *blocks;       // for small bodies; set by the server, NULL: malloc
    size_t bodies_total;         // over it a new body gets 503 with Retry-After: 1
};

struct server_handler {
    // A request has come whole. The handler answers now or later with exchange_*().
    void (*on_request)(void *owner, struct exchange *exchange);
    // The client has gone (closed, half-closed, reset, timed out) before the answer ended. The
    // exchange stays valid until exchange_release(); writing to it does nothing. Comes from the
    // loop, never from inside exchange_*(). While more than LIMIT_PIPELINE bytes of further
    // requests wait, the connection is not read and a departure is noticed only by writing.
    void (*on_gone)(void *owner, struct exchange *exchange);
    // The queue to a slow client has drained below LIMIT_WRITE_RESUME.
    void (*on_drain)(void *owner, struct exchange *exchange);
    // Appends a JSON error body for a failure found before on_request. `target` may be empty.
    void (*format_error)(void *owner, struct slice target, int status, const char *message,
                         struct buf *out);
    // Such a failure was answered (for metrics and log). May be NULL.
    void (*on_refused)(void *owner, int status, const char *message);
};

// Listens on a socket made by server_bind(); takes the fd. `handler` and `owner` are borrowed and
// outlive the server. NULL with `err` on failure.
struct server *server_new(struct loop *loop, int fd, const struct server_limits *limits,
                          const struct server_handler *handler, void *owner, struct error *err);

// From now on these limits hold, but for `connections`, which stays; a request that is being read
// may be judged by either.
void server_set_limits(struct server *server, const struct server_limits *limits);

// Stops accepting and closes idle connections; running exchanges finish, each with
// "Connection: close". `on_drained` runs once, when the last connection has closed.
void server_drain(struct server *server, void (*on_drained)(void *owner));

// Closes every connection now, after server_drain(). on_gone follows for running exchanges, and
// on_drained when these have been released.
void server_abort(struct server *server);

// Frees a drained server.
void server_free(struct server *server);

size_t server_connections(const struct server *server);

// Binds "host:port" (IPv6 in brackets; port 0: any) with SO_REUSEPORT, not yet listening. The first
// bind of an address probes it without SO_REUSEPORT, so that a port in use is an error
// (`probe` = true). Returns the fd or -1 with `err`; *port is the port bound.
int server_bind(const char *host, int port, bool probe, int *bound_port, struct error *err);

// ---- one exchange -----------------------------------------------------------------------------
// Between on_request and exchange_release() the exchange belongs to the handler.

struct request {
    struct slice method; // "GET", "POST" ...
    struct slice target; // as sent
    struct slice path;   // of the target, as sent (not decoded), without the query; absolute form
                         // is reduced to its path
    struct slice query;  // after '?'; NULL data when there is none
    struct slice body;   // whole; NULL data after exchange_drop_body()
    const struct headers *headers;
    bool is_head;         // HEAD: the answer's body is left out by exchange_*()
    uint64_t received_ns; // clock_monotonic_ns() when the head's first byte was read
    uint64_t ready_ns;    // ... and when the request was complete
};

const struct request *exchange_request(const struct exchange *exchange);
void exchange_set_data(struct exchange *exchange, void *data); // borrowed; for the handler
void *exchange_data(const struct exchange *exchange);
bool exchange_is_gone(const struct exchange *exchange);
// "127.0.0.1:5000", or "inner" for one without a connection (http/inner.h); borrowed.
const char *exchange_peer(const struct exchange *exchange);

// The request has another body from now on: takes `bytes` (of malloc). They count in bodies_held,
// whatever limit that passes.
void exchange_take_body(struct exchange *exchange, char *bytes, size_t len);

// Frees the request body early (its bytes leave bodies_held).
void exchange_drop_body(struct exchange *exchange);

// A whole answer in one write: status line, Date-less head, Content-Length, body. `headers` is a
// block of complete "Name: value\r\n" lines, may be empty. Framing headers are added here.
void exchange_reply(struct exchange *exchange, int status, struct slice headers, struct slice body);

// Begins a streamed answer: chunked for HTTP/1.1, delimited by close for HTTP/1.0. The head is held
// until the first exchange_flush(), so that head and first chunk go in one write.
void exchange_start(struct exchange *exchange, int status, struct slice headers);
bool exchange_is_started(const struct exchange *exchange); // start or reply was called

// Adds body bytes (copied) to the pending chunk. Nothing is sent before exchange_flush(), which
// the caller calls once per wake-up.
void exchange_write(struct exchange *exchange, struct slice bytes);

// The same, but a large piece goes out at once, with what is pending, and without a copy of what
// the socket takes.
void exchange_pass(struct exchange *exchange, struct slice bytes);
void exchange_flush(struct exchange *exchange);

// Bytes waiting for a slow client. Over LIMIT_WRITE_PAUSE the producer should stop until on_drain.
size_t exchange_backlog(const struct exchange *exchange);
uint64_t
exchange_bytes_sent(const struct exchange *exchange); // body bytes handed to the socket or queue

// Ends a streamed answer properly (flushes).
void exchange_end(struct exchange *exchange);

// Ends it by closing the connection without the last chunk (with a reset where the body is
// delimited by close): the client sees a broken answer.
void exchange_abort(struct exchange *exchange);

// The handler is done; after reply/end/abort, or on_gone (otherwise it counts as an abort). The
// pointer is invalid afterwards; the connection goes on with its next request.
void exchange_release(struct exchange *exchange);
