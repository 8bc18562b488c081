#include "http/forward.h"

static bool is_forwarded(struct slice name)
{
    static const struct slice names[] = {
        SLICE("content-type"),  SLICE("x-request-id"),    SLICE("request-id"),
        SLICE("cf-ray"),        SLICE("openai-version"),  SLICE("openai-processing-ms"),
        SLICE("x-groq-region"), SLICE("apim-request-id"), SLICE("mistral-correlation-id"),
        SLICE("x-ds-trace-id"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

void forward_headers(const struct headers *headers, const char *usual_type, struct buf *out)
{
    if (!headers_find(headers, SLICE("content-type")).len) {
        buf_add_text(out, "content-type: ");
        buf_add_text(out, usual_type);
        buf_add_text(out, "\r\n");
    }
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        if (!header.value.len || !is_forwarded(header.name))
            continue;
        buf_add_slice(out, header.name);
        buf_add_text(out, ": ");
        buf_add_slice(out, header.value);
        buf_add_text(out, "\r\n");
    }
}
