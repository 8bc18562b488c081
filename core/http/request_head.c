#include "http/request_head.h"

#include <string.h>

#include "http/origin.h"

static uint64_t body_length(const struct upstream_request *request)
{
    uint64_t len = 0;
    for (size_t i = 0; i < request->body_count; i++)
        len += request->body[i].len;
    return len;
}

static bool wants_length(const struct upstream_request *request)
{
    return request->body_count > 0 || slice_equal(request->method, SLICE("POST")) ||
           slice_equal(request->method, SLICE("PUT")) ||
           slice_equal(request->method, SLICE("PATCH"));
}

int request_head_build(struct buf *head, const struct upstream_request *request)
{
    const struct origin *origin = request->origin;
    char digits[BUF_DIGITS];
    struct slice parts[10];
    size_t n = 0;

    parts[n++] = request->method;
    parts[n++] = SLICE(" ");
    parts[n++] = origin->target_prefix;
    if (!request->path.len || request->path.data[0] != '/')
        parts[n++] = SLICE("/");
    parts[n++] = request->path;
    parts[n++] = origin->after_target;
    parts[n++] = request->headers;
    if (wants_length(request)) {
        parts[n++] = SLICE("Content-Length: ");
        parts[n++] = (struct slice){digits, buf_print_number(digits, body_length(request))};
        parts[n++] = SLICE("\r\n\r\n");
    } else {
        parts[n++] = SLICE("\r\n");
    }
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    buf_clear(head);
    if (buf_reserve(head, len) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len)
            memcpy(head->data + head->len, parts[i].data, parts[i].len);
        head->len += parts[i].len;
    }
    return 0;
}

bool request_head_is_target(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] <= ' ' || path.data[i] > '~')
            return false;
    }
    return true;
}
