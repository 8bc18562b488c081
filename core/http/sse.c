#include "http/sse.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static const char bom[] = "\xEF\xBB\xBF";

void sse_parser_init(struct sse_parser *parser, size_t limit, stream_event_cb on_event, void *owner)
{
    *parser = (struct sse_parser){.on_event = on_event, .owner = owner};
    buf_init(&parser->carry, limit);
    buf_init(&parser->join, limit);
}

void sse_parser_deinit(struct sse_parser *parser)
{
    buf_deinit(&parser->carry);
    buf_deinit(&parser->join);
}

static bool is_eol(char c)
{
    return c == '\n' || c == '\r';
}

#ifdef __SSE2__

enum { STEP = 16 };

// A bit for each of the STEP bytes at `p` that is LF or CR, the first byte's lowest.
static inline unsigned eol_mask(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i lf = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
    __m128i cr = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(lf, cr));
}

static inline int first_of(unsigned found)
{
    return __builtin_ctz(found);
}

#else

enum { STEP = 8 };

// High bits mark the zero bytes of `word`, exactly for the lowest one.
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

static inline uint64_t eol_mask(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    word = le64toh(word);
    return zero_bytes(word ^ EACH_BYTE('\n')) | zero_bytes(word ^ EACH_BYTE('\r'));
}

static inline int first_of(uint64_t found)
{
    return __builtin_ctzll(found) / 8;
}

#endif

// The first LF or CR, or `end`. One pass: memchr() for each of the two would read a stream
// without CR twice, and one of CRs alone again and again.
static const char *find_eol(const char *p, const char *end)
{
    for (; end - p >= STEP; p += STEP) {
        __typeof__(eol_mask(p)) found = eol_mask(p);
        if (found)
            return p + first_of(found);
    }
    while (p < end && !is_eol(*p))
        p++;
    return p;
}

static int add_data(struct sse_parser *parser, struct stream_event *event, struct slice line)
{
    if (!event->data.data) {
        event->data = line;
        return 0;
    }
    if (parser->join.len == 0 && buf_add_slice(&parser->join, event->data) != 0)
        return -1;
    if (buf_add(&parser->join, "\n", 1) != 0 || buf_add_slice(&parser->join, line) != 0)
        return -1;
    event->data = buf_slice(&parser->join);
    return 0;
}

static int parse_line(struct sse_parser *parser, struct stream_event *event, struct slice line)
{
    const char *colon = memchr(line.data, ':', line.len);
    struct slice name = {line.data, colon ? (size_t)(colon - line.data) : line.len};
    struct slice value = {line.data + line.len, 0};
    if (colon) {
        size_t skip = name.len + (name.len + 1 < line.len && colon[1] == ' ' ? 2 : 1);
        value = (struct slice){line.data + skip, line.len - skip};
    }
    if (slice_equal(name, SLICE("data")))
        return add_data(parser, event, value);
    if (slice_equal(name, SLICE("event")))
        event->name = value;
    return 0;
}

static int parse_lines(struct sse_parser *parser, struct stream_event *event)
{
    const char *p = event->raw.data + parser->skip;
    const char *end = event->raw.data + event->raw.len;
    while (p < end) {
        const char *eol = find_eol(p, end);
        if (eol > p && parse_line(parser, event, (struct slice){p, (size_t)(eol - p)}) != 0)
            return -1;
        p = eol + 1; // the LF of a CRLF is then an empty line, which says nothing here
    }
    return 0;
}

static int hand_over(struct sse_parser *parser, struct slice block, bool is_complete)
{
    struct stream_event event = {.raw = block, .is_complete = is_complete};
    int rc = parse_lines(parser, &event);
    parser->skip = 0;
    parser->has_line = false;
    if (rc == 0)
        rc = parser->on_event(parser->owner, &event);
    buf_trim(&parser->carry, STREAM_KEPT);
    buf_trim(&parser->join, STREAM_KEPT);
    return rc;
}

// The end of the block that goes on at `p`, or NULL when these bytes do not hold it. `last` is the
// byte before `p`.
static const char *find_block_end(struct sse_parser *parser, const char *p, const char *end,
                                  char last)
{
    if (!parser->has_line) {
        const char *first = p;
        while (p < end && is_eol(*p))
            p++;
        parser->skip += (size_t)(p - first);
        if (p == end)
            return NULL;
        parser->has_line = true;
        last = '\0';
    }
    while (p < end) {
        if (!is_eol(*p)) {
            last = *p;
            p = find_eol(p, end);
            continue;
        }
        bool is_blank = *p == '\r' ? is_eol(last) : last == '\n';
        last = *p++;
        if (is_blank)
            return p < end && last == '\r' && *p == '\n' ? p + 1 : p;
    }
    return NULL;
}

// A BOM, or what may become one, waits in `carry`. Returns the number of bytes taken.
static size_t take_bom(struct sse_parser *parser, const char *bytes, size_t len)
{
    size_t taken = 0;
    while (!parser->is_started && taken < len) {
        if (bytes[taken] != bom[parser->carry.len]) {
            parser->is_started = true;
            parser->has_line = parser->carry.len > 0;
        } else if (buf_add(&parser->carry, &bytes[taken++], 1) == 0 && parser->carry.len == 3) {
            parser->is_started = true;
            parser->skip = 3;
        }
    }
    return taken;
}

int sse_parser_feed(struct sse_parser *parser, const char *bytes, size_t len)
{
    if (len == 0)
        return 0;
    const char *p = bytes + take_bom(parser, bytes, len), *end = bytes + len;
    struct buf *carry = &parser->carry;
    while (p < end) {
        char last = '\0';
        if (carry->len)
            last = carry->data[carry->len - 1];
        const char *block_end = find_block_end(parser, p, end, last);
        struct slice block = {p, (size_t)((block_end ? block_end : end) - p)};
        if (block.len > carry->limit - carry->len)
            return STREAM_TOO_LARGE;
        p += block.len;
        if (carry->len || !block_end) {
            buf_add_slice(carry, block);
            block = buf_slice(carry);
        }
        int rc = block_end ? hand_over(parser, block, true) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int sse_parser_end(struct sse_parser *parser)
{
    if (!parser->is_started)
        parser->has_line = parser->carry.len > 0;
    if (!parser->has_line)
        return 0;
    return hand_over(parser, buf_slice(&parser->carry), false);
}
