#include "json/tokenizer.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#include "json/ordinary.h"

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

// Plain bytes stand in a string as they are: no quote, backslash or control character, nothing
// beyond ASCII.
static inline bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

// A block of STEP bytes, and a mask of those that are not plain: the lowest bit is that of the
// first byte, each byte has MASK_BITS of them.
#ifdef __SSE2__

enum { STEP = 16, MASK_BITS = 1 };
typedef uint32_t mask;

// To signed comparison bytes beyond ASCII are below zero, and with bit 1 flipped '"' takes the
// place of ' ' while control characters stay below it: one comparison finds three kinds.
static inline mask special_mask(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i swapped = _mm_xor_si128(bytes, _mm_set1_epi8(0x02));
    __m128i high = _mm_cmpgt_epi8(swapped, _mm_set1_epi8(0x20));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (mask)_mm_movemask_epi8(_mm_andnot_si128(backslash, high)) ^ 0xFFFF;
}

#else

enum { STEP = 8, MASK_BITS = 8 };
typedef uint64_t mask;

// The high bit of each byte that equals `byte`; exact, as no sum carries into the next byte.
static inline mask equal_mask(mask word, unsigned char byte)
{
    mask differs = word ^ EACH_BYTE(byte);
    return ~(((differs & EACH_BYTE(0x7F)) + EACH_BYTE(0x7F)) | differs) & EACH_BYTE(0x80);
}

static inline mask special_mask(const char *p)
{
    mask word;
    memcpy(&word, p, sizeof(word));
    word = le64toh(word);
    mask control = ~((word & EACH_BYTE(0x7F)) + EACH_BYTE(0x60)) & EACH_BYTE(0x80);
    return control | (word & EACH_BYTE(0x80)) | equal_mask(word, '"') | equal_mask(word, '\\');
}

#endif

static inline int first_of(mask special)
{
    return __builtin_ctzll(special) / MASK_BITS;
}

// The last bytes of a text go one by one: nothing outside of it is read.
static inline const char *skip_plain(const char *p, const char *end)
{
    if (end - p >= STEP) {
        const char *last = end - STEP;
        do {
            mask special = special_mask(p);
            if (special)
                return p + first_of(special);
            p += STEP;
        } while (p <= last);
    }
    while (p < end && is_plain(*p))
        p++;
    return p;
}

