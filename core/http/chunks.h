// Takes chunked framing off a body (RFC 9112 section 7.1), strictly: bare LF and folding are
// refused in trailers too. Pure: no I/O.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// Zeroed by the owner at the start of a body.
struct chunks {
    uint64_t left; // bytes of the current chunk that have not come; its size after a size line
    uint8_t state;
    bool has_digit;
};

// Reads on to the end of the next size line, of the next run of data, of the body or of the bytes,
// whichever comes first. Returns the bytes used (at least 1), or -1 when they are malformed.
// *data is the run, borrowed from `bytes`; empty when there is none.
ptrdiff_t chunks_next(struct chunks *chunks, const char *bytes, size_t len, struct slice *data);

// The last chunk and its trailers (which are checked and left out) are through.
bool chunks_is_done(const struct chunks *chunks);
