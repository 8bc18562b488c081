// A request that the gateway asks itself: an exchange without a connection. The handler serves it
// with exchange_*() as any other; the answer goes to a reader in this process, with the same
// back-pressure as to a client.
#pragma once

#include <stddef.h>

#include "base/slice.h"
#include "http/server.h"
#include "http/turn.h"

struct inner;

// Copied, but for the body: that is borrowed until exchange_drop_body() or exchange_release().
struct inner_request {
    struct slice method, path, query; // query with NULL data: none
    struct slice body;
};

// All come from the loop's next turn, never from inside a call of this file or of exchange_*().
struct inner_handler {
    void (*on_gone)(struct exchange *exchange);  // as in struct server_handler
    void (*on_drain)(struct exchange *exchange); // likewise
    // To the reader: there is more of the answer, or its end.
    void (*on_news)(void *reader);
};

// How far the answer is.
enum inner_progress {
    INNER_RUNNING,  // or not yet served
    INNER_WHOLE,    // ended properly, and the handler is done
    INNER_BROKEN,   // ended without its end
    INNER_CANCELED, // by the reader
};

// `reader` is borrowed until inner_discard() or inner_free(). Everything runs on the loop of
// `turn`, which outlives the request.
struct inner *inner_new(const struct inner_request *request, const struct inner_handler *handler,
                        void *reader, struct turn *turn);

// One more header of the request, before it is served. 0, or -1 over a limit.
int inner_add_header(struct inner *inner, struct slice name, struct slice value);

// Hands it to the handler, once; valid until that calls exchange_release().
struct exchange *inner_serve(struct inner *inner);

// What inner_serve() gave; NULL before it and after the release.
struct exchange *inner_exchange(struct inner *inner);

// The inner request of an exchange; NULL: it has a connection.
struct inner *inner_of(const struct exchange *exchange);

// ---- the reader's side ------------------------------------------------------------------------

enum inner_progress inner_progress(const struct inner *inner);

// Status and complete header lines of the answer; 0 and empty before its head. Borrowed.
int inner_status(const struct inner *inner);
struct slice inner_headers(const struct inner *inner);

// The bytes of the body that came since the last inner_consume(). Borrowed. Over LIMIT_WRITE_PAUSE
// the handler stops until they are consumed.
struct slice inner_bytes(const struct inner *inner);
void inner_consume(struct inner *inner);

// The reader wants no more of it: for the handler its client has gone.
void inner_cancel(struct inner *inner);

// The reader leaves and the answer goes on into nothing. Nothing may be called afterwards, but
// inner_cancel() through inner_of(), before the exchange is released.
void inner_discard(struct inner *inner);

// The reader leaves; cancels what still runs. The handler may keep its exchange until it releases
// it.
void inner_free(struct inner *inner);

// ---- for exchange.c ---------------------------------------------------------------------------

bool inner_is_gone(const struct inner *inner);
void inner_take_body(struct inner *inner, char *bytes, size_t len);
void inner_drop_body(struct inner *inner);
void inner_begin(struct inner *inner, int status, struct slice headers);
void inner_write(struct inner *inner, struct slice bytes);
void inner_flush(struct inner *inner);
size_t inner_backlog(const struct inner *inner);
void inner_end(struct inner *inner);
void inner_break(struct inner *inner);
void inner_release(struct inner *inner);
