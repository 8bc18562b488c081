#include "json/estimate.h"

#include <stdint.h>

#include "json/tokenizer.h"

enum {
    FIRST_WIDE = 0x2E80, // from here on nearly every character is CJK or an emoji
    ESCAPE_U_LEN = 6,    // \u00e9
};

static const double bytes_per_token = 4, wide_bytes_per_token = 2.5;

struct walk {
    const char *at, *end;
    int depth;
    int images;          // the depth within a list of that name, 0: not in one
    int image, audio;    // the same within an object of that name
    size_t narrow, wide; // bytes of text as UTF-8
    struct slice key;    // of the member whose value comes next; NULL data: an element
    struct json_estimate *result;
};

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

// A half of a surrogate pair counts as half of its four bytes.
static void count_code_unit(struct walk *walk, unsigned unit)
{
    if (unit >= 0xD800 && unit < 0xE000)
        walk->wide += 2;
    else if (unit >= FIRST_WIDE)
        walk->wide += 3;
    else
        walk->narrow += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
}

static const char *count_escape(struct walk *walk, const char *p)
{
    if (p[1] != 'u') {
        walk->narrow++;
        return p + 2;
    }
    unsigned unit = 0;
    for (int i = 2; i < ESCAPE_U_LEN; i++)
        unit = unit << 4 | hex_digit(p[i]);
    count_code_unit(walk, unit);
    return p + ESCAPE_U_LEN;
}

// U+2E80 is E2 BA 80 in UTF-8.
static const char *count_utf8(struct walk *walk, const char *p)
{
    unsigned char lead = (unsigned char)p[0], second = (unsigned char)p[1];
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead > 0xE2 || (lead == 0xE2 && second >= 0xBA))
        walk->wide += len;
    else
        walk->narrow += len;
    return p + len;
}

// From behind the opening quote; returns behind the closing one.
static const char *count_string(struct walk *walk, const char *p)
{
    while (p < walk->end) {
        const char *run = p;
        p = tokenizer_plain(p, walk->end);
        walk->narrow += (size_t)(p - run);
        if (p == walk->end || *p == '"')
            return p + 1;
        p = *p == '\\' ? count_escape(walk, p) : count_utf8(walk, p);
    }
    return p;
}

static void look_at_type(struct json_estimate *result, struct slice type)
{
    if (slice_equal(type, SLICE("image_url")) || slice_equal(type, SLICE("image")) ||
        slice_equal(type, SLICE("input_image")))
        result->has_images = true;
    else if (slice_equal(type, SLICE("input_audio")) || slice_equal(type, SLICE("audio")))
        result->has_audio = true;
}

// Gemini says by the MIME type alone what a part is.
static void look_at_mime(struct json_estimate *result, struct slice mime)
{
    if (slice_starts_with(mime, SLICE("image/")))
        result->has_images = true;
    else if (slice_starts_with(mime, SLICE("audio/")))
        result->has_audio = true;
}

static bool is_mime(struct slice key)
{
    return slice_equal(key, SLICE("mimeType")) || slice_equal(key, SLICE("mime_type"));
}

static bool is_data(const struct walk *walk, struct slice text)
{
    struct slice key = walk->key;
    return walk->images || slice_equal(key, SLICE("data")) || slice_equal(key, SLICE("bytes")) ||
           slice_starts_with(text, SLICE("data:"));
}

static void read_string(struct walk *walk)
{
    size_t narrow = walk->narrow, wide = walk->wide;
    const char *start = walk->at + 1;
    const char *behind = count_string(walk, start);
    struct slice text = {start, (size_t)(behind - 1 - start)};

    walk->at = tokenizer_after_space(behind, walk->end);
    if (walk->at < walk->end && *walk->at == ':') {
        walk->key = text;
        return;
    }
    if (is_data(walk, text)) {
        walk->narrow = narrow;
        walk->wide = wide;
        walk->result->has_images |= walk->images > 0;
    } else if (slice_equal(walk->key, SLICE("type"))) {
        look_at_type(walk->result, text);
    } else if (is_mime(walk->key)) {
        look_at_mime(walk->result, text);
    }
}

// Converse has no types: a picture is an object of that name with a source.
static void look_at_object(struct walk *walk)
{
    if (slice_equal(walk->key, SLICE("image")))
        walk->image = walk->depth;
    else if (slice_equal(walk->key, SLICE("audio")))
        walk->audio = walk->depth;
    if (walk->depth == 1 || !slice_equal(walk->key, SLICE("source")))
        return;
    walk->result->has_images |= walk->image == walk->depth - 1;
    walk->result->has_audio |= walk->audio == walk->depth - 1;
}

static void open_container(struct walk *walk)
{
    const char *first = tokenizer_after_space(walk->at + 1, walk->end);
    if (walk->depth++ == 0 && first < walk->end && *first != ']' && *first != '}')
        walk->result->elements = 1;
    if (!walk->images && *walk->at == '[' && slice_equal(walk->key, SLICE("images")))
        walk->images = walk->depth;
    if (*walk->at == '{')
        look_at_object(walk);
}

static void leave(int *depth, int closed)
{
    if (*depth == closed)
        *depth = 0;
}

static void close_container(struct walk *walk)
{
    leave(&walk->images, walk->depth);
    leave(&walk->image, walk->depth);
    leave(&walk->audio, walk->depth);
    walk->depth--;
}

// Anything but a string: only what gives the text its structure is of interest.
static void read_mark(struct walk *walk, char mark)
{
    switch (mark) {
    case '[':
    case '{':
        open_container(walk);
        break;
    case ']':
    case '}':
        close_container(walk);
        break;
    case ',':
        if (walk->depth == 1)
            walk->result->elements++;
        break;
    default:
        walk->at++;
        return;
    }
    walk->key = (struct slice){NULL, 0};
    walk->at++;
}

struct json_estimate json_estimate(struct slice value)
{
    struct json_estimate result = {0};
    struct walk walk = {.at = value.data, .end = value.data + value.len, .result = &result};

    while (walk.at < walk.end) {
        if (*walk.at == '"')
            read_string(&walk);
        else
            read_mark(&walk, *walk.at);
    }
    result.tokens =
        (double)walk.narrow / bytes_per_token + (double)walk.wide / wide_bytes_per_token;
    return result;
}
