// Requests: any bytes, read at once and in steps, must give the same request or none.
#include "http/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void feed(struct request_reader *reader, const char *bytes, size_t len, size_t step)
{
    for (size_t at = 0; at < len && reader->state <= REQUEST_BODY;) {
        size_t n = len - at < step ? len - at : step;
        at += request_reader_feed(reader, bytes + at, n);
    }
}

static void require(int condition)
{
    if (!condition)
        abort();
}

// The first byte is the size of the steps.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    _Atomic size_t held = 0;
    struct server_limits limits = {
        .body = 8192, .head = 4096, .headers = 20, .bodies_held = &held, .bodies_total = 16384};
    struct request_reader whole, steps;
    if (len < 2)
        return 0;
    request_reader_init(&whole, &limits);
    request_reader_init(&steps, &limits);
    feed(&whole, (const char *)data + 1, len - 1, len);
    feed(&steps, (const char *)data + 1, len - 1, data[0] ? data[0] : 1);
    require((whole.state == REQUEST_DONE) == (steps.state == REQUEST_DONE));
    if (whole.state == REQUEST_DONE) {
        require(slice_equal(whole.request.method, steps.request.method));
        require(slice_equal(whole.request.path, steps.request.path));
        require(slice_equal(whole.request.query, steps.request.query));
        require(slice_equal(whole.request.body, steps.request.body));
        require(whole.headers.count == steps.headers.count);
        require(whole.keep_alive == steps.keep_alive);
    }
    request_reader_deinit(&whole);
    request_reader_deinit(&steps);
    require(held == 0);
    return 0;
}
