// The steps by which everything here reads a text, strictly. For core/json and core/lua/value.c.
//
// Each step starts at the first byte of what it reads and leaves the position behind it. A step
// that fails leaves the position at the bad byte and sets `message`; reading must stop then.
#pragma once

#include "json/json.h"

struct tokenizer {
    const char *start, *at, *end; // borrowed
    const char *message;          // why reading stopped; NULL while all is well
    int depth;                    // levels that may still be opened
    bool is_escaped;              // the last string read holds an escape
};

void tokenizer_init(struct tokenizer *in, struct slice text, int max_depth);

// Sets the message. Returns false, so that a failing step can end with it.
bool tokenizer_fail(struct tokenizer *in, const char *message);

// Copies position and message to `err`, which may be NULL. Returns -1.
int tokenizer_error(const struct tokenizer *in, struct json_error *err);

// Any value, checked to its end.
bool tokenizer_value(struct tokenizer *in, struct json_value *value);

// A member's name, the ':' and the white space up to the member's value.
bool tokenizer_key(struct tokenizer *in, struct json_value *key);

// True when nothing but white space is left.
bool tokenizer_end(struct tokenizer *in);

// The first byte from `p` on that may not stand in a string as it is, or is not ASCII; or `end`.
const char *tokenizer_plain(const char *p, const char *end);

// Length of the valid UTF-8 sequence of 2 to 4 bytes at `p`, 0 when it is none.
size_t tokenizer_utf8(const char *p, const char *end);

// Decodes the valid escape at `*p` and moves behind it. Returns the number of bytes in `out`.
size_t tokenizer_unescape(const char **p, char out[4]);

static inline bool tokenizer_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *tokenizer_after_space(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' && tokenizer_is_space(*p))
        p++;
    return p;
}

static inline void tokenizer_space(struct tokenizer *in)
{
    in->at = tokenizer_after_space(in->at, in->end);
}

// NUL at the end: no step accepts a NUL byte, so that the two need no telling apart.
static inline char tokenizer_peek(const struct tokenizer *in)
{
    if (in->at < in->end)
        return *in->at;
    return '\0';
}

// A string's bytes without its quotes.
static inline struct slice tokenizer_content(struct json_value string)
{
    return (struct slice){string.raw.data + 1, string.raw.len - 2};
}

// Equal bytes; the first one tells most names apart.
static inline bool tokenizer_is_same(struct slice a, struct slice b)
{
    return a.len == b.len &&
           (a.len == 0 || (*a.data == *b.data && memcmp(a.data, b.data, a.len) == 0));
}

// Compares the string just read with plain text.
static inline bool tokenizer_string_is(const struct tokenizer *in, const struct json_value *string,
                                       struct slice text)
{
    return in->is_escaped ? json_string_equal(*string, text)
                          : tokenizer_is_same(tokenizer_content(*string), text);
}

#define TOKENIZER_TOO_DEEP "nesting is too deep"

static inline const char *tokenizer_expected(char close)
{
    return close == '}' ? "expected ',' or '}'" : "expected ',' or ']'";
}

// Walks the items of the array or object whose bracket is the next byte:
//     if (tokenizer_open(in, ']'))
//         do { one item } while (tokenizer_more(in, ']'));
//     if (in->message) failed
static inline bool tokenizer_open(struct tokenizer *in, char close)
{
    if (in->depth == 0)
        return tokenizer_fail(in, TOKENIZER_TOO_DEEP);
    in->at++;
    tokenizer_space(in);
    if (tokenizer_peek(in) == close) {
        in->at++;
        return false;
    }
    in->depth--;
    return true;
}

static inline bool tokenizer_more(struct tokenizer *in, char close)
{
    tokenizer_space(in);
    char c = tokenizer_peek(in);
    if (c == ',') {
        in->at++;
        tokenizer_space(in);
        return true;
    }
    if (c != close)
        return tokenizer_fail(in, tokenizer_expected(close));
    in->at++;
    in->depth++;
    return false;
}
