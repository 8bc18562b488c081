#include "http/request.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/blocks.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/url.h"

enum {
    LINE_BESIDE_TARGET = 32,        // method, version and spaces of a request line, generously
    HEAD_KEPT = 2048,               // bytes of head buffer that stay with an idle connection
    REFS_KEPT = 32,                 // header lines likewise
    BODY_AT_ONCE = 4 * 1024 * 1024, // a Content-Length up to here is allocated in one step
    ROOM_LEAST = 16 * 1024,         // a shorter rest is copied with what may follow it
    BODY_FIRST = 4096,              // first step of a chunked body
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Always false, so that a failing check can end with it.
static bool refuse(struct request_reader *reader, int status, const char *message)
{
    if (reader->state != REQUEST_BAD) {
        reader->state = REQUEST_BAD;
        reader->status = status;
        reader->message = message;
    }
    return false;
}

// ---- body -------------------------------------------------------------------------------------

void request_reader_drop_body(struct request_reader *reader)
{
    reader->request.body = (struct slice){NULL, 0};
    if (!reader->body)
        return;
    if (reader->limits->bodies_held)
        atomic_fetch_sub_explicit(reader->limits->bodies_held, reader->body_cap,
                                  memory_order_relaxed);
    if (reader->is_block)
        blocks_give(reader->limits->blocks, reader->body);
    else
        free(reader->body);
    reader->body = NULL;
    reader->body_len = reader->body_cap = 0;
    reader->is_block = false;
}

void request_reader_take_body(struct request_reader *reader, char *bytes, size_t len)
{
    request_reader_drop_body(reader);
    reader->body = bytes;
    reader->body_len = reader->body_cap = len;
    reader->request.body = (struct slice){bytes, len};
    if (reader->limits->bodies_held)
        atomic_fetch_add_explicit(reader->limits->bodies_held, len, memory_order_relaxed);
}

// `cap` bytes for the body, what was read so far in front.
static void move_body(struct request_reader *reader, size_t cap)
{
    struct blocks *blocks = reader->limits->blocks;
    char *block = reader->is_block ? reader->body : NULL;

    if (!reader->body && blocks && cap == BLOCK_SIZE) {
        reader->body = blocks_take(blocks);
        reader->is_block = true;
        return;
    }
    reader->body = mem_realloc(block ? NULL : reader->body, cap);
    reader->is_block = false;
    if (block) {
        memcpy(reader->body, block, reader->body_len);
        blocks_give(blocks, block);
    }
}

static bool resize_body(struct request_reader *reader, size_t cap)
{
    const struct server_limits *limits = reader->limits;
    if (limits->blocks && cap < BLOCK_SIZE)
        cap = BLOCK_SIZE;
    size_t more = cap - reader->body_cap;
    if (limits->bodies_held) {
        size_t held = atomic_fetch_add_explicit(limits->bodies_held, more, memory_order_relaxed);
        if (held + more > limits->bodies_total) {
            atomic_fetch_sub_explicit(limits->bodies_held, more, memory_order_relaxed);
            return refuse(reader, 503, "too many request bytes are held at the moment");
        }
    }
    move_body(reader, cap);
    reader->body_cap = cap;
    return true;
}

static bool grow_body(struct request_reader *reader, size_t need)
{
    if (need <= reader->body_cap)
        return true;
    size_t cap = reader->body_cap ? reader->body_cap : BODY_FIRST;
    while (cap < need)
        cap *= 2;
    return resize_body(
        reader, min_size(cap, reader->is_chunked ? reader->limits->body : reader->content_length));
}

static bool body_fits(struct request_reader *reader, uint64_t more)
{
    if (more <= reader->limits->body - reader->body_len)
        return true;
    return refuse(reader, 413, "the request body is too large");
}

// ---- checks of a head -------------------------------------------------------------------------

static bool check_protocol(struct request_reader *reader)
{
    struct slice head = buf_slice(&reader->headers.bytes);
    if (slice_starts_with(head, SLICE("PRI * HTTP/2")))
        return refuse(reader, 400, "this server speaks HTTP/1.1, not HTTP/2");
    if (slice_starts_with(head, SLICE("CONNECT ")))
        return refuse(reader, 400, "CONNECT is not served");
    return true;
}

// Whether scripts may see it: the registered methods that clients of HTTP servers use.
static bool is_method(struct slice method)
{
    static const char *const methods[] = {
        "POST",     "GET",       "OPTIONS",    "HEAD",       "PUT",         "DELETE", "PATCH",
        "TRACE",    "COPY",      "LOCK",       "MKCOL",      "MOVE",        "SEARCH", "PROPFIND",
        "UNLOCK",   "PROPPATCH", "BIND",       "REBIND",     "UNBIND",      "ACL",    "REPORT",
        "CHECKOUT", "MERGE",     "MKACTIVITY", "M-SEARCH",   "NOTIFY",      "PURGE",  "SUBSCRIBE",
        "LINK",     "UNLINK",    "SOURCE",     "MKCALENDAR", "UNSUBSCRIBE",
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (slice_equal(method, slice_of(methods[i])))
            return true;
    }
    return false;
}

// The target of a request that is refused, as far as it can be told.
static void guess_target(struct request_reader *reader)
{
    const struct buf *head = &reader->headers.bytes;
    const char *space = head->len ? memchr(head->data, ' ', head->len) : NULL;
    if (!space)
        return;
    const char *target = space + 1;
    reader->request.is_head = slice_starts_with(buf_slice(head), SLICE("HEAD "));
    reader->request.target = (struct slice){target, strcspn(target, " \r\n")};
}

// What is well-formed may still ask for what is not served (RFC 9110 sections 9.1 and 15.6.6).
static bool read_request_line(struct request_reader *reader, size_t *fields_at)
{
    struct request *request = &reader->request;
    struct request_line line;
    const char *reason =
        head_read_request_line(buf_slice(&reader->headers.bytes), &line, fields_at);
    if (reason) {
        guess_target(reader);
        return refuse(reader, 400, reason);
    }
    request->method = line.method;
    request->target = line.target;
    request->is_head = slice_equal(line.method, SLICE("HEAD"));
    if (line.major != 1 || line.minor > 1)
        return refuse(reader, 505, "this server speaks HTTP/1.1, not the version asked for");
    reader->is_http10 = line.minor == 0;
    return is_method(line.method) || refuse(reader, 501, "the request method is unknown");
}

// Cuts scheme and authority off the absolute form. The authority is not compared with the Host
// field, which RFC 9112 section 3.2.2 tells to ignore beside it; neither decides anything here.
static bool cut_origin(struct request_reader *reader, struct slice *rest)
{
    const char *end = rest->data + rest->len;
    const char *colon = memchr(rest->data, ':', rest->len);
    if (!colon || end - colon < 3 || memcmp(colon, "://", 3) != 0)
        return refuse(reader, 400, "the request target is malformed");
    struct slice scheme = {rest->data, (size_t)(colon - rest->data)};
    if (!slice_equal_nocase(scheme, SLICE("http")) && !slice_equal_nocase(scheme, SLICE("https")))
        return refuse(reader, 400, "the request target is malformed");
    const char *host = colon + 3, *path = host;
    while (path < end && *path != '/' && *path != '?')
        path++;
    if (path == host || !url_is_host((struct slice){host, (size_t)(path - host)}))
        return refuse(reader, 400, "the request target names no proper host");
    *rest = (struct slice){path, (size_t)(end - path)};
    return true;
}

static bool check_target(struct request_reader *reader)
{
    struct request *request = &reader->request;
    struct slice rest = request->target;
    if (rest.len > LIMIT_URI)
        return refuse(reader, 414, "the request target is too long");
    if (memchr(rest.data, '#', rest.len))
        return refuse(reader, 400, "a request target has no fragment");
    if (rest.data[0] == '*' && (rest.len != 1 || !slice_equal(request->method, SLICE("OPTIONS"))))
        return refuse(reader, 400, "the request target * is for OPTIONS");
    if (rest.data[0] != '/' && rest.data[0] != '*' && !cut_origin(reader, &rest))
        return false;
    const char *mark = rest.len ? memchr(rest.data, '?', rest.len) : NULL;
    request->path = (struct slice){rest.data, mark ? (size_t)(mark - rest.data) : rest.len};
    if (request->path.len == 0)
        request->path = SLICE("/");
    if (mark)
        request->query = (struct slice){mark + 1, (size_t)(rest.data + rest.len - mark - 1)};
    return true;
}

struct body_fields {
    struct framing_fields framing;
    unsigned hosts;
    bool is_coded;                        // Content-Encoding
    bool expects_continue, expects_other; // Expect
};

static void note_expectation(struct body_fields *fields, struct slice value)
{
    if (slice_equal_nocase(value, SLICE("100-continue")))
        fields->expects_continue = true;
    else
        fields->expects_other = true;
}

// Picks out the fields that say how the message is to be read.
static bool collect_fields(struct request_reader *reader, struct body_fields *fields)
{
    for (size_t i = 0; i < reader->headers.count; i++) {
        struct header header = headers_at(&reader->headers, i);
        switch (header.name.len) {
        case 4:
            if (!slice_equal_nocase(header.name, SLICE("host")))
                break;
            fields->hosts++;
            if (!url_is_host(header.value))
                return refuse(reader, 400, "the Host header is malformed");
            break;
        case 6:
            if (slice_equal_nocase(header.name, SLICE("expect")))
                note_expectation(fields, header.value);
            break;
        case 16:
            if (slice_equal_nocase(header.name, SLICE("content-encoding")))
                fields->is_coded |=
                    header.value.len && !slice_equal_nocase(header.value, SLICE("identity"));
            break;
        case 10: // Connection
        case 14: // Content-Length
        case 17: // Transfer-Encoding
            framing_note(&fields->framing, header);
            break;
        default:
            break;
        }
    }
    return true;
}

static bool check_framing(struct request_reader *reader, const struct body_fields *fields)
{
    if (fields->hosts > 1)
        return refuse(reader, 400, "more than one Host header");
    if (fields->hosts == 0 && !reader->is_http10)
        return refuse(reader, 400, "the Host header is missing");
    const char *reason = framing_check(&fields->framing);
    if (reason)
        return refuse(reader, 400, reason);
    reader->is_chunked = fields->framing.codings;
    reader->content_length = fields->framing.content_length;
    if (reader->is_chunked && reader->is_http10)
        return refuse(reader, 400, "HTTP/1.0 has no Transfer-Encoding");
    return true;
}

static bool check_body_fields(struct request_reader *reader, const struct body_fields *fields)
{
    bool has_body = reader->is_chunked || reader->content_length;
    if (!reader->is_http10) {
        if (fields->expects_other)
            return refuse(reader, 417, "the only expectation served is 100-continue");
        reader->wants_continue = fields->expects_continue && has_body;
    }
    if (!has_body)
        return true;
    if (fields->is_coded)
        return refuse(reader, 415, "a request body must not have a Content-Encoding");
    if (reader->is_chunked)
        return true;
    return body_fits(reader, reader->content_length) &&
           resize_body(reader, min_size(reader->content_length, BODY_AT_ONCE));
}

// ---- reading ----------------------------------------------------------------------------------

static void complete(struct request_reader *reader)
{
    reader->request.body = (struct slice){reader->body ? reader->body : "", reader->body_len};
    reader->state = REQUEST_DONE;
}

static bool read_fields(struct request_reader *reader, size_t fields_at)
{
    const char *reason = head_read_fields(&reader->headers, fields_at);
    return !reason || refuse(reader, 400, reason);
}

// The whole head lies in headers.bytes.
static void parse_head(struct request_reader *reader)
{
    struct body_fields fields = {0};
    size_t fields_at;

    if (!check_protocol(reader) || !read_request_line(reader, &fields_at) ||
        !check_target(reader) || !read_fields(reader, fields_at) ||
        !collect_fields(reader, &fields) || !check_framing(reader, &fields) ||
        !check_body_fields(reader, &fields))
        return;
    reader->keep_alive = !fields.framing.closes && (!reader->is_http10 || fields.framing.keeps);
    if (reader->is_chunked || reader->content_length)
        reader->state = REQUEST_BODY;
    else
        complete(reader);
}

// A head that is refused before it is whole: what it asks for decides the error's dialect.
static void keep_start(struct request_reader *reader, const char *bytes, size_t len)
{
    struct buf *head = &reader->headers.bytes;
    size_t room = min_size(head->limit - head->len, LIMIT_URI + LINE_BESIDE_TARGET);
    buf_add(head, bytes, min_size(len, room));
    guess_target(reader);
}

static void check_scan(struct request_reader *reader)
{
    switch ((enum head_fault)reader->scan.fault) {
    case HEAD_FINE:
        break;
    case HEAD_BARE_LF:
        refuse(reader, 400, "a line of the head ends in LF without CR");
        break;
    case HEAD_FOLDED:
        refuse(reader, 400, "a header line is folded");
        break;
    case HEAD_LONG_START:
        refuse(reader, 414, "the request target is too long");
        break;
    case HEAD_MANY_LINES:
        refuse(reader, 431, "the request has too many header lines");
        break;
    }
}

// RFC 9112 section 2.2: empty lines before a request are skipped.
static size_t skip_empty_lines(struct request_reader *reader, const char *bytes, size_t len)
{
    size_t i = 0;
    for (; i < len; i++) {
        if (reader->skips_empty_line ? bytes[i] != '\n' : bytes[i] != '\r')
            break;
        reader->skips_empty_line = !reader->skips_empty_line;
    }
    // Garbage, a TLS hello for one, need not wait for a line's end that may never come.
    if (i < len && (reader->skips_empty_line || bytes[i] < 'A' || bytes[i] > 'Z'))
        refuse(reader, 400, "this is not an HTTP/1.1 request");
    return i;
}

static size_t feed_head(struct request_reader *reader, const char *bytes, size_t len)
{
    size_t skipped = 0;
    if (request_reader_is_empty(reader))
        skipped = skip_empty_lines(reader, bytes, len);
    if (reader->state == REQUEST_BAD || skipped == len)
        return len;
    bytes += skipped;
    size_t used = head_scan(&reader->scan, bytes, len - skipped);
    check_scan(reader);
    if (reader->state != REQUEST_BAD && buf_add(&reader->headers.bytes, bytes, used) != 0)
        refuse(reader, 431, "the request head is too large");
    if (reader->state == REQUEST_BAD)
        keep_start(reader, bytes, used);
    else if (reader->scan.is_end)
        parse_head(reader);
    return skipped + used;
}

static bool add_body(struct request_reader *reader, struct slice data)
{
    if (!data.len)
        return true;
    if (!grow_body(reader, reader->body_len + data.len))
        return false;
    memcpy(reader->body + reader->body_len, data.data, data.len);
    reader->body_len += data.len;
    return true;
}

static size_t feed_sized(struct request_reader *reader, const char *bytes, size_t len)
{
    uint64_t left = reader->content_length - reader->body_len;
    struct slice data = {bytes, left < len ? (size_t)left : len};
    if (add_body(reader, data) && reader->body_len == reader->content_length)
        complete(reader);
    return data.len;
}

struct room request_reader_room(struct request_reader *reader)
{
    struct room none = {NULL, 0};
    if (reader->state != REQUEST_BODY || reader->is_chunked)
        return none;
    uint64_t left = reader->content_length - reader->body_len;
    if (left < ROOM_LEAST)
        return none;
    if (reader->body_cap - reader->body_len < min_size(left, LIMIT_READ_BUFFER) &&
        !grow_body(reader, reader->body_len + min_size(left, LIMIT_READ_BUFFER)))
        return none;
    size_t len = min_size(left, reader->body_cap - reader->body_len);
    return (struct room){reader->body + reader->body_len, len};
}

void request_reader_filled(struct request_reader *reader, size_t len)
{
    reader->body_len += len;
    if (reader->body_len == reader->content_length)
        complete(reader);
}

static size_t feed_chunked(struct request_reader *reader, const char *bytes, size_t len)
{
    struct slice data;
    ptrdiff_t used = chunks_next(&reader->chunks, bytes, len, &data);
    if (used < 0) {
        refuse(reader, 400, "the body's chunks are malformed");
        return len;
    }
    reader->framing = data.len ? 0 : reader->framing + (size_t)used;
    if (reader->framing > reader->limits->head)
        refuse(reader, 431, "chunk extensions or trailers are too large");
    else if (chunks_is_done(&reader->chunks))
        complete(reader);
    else if (body_fits(reader, data.len + reader->chunks.left))
        add_body(reader, data);
    return (size_t)used;
}

size_t request_reader_feed(struct request_reader *reader, const char *bytes, size_t len)
{
    size_t used = 0;
    if (reader->state == REQUEST_HEAD)
        used = feed_head(reader, bytes, len);
    while (reader->state == REQUEST_BODY && used < len)
        used += (reader->is_chunked ? feed_chunked : feed_sized)(reader, bytes + used, len - used);
    return used;
}

// ---- life -------------------------------------------------------------------------------------

bool request_reader_is_empty(const struct request_reader *reader)
{
    return reader->state == REQUEST_HEAD && reader->headers.bytes.len == 0;
}

static void begin(struct request_reader *reader, const struct server_limits *limits)
{
    *reader = (struct request_reader){.limits = limits, .headers = reader->headers};
    reader->scan.max_start = LIMIT_URI + LINE_BESIDE_TARGET;
    reader->scan.max_fields = limits->headers;
    reader->request.headers = &reader->headers;
}

void request_reader_init(struct request_reader *reader, const struct server_limits *limits)
{
    headers_init(&reader->headers, limits->head, limits->headers);
    begin(reader, limits);
}

void request_reader_deinit(struct request_reader *reader)
{
    request_reader_drop_body(reader);
    headers_deinit(&reader->headers);
}

void request_reader_reset(struct request_reader *reader)
{
    struct headers *headers = &reader->headers;

    request_reader_drop_body(reader);
    if (headers->bytes.cap > HEAD_KEPT || headers->cap > REFS_KEPT)
        headers_deinit(headers);
    headers_clear(headers);
    begin(reader, reader->limits);
}
