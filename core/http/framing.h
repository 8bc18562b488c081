// The framings of streams, chosen by name: one parser and one writer for all of them.
#pragma once

#include "http/eventstream.h"
#include "http/ndjson.h"
#include "http/sse.h"

enum framing {
    FRAMING_SSE, // "sse": also what there is when nobody says
    FRAMING_NDJSON,
    FRAMING_EVENTSTREAM, // "aws-eventstream"
    FRAMINGS,
};

// The framing of that name, or FRAMINGS: there is none.
enum framing framing_find(struct slice name);

// The content-type of its streams.
const char *framing_type(enum framing framing);

struct framing_parser {
    enum framing framing;
    union {
        struct sse_parser sse;
        struct ndjson_parser ndjson;
        struct eventstream_parser eventstream;
    } of;
};

// As the parsers have it (http/sse.h, http/ndjson.h, http/eventstream.h). Embedded in its owner.
void framing_parser_init(struct framing_parser *parser, enum framing framing, size_t limit,
                         stream_event_cb on_event, void *owner);
void framing_parser_deinit(struct framing_parser *parser);

// Returns 0, a stream_problem, or what the callback returned.
int framing_parser_feed(struct framing_parser *parser, const char *bytes, size_t len);
int framing_parser_end(struct framing_parser *parser);

// For people: what a stream_problem means that was returned. Static.
const char *framing_parser_problem(const struct framing_parser *parser,
                                   enum stream_problem problem);

// Bytes that have ended no block, and never will: blank lines at the very end. Borrowed.
struct slice framing_parser_rest(const struct framing_parser *parser);

// What a last block lacks of its end. Static.
struct slice framing_missing_end(enum framing framing, const struct stream_event *event);

// Appends one event. `name` with NULL data: none; an event stream needs one. Returns 0, or -1 when
// `out` reaches its limit, or for want of a name.
int framing_add_event(struct buf *out, enum framing framing, struct slice name, struct slice data);
