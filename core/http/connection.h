// Inside of the server, shared by server.c, connection.c and exchange.c: one client connection.
//
// Life: IDLE -> HEAD -> BODY -> SERVING -> (FLUSHING) -> IDLE ..., or at the end of an answer, of
// the server's or of the client's patience ENDING -> LINGER -> CLOSED. A connection is freed in
// its close callback, or in exchange_release() when the handler still held the exchange then.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/blocks.h"
#include "base/buf.h"
#include "base/list.h"
#include "http/exchange.h"
#include "http/request.h"
#include "http/response.h"
#include "http/server.h"

enum connection_state {
    CONNECTION_IDLE,     // no byte of a request yet
    CONNECTION_HEAD,     // reading a head
    CONNECTION_BODY,     // reading a body
    CONNECTION_SERVING,  // the handler holds the exchange
    CONNECTION_FLUSHING, // answered and released, the client has not taken all of it
    CONNECTION_ENDING,   // the same, and the connection ends afterwards
    CONNECTION_LINGER,   // our side is shut: waiting for the client to close its own
    CONNECTION_CLOSED,   // uv_close() was called
};

// What a connection waits for. All of one kind wait equally long, so that each kind is a list in
// order of time and the server's tick looks only at the front of each.
enum connection_wait {
    WAIT_NOTHING,
    WAIT_REQUEST, // idle_time
    WAIT_HEAD,    // head_time
    WAIT_BODY,    // body_time
    WAIT_TAKING,  // the client to take bytes: write_time, in WAIT_LOOKS steps
    WAIT_CLOSE,   // the client to close, after our last byte
    WAIT_KINDS,
};

enum { WAIT_LOOKS = 4 };

struct write_queue; // what a slow client has not taken yet

struct connection {
    uv_tcp_t tcp;
    struct server *server;
    struct list node; // in server->waiting[...]
    uint64_t since_ms;
    enum connection_state state;
    bool is_consuming; // consume() is on the stack
    bool is_reading;
    bool is_at_eof;
    bool is_closed;  // the close callback has run
    bool keep_alive; // decided when the answer's head is made
    struct request_reader reader;
    struct exchange exchange;
    struct outbox_item out;    // a small write, until the end of the loop's turn
    struct write_queue *queue; // owned; NULL when everything was taken
    struct buf pipeline;       // bytes of further requests
    char *peer_text;           // owned; made when first asked for
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
};

struct server {
    struct loop *loop;
    struct server_limits limits;
    const struct server_handler *handler; // borrowed
    void *owner;                          // borrowed
    uv_poll_t listener;
    uv_timer_t tick;
    int fd;
    size_t connections;
    struct list waiting[WAIT_KINDS];
    uint32_t wait_ms[WAIT_KINDS];
    uint32_t tick_ms;
    uint64_t accept_again_ms; // out of descriptors until then; 0: no
    struct blocks blocks;     // of small request bodies
    struct buf spare;         // lent to whichever exchange has bytes pending
    bool is_accepting;
    bool is_draining;
    bool listener_is_closed, tick_is_closing;
    void (*on_drained)(void *owner);
};

// ---- server.c, for connections ----------------------------------------------------------------

// Lends a buffer for the bytes of one answer; give it back when it is empty.
struct buf server_lend_buf(struct server *server);
void server_return_buf(struct server *server, struct buf *buf);
// A connection's memory is gone.
void server_forget_connection(struct server *server);

// ---- connection.c -----------------------------------------------------------------------------

// Takes the fd. Closes it and returns NULL when libuv refuses it.
struct connection *connection_new(struct server *server, int fd, const struct sockaddr *peer,
                                  socklen_t peer_len);

// Closes now. The handler hears on_gone from the close callback, if its answer has not ended.
void connection_close(struct connection *connection);
// The same with a reset, which no client takes for the end of a body.
void connection_reset(struct connection *connection);

// Sends a few bytes at the end of the loop's turn, more at once; queues what the socket does not
// take. All is copied.
void connection_write(struct connection *connection, const uv_buf_t *bufs, unsigned count);
size_t connection_queued(const struct connection *connection);

// The handler has released the exchange.
void connection_release(struct connection *connection);

// It has waited for as long as its kind of wait allows.
void connection_expire(struct connection *connection);
