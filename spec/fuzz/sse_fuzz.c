#include "http/sse.h"

#include <stdint.h>
#include <stdlib.h>

enum { LIMIT = 1 << 20, EVENTS_LIMIT = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// Events as bytes to compare, and all raw bytes in order.
struct record {
    struct buf events;
    struct buf raw;
};

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static void note_field(struct buf *out, struct slice field)
{
    buf_add(out, &field.len, sizeof(field.len));
    buf_add_text(out, field.data ? "+" : "-");
    buf_add_slice(out, field);
}

static int note_event(void *owner, const struct stream_event *event)
{
    struct record *record = owner;
    expect(event->raw.len > 0);
    note_field(&record->events, event->name);
    note_field(&record->events, event->data);
    buf_add_text(&record->events, event->is_complete ? "c" : "i");
    buf_add_slice(&record->raw, event->raw);
    return 0;
}

// Feeds pieces of 1 to `most` bytes, of lengths that `seed` decides; 0: all in one piece.
static void parse(const char *bytes, size_t len, size_t most, uint32_t seed, struct record *record)
{
    struct sse_parser parser;
    buf_init(&record->events, EVENTS_LIMIT);
    buf_init(&record->raw, LIMIT);
    sse_parser_init(&parser, LIMIT, note_event, record);
    for (size_t at = 0; at < len;) {
        seed = seed * 1664525u + 1013904223u;
        size_t piece = most ? 1 + (seed >> 8) % most : len;
        if (piece > len - at)
            piece = len - at;
        expect(sse_parser_feed(&parser, bytes + at, piece) == 0);
        at += piece;
    }
    expect(sse_parser_end(&parser) == 0);
    buf_add_slice(&record->raw, buf_slice(&parser.carry));
    sse_parser_deinit(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *bytes = (const char *)data;
    struct record whole, split;
    if (len > LIMIT)
        return 0;
    parse(bytes, len, 0, 0, &whole);
    for (size_t most = 1; most <= 64; most *= 4) {
        parse(bytes, len, most, (uint32_t)(len * 31 + most), &split);
        expect(slice_equal(buf_slice(&whole.events), buf_slice(&split.events)));
        expect(slice_equal(buf_slice(&split.raw), (struct slice){bytes, len}));
        buf_deinit(&split.events);
        buf_deinit(&split.raw);
    }
    expect(slice_equal(buf_slice(&whole.raw), (struct slice){bytes, len}));
    buf_deinit(&whole.events);
    buf_deinit(&whole.raw);
    return 0;
}
