#include "http/response.h"

#include <string.h>

static const struct status {
    int status;
    const char *reason;
    const char *code; // in error bodies; NULL for statuses that are no errors
} statuses[] = {
    {100, "Continue", NULL},
    {200, "OK", NULL},
    {201, "Created", NULL},
    {202, "Accepted", NULL},
    {204, "No Content", NULL},
    {206, "Partial Content", NULL},
    {301, "Moved Permanently", NULL},
    {302, "Found", NULL},
    {303, "See Other", NULL},
    {304, "Not Modified", NULL},
    {307, "Temporary Redirect", NULL},
    {308, "Permanent Redirect", NULL},
    {400, "Bad Request", "bad_request"},
    {401, "Unauthorized", "unauthorized"},
    {402, "Payment Required", "payment_required"},
    {403, "Forbidden", "forbidden"},
    {404, "Not Found", "not_found"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {406, "Not Acceptable", "not_acceptable"},
    {408, "Request Timeout", "request_timeout"},
    {409, "Conflict", "conflict"},
    {410, "Gone", "gone"},
    {411, "Length Required", "length_required"},
    {413, "Content Too Large", "content_too_large"},
    {414, "URI Too Long", "uri_too_long"},
    {415, "Unsupported Media Type", "unsupported_media_type"},
    {416, "Range Not Satisfiable", "range_not_satisfiable"},
    {417, "Expectation Failed", "expectation_failed"},
    {418, "I'm a teapot", "teapot"},
    {421, "Misdirected Request", "misdirected_request"},
    {422, "Unprocessable Content", "unprocessable_content"},
    {424, "Failed Dependency", "failed_dependency"},
    {425, "Too Early", "too_early"},
    {429, "Too Many Requests", "too_many_requests"},
    {431, "Request Header Fields Too Large", "headers_too_large"},
    {451, "Unavailable For Legal Reasons", "unavailable_for_legal_reasons"},
    {499, "Client Closed Request", "client_closed_request"},
    {500, "Internal Server Error", "internal_error"},
    {501, "Not Implemented", "not_implemented"},
    {502, "Bad Gateway", "bad_gateway"},
    {503, "Service Unavailable", "service_unavailable"},
    {504, "Gateway Timeout", "gateway_timeout"},
    {505, "HTTP Version Not Supported", "http_version_not_supported"},
    {507, "Insufficient Storage", "insufficient_storage"},
    {529, "Overloaded", "overloaded"},
};

static const struct status *find_status(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status)
            return &statuses[i];
    }
    return NULL;
}

const char *response_reason(int status)
{
    const struct status *known = find_status(status);
    return known ? known->reason : "Unknown";
}

bool response_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void add_status_line(int status, struct buf *out)
{
    if (status == 200) {
        buf_add_text(out, "HTTP/1.1 200 OK\r\n");
        return;
    }
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_number(out, (unsigned)status);
    buf_add_text(out, " ");
    buf_add_text(out, response_reason(status));
    buf_add_text(out, "\r\n");
}

static void add_framing(const struct response_head *head, struct buf *out)
{
    switch (head->framing) {
    case RESPONSE_LENGTH:
        buf_add_text(out, "content-length: ");
        buf_add_number(out, head->length);
        buf_add_text(out, "\r\n");
        break;
    case RESPONSE_CHUNKED:
        buf_add_text(out, "transfer-encoding: chunked\r\n");
        break;
    case RESPONSE_CLOSE:
    case RESPONSE_NONE:
        break;
    }
}

void response_add_head(const struct response_head *head, struct buf *out)
{
    enum { FIXED_PART = 192 }; // status line, framing, connection
    buf_reserve(out, head->headers.len + FIXED_PART);
    add_status_line(head->status, out);
    buf_add_slice(out, head->headers);
    add_framing(head, out);
    if (head->persistence == RESPONSE_CLOSES)
        buf_add_text(out, "connection: close\r\n");
    else if (head->persistence == RESPONSE_KEEP_ALIVE)
        buf_add_text(out, "connection: keep-alive\r\n");
    buf_add_text(out, "\r\n");
}

size_t response_chunk_line(size_t len, char line[RESPONSE_CHUNK_LINE])
{
    size_t count = 1;
    for (size_t rest = len; rest >= 16; rest /= 16)
        count++;
    for (size_t at = count; at; len /= 16)
        line[--at] = "0123456789abcdef"[len % 16];
    line[count] = '\r';
    line[count + 1] = '\n';
    return count + 2;
}

