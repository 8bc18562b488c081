// Reads one request at a time from bytes split anywhere. Pure: no sockets.
//
// A head is collected whole (its end is found line by line, so a peer that sends byte by byte costs
// no more) and then parsed in place; everything in `request` points into it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "http/chunks.h"
#include "http/head.h"
#include "http/headers.h"
#include "http/server.h"

enum request_state {
    REQUEST_HEAD, // -> BODY, DONE or BAD
    REQUEST_BODY, // -> DONE or BAD
    REQUEST_DONE, // `request` is complete
    REQUEST_BAD,  // to be answered with `status` and `message`, then closed
};

// Embedded in its owner.
struct request_reader {
    const struct server_limits *limits; // borrowed
    enum request_state state;
    int status;          // REQUEST_BAD
    const char *message; // REQUEST_BAD; static storage
    bool keep_alive;     // the client wants the connection kept
    bool is_http10;
    bool wants_continue;    // the client waits for "100 Continue" before it sends the body
    struct request request; // `target` is also set for most bad requests; the times are the owner's

    // Private from here on.
    bool is_chunked;
    bool skips_empty_line; // before the request; its CR has come
    struct head_scan scan;
    size_t framing; // bytes of chunked framing since the last byte of data
    uint64_t content_length;
    struct chunks chunks;
    char *body; // owned
    size_t body_len, body_cap;
    bool is_block; // `body` is one of limits->blocks
    struct headers headers;
};

void request_reader_init(struct request_reader *reader, const struct server_limits *limits);
void request_reader_deinit(struct request_reader *reader);

// Makes ready for the next request; a small head buffer is kept for it.
void request_reader_reset(struct request_reader *reader);

// Reads on in state HEAD or BODY. Returns how many bytes were used: fewer than `len` when the
// request ended (or turned out bad) before them.
size_t request_reader_feed(struct request_reader *reader, const char *bytes, size_t len);

// True when no byte of a request has been kept (empty lines before a request are not kept).
bool request_reader_is_empty(const struct request_reader *reader);

// Where the next bytes of a long body of known length may be read to directly, so that they need no
// copy: tell request_reader_filled() how many came. No bytes when there is no such body under way,
// or when its memory was refused (then the reader is REQUEST_BAD).
struct room {
    char *data;
    size_t len;
};
struct room request_reader_room(struct request_reader *reader);
void request_reader_filled(struct request_reader *reader, size_t len);

// Takes another body (of malloc) in place of the one that has come whole.
void request_reader_take_body(struct request_reader *reader, char *bytes, size_t len);

// Frees the body; its bytes leave limits->bodies_held.
void request_reader_drop_body(struct request_reader *reader);
