#include "json/tokenizer.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

void tokenizer_init(struct tokenizer *in, struct slice text, int max_depth)
{
    *in = (struct tokenizer){.start = text.data ? text.data : "", .depth = max_depth};
    in->at = in->start;
    in->end = in->start + text.len;
    if (in->depth < 0)
        in->depth = 0;
    if (in->depth > JSON_DEPTH_CAP)
        in->depth = JSON_DEPTH_CAP;
}

bool tokenizer_fail(struct tokenizer *in, const char *message)
{
    in->message = message;
    return false;
}

int tokenizer_error(const struct tokenizer *in, struct json_error *err)
{
    if (err)
        *err = (struct json_error){(size_t)(in->at - in->start), in->message};
    return -1;
}

// High bits mark bytes of `word` that end a run of plain string bytes: quote, backslash, control
// characters, everything above ASCII. Exact for the lowest marked byte; borrows may mark bytes
// above it, never below.
static inline uint64_t stops(uint64_t word)
{
    uint64_t quote = (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
    uint64_t backslash = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    uint64_t control = word - EACH_BYTE(0x20);
    return (quote | backslash | control | word) & EACH_BYTE(0x80);
}

static inline uint64_t load(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

const char *tokenizer_plain(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t found = stops(load(p));
        if (found)
            return p + __builtin_ctzll(found) / 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

size_t tokenizer_utf8(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t left = (size_t)(end - p);
    if (left < 2 || s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    if (s[0] < 0xE0)
        return (s[1] & 0xC0) == 0x80 ? 2 : 0;
    // Unicode table 3-7: the second byte is where overlong forms, surrogates and code points over
    // U+10FFFF show.
    unsigned char low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high || left < 3 || (s[2] & 0xC0) != 0x80)
        return 0;
    if (s[0] < 0xF0)
        return 3;
    return left >= 4 && (s[3] & 0xC0) == 0x80 ? 4 : 0;
}

// True for a valid sequence of 3 bytes, tested in one word: most of the world's scripts.
// Of the lead byte's low bits and the second byte's 0x20, E0 without it is overlong and ED with it
// a surrogate.
static inline bool is_common_utf8(const char *p, const char *end)
{
    uint32_t word;
    if (end - p < 4)
        return false;
    memcpy(&word, p, sizeof(word));
    word = le32toh(word);
    uint32_t lead = word & 0x200F;
    return (word & 0xC0C0F0) == 0x8080E0 && lead != 0 && lead != 0x200D;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The code unit of "\uXXXX" at `p`, or -1.
static long code_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    long unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(long unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low_surrogate(long unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

// Length of the escape at `p`, a surrogate pair being one; 0 when it is not valid.
static size_t escape_length(const char *p, const char *end)
{
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    long unit = code_unit(p, end);
    if (unit < 0 || is_low_surrogate(unit))
        return 0;
    if (!is_high_surrogate(unit))
        return 6;
    return is_low_surrogate(code_unit(p + 6, end)) ? 12 : 0;
}

static size_t encode_utf8(unsigned long point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[len] | point);
    return len;
}

size_t tokenizer_unescape(const char **p, char out[4])
{
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const char *escape = *p;
    if (escape[1] != 'u') {
        const char *name = strchr(names, escape[1]);
        out[0] = escape[1];
        if (name)
            out[0] = bytes[name - names];
        *p += 2;
        return 1;
    }
    unsigned long point = (unsigned long)code_unit(escape, escape + 6);
    *p += 6;
    if (is_high_surrogate((long)point)) {
        unsigned long low = (unsigned long)code_unit(escape + 6, escape + 12);
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        *p += 6;
    }
    return encode_utf8(point, out);
}

static bool fail_at(struct tokenizer *in, const char *at, const char *message)
{
    in->at = at;
    return tokenizer_fail(in, message);
}

static bool read_string(struct tokenizer *in)
{
    const char *p = in->at + 1;
    in->is_escaped = false;
    while ((p = tokenizer_plain(p, in->end)) < in->end) {
        if (*p == '"') {
            in->at = p + 1;
            return true;
        }
        if (*p == '\\') {
            size_t len = escape_length(p, in->end);
            if (!len)
                return fail_at(in, p, "invalid escape in a string");
            in->is_escaped = true;
            p += len;
            continue;
        }
        if ((unsigned char)*p < 0x20)
            return fail_at(in, p, "control character in a string");
        while (p < in->end && (unsigned char)*p >= 0x80) {
            size_t len = is_common_utf8(p, in->end) ? 3 : tokenizer_utf8(p, in->end);
            if (!len)
                return fail_at(in, p, "invalid UTF-8");
            p += len;
        }
    }
    return fail_at(in, in->end, "the string does not end");
}

static bool read_digits(struct tokenizer *in)
{
    const char *first = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
    return in->at > first || tokenizer_fail(in, "expected a digit");
}

static bool read_number(struct tokenizer *in)
{
    if (*in->at == '-')
        in->at++;
    if (tokenizer_peek(in) == '0')
        in->at++;
    else if (!read_digits(in))
        return false;
    if (tokenizer_peek(in) == '.') {
        in->at++;
        if (!read_digits(in))
            return false;
    }
    if ((tokenizer_peek(in) | 0x20) != 'e')
        return true;
    in->at++;
    if (tokenizer_peek(in) == '+' || tokenizer_peek(in) == '-')
        in->at++;
    return read_digits(in);
}

static bool read_literal(struct tokenizer *in, struct slice literal)
{
    struct slice rest = {in->at, (size_t)(in->end - in->at)};
    if (!slice_starts_with(rest, literal))
        return tokenizer_fail(in, "expected a value");
    in->at += literal.len;
    return true;
}

static bool skip_array(struct tokenizer *in)
{
    struct json_value item;
    if (tokenizer_open(in, ']')) {
        do {
            if (!tokenizer_value(in, &item))
                return false;
        } while (tokenizer_more(in, ']'));
    }
    return !in->message;
}

static bool skip_object(struct tokenizer *in)
{
    struct json_value key, item;
    if (tokenizer_open(in, '}')) {
        do {
            if (!tokenizer_key(in, &key) || !tokenizer_value(in, &item))
                return false;
        } while (tokenizer_more(in, '}'));
    }
    return !in->message;
}

// Recursion is bounded by `in->depth`.
static bool read_value(struct tokenizer *in, enum json_type *type)
{
    switch (tokenizer_peek(in)) {
    case '"':
        *type = JSON_STRING;
        return read_string(in);
    case '{':
        *type = JSON_OBJECT;
        return skip_object(in);
    case '[':
        *type = JSON_ARRAY;
        return skip_array(in);
    case 't':
        *type = JSON_TRUE;
        return read_literal(in, SLICE("true"));
    case 'f':
        *type = JSON_FALSE;
        return read_literal(in, SLICE("false"));
    case 'n':
        *type = JSON_NULL;
        return read_literal(in, SLICE("null"));
    case '-':
    case '0' ... '9':
        *type = JSON_NUMBER;
        return read_number(in);
    default:
        return tokenizer_fail(in, "expected a value");
    }
}

bool tokenizer_value(struct tokenizer *in, struct json_value *value)
{
    const char *first = in->at;
    value->type = JSON_ABSENT;
    bool ok = read_value(in, &value->type);
    value->raw = (struct slice){first, (size_t)(in->at - first)};
    return ok;
}

bool tokenizer_key(struct tokenizer *in, struct json_value *key)
{
    const char *first = in->at;
    if (tokenizer_peek(in) != '"')
        return tokenizer_fail(in, "expected a name in quotes");
    if (!read_string(in))
        return false;
    *key = (struct json_value){JSON_STRING, {first, (size_t)(in->at - first)}};
    tokenizer_space(in);
    if (tokenizer_peek(in) != ':')
        return tokenizer_fail(in, "expected ':'");
    in->at++;
    tokenizer_space(in);
    return true;
}

bool tokenizer_open(struct tokenizer *in, char close)
{
    if (in->depth == 0)
        return tokenizer_fail(in, "nesting is too deep");
    in->at++;
    tokenizer_space(in);
    if (tokenizer_peek(in) == close) {
        in->at++;
        return false;
    }
    in->depth--;
    return true;
}

bool tokenizer_more(struct tokenizer *in, char close)
{
    tokenizer_space(in);
    char c = tokenizer_peek(in);
    if (c == ',') {
        in->at++;
        tokenizer_space(in);
        return true;
    }
    if (c != close)
        return tokenizer_fail(in, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    in->at++;
    in->depth++;
    return false;
}

bool tokenizer_end(struct tokenizer *in)
{
    tokenizer_space(in);
    return in->at == in->end || tokenizer_fail(in, "unexpected bytes after the value");
}

bool tokenizer_string_is(const struct tokenizer *in, struct json_value string, struct slice text)
{
    return in->is_escaped ? json_string_equal(string, text)
                          : slice_equal(tokenizer_content(string), text);
}