static void add_json_text(const char *text, struct buf *out)
{
    buf_add(out, "\"", 1);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_add(out, p, 1);
    }
    buf_add(out, "\"", 1);
}

// A row of statuses and the word that a service has for them; the first that fits counts.
struct word {
    int first, last;
    const char *text;
};

static const struct word openai_words[] = {
    {429, 429, "rate_limit_error"},
    {500, 599, "server_error"},
    {0, 999, "invalid_request_error"},
};

static const struct word anthropic_words[] = {
    {401, 401, "authentication_error"}, {404, 404, "not_found_error"},
    {413, 413, "request_too_large"},    {429, 429, "rate_limit_error"},
    {503, 503, "overloaded_error"},     {500, 599, "api_error"},
    {0, 999, "invalid_request_error"},
};

static const struct word gemini_words[] = {
    {401, 401, "UNAUTHENTICATED"}, {404, 404, "NOT_FOUND"}, {429, 429, "RESOURCE_EXHAUSTED"},
    {503, 503, "UNAVAILABLE"},     {500, 599, "INTERNAL"},  {0, 999, "INVALID_ARGUMENT"},
};

static const struct word aws_words[] = {
    {401, 401, "UnrecognizedClientException"}, {404, 404, "ResourceNotFoundException"},
    {429, 429, "ThrottlingException"},         {503, 503, "ServiceUnavailableException"},
    {500, 599, "InternalServerException"},     {0, 999, "ValidationException"},
};

static const char *word_for(const struct word *words, int status)
{
    while (status < words->first || status > words->last)
        words++;
    return words->text;
}

static bool has_path(struct slice target, struct slice path)
{
    return slice_starts_with(target, path) &&
           (target.len == path.len || strchr("/?", target.data[path.len]));
}

static bool ends_with(struct slice text, struct slice end)
{
    return text.len >= end.len && memcmp(text.data + text.len - end.len, end.data, end.len) == 0;
}

// Google's SDKs may also be set to ask for "models/NAME:METHOD" below /v1.
static bool is_gemini(struct slice target)
{
    const char *query = memchr(target.data, '?', target.len);
    struct slice path = {target.data, query ? (size_t)(query - target.data) : target.len};

    if (has_path(path, SLICE("/v1beta")))
        return true;
    return slice_starts_with(path, SLICE("/v1/models/")) &&
           (ends_with(path, SLICE(":generateContent")) ||
            ends_with(path, SLICE(":streamGenerateContent")) ||
            ends_with(path, SLICE(":countTokens")) || ends_with(path, SLICE(":embedContent")) ||
            ends_with(path, SLICE(":batchEmbedContents")));
}

// What begins with a text: `{"message":"...` and the like.
static void add_after(const char *start, const char *message, struct buf *out)
{
    buf_add_text(out, start);
    add_json_text(message, out);
}

static void add_openai_error(int status, const char *message, struct buf *out)
{
    const struct status *known = find_status(status);
    buf_add_text(out, "{\"error\":{\"message\":");
    add_json_text(message, out);
    buf_addf(out, ",\"type\":\"%s\",\"param\":null,\"code\":", word_for(openai_words, status));
    if (known && known->code)
        add_json_text(known->code, out);
    else
        buf_add_text(out, "null");
    buf_add_text(out, "}}");
}

void response_error_body(struct slice target, int status, const char *message, struct buf *out)
{
    if (target.len && is_gemini(target)) {
        buf_addf(out, "{\"error\":{\"code\":%d", status);
        add_after(",\"message\":", message, out);
        buf_addf(out, ",\"status\":\"%s\"}}", word_for(gemini_words, status));
    } else if (has_path(target, SLICE("/v1/messages"))) {
        buf_addf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\"",
                 word_for(anthropic_words, status));
        add_after(",\"message\":", message, out);
        buf_add_text(out, "}}");
    } else if (has_path(target, SLICE("/model"))) { // of AWS, whose type else stands in a header
        buf_addf(out, "{\"__type\":\"%s\"", word_for(aws_words, status));
        add_after(",\"message\":", message, out);
        buf_add_text(out, "}");
    } else if (has_path(target, SLICE("/v2"))) { // Cohere's
        add_after("{\"message\":", message, out);
        buf_add_text(out, "}");
    } else if (has_path(target, SLICE("/api"))) { // Ollama's
        add_after("{\"error\":", message, out);
        buf_add_text(out, "}");
    } else {
        add_openai_error(status, message, out);
    }
}
