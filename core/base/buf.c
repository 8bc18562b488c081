#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 256 };

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){.limit = limit};
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.limit = buf->limit};
}

// The first step holds a head or a line of text, so that few buffers grow more than once.
static size_t first_cap(const struct buf *buf)
{
    return buf->limit < FIRST_CAP ? buf->limit + 1 : FIRST_CAP;
}

int buf_grow(struct buf *buf, size_t len)
{
    if (len > buf->limit - buf->len)
        return -1;
    size_t need = buf->len + len + 1; // with the NUL
    size_t cap = buf->cap ? buf->cap : first_cap(buf);
    while (cap < need)
        cap *= 2;
    buf->data = mem_realloc(buf->data, cap);
    buf->cap = cap;
    return 0;
}

size_t buf_print_number(char *to, unsigned long long number)
{
    size_t len = 1;
    for (unsigned long long power = 10; len < BUF_DIGITS && number >= power; power *= 10)
        len++;
    for (size_t at = len; at; number /= 10)
        to[--at] = (char)('0' + number % 10);
    return len;
}

int buf_add_number(struct buf *buf, unsigned long long number)
{
    char digits[BUF_DIGITS];
    return buf_add(buf, digits, buf_print_number(digits, number));
}

int buf_vaddf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (need < 0 || buf_reserve(buf, (size_t)need) != 0)
        return -1;
    vsnprintf(buf->data + buf->len, (size_t)need + 1, format, args);
    buf->len += (size_t)need;
    return 0;
}

int buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = buf_vaddf(buf, format, args);
    va_end(args);
    return rc;
}

void buf_consume(struct buf *buf, size_t len)
{
    if (!len)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
    buf->data[buf->len] = '\0';
}

char *buf_take(struct buf *buf, size_t *len)
{
    char *data = buf->data;
    if (len)
        *len = buf->len;
    *buf = (struct buf){.limit = buf->limit};
    return data;
}
