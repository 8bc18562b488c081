#include "http/forward.h"

#include <stdbool.h>
#include <string.h>

// x-request-id is OpenAI's and everybody's, request-id Anthropic's, x-amzn-requestid AWS's: each
// one's SDKs read their own.
static const struct slice request_ids[] = {SLICE("x-request-id"), SLICE("request-id"),
                                           SLICE("x-amzn-requestid")};

enum { REQUEST_IDS = sizeof(request_ids) / sizeof(request_ids[0]) };

static bool is_id(struct slice name)
{
    static const struct slice names[] = {
        SLICE("cf-ray"),           SLICE("openai-version"),  SLICE("openai-processing-ms"),
        SLICE("x-groq-region"),    SLICE("apim-request-id"), SLICE("mistral-correlation-id"),
        SLICE("x-ds-trace-id"),    SLICE("x-request-id"),    SLICE("request-id"),
        SLICE("x-amzn-requestid"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

static bool has_prefix(struct slice name, struct slice prefix)
{
    return name.len > prefix.len &&
           slice_equal_nocase((struct slice){name.data, prefix.len}, prefix);
}

static bool is_forwarded(struct slice name)
{
    return is_id(name) || has_prefix(name, SLICE("x-ratelimit-")) ||
           has_prefix(name, SLICE("anthropic-ratelimit-"));
}

static void add_line(struct buf *out, struct slice name, struct slice value)
{
    buf_add_slice(out, name);
    buf_add_text(out, ": ");
    buf_add_slice(out, value);
    buf_add_text(out, "\r\n");
}

static void add_fields(const struct headers *headers, bool has_type, struct buf *out)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        bool is_type = !has_type && slice_equal_nocase(header.name, SLICE("content-type"));
        if (header.value.len && (is_type || is_forwarded(header.name)))
            add_line(out, header.name, header.value);
    }
}

static bool is_named(struct slice line, struct slice name)
{
    return line.len > name.len && line.data[name.len] == ':' &&
           slice_equal_nocase((struct slice){line.data, name.len}, name);
}

static bool has_id(struct slice lines)
{
    while (lines.len) {
        for (size_t i = 0; i < REQUEST_IDS; i++) {
            if (is_named(lines, request_ids[i]))
                return true;
        }
        const char *end = memchr(lines.data, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.data) + 1 : lines.len;
        lines = (struct slice){lines.data + len, lines.len - len};
    }
    return false;
}

void forward_own_id(struct slice id, struct buf *out)
{
    if (has_id(buf_slice(out)))
        return;
    for (size_t i = 0; i < REQUEST_IDS; i++)
        add_line(out, request_ids[i], id);
}

void forward_headers(const struct headers *headers, const char *usual_type, struct buf *out)
{
    if (!headers_find(headers, SLICE("content-type")).len)
        add_line(out, SLICE("content-type"), slice_of(usual_type));
    add_fields(headers, false, out);
}

void forward_translated_headers(const struct headers *headers, struct slice type, struct buf *out)
{
    struct slice id = {NULL, 0};

    for (size_t i = 0; i < REQUEST_IDS && !id.len; i++)
        id = headers_find(headers, request_ids[i]);
    add_line(out, SLICE("content-type"), type);
    add_fields(headers, true, out);
    for (size_t i = 0; i < REQUEST_IDS && id.len; i++) {
        if (!headers_find(headers, request_ids[i]).len)
            add_line(out, request_ids[i], id);
    }
}
