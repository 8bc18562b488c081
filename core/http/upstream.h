// Outgoing HTTP/1.1 exchanges over pooled connections. libcurl connects (DNS, happy eyeballs,
// proxies, TLS); the protocol on the connection is ours. One pool per worker.
//
// The process must ignore SIGPIPE: libuv's writes to a connection that the server has closed raise
// it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "http/headers.h"
#include "loop/loop.h"

struct turn;
struct upstream_pool;
struct origin;   // scheme, host, port, proxy: what connections are pooled by
struct upstream; // one running exchange

struct upstream_settings {
    size_t idle_per_origin; // kept open, most recently used first
    uint32_t idle_time_ms;  // of a pooled connection
    const char *ca_file;    // PEM; NULL: the system's certificates. Copied
    const char *proxy;      // NULL: http_proxy, https_proxy, no_proxy of the environment; "": none
};

struct upstream_pool *upstream_pool_new(struct loop *loop,
                                        const struct upstream_settings *settings);

// Cancels everything, closes idle connections; `on_closed` runs once when all handles are closed
// (it may be called at once). Then upstream_pool_free().
void upstream_pool_close(struct upstream_pool *pool, void (*on_closed)(void *owner), void *owner);
void upstream_pool_free(struct upstream_pool *pool);

// Where what belongs to the pool defers work; closed with the pool.
struct turn *upstream_pool_turn(struct upstream_pool *pool);

// From now on no connection is made: exchanges end with kind connect. For tests of scripts.
void upstream_pool_set_offline(struct upstream_pool *pool);

size_t upstream_pool_in_flight(const struct upstream_pool *pool);
size_t upstream_pool_idle(const struct upstream_pool *pool);

// A reference to the origin of an absolute http or https URL, the same for the same origin; owned
// by the pool, valid until it is given back with upstream_origin_unref(), or the pool is freed.
// *path is the URL's path (borrowed from `url`; "" when none). NULL with `err` for a bad URL.
struct origin *upstream_origin(struct upstream_pool *pool, const char *url, struct slice *path,
                               struct error *err);

// How an origin is reached when that differs from the pool's settings.
struct origin_way {
    const char *ca_file; // PEM; NULL: as the pool
    const char *proxy;   // URL; NULL: as the pool; "": none
    bool is_public;      // only to addresses of the public Internet, see public_address.h; through
                         // a proxy, which resolves names itself, only addresses are looked at
};

// The same for an origin reached its own way; one URL reached two ways is two origins. Copied.
struct origin *upstream_origin_by(struct upstream_pool *pool, const char *url,
                                  const struct origin_way *way, struct slice *path,
                                  struct error *err);

void upstream_origin_unref(struct upstream_pool *pool, struct origin *origin);

// What requests to it have as Host. Borrowed.
struct slice upstream_origin_host(const struct origin *origin);

struct upstream_head {
    int status;
    const struct headers *headers; // borrowed for the callback
    bool has_body_end;             // length or chunks known: false means "until close"
};

// Exactly one on_done for each started exchange, never from inside upstream_start().
struct upstream_handler {
    // The final head (1xx are skipped).
    void (*on_head)(void *owner, const struct upstream_head *head);
    // Body bytes, framing removed; borrowed for the call.
    // `is_last`: the answer ends with these bytes, and on_done follows while they are still there.
    void (*on_body)(void *owner, const char *bytes, size_t len, bool is_last);
    // One wake-up's bytes are through, after on_head or on_body: a good moment to flush what came
    // of them. Also right before on_done.
    void (*on_pause)(void *owner);
    // `err` NULL: the answer ended completely. Kinds: dns, connect (also a connection that died
    // before any byte of an answer), tls, timeout (of connecting), protocol (garbage, truncated,
    // over a limit), canceled, bad_request (a path or head that cannot be sent).
    void (*on_done)(void *owner, const struct error *err);
};

// Everything is borrowed until on_done (`body` segments too: they are written in place).
struct upstream_request {
    struct origin *origin;
    struct slice method;      // "POST"
    struct slice path;        // with query: "/v1/chat/completions"
    struct slice headers;     // complete "Name: value\r\n" lines; Host, Content-Length,
                              // Connection and proxy headers are added here
    const struct slice *body; // segments
    size_t body_count;        // 0: no body
    uint32_t connect_ms;      // DNS, TCP, proxy and TLS together
    bool fresh;               // do not reuse a pooled connection
};

// Starts an exchange, which has a reference to the origin of its own. Callbacks may cancel it; they
// may not free the pool.
struct upstream *upstream_start(struct upstream_pool *pool, const struct upstream_request *request,
                                const struct upstream_handler *handler, void *owner);

// Stops and resumes reading from the upstream (back-pressure).
void upstream_pause(struct upstream *upstream);
void upstream_resume(struct upstream *upstream);

// Ends it now: the connection is closed at once, on_done (canceled) follows within this loop turn
// or the next, never from inside this call. No other callback comes after this call.
void upstream_cancel(struct upstream *upstream);

// For the resend rule: was the connection a pooled one, and did any byte of an answer arrive?
bool upstream_was_reused(const struct upstream *upstream);
bool upstream_was_sent(const struct upstream *upstream); // the whole request is with the kernel
bool upstream_was_heard(const struct upstream *upstream);
