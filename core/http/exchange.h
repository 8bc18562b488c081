// Inside of the server, shared by connection.c, exchange.c and inner.c: the state of one answer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/server.h"

struct inner;

struct exchange {
    const struct request *request; // borrowed
    struct inner *inner;           // what stands in for the connection; NULL: there is one
    void *data;                    // the handler's
    struct buf pending;  // lent by the server: the held head, then bytes of the next chunk
    size_t head_len;     // bytes of `pending` that are the head
    uint64_t bytes_sent; // of the body
    bool is_held;        // between on_request and exchange_release()
    bool is_started, is_ended;
    bool has_body; // false: HEAD, 204 or 304
    bool is_chunked;
    bool is_full; // passed LIMIT_WRITE_PAUSE: on_drain is owed
};
