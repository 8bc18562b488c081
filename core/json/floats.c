#include "json/floats.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "json/tokenizer.h"

enum {
    GROUP = 12,        // bytes of three floats, 16 digits of base64
    EXACT_POWER = 22,  // the largest power of ten that a double holds exactly
    EXACT_DIGITS = 19, // that fit into 64 bits
    NUMBER_MAX = 128,  // bytes of a number's text; nobody writes a longer one
    PRINTED_MAX = 32,  // bytes of a float's text
    FEWEST = 6,        // digits tried first
    MOST = 9,          // always enough for a float
};

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const uint64_t exact_limit = UINT64_C(1) << 53; // whole numbers below are doubles

static int fail(struct json_error *err, size_t offset, const char *message)
{
    if (err)
        *err = (struct json_error){offset, message};
    return -1;
}

// ---- reading numbers --------------------------------------------------------------------------

// A number's text taken apart: digits * 10^exponent.
struct decimal {
    uint64_t digits;
    int exponent;
    bool is_negative, is_cut; // cut: it has more digits than fit
};

static const char *add_digits(struct decimal *number, const char *p, const char *end,
                              bool is_fraction)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (number->digits > (UINT64_MAX - 9) / 10) {
            number->is_cut = true;
            continue;
        }
        number->digits = number->digits * 10 + (uint64_t)(*p - '0');
        number->exponent -= is_fraction;
    }
    return p;
}

static int exponent_of(const char *p, const char *end)
{
    bool is_negative = p < end && *p == '-';
    int value = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end && value < 10000; p++)
        value = value * 10 + (*p - '0');
    return is_negative ? -value : value;
}

// Of text that is a JSON number.
static struct decimal take_apart(struct slice text)
{
    struct decimal number = {.digits = 0};
    const char *p = text.data, *end = p + text.len;

    number.is_negative = *p == '-';
    p = add_digits(&number, p + number.is_negative, end, false);
    if (p < end && *p == '.')
        p = add_digits(&number, p + 1, end, true);
    if (p < end)
        number.exponent += exponent_of(p + 1, end);
    return number;
}

// Two exact doubles make one rounded result, the one that strtod() has.
static bool is_exact(const struct decimal *number)
{
    return !number->is_cut && number->digits <= exact_limit && number->exponent >= -EXACT_POWER &&
           number->exponent <= EXACT_POWER;
}

static double value_of(struct slice text)
{
    struct decimal number = take_apart(text);
    char copy[NUMBER_MAX + 1];

    if (is_exact(&number)) {
        double value = (double)number.digits;
        value = number.exponent < 0 ? value / powers[-number.exponent]
                                    : value * powers[number.exponent];
        return number.is_negative ? -value : value;
    }
    if (text.len > NUMBER_MAX)
        return HUGE_VAL;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return strtod(copy, NULL);
}

// ---- base64 -----------------------------------------------------------------------------------

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int add_group(struct buf *out, const unsigned char *bytes, size_t len)
{
    char text[GROUP / 3 * 4];
    size_t n = 0;

    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            text[n++] = alphabet[bits >> shift & 63];
    }
    for (size_t i = 0; i < (3 - len % 3) % 3; i++)
        text[n - 1 - i] = '=';
    return buf_add(out, text, n);
}

// Floats that wait for a whole group of digits.
struct packer {
    struct buf *out;
    unsigned char bytes[GROUP + 2]; // the last group may be filled up
    size_t len, count;
};

static int pack(struct packer *packer, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    for (int shift = 0; shift < 32; shift += 8)
        packer->bytes[packer->len++] = (unsigned char)(bits >> shift);
    packer->count++;
    if (packer->len < GROUP)
        return 0;
    packer->len = 0;
    return add_group(packer->out, packer->bytes, GROUP);
}

static int pack_rest(struct packer *packer)
{
    packer->bytes[packer->len] = packer->bytes[packer->len + 1] = 0;
    return packer->len ? add_group(packer->out, packer->bytes, packer->len) : 0;
}

