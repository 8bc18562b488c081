#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_add(&buf, "0123456789", 10), 0);
        assert_int_equal(buf.data[buf.len], '\0');
    }
    assert_int_equal(buf.len, 10000);
    assert_memory_equal(buf.data + 9990, "0123456789", 10);
    buf_deinit(&buf);
}

static void test_an_addition_over_the_limit_adds_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    assert_int_equal(buf_add_text(&buf, "abc"), 0);
    assert_int_equal(buf_add_text(&buf, "de"), -1);
    assert_int_equal(buf_addf(&buf, "%d", 42), -1);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), -1);
    assert_string_equal(buf.data, "abc");
    assert_int_equal(buf_add_text(&buf, "d"), 0);
    assert_string_equal(buf.data, "abcd");
    buf_deinit(&buf);
}

static void test_adding_nothing_is_fine(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    assert_int_equal(buf_add(&buf, NULL, 0), 0);
    assert_int_equal(buf_add_slice(&buf, (struct slice){NULL, 0}), 0);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    buf_deinit(&buf);
}

static void test_reserved_room_takes_additions_in_place(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_reserve(&buf, 500), 0);
    const char *place = buf.data;
    for (int i = 0; i < 500; i++)
        assert_int_equal(buf_add(&buf, "x", 1), 0);
    assert_ptr_equal(buf.data, place);
    buf_deinit(&buf);
}

static void test_prints_formatted_text(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_addf(&buf, "%s=%d", "answer", 42), 0);
    assert_int_equal(buf_addf(&buf, ";%200s", "x"), 0);
    assert_int_equal(buf.len, 9 + 201);
    assert_memory_equal(buf.data, "answer=42; ", 11);
    buf_deinit(&buf);
}

static void check_number(unsigned long long number, const char *expected)
{
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_add_text(&buf, "n="), 0);
    assert_int_equal(buf_add_number(&buf, number), 0);
    assert_string_equal(buf.data + 2, expected);
    buf_deinit(&buf);
}

static void test_adds_numbers_in_decimal(void **state)
{
    (void)state;
    check_number(0, "0");
    check_number(9, "9");
    check_number(10, "10");
    check_number(12345, "12345");
    check_number(9999999999999999999u, "9999999999999999999");
    check_number(10000000000000000000u, "10000000000000000000");
    check_number(UINT64_MAX, "18446744073709551615");
}

static void test_a_number_over_the_limit_is_not_added(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    assert_int_equal(buf_add_number(&buf, 1234), -1);
    assert_int_equal(buf_add_number(&buf, 123), 0);
    assert_string_equal(buf.data, "123");
    buf_deinit(&buf);
}

static void test_a_small_limit_takes_little_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 7);
    assert_int_equal(buf_add_text(&buf, "a"), 0);
    assert_int_equal(buf.cap, 8);
    assert_int_equal(buf_add_text(&buf, "bcdefg"), 0);
    assert_int_equal(buf.cap, 8);
    buf_deinit(&buf);
}

static void test_consumes_from_the_front(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add_text(&buf, "abcdef");
    buf_consume(&buf, 2);
    assert_string_equal(buf.data, "cdef");
    buf_consume(&buf, 0);
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    buf_deinit(&buf);
}

static void test_clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add_text(&buf, "abc");
    const char *place = buf.data;
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    buf_add_text(&buf, "de");
    assert_ptr_equal(buf.data, place);
    assert_string_equal(buf.data, "de");
    buf_deinit(&buf);
}

static void test_taking_leaves_an_empty_buffer_with_its_limit(void **state)
{
    (void)state;
    struct buf buf;
    size_t len = 0;
    buf_init(&buf, 3);
    buf_add_text(&buf, "abc");
    char *taken = buf_take(&buf, &len);
    assert_string_equal(taken, "abc");
    assert_int_equal(len, 3);
    free(taken);
    assert_null(buf.data);
    assert_int_equal(buf_add_text(&buf, "abcd"), -1);
    assert_int_equal(buf_add_text(&buf, "xyz"), 0);
    buf_deinit(&buf);
    assert_null(buf_take(&buf, NULL));
}

static void test_gives_its_bytes_as_a_slice(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_add(&buf, "a\0b", 3);
    assert_true(slice_equal(buf_slice(&buf), SLICE("a\0b")));
    buf_deinit(&buf);
    assert_null(buf_slice(&buf).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_stays_terminated),
        cmocka_unit_test(test_an_addition_over_the_limit_adds_nothing),
        cmocka_unit_test(test_adding_nothing_is_fine),
        cmocka_unit_test(test_reserved_room_takes_additions_in_place),
        cmocka_unit_test(test_prints_formatted_text),
        cmocka_unit_test(test_adds_numbers_in_decimal),
        cmocka_unit_test(test_a_number_over_the_limit_is_not_added),
        cmocka_unit_test(test_a_small_limit_takes_little_memory),
        cmocka_unit_test(test_consumes_from_the_front),
        cmocka_unit_test(test_clearing_keeps_the_memory),
        cmocka_unit_test(test_taking_leaves_an_empty_buffer_with_its_limit),
        cmocka_unit_test(test_gives_its_bytes_as_a_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
