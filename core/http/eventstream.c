#include "http/eventstream.h"

#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "json/json.h"

enum {
    CRC = 4,
    PRELUDE = 12, // both lengths and their CRC
    LEAST = PRELUDE + CRC,
    LONGEST_VALUE = 0xFFFF,
    LONGEST_TEXT = 0xFFFF,   // of an error's payload that is no object
    TOLD_MORE = 1024 * 1024, // that an error's data has besides its object: two texts, escaped
};

enum value_type {
    VALUE_TRUE,
    VALUE_FALSE,
    VALUE_BYTE,
    VALUE_SHORT,
    VALUE_INT,
    VALUE_LONG,
    VALUE_BYTES, // 16 bits of length, then as many bytes; strings likewise
    VALUE_STRING,
    VALUE_TIMESTAMP,
    VALUE_UUID,
    VALUE_TYPES,
};

// Headers that say something here. Those that are there have data, also empty ones.
struct said {
    struct slice message_type, event_type, exception_type, error_code, error_message;
};

void eventstream_parser_init(struct eventstream_parser *parser, size_t limit,
                             stream_event_cb on_event, void *owner)
{
    *parser = (struct eventstream_parser){.on_event = on_event, .owner = owner};
    buf_init(&parser->carry, limit);
    buf_init(&parser->told, limit + TOLD_MORE);
}

void eventstream_parser_deinit(struct eventstream_parser *parser)
{
    buf_deinit(&parser->carry);
    buf_deinit(&parser->told);
}

// ---- numbers ----------------------------------------------------------------------------------

static uint32_t read_number(const char *p, size_t len)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | (unsigned char)p[i];
    return number;
}

static void write_number(char *p, size_t len, uint32_t number)
{
    for (size_t i = len; i-- > 0; number >>= 8)
        p[i] = (char)(unsigned char)number;
}

static uint32_t crc_of(const char *p, size_t len)
{
    return (uint32_t)crc32_z(0, (const unsigned char *)p, len);
}

// ---- headers ----------------------------------------------------------------------------------

static int broken(struct eventstream_parser *parser, const char *problem)
{
    parser->problem = problem;
    return STREAM_BROKEN;
}

static void take_string(struct said *said, struct slice name, struct slice value)
{
    const struct {
        struct slice name;
        struct slice *place;
    } known[] = {
        {SLICE(":event-type"), &said->event_type},
        {SLICE(":message-type"), &said->message_type},
        {SLICE(":exception-type"), &said->exception_type},
        {SLICE(":error-code"), &said->error_code},
        {SLICE(":error-message"), &said->error_message},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_equal(name, known[i].name))
            *known[i].place = value;
    }
}

// The bytes of a header's value at `*p`, which is moved to them; -1 when they do not fit.
static ptrdiff_t value_length(const char **p, const char *end, enum value_type type)
{
    static const unsigned char lengths[VALUE_TYPES] = {
        [VALUE_BYTE] = 1, [VALUE_SHORT] = 2,     [VALUE_INT] = 4,
        [VALUE_LONG] = 8, [VALUE_TIMESTAMP] = 8, [VALUE_UUID] = 16,
    };
    size_t len = lengths[type];

    if (type == VALUE_BYTES || type == VALUE_STRING) {
        if (end - *p < 2)
            return -1;
        len = read_number(*p, 2);
        *p += 2;
    }
    return len <= (size_t)(end - *p) ? (ptrdiff_t)len : -1;
}

static int read_headers(struct eventstream_parser *parser, struct slice headers, struct said *said)
{
    const char *p = headers.data, *end = headers.data + headers.len;

    while (p < end) {
        struct slice name = {p + 1, (unsigned char)*p};
        if (!name.len || name.len + 2 > (size_t)(end - p))
            return broken(parser, "a header's name does not fit into its frame");
        p += 1 + name.len;
        unsigned char type = (unsigned char)*p++;
        if (type >= VALUE_TYPES)
            return broken(parser, "a header of a frame has an unknown type");
        ptrdiff_t len = value_length(&p, end, (enum value_type)type);
        if (len < 0)
            return broken(parser, "a header's value does not fit into its frame");
        if (type == VALUE_STRING)
            take_string(said, name, (struct slice){p, (size_t)len});
        p += len;
    }
    return 0;
}

// ---- frames -----------------------------------------------------------------------------------

static void add_member(struct buf *out, const char *name, struct slice value)
{
    if (!value.data)
        return;
    buf_add_text(out, out->len == 1 ? "\"" : ",\"");
    buf_add_text(out, name);
    buf_add_text(out, "\":");
    json_string_encode(out, value);
}

// What stands behind the brace of a JSON object; NULL data when it is none.
static struct slice inside_of(struct slice payload)
{
    struct json_error ignored;

    if (json_scan(payload, NULL, 0, JSON_MAX_DEPTH, &ignored) != 0)
        return (struct slice){NULL, 0};
    const char *brace = memchr(payload.data, '{', payload.len);
    struct slice inside = {brace + 1, payload.len - (size_t)(brace + 1 - payload.data)};
    while (inside.len && strchr(" \t\r\n", *inside.data))
        inside = (struct slice){inside.data + 1, inside.len - 1};
    return inside;
}

// Always fits.
static struct slice error_data(struct eventstream_parser *parser, struct slice name,
                               struct slice message, struct slice payload)
{
    struct buf *told = &parser->told;
    struct slice inside = inside_of(payload);

