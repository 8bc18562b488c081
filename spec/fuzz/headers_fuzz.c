// Header lists: fields added in pieces are the fields added whole, within the limits, and are
// found.
#include "http/headers.h"

#include <stdint.h>
#include <stdlib.h>

enum { BYTES = 512, FIELDS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static int add(struct headers *to, struct slice text, size_t step,
               int (*piece)(struct headers *headers, const char *bytes, size_t len))
{
    size_t at = 0;
    do {
        size_t len = text.len - at < step ? text.len - at : step;
        if (piece(to, text.data + at, len) != 0)
            return -1;
        at += len;
    } while (at < text.len);
    return 0;
}

static struct slice cut(struct slice *rest, char end)
{
    const char *found = memchr(rest->data, end, rest->len);
    struct slice part = {rest->data, found ? (size_t)(found - rest->data) : rest->len};
    size_t used = part.len + (found != NULL);
    *rest = (struct slice){rest->data + used, rest->len - used};
    return part;
}

// "name:value\n" again and again. A name is added whole: its first piece begins the field.
static int fill(struct headers *headers, struct slice text, size_t step)
{
    while (text.len) {
        struct slice line = cut(&text, '\n');
        struct slice name = cut(&line, ':');
        if (add(headers, name, step, headers_add_name) != 0 ||
            add(headers, line, step, headers_add_value) != 0)
            return -1;
        headers_end_field(headers);
    }
    return 0;
}

static struct slice trim(struct slice text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct slice){text.data + 1, text.len - 1};
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static void check(const struct headers *headers, struct slice text)
{
    size_t index = 0;
    for (; text.len; index++) {
        struct slice line = cut(&text, '\n');
        struct slice name = cut(&line, ':');
        struct header header = headers_at(headers, index);
        expect(slice_equal(header.name, name) && slice_equal(header.value, trim(line)));
        expect(headers_count(headers, name) >= 1);
        expect(headers_find(headers, name).data != NULL);
    }
    expect(headers->count == index && index <= FIELDS);
}

static void check_copy(const struct headers *headers)
{
    struct headers copy;
    headers_init(&copy, BYTES * 2, FIELDS);
    headers_copy(&copy, headers);
    expect(copy.count == headers->count);
    for (size_t i = 0; i < copy.count; i++) {
        expect(slice_equal(headers_at(&copy, i).name, headers_at(headers, i).name));
        expect(slice_equal(headers_at(&copy, i).value, headers_at(headers, i).value));
    }
    headers_deinit(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct headers whole, pieces;
    if (len < 2)
        return 0;
    struct slice text = {(const char *)data + 1, len - 1};
    headers_init(&whole, BYTES, FIELDS);
    headers_init(&pieces, BYTES, FIELDS);
    int rc = fill(&whole, text, len);
    expect(rc == fill(&pieces, text, data[0] ? data[0] : 1));
    if (rc == 0) {
        check(&whole, text);
        check(&pieces, text);
        check_copy(&whole);
    }
    expect(whole.bytes.len <= BYTES && whole.count <= FIELDS);
    headers_deinit(&whole);
    headers_deinit(&pieces);
    return 0;
}
