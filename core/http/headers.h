// Header fields of one message, in arrival order, borrowed from one owned block.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct header {
    struct slice name, value; // value without white space around it
};

// Names and values as offsets into `bytes`, so that the block may grow while a head is read.
struct headers {
    struct buf bytes;
    struct header_ref {
        uint32_t name, name_len, value, value_len;
    } * refs; // owned
    size_t count, cap;
    size_t max_count;
    bool is_open; // a field was begun by headers_add_name() and not ended yet
};

void headers_init(struct headers *headers, size_t limit_bytes, size_t limit_count);
void headers_deinit(struct headers *headers);
void headers_clear(struct headers *headers);

// Incremental building: begin a field, then append to its name and value as pieces arrive.
// 0, or -1 over a limit.
int headers_add_name(struct headers *headers, const char *bytes, size_t len);
int headers_add_value(struct headers *headers, const char *bytes, size_t len);
void headers_end_field(struct headers *headers); // trims the value

// For a reader that puts a whole head into `bytes` itself: notes a field by its places there (the
// value is trimmed). 0, or -1 over the count limit.
int headers_add_ref(struct headers *headers, struct header_ref ref);

// Appends the fields of `from`, as far as the limits of `to` allow.
void headers_copy(struct headers *to, const struct headers *from);

struct header headers_at(const struct headers *headers, size_t index);

// First field of that name (case-insensitive); NULL data when absent.
struct slice headers_find(const struct headers *headers, struct slice name);
size_t headers_count(const struct headers *headers, struct slice name);
