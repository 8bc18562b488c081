#include "json/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

enum { ROOM = 1 << 22, TRIALS = 200000 };

static int to_base64(const char *text, struct buf *out, struct json_error *err)
{
    buf_init(out, ROOM);
    return floats_to_base64(slice_of(text), out, err);
}

static void assert_base64(const char *text, const char *expected)
{
    struct buf out;
    assert_int_equal(to_base64(text, &out, NULL), 0);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.len ? out.data : "", expected, out.len);
    buf_deinit(&out);
}

static void assert_floats(const char *base64, const char *expected)
{
    struct buf out;
    buf_init(&out, ROOM);
    assert_int_equal(floats_from_base64(slice_of(base64), &out, NULL), 0);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
    buf_deinit(&out);
}

// By Python: base64.b64encode(struct.pack("<3f", 1, -2.5, 0.1))
static void test_numbers_become_little_endian_floats(void **state)
{
    (void)state;
    assert_base64("[]", "");
    assert_base64("[1]", "AACAPw==");
    assert_base64("[1, -2.5]", "AACAPwAAIMA=");
    assert_base64(" [ 1 ,\n-2.5, 0.1 ] ", "AACAPwAAIMDNzMw9");
    assert_base64("[1e0,-25E-1,0.1]", "AACAPwAAIMDNzMw9");
    assert_base64("[-0.0]", "AAAAgA==");
}

static void test_floats_are_written_as_short_as_they_can_be(void **state)
{
    (void)state;
    assert_floats("", "[]");
    assert_floats("AACAPwAAIMDNzMw9", "[1,-2.5,0.1]");
    assert_floats("AAAAgAAAAAA=", "[-0,0]");
    assert_floats("//9/fwEAAAAAAHpE", "[3.4028235e+38,1.4013e-45,1000]");
    assert_floats("AAAASwAAgD8=", "[8388608,1]");
}

static void assert_refused(const char *text, const char *why)
{
    struct buf out;
    struct json_error err = {0, NULL};
    assert_int_equal(to_base64(text, &out, &err), -1);
    assert_non_null(strstr(err.message, why));
    buf_deinit(&out);
}

static void test_what_is_no_vector_is_refused(void **state)
{
    (void)state;
    assert_refused("", "array");
    assert_refused("{}", "array");
    assert_refused("\"AAAA\"", "array");
    assert_refused("[1", "");
    assert_refused("[1,]", "");
    assert_refused("[1] 2", "");
    assert_refused("[null]", "no number");
    assert_refused("[\"1\"]", "no number");
    assert_refused("[[1]]", "");
    assert_refused("[NaN]", "");
    assert_refused("[01]", "");
    assert_refused("[1e39]", "too large");
    assert_refused("[-1e999]", "too large");
}

static void assert_no_base64(const char *text)
{
    struct buf out;
    struct json_error err = {0, NULL};
    buf_init(&out, ROOM);
    assert_int_equal(floats_from_base64(slice_of(text), &out, &err), -1);
    assert_non_null(err.message);
    buf_deinit(&out);
}

static void test_what_is_no_base64_of_floats_is_refused(void **state)
{
    (void)state;
    assert_no_base64("A");
    assert_no_base64("AACAPw");   // no padding
    assert_no_base64("AACAPw=");  // too little of it
    assert_no_base64("AAA=");     // two bytes
    assert_no_base64("AACAPwA="); // five
    assert_no_base64("AACAPx=="); // bits that no byte is made of
    assert_no_base64("AA AAA==");
    assert_no_base64("AA-_Pw==");
    assert_no_base64("AADAfw=="); // NaN
    assert_no_base64("AACAfw=="); // infinite
    assert_no_base64("AACA/w==");
    assert_no_base64("====");
}

static void test_more_numbers_than_the_limit_are_refused(void **state)
{
    struct buf text, out;
    struct json_error err;
    (void)state;
    buf_init(&text, ROOM);
    buf_add_text(&text, "[0");
    for (int i = 1; i < LIMIT_VECTOR; i++)
        buf_add_text(&text, ",0");
    size_t len = text.len;
    buf_add_text(&text, "]");
    buf_init(&out, ROOM);
    assert_int_equal(floats_to_base64(buf_slice(&text), &out, &err), 0);
    struct buf back;
    buf_init(&back, ROOM);
    assert_int_equal(floats_from_base64(buf_slice(&out), &back, &err), 0);
    assert_int_equal(back.len, text.len);
    text.len = len;
    buf_add_text(&text, ",0]");
    buf_clear(&out);
    assert_int_equal(floats_to_base64(buf_slice(&text), &out, &err), -1);
    buf_deinit(&text);
    buf_deinit(&out);
    buf_deinit(&back);
}

