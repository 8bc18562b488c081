#include "http/response_parser.h"

#include <string.h>

#include "base/limits.h"

enum { MAX_INTERIM = 16 };

static void fail(struct response_parser *parser, const char *failure)
{
    if (parser->state != RESPONSE_STOPPED && parser->state != RESPONSE_FAILED) {
        parser->state = RESPONSE_FAILED;
        parser->failure = failure;
    }
}

static void begin_head(struct response_parser *parser)
{
    parser->scan = (struct head_scan){.max_start = SIZE_MAX, .max_fields = LIMIT_RESPONSE_HEADERS};
    parser->state = RESPONSE_HEAD;
}

static void check_scan(struct response_parser *parser)
{
    switch ((enum head_fault)parser->scan.fault) {
    case HEAD_FINE:
    case HEAD_LONG_START: // not limited of its own
        break;
    case HEAD_BARE_LF:
        fail(parser, "a line without CR LF at its end");
        break;
    case HEAD_FOLDED:
        fail(parser, "a folded header line");
        break;
    case HEAD_MANY_LINES:
        fail(parser, "too many header fields");
        break;
    }
}

static const char *check_status_line(const struct status_line *line)
{
    if (line->major != 1 || line->minor > 1)
        return "a version other than HTTP/1.0 and HTTP/1.1";
    if (line->status < 100 || line->status > 599)
        return "a status outside 100 to 599";
    if (line->status == 101)
        return "a switch of protocols that was not asked for";
    return NULL;
}

// Correct, but readers are known that take such a body for one until the close: what stands between
// the origin and us may have been one of them.
static bool has_tab_behind_coding(const struct headers *headers)
{
    struct slice coding = headers_find(headers, SLICE("transfer-encoding"));
    const char *at = coding.data + coding.len;
    while (*at == ' ')
        at++;
    return *at == '\t';
}

// Returns NULL, or what is wrong with the head.
static const char *read_head(struct response_parser *parser, struct status_line *line,
                             struct framing_fields *framing)
{
    struct headers *headers = &parser->headers;
    size_t fields_at;
    const char *failure = head_read_status_line(buf_slice(&headers->bytes), line, &fields_at);

    if (!failure)
        failure = check_status_line(line);
    if (!failure)
        failure = head_read_fields(headers, fields_at);
    if (failure)
        return failure;
    for (size_t i = 0; i < headers->count; i++)
        framing_note(framing, headers_at(headers, i));
    if (framing->codings && has_tab_behind_coding(headers))
        return "a transfer coding that a tab follows";
    return framing_check(framing);
}

static void choose_framing(struct response_parser *parser, const struct status_line *line,
                           const struct framing_fields *framing)
{
    bool has_body = !parser->is_head_request && line->status != 204 && line->status != 304;
    bool is_kept = !framing->closes && (line->minor > 0 || framing->keeps);

    parser->is_chunked = has_body && framing->codings;
    parser->is_until_close = has_body && !framing->codings && !framing->lengths;
    parser->body_left = has_body ? framing->content_length : 0;
    parser->is_keepalive = is_kept && !parser->is_until_close;
}

static void end_head(struct response_parser *parser)
{
    struct framing_fields framing = {0};
    struct status_line line;
    const char *failure = read_head(parser, &line, &framing);

    if (failure) {
        fail(parser, failure);
        return;
    }
    if (line.status < 200) {
        headers_clear(&parser->headers);
        if (++parser->interim_count > MAX_INTERIM)
            fail(parser, "too many interim answers");
        else
            begin_head(parser);
        return;
    }
    choose_framing(parser, &line, &framing);
    struct upstream_head head = {
        .status = line.status,
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

// What speaks another protocol need not be waited for until a line ends.
static void check_start(struct response_parser *parser)
{
    struct slice wanted = SLICE("HTTP/");
    struct slice head = buf_slice(&parser->headers.bytes);
    if (head.len < wanted.len)
        wanted.len = head.len;
    if (!slice_starts_with(head, wanted))
        fail(parser, "no status line");
}

// The head is stored, and read when it is whole.
static size_t feed_head(struct response_parser *parser, const char *bytes, size_t len)
{
    size_t n = head_scan(&parser->scan, bytes, len);
    parser->head_len += (uint32_t)n;
    check_scan(parser);
    if (parser->state == RESPONSE_HEAD &&
        (parser->head_len > LIMIT_RESPONSE_HEAD || buf_add(&parser->headers.bytes, bytes, n) != 0))
        fail(parser, "the head is too large");
    if (parser->state == RESPONSE_HEAD)
        check_start(parser);
    if (parser->state == RESPONSE_HEAD && parser->scan.is_end)
        end_head(parser);
    return n;
}

// What stands between the data of chunks has a limit: zeros before a size, extensions, trailers.
static size_t feed_chunks(struct response_parser *parser, const char *bytes, size_t len)
{
    struct slice data;
    ptrdiff_t n = chunks_next(&parser->chunks, bytes, len, &data);
    if (n < 0) {
        fail(parser, "its chunks are malformed");
        return len;
    }
    parser->framing_len = data.len ? 0 : parser->framing_len + (uint32_t)n;
    if (parser->framing_len > LIMIT_RESPONSE_HEAD)
        fail(parser, "too many bytes between the chunks");
    else if (data.len)
        parser->events->on_body(parser->owner, data.data, data.len, false);
    else if (chunks_is_done(&parser->chunks))
        parser->state = RESPONSE_COMPLETE;
    return (size_t)n;
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
