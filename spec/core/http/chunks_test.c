#include "http/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Decodes in steps; returns the bytes used, or -1. `out` gets the data.
static ptrdiff_t decode(const char *bytes, size_t len, size_t step, char *out)
{
    struct chunks chunks = {0};
    size_t used = 0;
    while (used < len && !chunks_is_done(&chunks)) {
        struct slice data;
        size_t n = len - used < step ? len - used : step;
        ptrdiff_t rc = chunks_next(&chunks, bytes + used, n, &data);
        if (rc < 0)
            return -1;
        assert_true(rc >= 1);
        memcpy(out, data.data, data.len);
        out += data.len;
        used += (size_t)rc;
    }
    *out = '\0';
    return chunks_is_done(&chunks) ? (ptrdiff_t)used : -2;
}

static void test_data_is_the_same_wherever_it_is_split(void **state)
{
    (void)state;
    static const char body[] = "4\r\nwiki\r\n00005;a;b=c ;d=\"e;\xc3\xa9\"\r\npedia\r\nc \t;x\r\n"
                               "0123456789\r\n\r\n0\r\nName:\r\nx-y:\tvalue \r\n\r\nNEXT";
    for (size_t step = 1; step < sizeof(body); step++) {
        char out[100];
        assert_int_equal(decode(body, sizeof(body) - 1, step, out), sizeof(body) - 5);
        assert_string_equal(out, "wikipedia0123456789\r\n");
    }
}

static void test_a_size_is_known_before_its_data(void **state)
{
    (void)state;
    struct chunks chunks = {0};
    struct slice data;
    assert_int_equal(chunks_next(&chunks, "aB3\r\nxyz", 8, &data), 5);
    assert_int_equal(data.len, 0);
    assert_true(chunks.left == 0xab3);
    assert_int_equal(chunks_next(&chunks, "xyz", 3, &data), 3);
    assert_int_equal(data.len, 3);
    assert_true(chunks.left == 0xab0);
}

static void test_the_largest_size_is_64_bits(void **state)
{
    (void)state;
    struct chunks chunks = {0};
    struct slice data;
    assert_int_equal(chunks_next(&chunks, "00ffffffffffffffff\r\n", 20, &data), 20);
    assert_true(chunks.left == UINT64_MAX);
    chunks = (struct chunks){0};
    assert_int_equal(chunks_next(&chunks, "10000000000000000\r\n", 19, &data), -1);
}

static void test_every_byte_that_must_not_be_there_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "\r\n",         ";a\r\n",          " 1\r\n",          "-1\r\n",
        "+1\r\n",       "0x1\r\n",         "g\r\n",           "1\n",
        "1\rX",         "1 \r\n",          "1 1\r\n",         "1;a\n",
        "1;\x01\r\n",   "1;\x7f\r\n",      "1;a\rX",          "1\r\nab",
        "1\r\na\n",     "1\r\na\rX",       "1\r\na\r\n\r\n",  "0\r\n\n",
        "0\r\n\rX",     "0\r\n a: b\r\n",  "0\r\n: b\r\n",    "0\r\na b: c",
        "0\r\na\r\n",   "0\r\na : b\r",    "0\r\na: b\n",     "0\r\na: b\rX",
        "0\r\na: \x01", "0\r\na: b\r\n c", "0\r\na: b\r\n\n",
    };
    char out[100];
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        size_t len = strlen(bodies[i]);
        if (decode(bodies[i], len, len, out) != -1 || decode(bodies[i], len, 1, out) != -1)
            fail_msg("accepted: %s", bodies[i]);
    }
    assert_int_equal(decode("1;a\0b\r\n", 7, 7, out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_is_the_same_wherever_it_is_split),
        cmocka_unit_test(test_a_size_is_known_before_its_data),
        cmocka_unit_test(test_the_largest_size_is_64_bits),
        cmocka_unit_test(test_every_byte_that_must_not_be_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
