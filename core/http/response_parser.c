#include "http/response_parser.h"

#include <string.h>

#include "base/limits.h"

enum { MAX_INTERIM = 16 };

static int fail(struct response_parser *parser, const char *failure)
{
    if (parser->state != RESPONSE_STOPPED && parser->state != RESPONSE_FAILED) {
        parser->state = RESPONSE_FAILED;
        parser->failure = failure;
    }
    return -1;
}

static uint32_t place_of(const struct response_parser *parser, const char *bytes)
{
    return (uint32_t)(bytes - parser->headers.bytes.data);
}

// A name or value may come in pieces, which lie side by side in the stored head.
static int on_header_field(llhttp_t *http, const char *bytes, size_t len)
{
    struct response_parser *parser = http->data;
    if (parser->is_head_parsed) // a trailer
        return 0;
    if (!parser->field.name_len)
        parser->field.name = place_of(parser, bytes);
    parser->field.name_len += (uint32_t)len;
    return 0;
}

static int on_header_value(llhttp_t *http, const char *bytes, size_t len)
{
    struct response_parser *parser = http->data;
    if (parser->is_head_parsed)
        return 0;
    if (!parser->field.value_len)
        parser->field.value = place_of(parser, bytes);
    parser->field.value_len += (uint32_t)len;
    return 0;
}

static int on_header_value_complete(llhttp_t *http)
{
    struct response_parser *parser = http->data;
    if (parser->is_head_parsed)
        return 0;
    if (!parser->field.name_len)
        return fail(parser, "a header field without a name");
    if (headers_add_ref(&parser->headers, parser->field) != 0)
        return fail(parser, "too many header fields");
    parser->field = (struct header_ref){0};
    return 0;
}

// Only a chunked body is left to llhttp; 1 keeps it from looking for another one.
static int on_headers_complete(llhttp_t *http)
{
    struct response_parser *parser = http->data;
    parser->is_head_parsed = true;
    bool is_bodyless = parser->is_head_request || http->status_code < 200 ||
                       http->status_code == 204 || http->status_code == 304;
    return is_bodyless || !(http->flags & F_CHUNKED);
}

static int on_body(llhttp_t *http, const char *bytes, size_t len)
{
    struct response_parser *parser = http->data;
    parser->chunk_end = bytes + len;
    parser->events->on_body(parser->owner, bytes, len, false);
    return parser->state == RESPONSE_STOPPED ? -1 : 0;
}

