// Signatures that clients send, and what they are made of: the input is a path, a query, header
// lines, and an Authorization, each up to a NUL.
#include "http/sigv4.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/header_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEADERS_MAX = 64 };

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static struct slice next_part(struct slice *rest)
{
    const char *end = rest->len ? memchr(rest->data, '\0', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    struct slice part = {rest->data, len};
    size_t used = end ? len + 1 : len;
    *rest = (struct slice){rest->data + used, rest->len - used};
    return part;
}

static size_t count_lines(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '\n';
    return count;
}

// Method, path, query, one line for each name, an empty one, the names and the hash. What comes out
// is canonical: a path and a query that have been made once are not changed any more but for '%'.
static void try_canonical(const struct sigv4_request *request)
{
    struct buf out, names;

    buf_init(&out, 16 << 20);
    buf_init(&names, 1 << 20);
    sigv4_canonical(request, &out);
    sigv4_signed_headers(request, &names);
    struct slice text = buf_slice(&out);
    expect(text.len >= 4 && memcmp(text.data + text.len - 4, "hash", 4) == 0);
    for (size_t i = 0; i < names.len; i++)
        expect(names.data[i] < 'A' || names.data[i] > 'Z');
    expect(count_lines(text) >= 5);
    buf_deinit(&out);
    buf_deinit(&names);
}

static void try_claim(struct slice value)
{
    struct sigv4_claim claim;
    int64_t seconds;

    if (sigv4_read_authorization(value, &claim) == 0) {
        expect(claim.key_id.len > 0 && claim.day.len == SIGV4_DAY);
        expect(claim.signature.len == SIGV4_HEX && claim.signed_headers.len > 0);
        expect(claim.key_id.data >= value.data &&
               claim.signature.data + SIGV4_HEX <= value.data + value.len);
    }
    if (sigv4_read_time(value, &seconds) == 0) {
        char again[SIGV4_TIME + 1];
        sigv4_print_time(seconds, again);
        expect(memcmp(again, value.data, SIGV4_TIME) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice rest = {(const char *)data, len};
    struct header headers[HEADERS_MAX];
    struct sigv4_request request = {.method = SLICE("POST"), .payload = SLICE("hash")};

    request.path = next_part(&rest);
    request.query = next_part(&rest);
    struct slice lines = next_part(&rest);
    while (request.header_count < HEADERS_MAX &&
           header_lines_next(&lines, &headers[request.header_count]))
        request.header_count++;
    request.headers = headers;
    try_canonical(&request);
    try_claim(rest);
    return 0;
}
