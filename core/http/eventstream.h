// AWS event streams (application/vnd.amazon.eventstream): an incremental parser and the writer.
// Pure: no I/O, no loop.
//
// A frame is, its numbers big-endian: total length (32 bits), length of the headers (32), CRC-32 of
// these eight bytes, headers, payload, CRC-32 of everything before. A header is the length of its
// name (8 bits), name, type (8), value. The same events come out however the bytes are split, and
// no length is believed before its CRC is right. All `raw` together, up to a problem, are the bytes
// fed.
//
// `name` is the header :event-type, `data` the payload. A frame whose :message-type is "exception"
// or "error" is an error: its name is the :exception-type, or the :error-code, and its data a JSON
// object that has the name as its first member, "__type", and then what the payload has; or, where
// that is no object, "message" with the payload or the :error-message.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "http/stream_event.h"

struct eventstream_parser {
    struct buf carry; // a frame whose end has not come yet
    struct buf told;  // data of an error
    stream_event_cb on_event;
    void *owner;
    size_t total;        // bytes of the frame in `carry`; 0: not known yet
    const char *problem; // static: what STREAM_BROKEN means; NULL: nothing has been wrong
};

// Embedded in its owner. `limit` is the most bytes that one frame may have.
void eventstream_parser_init(struct eventstream_parser *parser, size_t limit,
                             stream_event_cb on_event, void *owner);
void eventstream_parser_deinit(struct eventstream_parser *parser);

// Feeds the next bytes, split anywhere. Frames that lie whole inside `bytes` are parsed in place.
// Returns 0, STREAM_TOO_LARGE, STREAM_BROKEN, or what the callback returned.
int eventstream_parser_feed(struct eventstream_parser *parser, const char *bytes, size_t len);

// The bytes have ended. Returns 0, or STREAM_CUT when they do so within a frame.
int eventstream_parser_end(struct eventstream_parser *parser);

enum eventstream_message { EVENTSTREAM_EVENT, EVENTSTREAM_EXCEPTION };

// Appends one frame with JSON text as its payload: an event, or an exception, of that name. Returns
// 0, or -1 (nothing is added) when `out` reaches its limit or no header can have such a name.
int eventstream_add(struct buf *out, enum eventstream_message type, struct slice name,
                    struct slice payload);
