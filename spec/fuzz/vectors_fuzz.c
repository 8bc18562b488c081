// Vectors of embeddings: arrays of numbers, base64, and lists of them.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/floats.h"
#include "json/items.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ROOM = 1 << 22 };

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

static void count(void *owner, struct json_value item)
{
    long long *items = owner;
    expect(item.raw.len > 0);
    ++*items;
}

// What is counted without a look is what is there.
static void try_items(struct slice text)
{
    long long items = 0;
    if (json_items(text, JSON_MAX_DEPTH, count, &items, NULL) != 0) {
        json_count_items(text, SIZE_MAX);
        return;
    }
    expect(json_count_items(text, SIZE_MAX) == items);
    expect(json_count_items(text, 2) == (items > 2 ? 3 : items));
}

// What base64 says, as text, says the same base64 again.
static void try_back(struct slice base64)
{
    struct buf floats, again;
    buf_init(&floats, ROOM);
    buf_init(&again, ROOM);
    if (floats_from_base64(base64, &floats, NULL) == 0) {
        expect(floats_to_base64(buf_slice(&floats), &again, NULL) == 0);
        expect(slice_equal(buf_slice(&again), base64));
    }
    buf_deinit(&floats);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf base64;
    char *copy = mem_dup((const char *)data, len);
    struct slice text = {copy, len};

    try_items(text);
    try_back(text);
    buf_init(&base64, ROOM);
    if (floats_to_base64(text, &base64, NULL) == 0)
        try_back(buf_slice(&base64));
    buf_deinit(&base64);
    free(copy);
    return 0;
}