static int on_message_complete(llhttp_t *http)
{
    struct response_parser *parser = http->data;
    if (parser->state == RESPONSE_BODY)
        parser->state = RESPONSE_COMPLETE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void begin_head(struct response_parser *parser)
{
    llhttp_init(&parser->http, HTTP_RESPONSE, &settings);
    parser->http.data = parser;
    parser->field = (struct header_ref){0};
    parser->state = RESPONSE_HEAD;
    parser->line_len = 0;
    parser->last_byte = '\0';
    parser->is_head_parsed = false;
}

// Returns how many of the bytes belong to the head, all of them while its empty line has not come;
// *is_last tells that it has. Looks at lines itself because llhttp lets folded ones pass.
static size_t scan_head(struct response_parser *parser, const char *bytes, size_t len,
                        bool *is_last)
{
    size_t at = 0;
    while (at < len) {
        if (parser->last_byte == '\n' && (bytes[at] == ' ' || bytes[at] == '\t'))
            fail(parser, "a folded header line");
        const char *end = memchr(bytes + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (bytes + at)) : len - at;
        if (n)
            parser->last_byte = bytes[at + n - 1];
        parser->line_len += (uint32_t)n;
        at += n;
        if (!end)
            break;
        at++;
        if (parser->last_byte != '\r')
            fail(parser, "a line without CR LF at its end");
        *is_last = parser->line_len == 1;
        if (*is_last)
            break;
        parser->last_byte = '\n';
        parser->line_len = 0;
    }
    parser->head_len += (uint32_t)at;
    if (parser->head_len > LIMIT_RESPONSE_HEAD)
        fail(parser, "the head is too large");
    return at;
}

static int check_head(struct response_parser *parser)
{
    const llhttp_t *http = &parser->http;
    struct slice coding = headers_find(&parser->headers, SLICE("transfer-encoding"));

    if (!parser->is_head_parsed)
        return fail(parser, "no status line");
    if (http->http_major != 1 || http->http_minor > 1)
        return fail(parser, "a version other than HTTP/1.0 and HTTP/1.1");
    if (http->status_code < 100 || http->status_code > 599)
        return fail(parser, "a status outside 100 to 599");
    if (http->status_code == 101)
        return fail(parser, "a switch of protocols that was not asked for");
    if (!coding.data)
        return 0;
    if (headers_find(&parser->headers, SLICE("content-length")).data)
        return fail(parser, "both Content-Length and Transfer-Encoding");
    // llhttp does not know a "chunked" that a tab follows, and would read until the close.
    if (!slice_equal_nocase(coding, SLICE("chunked")) || !(http->flags & F_CHUNKED) ||
        headers_count(&parser->headers, SLICE("transfer-encoding")) > 1)
        return fail(parser, "a transfer coding other than chunked");
    return 0;
}

static bool has_keepalive(const llhttp_t *http)
{
    if (http->flags & F_CONNECTION_CLOSE)
        return false;
    return http->http_minor > 0 || (http->flags & F_CONNECTION_KEEP_ALIVE);
}

static void choose_framing(struct response_parser *parser)
{
    const llhttp_t *http = &parser->http;
    bool has_body =
        !parser->is_head_request && http->status_code != 204 && http->status_code != 304;
    bool has_length = headers_find(&parser->headers, SLICE("content-length")).data != NULL;

    parser->is_chunked = has_body && (http->flags & F_CHUNKED);
    parser->is_until_close = has_body && !parser->is_chunked && !has_length;
    parser->body_left = has_body && has_length ? http->content_length : 0;
    parser->is_keepalive = has_keepalive(http) && !parser->is_until_close;
}

static void end_head(struct response_parser *parser)
{
    if (check_head(parser) != 0)
        return;
    if (parser->http.status_code < 200) {
        headers_clear(&parser->headers);
        if (++parser->interim_count > MAX_INTERIM)
            fail(parser, "too many interim answers");
        else
            begin_head(parser);
        return;
    }
    choose_framing(parser);
    struct upstream_head head = {
        .status = parser->http.status_code,
        .headers = &parser->headers,
        .has_body_end = !parser->is_until_close,
    };
    parser->state = RESPONSE_BODY;
    parser->events->on_head(parser->owner, &head);
    headers_deinit(&parser->headers);
    bool has_body = parser->is_chunked || parser->is_until_close || parser->body_left;
    if (!has_body && parser->state == RESPONSE_BODY)
        parser->state = RESPONSE_COMPLETE;
}

// Returns the bytes used; fewer than given only at the end of the answer.
static size_t execute(struct response_parser *parser, const char *bytes, size_t len)
{
    enum llhttp_errno rc = llhttp_execute(&parser->http, bytes, len);
    if (rc == HPE_OK)
        return len;
    if (rc != HPE_PAUSED) {
        const char *reason = llhttp_get_error_reason(&parser->http);
        fail(parser, reason && *reason ? reason : "no HTTP");
        return len;
    }
    return (size_t)(llhttp_get_error_pos(&parser->http) - bytes);
}

// The head is stored and parsed in place.
static size_t feed_head(struct response_parser *parser, const char *bytes, size_t len)
{
    bool is_last = false;
    size_t n = scan_head(parser, bytes, len, &is_last);
    struct buf *head = &parser->headers.bytes;
    if (parser->state == RESPONSE_HEAD && buf_add(head, bytes, n) != 0)
        fail(parser, "the head is too large");
    if (parser->state == RESPONSE_HEAD)
        execute(parser, head->data + head->len - n, n);
    if (parser->state == RESPONSE_HEAD && is_last)
        end_head(parser);
    return n;
}

// llhttp knows no limit for what stands between chunks: zeros before a size, extensions, trailers.
static size_t feed_chunks(struct response_parser *parser, const char *bytes, size_t len)
{
    parser->chunk_end = NULL;
    size_t n = execute(parser, bytes, len);
    size_t before = parser->chunk_end ? 0 : parser->framing_len;
    size_t framing = (size_t)(bytes + n - (parser->chunk_end ? parser->chunk_end : bytes));
    if (before + framing > LIMIT_RESPONSE_HEAD)
        fail(parser, "too many bytes between the chunks");
    parser->framing_len = (uint32_t)(before + framing);
    return n;
}

static size_t feed_body(struct response_parser *parser, const char *bytes, size_t len)
{
    if (parser->is_chunked)
        return feed_chunks(parser, bytes, len);
    if (!parser->is_until_close && len > parser->body_left)
        len = (size_t)parser->body_left;
    parser->body_left -= parser->is_until_close ? 0 : len;
    bool is_last = !parser->body_left && !parser->is_until_close;
    parser->events->on_body(parser->owner, bytes, len, is_last);
    if (is_last && parser->state == RESPONSE_BODY)
        parser->state = RESPONSE_COMPLETE;
    return len;
}

void response_parser_init(struct response_parser *parser, bool is_head_request,
                          const struct response_events *events, void *owner)
{
    *parser = (struct response_parser){.events = events, .owner = owner};
    headers_init(&parser->headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    parser->is_head_request = is_head_request;
    begin_head(parser);
}

void response_parser_deinit(struct response_parser *parser)
{
    headers_deinit(&parser->headers);
}

void response_parser_swap_headers(struct response_parser *parser, struct headers *spare)
{
    struct headers mine = parser->headers;
    parser->headers = *spare;
    *spare = mine;
    headers_clear(&parser->headers);
    headers_clear(spare);
}

enum response_state response_parser_feed(struct response_parser *parser, const char *bytes,
                                         size_t len)
{
    while (len && parser->state <= RESPONSE_BODY) {
        size_t n = parser->state == RESPONSE_HEAD ? feed_head(parser, bytes, len)
                                                  : feed_body(parser, bytes, len);
        bytes += n;
        len -= n;
    }
    parser->has_excess = len > 0;
    return parser->state;
}

enum response_state response_parser_end(struct response_parser *parser)
{
    if (parser->state == RESPONSE_BODY && parser->is_until_close)
        parser->state = RESPONSE_COMPLETE;
    else if (parser->state == RESPONSE_BODY)
        fail(parser, "its body is cut short");
    else if (parser->state == RESPONSE_HEAD)
        fail(parser, "its head is cut short");
    return parser->state;
}

void response_parser_stop(struct response_parser *parser)
{
    parser->state = RESPONSE_STOPPED;
}

bool response_parser_is_reusable(const struct response_parser *parser)
{
    return parser->state == RESPONSE_COMPLETE && parser->is_keepalive && !parser->has_excess;
}

const char *response_parser_failure(const struct response_parser *parser)
{
    return parser->failure;
}