    buf_clear(told);
    buf_add_text(told, "{");
    add_member(told, "__type", name);
    if (inside.data) {
        if (told->len > 1 && *inside.data != '}')
            buf_add_text(told, ",");
        buf_add_slice(told, inside);
        return buf_slice(told);
    }
    if (payload.len)
        message = payload;
    if (message.len > LONGEST_TEXT)
        message.len = LONGEST_TEXT;
    add_member(told, "message", message);
    buf_add_text(told, "}");
    return buf_slice(told);
}

static int hand_over(struct eventstream_parser *parser, struct slice frame)
{
    struct said said = {.message_type = {NULL, 0}};
    size_t headers_len = read_number(frame.data + 4, 4);
    struct slice payload = {frame.data + PRELUDE + headers_len, frame.len - LEAST - headers_len};

    if (crc_of(frame.data, frame.len - CRC) != read_number(frame.data + frame.len - CRC, CRC))
        return broken(parser, "the checksum of a frame is wrong");
    if (read_headers(parser, (struct slice){frame.data + PRELUDE, headers_len}, &said) != 0)
        return STREAM_BROKEN;
    struct stream_event event = {
        .raw = frame, .name = said.event_type, .data = payload, .is_complete = true};
    bool is_exception = slice_equal(said.message_type, SLICE("exception"));
    if (is_exception || slice_equal(said.message_type, SLICE("error"))) {
        event.is_error = true;
        event.name = is_exception ? said.exception_type : said.error_code;
        event.data = error_data(parser, event.name, said.error_message, payload);
    }
    int rc = parser->on_event(parser->owner, &event);
    buf_trim(&parser->carry, STREAM_KEPT);
    buf_trim(&parser->told, STREAM_KEPT);
    parser->total = 0;
    return rc;
}

static int read_prelude(struct eventstream_parser *parser, const char *prelude)
{
    size_t total = read_number(prelude, 4), headers_len = read_number(prelude + 4, 4);

    if (crc_of(prelude, PRELUDE - CRC) != read_number(prelude + PRELUDE - CRC, CRC))
        return broken(parser, "the checksum of a frame's lengths is wrong");
    if (total < LEAST || headers_len > total - LEAST)
        return broken(parser, "the lengths of a frame do not fit together");
    if (total > parser->carry.limit)
        return STREAM_TOO_LARGE;
    parser->total = total;
    return 0;
}

// Takes bytes into `carry` until it has `wanted` of them. Returns true when it has.
static bool collect(struct buf *carry, size_t wanted, struct slice *bytes)
{
    size_t missing = wanted - carry->len;
    size_t len = bytes->len < missing ? bytes->len : missing;

    buf_add(carry, bytes->data, len);
    *bytes = (struct slice){bytes->data + len, bytes->len - len};
    return len == missing;
}

// One frame from `bytes`, or what there is of it.
static int feed_frame(struct eventstream_parser *parser, struct slice *bytes)
{
    struct buf *carry = &parser->carry;
    int rc = 0;

    if (!parser->total) {
        const char *prelude = bytes->data;
        if (carry->len || bytes->len < PRELUDE) {
            if (!collect(carry, PRELUDE, bytes))
                return 0;
            prelude = carry->data;
        }
        rc = read_prelude(parser, prelude);
        if (rc != 0)
            return rc;
    }
    if (!carry->len && parser->total <= bytes->len) {
        struct slice frame = {bytes->data, parser->total};
        *bytes = (struct slice){bytes->data + frame.len, bytes->len - frame.len};
        return hand_over(parser, frame);
    }
    return collect(carry, parser->total, bytes) ? hand_over(parser, buf_slice(carry)) : 0;
}

int eventstream_parser_feed(struct eventstream_parser *parser, const char *bytes, size_t len)
{
    struct slice rest = {bytes, len};
    int rc = 0;

    while (rest.len && rc == 0)
        rc = feed_frame(parser, &rest);
    return rc;
}

int eventstream_parser_end(struct eventstream_parser *parser)
{
    return parser->carry.len ? STREAM_CUT : 0;
}

// ---- writing ----------------------------------------------------------------------------------

static void add_header(struct buf *out, const char *name, struct slice value)
{
    char head[3] = {VALUE_STRING};
    char name_len = (char)(unsigned char)strlen(name);

    write_number(head + 1, 2, (uint32_t)value.len);
    buf_add(out, &name_len, 1);
    buf_add_text(out, name);
    buf_add(out, head, sizeof(head));
    buf_add_slice(out, value);
}

static void add_number(struct buf *out, uint32_t number)
{
    char bytes[4];
    write_number(bytes, sizeof(bytes), number);
    buf_add(out, bytes, sizeof(bytes));
}

int eventstream_add(struct buf *out, enum eventstream_message type, struct slice name,
                    struct slice payload)
{
    bool is_event = type == EVENTSTREAM_EVENT;
    size_t begin = out->len, most = LEAST + 128 + name.len;

    if (name.len > LONGEST_VALUE || payload.len > UINT32_MAX - most ||
        buf_reserve(out, most + payload.len) != 0)
        return -1;
    buf_add(out, "\0\0\0\0\0\0\0\0\0\0\0", PRELUDE);
    add_header(out, is_event ? ":event-type" : ":exception-type", name);
    add_header(out, ":content-type", SLICE("application/json"));
    add_header(out, ":message-type", is_event ? SLICE("event") : SLICE("exception"));
    size_t headers_len = out->len - begin - PRELUDE;
    buf_add_slice(out, payload);
    char *frame = out->data + begin;
    write_number(frame, 4, (uint32_t)(out->len - begin + CRC));
    write_number(frame + 4, 4, (uint32_t)headers_len);
    write_number(frame + 8, 4, crc_of(frame, PRELUDE - CRC));
    add_number(out, crc_of(frame, out->len - begin));
    return 0;
}
