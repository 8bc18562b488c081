#include "http/headers.h"

#include <stdlib.h>

#include "base/mem.h"

enum { FIRST_REFS = 16 }; // most heads fit without growing

void headers_init(struct headers *headers, size_t limit_bytes, size_t limit_count)
{
    *headers = (struct headers){.max_count = limit_count};
    // Offsets are 32 bits wide.
    buf_init(&headers->bytes, limit_bytes < UINT32_MAX ? limit_bytes : UINT32_MAX);
}

void headers_deinit(struct headers *headers)
{
    buf_deinit(&headers->bytes);
    free(headers->refs);
    headers->refs = NULL;
    headers->count = headers->cap = 0;
    headers->is_open = false;
}

void headers_clear(struct headers *headers)
{
    buf_clear(&headers->bytes);
    headers->count = 0;
    headers->is_open = false;
}

// Room for one more field behind the last one; NULL over the limit.
static struct header_ref *next_ref(struct headers *headers)
{
    if (headers->count >= headers->max_count)
        return NULL;
    if (headers->count == headers->cap) {
        headers->cap = headers->cap ? headers->cap * 2 : FIRST_REFS;
        headers->refs = mem_realloc(headers->refs, headers->cap * sizeof(*headers->refs));
    }
    return &headers->refs[headers->count];
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char *bytes, struct header_ref *ref)
{
    while (ref->value_len && is_space(bytes[ref->value + ref->value_len - 1]))
        ref->value_len--;
    while (ref->value_len && is_space(bytes[ref->value])) {
        ref->value++;
        ref->value_len--;
    }
}

int headers_add_name(struct headers *headers, const char *bytes, size_t len)
{
    if (!headers->is_open) {
        struct header_ref *begun = next_ref(headers);
        if (!begun)
            return -1;
        *begun = (struct header_ref){.name = (uint32_t)headers->bytes.len};
        headers->is_open = true;
    }
    if (buf_add(&headers->bytes, bytes, len) != 0)
        return -1;
    headers->refs[headers->count].name_len += (uint32_t)len;
    return 0;
}

int headers_add_value(struct headers *headers, const char *bytes, size_t len)
{
    struct header_ref *ref = &headers->refs[headers->count];
    if (ref->value_len == 0)
        ref->value = (uint32_t)headers->bytes.len;
    if (buf_add(&headers->bytes, bytes, len) != 0)
        return -1;
    ref->value_len += (uint32_t)len;
    return 0;
}

void headers_end_field(struct headers *headers)
{
    if (!headers->is_open)
        return;
    trim(headers->bytes.data, &headers->refs[headers->count]);
    headers->count++;
    headers->is_open = false;
}

int headers_add_ref(struct headers *headers, struct header_ref ref)
{
    struct header_ref *next = next_ref(headers);
    if (!next)
        return -1;
    trim(headers->bytes.data, &ref);
    *next = ref;
    headers->count++;
    return 0;
}

void headers_copy(struct headers *to, const struct headers *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct header field = headers_at(from, i);
        if (headers_add_name(to, field.name.data, field.name.len) != 0 ||
            headers_add_value(to, field.value.data, field.value.len) != 0)
            return;
        headers_end_field(to);
    }
}

struct header headers_at(const struct headers *headers, size_t index)
{
    const struct header_ref *ref = &headers->refs[index];
    const char *bytes = headers->bytes.data;
    return (struct header){
        .name = {bytes + ref->name, ref->name_len},
        .value = {bytes + ref->value, ref->value_len},
    };
}

struct slice headers_find(const struct headers *headers, struct slice name)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        if (slice_equal_nocase(header.name, name))
            return header.value;
    }
    return (struct slice){NULL, 0};
}

size_t headers_count(const struct headers *headers, struct slice name)
{
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        count += slice_equal_nocase(headers_at(headers, i).name, name);
    return count;
}
