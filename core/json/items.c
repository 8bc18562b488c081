#include "json/items.h"

#include <string.h>

#include "json/tokenizer.h"

int json_items(struct slice array, int max_depth, json_item_cb on_item, void *owner,
               struct json_error *err)
{
    struct tokenizer in;
    struct json_value item;

    tokenizer_init(&in, array, max_depth);
    tokenizer_space(&in);
    if (tokenizer_peek(&in) != '[') {
        tokenizer_fail(&in, "an array is expected");
        return tokenizer_error(&in, err);
    }
    if (tokenizer_open(&in, ']')) {
        do {
            if (!tokenizer_value(&in, &item))
                break;
            on_item(owner, item);
        } while (tokenizer_more(&in, ']'));
    }
    if (in.message || !tokenizer_end(&in))
        return tokenizer_error(&in, err);
    return 0;
}

// Behind the closing quote of the string that begins at `p`.
static const char *after_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote)
            return end;
        const char *slash = quote;
        while (slash[-1] == '\\')
            slash--;
        p = quote;
        if ((quote - slash) % 2 == 0)
            return p + 1;
    }
    return end;
}

long long json_count_items(struct slice array, size_t most)
{
    const char *end = array.data + array.len;
    const char *p = tokenizer_after_space(array.data, end);
    size_t depth = 0, commas = 0;

    if (p == end || *p != '[')
        return -1;
    p = tokenizer_after_space(p + 1, end);
    if (p < end && *p == ']')
        return 0;
    while (p < end && commas < most) {
        char c = *p++;
        if (c == '"')
            p = after_string(p - 1, end);
        else if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth -= depth > 0;
        else if (c == ',' && depth == 0)
            commas++;
    }
    return (long long)commas + 1;
}
