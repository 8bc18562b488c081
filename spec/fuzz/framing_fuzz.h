// What the fuzzers of framings share: the same bytes, split in many ways.
#pragma once

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/framing.h"
#include "json/json.h"

enum { LIMIT = 1 << 20, EVENTS_LIMIT = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// Events as bytes to compare, all raw bytes in order, and how it ended.
struct record {
    struct buf events;
    struct buf raw;
    int rc;
};

static inline void expect(int is_true)
{
    if (!is_true)
        abort();
}

static inline void note_field(struct buf *out, struct slice field)
{
    buf_add(out, &field.len, sizeof(field.len));
    buf_add_text(out, field.data ? "+" : "-");
    buf_add_slice(out, field);
}

static inline int note_event(void *owner, const struct stream_event *event)
{
    struct record *record = owner;
    struct json_error ignored;
    expect(event->raw.len > 0);
    expect(!event->is_error || json_scan(event->data, NULL, 0, JSON_MAX_DEPTH, &ignored) == 0);
    note_field(&record->events, event->name);
    note_field(&record->events, event->data);
    buf_add_text(&record->events, event->is_complete ? "c" : "i");
    buf_add_slice(&record->raw, event->raw);
    return 0;
}

// Feeds pieces of 1 to `most` bytes, of lengths that `seed` decides; 0: all in one piece.
static inline void parse(enum framing framing, struct slice bytes, size_t most, uint32_t seed,
                         struct record *record)
{
    struct framing_parser parser;
    buf_init(&record->events, EVENTS_LIMIT);
    buf_init(&record->raw, LIMIT);
    framing_parser_init(&parser, framing, LIMIT, note_event, record);
    record->rc = 0;
    for (size_t at = 0; at < bytes.len && record->rc == 0;) {
        seed = seed * 1664525u + 1013904223u;
        size_t piece = most ? 1 + (seed >> 8) % most : bytes.len;
        if (piece > bytes.len - at)
            piece = bytes.len - at;
        record->rc = framing_parser_feed(&parser, bytes.data + at, piece);
        at += piece;
    }
    if (record->rc == 0)
        record->rc = framing_parser_end(&parser);
    expect(record->rc == 0 || framing_parser_problem(&parser, (enum stream_problem)record->rc));
    framing_parser_deinit(&parser);
}

// Returns what the parser did.
static inline int compare(enum framing framing, struct slice bytes)
{
    struct record whole, split;
    parse(framing, bytes, 0, 0, &whole);
    expect(whole.raw.len <= bytes.len && (whole.rc != 0 || whole.raw.len == bytes.len));
    expect(slice_equal(buf_slice(&whole.raw), (struct slice){bytes.data, whole.raw.len}));
    for (size_t most = 1; most <= 64; most *= 4) {
        parse(framing, bytes, most, (uint32_t)(bytes.len * 31 + most), &split);
        expect(whole.rc == split.rc);
        expect(slice_equal(buf_slice(&whole.events), buf_slice(&split.events)));
        expect(slice_equal(buf_slice(&whole.raw), buf_slice(&split.raw)));
        buf_deinit(&split.events);
        buf_deinit(&split.raw);
    }
    buf_deinit(&whole.events);
    buf_deinit(&whole.raw);
    return whole.rc;
}