static bool pack_item(struct tokenizer *in, struct packer *packer)
{
    struct json_value item;

    if (!tokenizer_value(in, &item))
        return false;
    if (item.type != JSON_NUMBER)
        return tokenizer_fail(in, "an item of a vector is no number");
    float value = (float)value_of(item.raw);
    if (!isfinite(value))
        return tokenizer_fail(in, "a number of a vector is too large for a float");
    if (packer->count == LIMIT_VECTOR)
        return tokenizer_fail(in, "a vector has too many numbers");
    return pack(packer, value) == 0 || tokenizer_fail(in, "the vector is too large");
}

int floats_to_base64(struct slice array, struct buf *out, struct json_error *err)
{
    struct tokenizer in;
    struct packer packer = {.out = out};

    tokenizer_init(&in, array, 1);
    tokenizer_space(&in);
    if (tokenizer_peek(&in) != '[')
        return fail(err, 0, "a vector is an array of numbers");
    if (tokenizer_open(&in, ']')) {
        while (pack_item(&in, &packer) && tokenizer_more(&in, ']'))
            ;
    }
    if (in.message || !tokenizer_end(&in))
        return tokenizer_error(&in, err);
    return pack_rest(&packer) == 0 ? 0 : fail(err, array.len, "the vector is too large");
}

// ---- checking ---------------------------------------------------------------------------------

enum { SHORT = 32 }; // characters of a number without an exponent that a float surely holds

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

// A digit, "-" or "."; "/" stands among them, but nowhere in an array of numbers.
static inline bool is_plain_digit(char c)
{
    return (unsigned char)(c - '-') <= '9' - '-';
}

// Behind the number that begins at `p`; NULL when none does, or when no float holds it.
static const char *after_number(const char *p, const char *end)
{
    const char *start = p;
    bool has_exponent = false;

    while (p < end && is_plain_digit(*p))
        p++;
    if (p == start)
        return NULL;
    while (p < end && (is_plain_digit(*p) || *p == '+' || (*p | 0x20) == 'e')) {
        has_exponent = true;
        p++;
    }
    struct slice text = {start, (size_t)(p - start)};
    if ((has_exponent || text.len > SHORT) && !isfinite((float)value_of(text)))
        return NULL;
    return p;
}

int floats_check(struct slice array, struct json_error *err)
{
    const char *end = array.data + array.len, *p = skip_space(array.data, end);

    if (p == end || *p != '[')
        return fail(err, 0, "a vector is an array of numbers");
    do {
        const char *item = skip_space(p + 1, end);
        p = item < end ? after_number(item, end) : NULL;
        if (!p)
            return fail(err, (size_t)(item - array.data),
                        "an item of a vector is no number that a float holds");
        p = skip_space(p, end);
    } while (p < end && *p == ',');
    return p < end && *p == ']' ? 0 : fail(err, (size_t)(p - array.data), "a vector has no end");
}

// ---- writing numbers --------------------------------------------------------------------------

