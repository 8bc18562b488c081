// Growable byte buffer with a hard size limit.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/slice.h"

struct buf {
    char *data;   // owned; NUL-terminated once anything was added
    size_t len;   // bytes used, without the NUL
    size_t cap;   // bytes allocated
    size_t limit; // buf_add() fails rather than pass this
};

void buf_init(struct buf *buf, size_t limit);

// Frees the bytes; the buffer may be used again with the same limit.
void buf_deinit(struct buf *buf);

// Empties the buffer and keeps its memory.
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

// Likewise, but memory of more than `keep` bytes is given back.
static inline void buf_trim(struct buf *buf, size_t keep)
{
    if (buf->cap > keep)
        buf_deinit(buf);
    else
        buf_clear(buf);
}

// What buf_reserve() does when the bytes do not fit.
int buf_grow(struct buf *buf, size_t len);

// Makes room for `len` more bytes in one step. Returns 0, or -1 when the limit would be passed.
static inline int buf_reserve(struct buf *buf, size_t len)
{
    if (len <= buf->limit - buf->len && len < buf->cap - buf->len)
        return 0;
    return buf_grow(buf, len);
}

// Appends a copy of `data`. Returns 0, or -1 when the limit would be passed (nothing is added).
static inline int buf_add(struct buf *buf, const void *data, size_t len)
{
    if (buf_reserve(buf, len) != 0)
        return -1;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return 0;
}

static inline int buf_add_slice(struct buf *buf, struct slice bytes)
{
    return buf_add(buf, bytes.data, bytes.len);
}

static inline int buf_add_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

// Appends a number in decimal, at a fraction of what printf costs; same result as buf_add().
int buf_add_number(struct buf *buf, unsigned long long number);

enum { BUF_DIGITS = 20 }; // of the largest number

// Writes the decimal digits of a number to `to` (room for BUF_DIGITS, no NUL); returns how many.
size_t buf_print_number(char *to, unsigned long long number);

// printf into the buffer; same result as buf_add().
int buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Drops the first `len` bytes (len <= buf->len).
void buf_consume(struct buf *buf, size_t len);

// The bytes as a borrowed slice, valid until the buffer changes.
static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->len};
}

// Hands the bytes to the caller, who frees them with free(). The buffer is empty afterwards.
char *buf_take(struct buf *buf, size_t *len);
