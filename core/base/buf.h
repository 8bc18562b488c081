// Growable byte buffer with a hard size limit.
#pragma once

#include <stdarg.h>
#include <stddef.h>

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
void buf_clear(struct buf *buf);

// Makes room for `len` more bytes in one step. Returns 0, or -1 when the limit would be passed.
int buf_reserve(struct buf *buf, size_t len);

// Appends a copy of `data`. Returns 0, or -1 when the limit would be passed (nothing is added).
int buf_add(struct buf *buf, const void *data, size_t len);
int buf_add_slice(struct buf *buf, struct slice bytes);
int buf_add_text(struct buf *buf, const char *text);

// printf into the buffer; same result as buf_add().
int buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Drops the first `len` bytes (len <= buf->len).
void buf_consume(struct buf *buf, size_t len);

// The bytes as a borrowed slice, valid until the buffer changes.
struct slice buf_slice(const struct buf *buf);

// Hands the bytes to the caller, who frees them with free(). The buffer is empty afterwards.
char *buf_take(struct buf *buf, size_t *len);
