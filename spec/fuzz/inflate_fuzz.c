#include "http/inflate.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"

enum { LIMIT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static void keep(void *owner, const char *bytes, size_t len)
{
    expect(len > 0 && buf_add(owner, bytes, len) == 0);
}

static int decode(struct slice encoding, struct slice body, size_t step, struct buf *out)
{
    struct inflate *inflate = inflate_new(encoding, LIMIT);
    int rc = 0;
    for (size_t at = 0; at < body.len && rc == 0; at += step) {
        size_t piece = body.len - at < step ? body.len - at : step;
        rc = inflate_feed(inflate, body.data + at, piece, keep, out);
    }
    if (rc == 0)
        rc = inflate_end(inflate);
    inflate_free(inflate);
    return rc;
}

// The first byte chooses the encoding. A body that is accepted whole is accepted in pieces, and
// says the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    struct slice encoding = data[0] & 1 ? SLICE("gzip") : SLICE("deflate");
    struct slice body = {(const char *)data + 1, len - 1};
    struct buf whole, split;
    buf_init(&whole, LIMIT);
    buf_init(&split, LIMIT);
    int rc = decode(encoding, body, len, &whole);
    int split_rc = decode(encoding, body, 1, &split);
    expect((rc == 0) == (split_rc == 0));
    if (rc == 0)
        expect(slice_equal(buf_slice(&whole), buf_slice(&split)));
    buf_deinit(&whole);
    buf_deinit(&split);
    return 0;
}
