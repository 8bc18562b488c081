#include "http/request.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "base/blocks.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/url.h"

enum {
    LINE_BESIDE_TARGET = 32,    // method, version and spaces of a request line, generously
    HEAD_KEPT = 2048,           // bytes of head buffer that stay with an idle connection
    REFS_KEPT = 32,             // header lines likewise
    BODY_AT_ONCE = 4 * 1024 * 1024, // a Content-Length up to here is allocated in one step
    ROOM_LEAST = 16 * 1024,     // a shorter rest is copied with what may follow it
    BODY_FIRST = 4096,          // first step of a chunked body
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

// ---- llhttp's callbacks -----------------------------------------------------------------------

static int on_url(llhttp_t *http, const char *at, size_t len)
{
    struct request_reader *reader = http->data;
    reader->request.target = (struct slice){at, len};
    return 0;
}

static uint32_t place_of(const struct request_reader *reader, const char *at)
{
    return (uint32_t)(at - reader->headers.bytes.data);
}

static int on_field(llhttp_t *http, const char *at, size_t len)
{
    struct request_reader *reader = http->data;
    reader->field = (struct header_ref){.name = place_of(reader, at), .name_len = (uint32_t)len};
    return 0;
}

// Comes once per field, empty ones too; folded ones were refused before llhttp sees them.
static int on_value(llhttp_t *http, const char *at, size_t len)
{
    struct request_reader *reader = http->data;
    reader->field.value = place_of(reader, at);
    reader->field.value_len = (uint32_t)len;
    return headers_add_ref(&reader->headers, reader->field);
}

static int on_head_complete(llhttp_t *http)
{
    struct request_reader *reader = http->data;
    reader->head_is_parsed = true;
    reader->content_length = http->flags & F_CONTENT_LENGTH ? http->content_length : 0;
    return HPE_PAUSED; // the body is ours
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head_complete,
};

// ---- checks of a parsed head ------------------------------------------------------------------

static bool check_method(struct request_reader *reader)
{
    struct slice head = buf_slice(&reader->headers.bytes);
    if (slice_starts_with(head, SLICE("PRI * HTTP/2")))
        return refuse(reader, 400, "this server speaks HTTP/1.1, not HTTP/2");
    if (slice_starts_with(head, SLICE("CONNECT ")))
        return refuse(reader, 400, "CONNECT is not served");
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A request line that is well-formed may still ask for what is not served (RFC 9110 sections 9.1
// and 15.6.6).
static bool refuse_line(struct request_reader *reader, const char *reason)
{
    const char *line = reader->headers.bytes.data;
    size_t method = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    size_t target = line[method] == ' ' ? strcspn(line + method + 1, " \r") : 0;
    const char *version = line + method + target + (target ? 1 : 0);
    if (!method || !target || strncmp(version, " HTTP/", 6) != 0 || !is_digit(version[6]) ||
        version[7] != '.' || !is_digit(version[8]) || version[9] != '\r' || version[10] != '\n')
        return refuse(reader, 400, reason);
    if (version[6] != '1' || version[8] > '1')
        return refuse(reader, 505, "this server speaks HTTP/1.1, not the version asked for");
    return refuse(reader, 501, "the request method is unknown");
}

// "METHOD target HTTP/1.x" with single spaces: llhttp also takes several, none of HTTP/0.9, and
// other protocols' names.
static bool check_request_line(struct request_reader *reader)
{
    struct slice head = buf_slice(&reader->headers.bytes);
    struct request *request = &reader->request;
    const char *space = request->target.data - 1;
    const char *version = request->target.data + request->target.len;
    struct slice rest = {version, (size_t)(head.data + head.len - version)};

    request->method = (struct slice){head.data, (size_t)(space - head.data)};
    if (rest.len < 11 || !slice_starts_with(rest, SLICE(" HTTP/1.")) ||
        (version[8] != '0' && version[8] != '1') || version[9] != '\r' || version[10] != '\n' ||
        space[-1] == ' ')
        return refuse_line(reader, "the request line is malformed or not HTTP/1.1");
    reader->is_http10 = version[8] == '0';
    request->is_head = slice_equal(request->method, SLICE("HEAD"));
    return true;
}

// Cuts scheme and authority off the absolute form. The authority is not compared with the Host
// field, which RFC 9112 section 3.2.2 tells to ignore beside it; neither decides anything here.
static bool cut_origin(struct request_reader *reader, struct slice *rest)
{
    const char *end = rest->data + rest->len;
    const char *colon = memchr(rest->data, ':', rest->len);
    struct slice scheme = {rest->data, colon ? (size_t)(colon - rest->data) : 0};
    if (!slice_equal_nocase(scheme, SLICE("http")) && !slice_equal_nocase(scheme, SLICE("https")))
        return refuse(reader, 400, "the request target is malformed");
    const char *host = colon + 3, *path = host; // llhttp has seen "://"
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

struct framing_fields {
    unsigned hosts, encodings;
    struct slice transfer_encoding;
    bool closes, keeps;                   // Connection
    bool is_coded;                        // Content-Encoding
    bool expects_continue, expects_other; // Expect
};

// Whether a list has this token, between commas and white space.
static bool list_has(struct slice list, struct slice token)
{
    for (size_t i = 0; i < list.len; i++) {
        size_t start = i;
        while (i < list.len && list.data[i] != ',' && list.data[i] != ' ' && list.data[i] != '\t')
            i++;
        if (slice_equal_nocase((struct slice){list.data + start, i - start}, token))
            return true;
    }
    return false;
}

static void note_expectation(struct framing_fields *fields, struct slice value)
{
    if (slice_equal_nocase(value, SLICE("100-continue")))
        fields->expects_continue = true;
    else
        fields->expects_other = true;
}

// Picks out the fields that say how the message is to be read. Content-Length is llhttp's: it
// refuses a second one, lists, signs, overflow, and one beside Transfer-Encoding.
static bool collect_fields(struct request_reader *reader, struct framing_fields *fields)
{
    for (size_t i = 0; i < reader->headers.count; i++) {
        struct header header = headers_at(&reader->headers, i);
        switch (header.name.len) {
        case 0:
            return refuse(reader, 400, "a header line has no name");
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
        case 10:
            if (!slice_equal_nocase(header.name, SLICE("connection")))
                break;
            fields->closes |= list_has(header.value, SLICE("close"));
            fields->keeps |= list_has(header.value, SLICE("keep-alive"));
            break;
        case 16:
            if (slice_equal_nocase(header.name, SLICE("content-encoding")))
                fields->is_coded |=
                    header.value.len && !slice_equal_nocase(header.value, SLICE("identity"));
            break;
        case 17:
            if (!slice_equal_nocase(header.name, SLICE("transfer-encoding")))
                break;
            fields->encodings++;
            fields->transfer_encoding = header.value;
            break;
        default:
            break;
        }
    }
    return true;
}

static bool check_framing(struct request_reader *reader, const struct framing_fields *fields)
{
    if (fields->hosts > 1)
        return refuse(reader, 400, "more than one Host header");
    if (fields->hosts == 0 && !reader->is_http10)
        return refuse(reader, 400, "the Host header is missing");
    // Ours to say: llhttp does not know a "chunked" that a tab follows.
    reader->is_chunked = fields->encodings;
    if (!fields->encodings)
        return true;
    if (fields->encodings > 1 || reader->is_http10 ||
        !slice_equal_nocase(fields->transfer_encoding, SLICE("chunked")))
        return refuse(reader, 400, "the only Transfer-Encoding served is one \"chunked\"");
    return true;
}

static bool check_body_fields(struct request_reader *reader, const struct framing_fields *fields)
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

static bool run_llhttp(struct request_reader *reader)
{
    const struct buf *head = &reader->headers.bytes;
    llhttp_t http;
    llhttp_init(&http, HTTP_REQUEST, &settings);
    http.data = reader;
    llhttp_errno_t rc = llhttp_execute(&http, head->data, head->len);
    const char *reason = http.reason && *http.reason ? http.reason : "malformed head";
    if (rc == HPE_INVALID_METHOD || rc == HPE_INVALID_VERSION)
        return refuse_line(reader, reason);
    if (rc != HPE_PAUSED)
        return refuse(reader, 400, reason);
    // As many fields as lines: nothing but CRLF has ended a line for llhttp either.
    if (!reader->head_is_parsed || !reader->request.target.len ||
        reader->headers.count != reader->lines - 1)
        return refuse(reader, 400, "malformed head");
    return true;
}

// The whole head lies in headers.bytes.
static void parse_head(struct request_reader *reader)
{
    struct framing_fields fields = {0};

    if (!check_method(reader) || !run_llhttp(reader) || !check_request_line(reader) ||
        !check_target(reader) || !collect_fields(reader, &fields) ||
        !check_framing(reader, &fields) || !check_body_fields(reader, &fields))
        return;
    reader->keep_alive = !fields.closes && (!reader->is_http10 || fields.keeps);
    if (reader->is_chunked || reader->content_length)
        reader->state = REQUEST_BODY;
    else
        complete(reader);
}

// A head that is refused before it was parsed: what it asks for decides the error's dialect.
static void guess_target(struct request_reader *reader, const char *bytes, size_t len)
{
    struct buf *head = &reader->headers.bytes;
    size_t room = min_size(head->limit - head->len, LIMIT_URI + LINE_BESIDE_TARGET);
    buf_add(head, bytes, min_size(len, room));
    const char *space = head->len ? memchr(head->data, ' ', head->len) : NULL;
    if (!space)
        return;
    const char *target = space + 1;
    reader->request.is_head = slice_starts_with(buf_slice(head), SLICE("HEAD "));
    reader->request.target = (struct slice){target, strcspn(target, " \r\n")};
}

static char byte_at(const struct request_reader *reader, const char *bytes, size_t at)
{
    size_t stored = reader->headers.bytes.len;
    if (at < stored)
        return reader->headers.bytes.data[at];
    return bytes[at - stored];
}

// Checks one complete line of the head whose LF is byte `at` of the head.
static bool check_line(struct request_reader *reader, const char *bytes, size_t at)
{
    size_t start = reader->line_start;
    char first = byte_at(reader, bytes, start);
    if (at == start || byte_at(reader, bytes, at - 1) != '\r')
        return refuse(reader, 400, "a line of the head ends in LF without CR");
    if (reader->lines == 0 && at - start > LIMIT_URI + LINE_BESIDE_TARGET)
        return refuse(reader, 414, "the request target is too long");
    if (reader->lines && (first == ' ' || first == '\t'))
        return refuse(reader, 400, "a header line is folded");
    if (reader->lines > reader->limits->headers && at - start > 1)
        return refuse(reader, 431, "the request has too many header lines");
    return true;
}

// Looks for the empty line that ends the head. Returns how many bytes belong to the head; *is_end
// says whether its end is among them.
static size_t scan_head(struct request_reader *reader, const char *bytes, size_t len, bool *is_end)
{
    size_t stored = reader->headers.bytes.len;
    for (size_t i = 0; i < len; i++) {
        const char *lf = memchr(bytes + i, '\n', len - i);
        if (!lf)
            break;
        i = (size_t)(lf - bytes);
        if (!check_line(reader, bytes, stored + i))
            return len;
        if (stored + i - reader->line_start == 1) {
            *is_end = true;
            return i + 1;
        }
        reader->lines++;
        reader->line_start = stored + i + 1;
    }
    if (reader->lines == 0 && stored + len > LIMIT_URI + LINE_BESIDE_TARGET)
        refuse(reader, 414, "the request target is too long");
    return len;
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
    bool is_end = false;
    if (request_reader_is_empty(reader))
        skipped = skip_empty_lines(reader, bytes, len);
    if (reader->state == REQUEST_BAD || skipped == len)
        return len;
    bytes += skipped;
    size_t used = scan_head(reader, bytes, len - skipped, &is_end);
    if (reader->state != REQUEST_BAD && buf_add(&reader->headers.bytes, bytes, used) != 0)
        refuse(reader, 431, "the request head is too large");
    if (reader->state == REQUEST_BAD)
        guess_target(reader, bytes, used);
    else if (is_end)
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

void request_reader_init(struct request_reader *reader, const struct server_limits *limits)
{
    *reader = (struct request_reader){.limits = limits};
    headers_init(&reader->headers, limits->head, limits->headers);
    reader->request.headers = &reader->headers;
}

void request_reader_deinit(struct request_reader *reader)
{
    request_reader_drop_body(reader);
    headers_deinit(&reader->headers);
}

void request_reader_reset(struct request_reader *reader)
{
    const struct server_limits *limits = reader->limits;
    struct headers headers = reader->headers;

    request_reader_drop_body(reader);
    if (headers.bytes.cap > HEAD_KEPT || headers.cap > REFS_KEPT)
        headers_deinit(&headers);
    headers_clear(&headers);
    *reader = (struct request_reader){.limits = limits, .headers = headers};
    reader->request.headers = &reader->headers;
}
