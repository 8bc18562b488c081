// Lines of JSON (NDJSON, JSON Lines): an incremental parser and the writer. Pure: no I/O, no loop.
//
// The same events come out however the bytes are split. LF or CRLF ends a line; a line of white
// space is a block without data. What stands behind the last LF is an event, too, one that is not
// complete: whether it is a whole line or half of one, its JSON tells. All `raw` together are the
// bytes fed.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "http/stream_event.h"

struct ndjson_parser {
    struct buf carry; // a line whose end has not come yet
    stream_event_cb on_event;
    void *owner;
};

// Embedded in its owner. `limit` is the most bytes that one line may have, its end included.
void ndjson_parser_init(struct ndjson_parser *parser, size_t limit, stream_event_cb on_event,
                        void *owner);
void ndjson_parser_deinit(struct ndjson_parser *parser);

// Feeds the next bytes, split anywhere. Lines that lie whole inside `bytes` are parsed in place.
// Returns 0, STREAM_TOO_LARGE, or what the callback returned.
int ndjson_parser_feed(struct ndjson_parser *parser, const char *bytes, size_t len);

// The bytes have ended: hands over a last line that lacks its end. Returns what the callback did.
int ndjson_parser_end(struct ndjson_parser *parser);

// Appends JSON text as one line: line ends in it, which JSON has between values only, become
// spaces. Returns 0, or -1 when `out` reaches its limit.
int ndjson_add(struct buf *out, struct slice text);
