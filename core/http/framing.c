#include "http/framing.h"

#include <string.h>

static const struct {
    struct slice name;
    const char *type;
} framings[FRAMINGS] = {
    [FRAMING_SSE] = {SLICE("sse"), "text/event-stream"},
    [FRAMING_NDJSON] = {SLICE("ndjson"), "application/x-ndjson"},
    [FRAMING_EVENTSTREAM] = {SLICE("aws-eventstream"), "application/vnd.amazon.eventstream"},
};

enum framing framing_find(struct slice name)
{
    int framing = FRAMING_SSE;
    while (framing < FRAMINGS && !slice_equal(name, framings[framing].name))
        framing++;
    return (enum framing)framing;
}

const char *framing_type(enum framing framing)
{
    return framings[framing].type;
}

// ---- reading ----------------------------------------------------------------------------------

void framing_parser_init(struct framing_parser *parser, enum framing framing, size_t limit,
                         stream_event_cb on_event, void *owner)
{
    parser->framing = framing;
    if (framing == FRAMING_NDJSON)
        ndjson_parser_init(&parser->of.ndjson, limit, on_event, owner);
    else if (framing == FRAMING_EVENTSTREAM)
        eventstream_parser_init(&parser->of.eventstream, limit, on_event, owner);
    else
        sse_parser_init(&parser->of.sse, limit, on_event, owner);
}

void framing_parser_deinit(struct framing_parser *parser)
{
    if (parser->framing == FRAMING_NDJSON)
        ndjson_parser_deinit(&parser->of.ndjson);
    else if (parser->framing == FRAMING_EVENTSTREAM)
        eventstream_parser_deinit(&parser->of.eventstream);
    else
        sse_parser_deinit(&parser->of.sse);
}

int framing_parser_feed(struct framing_parser *parser, const char *bytes, size_t len)
{
    if (parser->framing == FRAMING_NDJSON)
        return ndjson_parser_feed(&parser->of.ndjson, bytes, len);
    if (parser->framing == FRAMING_EVENTSTREAM)
        return eventstream_parser_feed(&parser->of.eventstream, bytes, len);
    return sse_parser_feed(&parser->of.sse, bytes, len);
}

int framing_parser_end(struct framing_parser *parser)
{
    if (parser->framing == FRAMING_NDJSON)
        return ndjson_parser_end(&parser->of.ndjson);
    if (parser->framing == FRAMING_EVENTSTREAM)
        return eventstream_parser_end(&parser->of.eventstream);
    return sse_parser_end(&parser->of.sse);
}

const char *framing_parser_problem(const struct framing_parser *parser, enum stream_problem problem)
{
    if (problem == STREAM_CUT)
        return "the stream ended within a frame";
    if (problem == STREAM_BROKEN && parser->framing == FRAMING_EVENTSTREAM)
        return parser->of.eventstream.problem;
    return "an event of the stream is too large";
}

struct slice framing_parser_rest(const struct framing_parser *parser)
{
    if (parser->framing != FRAMING_SSE)
        return (struct slice){NULL, 0};
    const struct buf *carry = &parser->of.sse.carry;
    if (carry->len && strspn(carry->data, "\r\n") == carry->len)
        return buf_slice(carry);
    return (struct slice){NULL, 0};
}

// ---- writing ----------------------------------------------------------------------------------

struct slice framing_missing_end(enum framing framing, const struct stream_event *event)
{
    if (event->is_complete || framing == FRAMING_EVENTSTREAM)
        return SLICE("");
    if (framing == FRAMING_NDJSON)
        return SLICE("\n");
    char last = event->raw.data[event->raw.len - 1];
    return last == '\n' || last == '\r' ? SLICE("\n") : SLICE("\n\n");
}

// Data of more than one line is as many fields.
static int add_sse(struct buf *out, struct slice name, struct slice data)
{
    const char *at = data.data, *end = data.data + data.len;
    int rc = 0;

    if (name.data)
        rc = buf_add_text(out, "event: ") | buf_add_slice(out, name) | buf_add_text(out, "\n");
    while (rc == 0) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        rc = buf_add_text(out, "data: ") | buf_add(out, at, len) | buf_add_text(out, "\n");
        if (!stop)
            break;
        at = stop + 1;
    }
    return rc | buf_add_text(out, "\n");
}

int framing_add_event(struct buf *out, enum framing framing, struct slice name, struct slice data)
{
    if (framing == FRAMING_NDJSON)
        return ndjson_add(out, data);
    if (framing == FRAMING_SSE)
        return add_sse(out, name, data);
    return name.data ? eventstream_add(out, EVENTSTREAM_EVENT, name, data) : -1;
}