// The digits of a whole number behind its sign, with a point before the last `places`; zeros at the
// end of a fraction are left out.
static size_t write_fixed(char *out, uint64_t digits, int places)
{
    char text[PRINTED_MAX];
    int n = 0, len = 0;

    while (places > 0 && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    for (; digits || n <= places; digits /= 10)
        text[n++] = (char)('0' + digits % 10);
    while (n) {
        out[len++] = text[--n];
        if (n == places && n)
            out[len++] = '.';
    }
    return (size_t)len;
}

// value = digits / 10^places, where that is exact enough; false where it is not the same float.
static bool try_digits(double value, int count, int magnitude, uint64_t *digits, int *places)
{
    *places = count - 1 - magnitude;
    double scale = powers[abs(*places)];
    double scaled = *places < 0 ? value / scale : value * scale;
    *digits = (uint64_t)(scaled + 0.5);
    double back = *places < 0 ? (double)*digits * scale : (double)*digits / scale;
    return (float)back == (float)value;
}

static int magnitude_of(double value)
{
    int magnitude = 0;

    while (magnitude < MOST && value >= powers[magnitude + 1])
        magnitude++;
    while (magnitude <= 0 && magnitude > -MOST && value * powers[-magnitude] < 1)
        magnitude--;
    return magnitude;
}

// Between these what floats of embeddings are lies, nearly always.
static bool is_usual(double value)
{
    return value >= 1e-5 && value < 1e9;
}

static size_t print_rare(char *out, double value)
{
    for (int count = FEWEST;; count++) {
        int len = snprintf(out, PRINTED_MAX, "%.*g", count, value);
        if (count == MOST || (float)strtod(out, NULL) == (float)value)
            return (size_t)len;
    }
}

static size_t print_float(char *out, float number)
{
    double value = fabs((double)number);
    size_t sign = signbit(number) ? 1 : 0;
    uint64_t digits;
    int places;

    out[0] = '-';
    if (value == 0) {
        out[sign] = '0';
        return sign + 1;
    }
    if (!is_usual(value))
        return sign + print_rare(out + sign, value);
    int magnitude = magnitude_of(value);
    for (int count = FEWEST; count <= MOST; count++) {
        if (!try_digits(value, count, magnitude, &digits, &places))
            continue;
        for (; places < 0; places++)
            digits *= 10;
        return sign + write_fixed(out + sign, digits, places);
    }
    return sign + print_rare(out + sign, value);
}

// ---- reading base64 ---------------------------------------------------------------------------

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Without `out` the number is looked at only.
static int print_one(struct buf *out, const unsigned char *bytes, size_t count)
{
    uint32_t bits = 0;
    char text[PRINTED_MAX + 2];
    size_t len = 0;
    float value;

    for (int i = 3; i >= 0; i--)
        bits = bits << 8 | bytes[i];
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value))
        return -1;
    if (!out)
        return 0;
    if (count)
        text[len++] = ',';
    len += print_float(text + len, value);
    return buf_add(out, text, len);
}

// The text without its padding; -1: it cannot be base64 of whole floats.
static long long length_of(struct slice text)
{
    size_t len = text.len;

    if (len % 4)
        return -1;
    while (len && text.len - len < 2 && text.data[len - 1] == '=')
        len--;
    return len * 3 / 4 % sizeof(float) ? -1 : (long long)len;
}

// Likewise.
static int read_base64(struct slice base64, struct buf *out, struct json_error *err)
{
    unsigned char bytes[sizeof(float) + 1];
    size_t have = 0, count = 0;
    unsigned bits = 0, held = 0;
    long long len = length_of(base64);

    if (len < 0)
        return fail(err, base64.len, "a vector is no base64 of whole floats");
    for (size_t i = 0; i < (size_t)len; i++) {
        int value = digit_value(base64.data[i]);
        if (value < 0)
            return fail(err, i, "a vector is no base64");
        bits = bits << 6 | (unsigned)value;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        bytes[have++] = (unsigned char)(bits >> held);
        if (have < sizeof(float))
            continue;
        if (count == LIMIT_VECTOR || print_one(out, bytes, count++) != 0)
            return fail(err, i, "a vector has an item that is no number, or too many of them");
        have = 0;
    }
    if (bits & ((1U << held) - 1))
        return fail(err, (size_t)len, "a vector is no base64");
    return 0;
}

int floats_from_base64(struct slice base64, struct buf *out, struct json_error *err)
{
    if (buf_add(out, "[", 1) != 0)
        return fail(err, 0, "the vector is too large");
    if (read_base64(base64, out, err) != 0)
        return -1;
    return buf_add(out, "]", 1) == 0 ? 0 : fail(err, base64.len, "the vector is too large");
}

int floats_check_base64(struct slice base64, struct json_error *err)
{
    if (!base64.len)
        return fail(err, 0, "a vector is empty");
    return read_base64(base64, NULL, err);
}