const char *tokenizer_plain(const char *p, const char *end)
{
    return skip_plain(p, end);
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

static const bool is_short_escape[256] = {
    ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
    ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true,
};

// Length of the escape at `p`, a surrogate pair being one; 0 when it is not valid.
static size_t escape_length(const char *p, const char *end)
{
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return is_short_escape[(unsigned char)p[1]] ? 2 : 0;
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

// The steps below take a position and return the one behind what they read, so that it stays in a
// register. NULL: reading failed, position and message are set.

static const char *fail_at(struct tokenizer *in, const char *at, const char *message)
{
    in->at = at;
    in->message = message;
    return NULL;
}

// NUL at the end, see tokenizer_peek().
static inline char peek(const struct tokenizer *in, const char *p)
{
    if (p < in->end)
        return *p;
    return '\0';
}

// What stops a run of plain bytes inside a string: an escape or bytes beyond ASCII.
static const char *skip_special(struct tokenizer *in, const char *p)
{
    if (*p == '\\') {
        size_t len = escape_length(p, in->end);
        in->is_escaped = true;
        return len ? p + len : fail_at(in, p, "invalid escape in a string");
    }
    if ((unsigned char)*p < 0x20)
        return fail_at(in, p, "control character in a string");
    while (p < in->end && (unsigned char)*p >= 0x80) {
        size_t len = is_common_utf8(p, in->end) ? 3 : tokenizer_utf8(p, in->end);
        if (!len)
            return fail_at(in, p, "invalid UTF-8");
        p += len;
    }
    return p;
}

// Length of what ordinary text has every few words, "\n", "\"", Latin and other letters; 0 when it
// is anything else, which skip_special() knows.
static inline int common_special(struct tokenizer *in, const char *p)
{
    if (in->end - p < 2)
        return 0;
    if (*p == '\\') {
        in->is_escaped = true;
        return is_short_escape[(unsigned char)p[1]] ? 2 : 0;
    }
    if ((*p & 0xE0) == 0xC0)
        return (unsigned char)*p >= 0xC2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    return is_common_utf8(p, in->end) ? 3 : 0;
}

// Reads the special bytes of one block. Returns where to go on, behind a quote when *is_end.
static inline const char *skip_block(struct tokenizer *in, const char *block, mask special,
                                     bool *is_end)
{
    do {
        int at = first_of(special);
        const char *p = block + at;
        if (*p == '"') {
            *is_end = true;
            return p + 1;
        }
        int len = common_special(in, p);
        if (!len)
            return skip_special(in, p);
        if (at + len >= STEP)
            return p + len;
        special &= ~(mask)0 << (at + len) * MASK_BITS;
    } while (special);
    return block + STEP;
}

// A string from its first byte on that is not plain. Apart from skip_string(), which is small and
// calls nothing in the common case.
__attribute__((noinline)) static const char *skip_rest(struct tokenizer *in, const char *p)
{
    bool is_end = false;
    for (;;) {
        p = ordinary_skip(p, in->end, &in->is_escaped);
        if (in->end - p < STEP)
            break;
        mask special = special_mask(p);
        p = special ? skip_block(in, p, special, &is_end) : p + STEP;
        if (!p || is_end)
            return p;
    }
    while (p < in->end) {
        if (*p == '"')
            return p + 1;
        p = is_plain(*p) ? p + 1 : skip_special(in, p);
        if (!p)
            return NULL;
    }
    return fail_at(in, in->end, "the string does not end");
}

static inline const char *skip_string(struct tokenizer *in, const char *p)
{
    in->is_escaped = false;
    p = skip_plain(p + 1, in->end);
    return peek(in, p) == '"' ? p + 1 : skip_rest(in, p);
}

static const char *skip_digits(struct tokenizer *in, const char *p)
{
    const char *first = p;
    while (p < in->end && *p >= '0' && *p <= '9')
        p++;
    return p > first ? p : fail_at(in, p, "expected a digit");
}

static const char *skip_exponent(struct tokenizer *in, const char *p)
{
    p++;
    if (peek(in, p) == '+' || peek(in, p) == '-')
        p++;
    return skip_digits(in, p);
}

static const char *skip_number(struct tokenizer *in, const char *p)
{
    if (*p == '-')
        p++;
    p = peek(in, p) == '0' ? p + 1 : skip_digits(in, p);
    if (p && peek(in, p) == '.')
        p = skip_digits(in, p + 1);
    if (p && (peek(in, p) | 0x20) == 'e')
        p = skip_exponent(in, p);
    return p;
}

static inline const char *skip_literal(struct tokenizer *in, const char *p, struct slice literal)
{
    struct slice rest = {p, (size_t)(in->end - p)};
    return slice_starts_with(rest, literal) ? p + literal.len : fail_at(in, p, "expected a value");
}

static inline const char *skip_name(struct tokenizer *in, const char *p)
{
    return peek(in, p) == '"' ? skip_string(in, p) : fail_at(in, p, "expected a name in quotes");
}

static inline const char *skip_colon(struct tokenizer *in, const char *p)
{
    p = tokenizer_after_space(p, in->end);
    return peek(in, p) == ':' ? tokenizer_after_space(p + 1, in->end)
                              : fail_at(in, p, "expected ':'");
}

static inline const char *skip_scalar(struct tokenizer *in, const char *p)
{
    switch (peek(in, p)) {
    case '"':
        return skip_string(in, p);
    case 't':
        return skip_literal(in, p, SLICE("true"));
    case 'f':
        return skip_literal(in, p, SLICE("false"));
    case 'n':
        return skip_literal(in, p, SLICE("null"));
    case '-':
    case '0' ... '9':
        return skip_number(in, p);
    default:
        return fail_at(in, p, "expected a value");
    }
}

// The name of a member, up to its value.
static inline const char *skip_label(struct tokenizer *in, const char *p)
{
    p = skip_name(in, p);
    return p ? skip_colon(in, p) : NULL;
}

// The closing brackets of the levels open in skip_container().
struct levels {
    char close[JSON_DEPTH_CAP];
    int open, limit;
};

// Behind a value: over ',' to the next item, or over brackets that close. NULL also when the
// outermost is closed; in->at is then behind it.
static inline const char *skip_between(struct tokenizer *in, const char *p, struct levels *levels)
{
    for (;;) {
        char close = levels->close[levels->open - 1];
        p = tokenizer_after_space(p, in->end);
        char c = peek(in, p);
        if (c == ',')
            return tokenizer_after_space(p + 1, in->end);
        if (c != close)
            return fail_at(in, p, tokenizer_expected(close));
        p++;
        if (--levels->open == 0) {
            in->at = p;
            return NULL;
        }
    }
}

// Into the container at `p`: to its first item, or where skip_between() goes on when it is empty.
static inline const char *skip_into(struct tokenizer *in, const char *p, struct levels *levels,
                                    bool *is_empty)
{
    char close = (char)(*p == '{' ? '}' : ']');
    if (levels->open == levels->limit)
        return fail_at(in, p, TOKENIZER_TOO_DEEP);
    p = tokenizer_after_space(p + 1, in->end);
    *is_empty = peek(in, p) == close;
    levels->close[levels->open++] = close;
    return p;
}

// The value at `p`, or the first item, at whatever depth, of the containers that begin there.
static inline const char *skip_item(struct tokenizer *in, const char *p, struct levels *levels)
{
    for (;;) {
        char c = peek(in, p);
        bool is_empty = false;
        if (c != '{' && c != '[')
            return skip_scalar(in, p);
        p = skip_into(in, p, levels, &is_empty);
        if (p && !is_empty && c == '{')
            p = skip_label(in, p);
        if (!p || is_empty)
            return p;
    }
}

// The same walk as tokenizer_open() and tokenizer_more(), of all levels in one loop.
static const char *skip_container(struct tokenizer *in, const char *p)
{
    struct levels levels;
    levels.open = 0;
    levels.limit = in->depth;
    do {
        if (levels.open && levels.close[levels.open - 1] == '}')
            p = skip_label(in, p);
        if (p)
            p = skip_item(in, p, &levels);
        if (p)
            p = skip_between(in, p, &levels);
    } while (p);
    return in->message ? NULL : in->at;
}

static inline const char *skip_value(struct tokenizer *in, const char *p)
{
    char c = peek(in, p);
    return c == '{' || c == '[' ? skip_container(in, p) : skip_scalar(in, p);
}

static inline enum json_type type_of(char first)
{
    static const unsigned char types['{' + 1] = {
        ['"'] = JSON_STRING, ['-'] = JSON_NUMBER, ['0' ... '9'] = JSON_NUMBER, ['['] = JSON_ARRAY,
        ['f'] = JSON_FALSE,  ['n'] = JSON_NULL,   ['t'] = JSON_TRUE,           ['{'] = JSON_OBJECT,
    };
    return (enum json_type)types[(unsigned char)first];
}

bool tokenizer_value(struct tokenizer *in, struct json_value *value)
{
    const char *first = in->at, *end = skip_value(in, first);
    if (!end)
        return false;
    *value = (struct json_value){type_of(*first), {first, (size_t)(end - first)}};
    in->at = end;
    return true;
}

bool tokenizer_key(struct tokenizer *in, struct json_value *key)
{
    const char *first = in->at, *end = skip_name(in, first);
    const char *value = end ? skip_colon(in, end) : NULL;
    if (!value)
        return false;
    *key = (struct json_value){JSON_STRING, {first, (size_t)(end - first)}};
    in->at = value;
    return true;
}

bool tokenizer_end(struct tokenizer *in)
{
    tokenizer_space(in);
    return in->at == in->end || tokenizer_fail(in, "unexpected bytes after the value");
}
