// Server-sent events: an incremental parser (WHATWG HTML section 9.2.6). Pure: no I/O, no loop.
//
// The same events come out however the bytes are split. LF, CRLF and CR end lines; a leading BOM
// is skipped for parsing but stays in `raw`. An event is handed over as soon as its blank line is
// certain, which with CRLF is at the CR: a LF that comes with a later feed is then the first byte
// of the next event's `raw`, as are blank lines between events. All `raw` together, and after
// sse_parser_end() what is left in `carry` (blank lines without an event), are the bytes fed.
// `name` is that of the last "event:" line, `data` the "data:" lines joined by LF.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "http/stream_event.h"

struct sse_parser {
    struct buf carry; // a block whose end has not come yet
    struct buf join;  // data of more than one line
    stream_event_cb on_event;
    void *owner;
    size_t skip;     // bytes at the begin of the block that are BOM or blank lines
    bool has_line;   // the block has more than those
    bool is_started; // the BOM has been looked for
};

// Embedded in its owner. `limit` is the most bytes that one block may have.
void sse_parser_init(struct sse_parser *parser, size_t limit, stream_event_cb on_event,
                     void *owner);
void sse_parser_deinit(struct sse_parser *parser);

// Feeds the next bytes, split anywhere. Blocks that lie whole inside `bytes` are parsed in place.
// Returns 0, STREAM_TOO_LARGE, or what the callback returned.
int sse_parser_feed(struct sse_parser *parser, const char *bytes, size_t len);

// The bytes have ended: hands over a last block that lacks its blank line. Returns as feed does.
int sse_parser_end(struct sse_parser *parser);
