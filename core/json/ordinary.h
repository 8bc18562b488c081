// The fast part of reading a string: 64 bytes at a time on processors that have AVX2 or AVX-512.
#pragma once

#include <stdbool.h>

// Skips what ordinary text has: ASCII, escapes of two characters, UTF-8 sequences of two bytes,
// each checked. Starts inside a string, not within a sequence. Stops at the quote that ends the
// string, at the first byte of anything rarer (which may be an error), or when fewer than 64 bytes
// are left; at once on other processors. Sets *is_escaped when it passed an escape, and may set it
// when it stops at one.
const char *ordinary_skip(const char *p, const char *end, bool *is_escaped);