static void test_an_output_without_room_is_an_error(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 4);
    assert_int_equal(floats_to_base64(SLICE("[1]"), &out, NULL), -1);
    buf_deinit(&out);
    for (size_t limit = 0; limit < 4; limit++) {
        buf_init(&out, limit);
        assert_int_equal(floats_from_base64(SLICE("AACAPw=="), &out, NULL), limit < 3 ? -1 : 0);
        buf_deinit(&out);
    }
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// The bytes behind one base64 text of one float.
static uint32_t bits_of(const struct buf *base64)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t bits = 0;
    assert_int_equal(base64->len, 8);
    for (int i = 0; i < 6; i++)
        bits = bits << 6 | (uint64_t)(strchr(digits, base64->data[i]) - digits);
    bits >>= 4;
    return (uint32_t)(bits >> 24 | (bits >> 8 & 0xff00) | (bits << 8 & 0xff0000) | bits << 24);
}

// Any float, through both forms and back, and as strtod() reads what was written.
static void test_every_float_survives_the_way_to_text_and_back(void **state)
{
    uint64_t seed = 88172645463325252U;
    (void)state;
    for (int i = 0; i < TRIALS; i++) {
        uint32_t bits = (uint32_t)next(&seed);
        if (i % 2) // the usual ones: between 2^-24 and 2^8
            bits = (bits & 0x807fffff) | (uint32_t)(103 + next(&seed) % 32) << 23;
        float value = float_of(bits);
        char text[64];
        struct buf base64, floats;
        if (!isfinite(value))
            continue;
        snprintf(text, sizeof(text), "[%.*g]", i % 3 ? 9 : 17, value);
        assert_int_equal(to_base64(text, &base64, NULL), 0);
        assert_int_equal(bits_of(&base64), bits);
        buf_init(&floats, ROOM);
        assert_int_equal(floats_from_base64(buf_slice(&base64), &floats, NULL), 0);
        assert_true((float)strtod(floats.data + 1, NULL) == value);
        assert_in_range(floats.len, 3, 18); // "[-0.0000123456789]"
        buf_deinit(&base64);
        buf_deinit(&floats);
    }
}

// What a text means is what strtod() says, rounded to a float.
static void test_any_text_of_a_number_is_read_as_strtod_reads_it(void **state)
{
    uint64_t seed = 2463534242U;
    (void)state;
    for (int i = 0; i < TRIALS; i++) {
        char text[96];
        struct buf base64;
        int places = (int)(next(&seed) % 20), exponent = (int)(next(&seed) % 60) - 30;
        uint64_t digits = next(&seed) >> next(&seed) % 64;
        snprintf(text, sizeof(text), "[0.%0*llue%d]", places, (unsigned long long)digits, exponent);
        float expected = (float)strtod(text + 1, NULL);
        if (!isfinite(expected))
            continue;
        assert_int_equal(to_base64(text, &base64, NULL), 0);
        assert_true(float_of(bits_of(&base64)) == expected);
        buf_deinit(&base64);
    }
}

static bool is_vector(const char *text)
{
    return floats_check(slice_of(text), NULL) == 0;
}

static void test_an_array_is_a_vector_when_it_has_numbers_that_floats_hold(void **state)
{
    static const char *const good[] = {"[1]",
                                       " [ 1 ,\n-2.5, 0.1 ] ",
                                       "[-0.0]",
                                       "[1e-999]",
                                       "[3e38,1E+2,1e-5]",
                                       "[0.11111111111111111111111111111111111111111111111111]"};
    static const char *const bad[] = {
        "[]",       "[ ]",     "[null]", "[true]", "[\"1\"]",
        "[[1]]",    "[1,[2]]", "[1,{}]", "{}",     "{\"a\":1}",
        "1",        "",        "\"x\"",  "[1e39]", "[1,1e999]",
        "[-1e999]", "[1",      "[1,",    "[1,]",   "[1000000000000000000000000000000000000000000]"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(is_vector(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(is_vector(bad[i]));
}

static void test_base64_is_a_vector_when_it_has_whole_finite_floats(void **state)
{
    struct json_error err;
    (void)state;
    assert_int_equal(floats_check_base64(slice_of("AACAPwAAIMDNzMw9"), &err), 0);
    static const char *const bad[] = {
        "", "AAAA", "AAAAAAA", "!!!!!!!=", "AACAfw==", "AADAfw==", "AAAAAAA="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(floats_check_base64(slice_of(bad[i]), &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_become_little_endian_floats),
        cmocka_unit_test(test_floats_are_written_as_short_as_they_can_be),
        cmocka_unit_test(test_what_is_no_vector_is_refused),
        cmocka_unit_test(test_what_is_no_base64_of_floats_is_refused),
        cmocka_unit_test(test_more_numbers_than_the_limit_are_refused),
        cmocka_unit_test(test_an_output_without_room_is_an_error),
        cmocka_unit_test(test_every_float_survives_the_way_to_text_and_back),
        cmocka_unit_test(test_an_array_is_a_vector_when_it_has_numbers_that_floats_hold),
        cmocka_unit_test(test_base64_is_a_vector_when_it_has_whole_finite_floats),
        cmocka_unit_test(test_any_text_of_a_number_is_read_as_strtod_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
