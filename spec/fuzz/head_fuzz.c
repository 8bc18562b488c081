// Heads: what we read, llhttp (strict) must read too, and alike. The other way round we may refuse
// more. A first byte that is odd makes the rest a request, an even one an answer.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "http/request.h"
#include "http/response_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// A head as llhttp reads it. Names and values are added up: they may come in pieces.
struct reference {
    llhttp_t http;
    struct headers headers;
    struct buf target;
    bool is_whole;
};

static void require(bool is_true)
{
    if (!is_true)
        abort();
}

static int on_url(llhttp_t *http, const char *bytes, size_t len)
{
    struct reference *reference = http->data;
    return buf_add(&reference->target, bytes, len);
}

static int on_field(llhttp_t *http, const char *bytes, size_t len)
{
    struct reference *reference = http->data;
    return headers_add_name(&reference->headers, bytes, len);
}

static int on_value(llhttp_t *http, const char *bytes, size_t len)
{
    struct reference *reference = http->data;
    return headers_add_value(&reference->headers, bytes, len);
}

static int on_value_complete(llhttp_t *http)
{
    struct reference *reference = http->data;
    headers_end_field(&reference->headers);
    return 0;
}

static int on_head_complete(llhttp_t *http)
{
    struct reference *reference = http->data;
    reference->is_whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head_complete,
};

static void read_reference(struct reference *reference, llhttp_type_t type,
                           const struct headers *ours)
{
    *reference = (struct reference){.is_whole = false};
    headers_init(&reference->headers, SIZE_MAX / 2, SIZE_MAX / 2);
    buf_init(&reference->target, SIZE_MAX / 2);
    llhttp_init(&reference->http, type, &settings);
    reference->http.data = reference;
    llhttp_execute(&reference->http, ours->bytes.data, ours->bytes.len);
}

static void free_reference(struct reference *reference)
{
    headers_deinit(&reference->headers);
    buf_deinit(&reference->target);
}

// llhttp refuses a tab behind the digits of Content-Length, and does not know "chunked" before one.
static bool has_tab_in_framing(const struct headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct header field = headers_at(headers, i);
        const char *behind = field.value.data + field.value.len;
        bool is_framing = slice_equal_nocase(field.name, SLICE("content-length")) ||
                          slice_equal_nocase(field.name, SLICE("transfer-encoding"));
        if (is_framing && memchr(behind, '\t', strcspn(behind, "\r")))
            return true;
    }
    return false;
}

static void require_same_fields(const struct reference *reference, const struct headers *ours)
{
    require(reference->headers.count == ours->count);
    for (size_t i = 0; i < ours->count; i++) {
        struct header theirs = headers_at(&reference->headers, i), mine = headers_at(ours, i);
        require(slice_equal(theirs.name, mine.name));
        require(slice_equal(theirs.value, mine.value));
    }
}

static void require_same_length(const struct reference *reference, uint64_t length)
{
    const llhttp_t *http = &reference->http;
    require(length == (http->flags & F_CONTENT_LENGTH ? http->content_length : 0));
}

static void check_request(const char *bytes, size_t len)
{
    static const struct server_limits limits = {.body = SIZE_MAX / 2, .head = 8192, .headers = 50};
    struct request_reader reader;
    struct reference reference;

    request_reader_init(&reader, &limits);
    size_t at = 0;
    while (at < len && reader.state == REQUEST_HEAD)
        at += request_reader_feed(&reader, bytes + at, 1);
    if (reader.state == REQUEST_BODY || reader.state == REQUEST_DONE) {
        read_reference(&reference, HTTP_REQUEST, &reader.headers);
        const llhttp_t *http = &reference.http;
        if (!has_tab_in_framing(&reader.headers)) {
            require(reference.is_whole);
            require_same_fields(&reference, &reader.headers);
            require_same_length(&reference, reader.content_length);
            require(slice_equal(reader.request.method,
                                slice_of(llhttp_method_name((llhttp_method_t)http->method))));
            require(slice_equal(reader.request.target, buf_slice(&reference.target)));
            require(reader.is_http10 == (http->http_minor == 0));
            require(reader.is_chunked == ((http->flags & F_CHUNKED) != 0));
        }
        free_reference(&reference);
    }
    request_reader_deinit(&reader);
}

static void on_head(void *owner, const struct upstream_head *head)
{
    struct response_parser *parser = owner;
    struct reference reference;

    read_reference(&reference, HTTP_RESPONSE, head->headers);
    if (!has_tab_in_framing(head->headers)) {
        require(reference.is_whole);
        require_same_fields(&reference, head->headers);
        require(head->status == reference.http.status_code);
        if (!parser->is_until_close && parser->body_left)
            require_same_length(&reference, parser->body_left);
        require(!parser->is_chunked || (reference.http.flags & F_CHUNKED));
    }
    free_reference(&reference);
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    (void)owner;
    (void)bytes;
    (void)is_last;
    require(len > 0);
}

static void check_answer(const char *bytes, size_t len)
{
    static const struct response_events events = {on_head, on_body};
    struct response_parser parser;

    response_parser_init(&parser, false, &events, &parser);
    response_parser_feed(&parser, bytes, len);
    response_parser_deinit(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    if (data[0] % 2)
        check_request((const char *)data + 1, len - 1);
    else
        check_answer((const char *)data + 1, len - 1);
    return 0;
}
