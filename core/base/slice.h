// A borrowed run of bytes: pointer and length, not NUL-terminated.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data; // borrowed; NULL means "absent", which differs from empty
    size_t len;
};

// A slice over a string literal.
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

// ASCII case-insensitive, as header names and tokens are compared.
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    // The last letters tell most names apart: one comparison is saved a call.
    return a.len == 0 || (((a.data[a.len - 1] ^ b.data[b.len - 1]) & 0xDF) == 0 &&
                          strncasecmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_starts_with(struct slice text, struct slice prefix)
{
    return text.len >= prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0;
}
