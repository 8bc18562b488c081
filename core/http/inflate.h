// Decodes gzip and deflate (zlib or raw) bodies incrementally, with a limit against bombs.
#pragma once

#include <stddef.h>

#include "base/slice.h"

struct inflate;

// `encoding` is the value of Content-Encoding. NULL for anything but gzip, x-gzip and deflate.
struct inflate *inflate_new(struct slice encoding, size_t limit_bytes);
void inflate_free(struct inflate *inflate);

typedef void (*inflate_cb)(void *owner, const char *bytes, size_t len);

// Decodes the next bytes; `on_bytes` gets pieces, borrowed for the call. Returns 0, -1 when the
// bytes are not what the encoding says, -2 when the decoded size passes the limit.
int inflate_feed(struct inflate *inflate, const char *bytes, size_t len, inflate_cb on_bytes,
                 void *owner);

// 0 when the compressed body was complete, else -1. No bytes at all are a complete, empty body.
int inflate_end(struct inflate *inflate);
