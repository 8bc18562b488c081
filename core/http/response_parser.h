// Reads one HTTP/1.1 answer from bytes split anywhere. Pure: no sockets, no clock.
//
// Strict: folded header lines, bare line feeds, other transfer codings than chunked and unasked
// protocol switches are refused, and everything has a limit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/chunks.h"
#include "http/head.h"
#include "http/headers.h"
#include "http/upstream.h"

// HEAD -> BODY -> COMPLETE, and from the first two also FAILED or STOPPED.
enum response_state {
    RESPONSE_HEAD,
    RESPONSE_BODY,
    RESPONSE_COMPLETE,
    RESPONSE_FAILED,
    RESPONSE_STOPPED,
};

// Borrowed arguments, as in struct upstream_handler. Both may stop the parser.
struct response_events {
    void (*on_head)(void *owner, const struct upstream_head *head);
    // `is_last`: the answer ends with these bytes.
    void (*on_body)(void *owner, const char *bytes, size_t len, bool is_last);
};

// Embedded in its owner; initialised and read only through the functions below.
struct response_parser {
    struct headers headers; // with the whole head in their bytes; empty before and after it
    struct head_scan scan;
    struct chunks chunks;
    const struct response_events *events;
    void *owner;
    const char *failure;   // static text
    uint64_t body_left;    // of a body with Content-Length
    uint32_t head_len;     // bytes of all heads so far
    uint32_t framing_len;  // since the last byte of a chunk
    uint8_t state;         // enum response_state
    uint8_t interim_count; // 1xx heads so far
    bool is_head_request;  // the answer to HEAD has no body
    bool is_chunked;
    bool is_until_close;
    bool is_keepalive;
    bool has_excess; // bytes came behind the end
};

void response_parser_init(struct response_parser *parser, bool is_head_request,
                          const struct response_events *events, void *owner);
void response_parser_deinit(struct response_parser *parser);

// Exchanges the memory for header fields with `spare`, which saves allocations; nothing that was in
// either remains. Before the first bytes, or at the end of on_head.
void response_parser_swap_headers(struct response_parser *parser, struct headers *spare);

// Feeds the next bytes while the state is HEAD or BODY. Returns the new state.
enum response_state response_parser_feed(struct response_parser *parser, const char *bytes,
                                         size_t len);

// The connection has ended. Returns COMPLETE for a body delimited by it, else FAILED.
enum response_state response_parser_end(struct response_parser *parser);

// No callback comes after this one; the parser takes no more bytes.
void response_parser_stop(struct response_parser *parser);

// Once COMPLETE: the connection may carry another exchange.
bool response_parser_is_reusable(const struct response_parser *parser);

// Once FAILED: why, for people. Static text.
const char *response_parser_failure(const struct response_parser *parser);
