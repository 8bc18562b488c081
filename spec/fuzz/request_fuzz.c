// Requests: any bytes, read at once and in steps, must give the same request or none.
#include "http/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// Returns how many bytes belong to the request.
static size_t feed(struct request_reader *reader, const char *bytes, size_t len, size_t step)
{
    size_t at = 0;
    while (at < len && reader->state <= REQUEST_BODY) {
        size_t n = len - at < step ? len - at : step;
        at += request_reader_feed(reader, bytes + at, n);
    }
    return at;
}

static void require(int condition)
{
    if (!condition)
        abort();
}

static void compare(const struct request_reader *whole, const struct request_reader *steps)
{
    require(whole->state == steps->state);
    // Half of a chunk's size may be too large already, before its other half turns out malformed.
    if (whole->state == REQUEST_BAD && !whole->is_chunked)
        require(whole->status == steps->status && whole->message == steps->message);
    if (whole->state != REQUEST_DONE)
        return;
    require(slice_equal(whole->request.method, steps->request.method));
    require(slice_equal(whole->request.path, steps->request.path));
    require(slice_equal(whole->request.query, steps->request.query));
    require(slice_equal(whole->request.body, steps->request.body));
    require(whole->keep_alive == steps->keep_alive && whole->is_http10 == steps->is_http10);
    require(whole->wants_continue == steps->wants_continue);
    require(whole->headers.count == steps->headers.count);
    for (size_t i = 0; i < whole->headers.count; i++) {
        struct header a = headers_at(&whole->headers, i), b = headers_at(&steps->headers, i);
        require(slice_equal(a.name, b.name) && slice_equal(a.value, b.value));
    }
}

static void try(struct slice text, const struct server_limits *limits, size_t step)
{
    struct request_reader whole, steps;
    request_reader_init(&whole, limits);
    request_reader_init(&steps, limits);
    size_t used = feed(&whole, text.data, text.len, text.len);
    size_t used_in_steps = feed(&steps, text.data, text.len, step);
    compare(&whole, &steps);
    if (whole.state == REQUEST_DONE)
        require(used == used_in_steps);
    request_reader_deinit(&whole);
    request_reader_deinit(&steps);
}

// The first byte is the size of the steps; byte by byte always too.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    _Atomic size_t held = 0;
    struct server_limits limits = {
        .body = 8192, .head = 4096, .headers = 20, .bodies_held = &held, .bodies_total = 16384};
    if (len < 2)
        return 0;
    struct slice text = {(const char *)data + 1, len - 1};
    try(text, &limits, 1);
    try(text, &limits, data[0] ? data[0] : 1);
    require(held == 0);
    return 0;
}
