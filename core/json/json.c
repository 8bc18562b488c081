#include "json/json.h"

#include <string.h>

#include "json/tokenizer.h"

bool json_value_is_empty(struct json_value value)
{
    switch (value.type) {
    case JSON_ABSENT:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return value.raw.len == 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        for (size_t i = 1; i + 1 < value.raw.len; i++) {
            if (!tokenizer_is_space(value.raw.data[i]))
                return false;
        }
        return true;
    default:
        return false;
    }
}

int json_string_decode(struct json_value value, struct buf *out)
{
    struct slice content = tokenizer_content(value);
    const char *p = content.data, *end = p + content.len;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape ? escape : end;
        if (buf_add(out, p, (size_t)(stop - p)) != 0)
            return -1;
        p = stop;
        if (escape) {
            char bytes[4];
            size_t len = tokenizer_unescape(&p, bytes);
            if (buf_add(out, bytes, len) != 0)
                return -1;
        }
    }
    return buf_add(out, "", 0); // so that `out` is terminated also when it stayed empty
}

bool json_string_equal(struct json_value value, struct slice text)
{
    struct slice content = tokenizer_content(value);
    const char *p = content.data, *end = p + content.len;
    size_t at = 0;
    while (p < end) {
        char bytes[4];
        size_t len = 1;
        if (*p == '\\')
            len = tokenizer_unescape(&p, bytes);
        else
            bytes[0] = *p++;
        if (len > text.len - at || memcmp(text.data + at, bytes, len) != 0)
            return false;
        at += len;
    }
    return at == text.len;
}

// The first byte from `p` on that may not stand in a string as it is, or `end`.
static const char *skip_plain(const char *p, const char *end)
{
    for (;;) {
        const char *beyond_ascii = tokenizer_plain(p, end);
        size_t len;
        for (p = beyond_ascii; (len = tokenizer_utf8(p, end)) > 0; p += len)
            ;
        if (p == beyond_ascii)
            return p;
    }
}

static int encode_special(struct buf *out, char c)
{
    static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    if ((unsigned char)c >= 0x80)
        return buf_add_text(out, "\xEF\xBF\xBD"); // U+FFFD
    const char *found = c ? strchr(bytes, c) : NULL;
    if (found)
        return buf_add(out, (char[]){'\\', names[found - bytes]}, 2);
    return buf_addf(out, "\\u%04x", c);
}

int json_string_encode(struct buf *out, struct slice text)
{
    const char *p = text.data ? text.data : "", *end = p + text.len;
    if (buf_add(out, "\"", 1) != 0)
        return -1;
    while (p < end) {
        const char *special = skip_plain(p, end);
        if (buf_add(out, p, (size_t)(special - p)) != 0)
            return -1;
        p = special;
        if (p < end && encode_special(out, *p++) != 0)
            return -1;
    }
    return buf_add(out, "\"", 1);
}

// Names with an escape are rare; the others need no look at the tokenizer for each field.
static struct json_field *find_field(const struct tokenizer *in, const struct json_value *key,
                                     struct json_field *fields, size_t count)
{
    bool is_escaped = in->is_escaped;
    struct slice name = tokenizer_content(*key);
    for (size_t i = 0; i < count; i++) {
        if (is_escaped ? json_string_equal(*key, fields[i].name)
                       : tokenizer_is_same(name, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

static bool scan_members(struct tokenizer *in, struct json_field *fields, size_t count)
{
    struct json_value key, value;
    if (tokenizer_open(in, '}')) {
        do {
            if (!tokenizer_key(in, &key))
                return false;
            struct json_field *wanted = find_field(in, &key, fields, count);
            if (!tokenizer_value(in, &value))
                return false;
            if (wanted) {
                wanted->value = value;
                wanted->count++;
            }
        } while (tokenizer_more(in, '}'));
    }
    return !in->message && tokenizer_end(in);
}

int json_scan(struct slice text, struct json_field *fields, size_t count, int max_depth,
              struct json_error *err)
{
    struct tokenizer in;
    for (size_t i = 0; i < count; i++) {
        fields[i].value = (struct json_value){.type = JSON_ABSENT};
        fields[i].count = 0;
    }
    tokenizer_init(&in, text, max_depth);
    tokenizer_space(&in);
    if (tokenizer_peek(&in) != '{')
        tokenizer_fail(&in, "expected an object");
    else if (scan_members(&in, fields, count))
        return 0;
    return tokenizer_error(&in, err);
}
