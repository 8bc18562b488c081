#include "http/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_slice(struct slice slice, const char *text)
{
    assert_non_null(slice.data);
    assert_int_equal(slice.len, strlen(text));
    assert_memory_equal(slice.data, text, slice.len);
}

static int add(struct headers *headers, const char *name, const char *value)
{
    int rc = headers_add_name(headers, name, strlen(name));
    if (rc == 0)
        rc = headers_add_value(headers, value, strlen(value));
    if (rc == 0)
        headers_end_field(headers);
    return rc;
}

static void test_fields_keep_their_order_and_lose_outer_white_space(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 10);
    assert_int_equal(add(&headers, "Host", " \ta b\t "), 0);
    assert_int_equal(add(&headers, "Accept", "*/*"), 0);
    assert_int_equal(headers.count, 2);
    assert_slice(headers_at(&headers, 0).name, "Host");
    assert_slice(headers_at(&headers, 0).value, "a b");
    assert_slice(headers_at(&headers, 1).name, "Accept");
    assert_slice(headers_at(&headers, 1).value, "*/*");
    headers_deinit(&headers);
}

static void test_a_copy_holds_as_much_as_its_limits_allow(void **state)
{
    (void)state;
    struct headers from, to;
    headers_init(&from, 1000, 10);
    headers_init(&to, 1000, 1);
    add(&from, "A", "1");
    add(&from, "B", "2");
    headers_copy(&to, &from);
    assert_int_equal(to.count, 1);
    assert_slice(headers_find(&to, SLICE("a")), "1");
    headers_deinit(&from);
    headers_deinit(&to);
}

static void test_a_field_may_come_in_pieces(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 10);
    for (const char *p = "Content-Type"; *p; p++)
        assert_int_equal(headers_add_name(&headers, p, 1), 0);
    for (const char *p = " text/plain "; *p; p++)
        assert_int_equal(headers_add_value(&headers, p, 1), 0);
    headers_end_field(&headers);
    assert_slice(headers_find(&headers, SLICE("content-type")), "text/plain");
    headers_deinit(&headers);
}

static void test_an_empty_value_is_found_and_an_absent_field_is_not(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 10);
    assert_int_equal(add(&headers, "X-Empty", "  "), 0);
    assert_int_equal(headers_add_name(&headers, "X-None", 6), 0);
    headers_end_field(&headers);
    assert_slice(headers_find(&headers, SLICE("x-empty")), "");
    assert_slice(headers_find(&headers, SLICE("x-none")), "");
    assert_null(headers_find(&headers, SLICE("x-absent")).data);
    headers_deinit(&headers);
}

static void test_repeated_fields_are_counted_and_the_first_is_found(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 10);
    add(&headers, "Via", "a");
    add(&headers, "VIA", "b");
    assert_int_equal(headers_count(&headers, SLICE("via")), 2);
    assert_int_equal(headers_count(&headers, SLICE("host")), 0);
    assert_slice(headers_find(&headers, SLICE("via")), "a");
    headers_deinit(&headers);
}

static void test_more_fields_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 2);
    assert_int_equal(add(&headers, "a", "1"), 0);
    assert_int_equal(add(&headers, "b", "2"), 0);
    assert_int_equal(add(&headers, "c", "3"), -1);
    assert_int_equal(headers.count, 2);
    headers_deinit(&headers);
}

static void test_more_bytes_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 8, 10);
    assert_int_equal(add(&headers, "abcd", "efgh"), 0);
    assert_int_equal(add(&headers, "i", "j"), -1);
    headers_deinit(&headers);
}

static void test_clear_makes_room_for_another_message(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(add(&headers, "name", "value"), 0);
    headers_clear(&headers);
    assert_int_equal(headers.count, 0);
    assert_int_equal(add(&headers, "a", "1"), 0);
    assert_slice(headers_find(&headers, SLICE("a")), "1");
    headers_deinit(&headers);
}

static void test_a_field_can_be_noted_by_its_place(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 1);
    buf_add_text(&headers.bytes, "Host: \ta \r\n");
    struct header_ref ref = {.name = 0, .name_len = 4, .value = 5, .value_len = 4};
    assert_int_equal(headers_add_ref(&headers, ref), 0);
    assert_slice(headers_find(&headers, SLICE("host")), "a");
    assert_int_equal(headers_add_ref(&headers, ref), -1);
    headers_deinit(&headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_keep_their_order_and_lose_outer_white_space),
        cmocka_unit_test(test_a_copy_holds_as_much_as_its_limits_allow),
        cmocka_unit_test(test_a_field_may_come_in_pieces),
        cmocka_unit_test(test_an_empty_value_is_found_and_an_absent_field_is_not),
        cmocka_unit_test(test_repeated_fields_are_counted_and_the_first_is_found),
        cmocka_unit_test(test_more_fields_than_the_limit_are_refused),
        cmocka_unit_test(test_more_bytes_than_the_limit_are_refused),
        cmocka_unit_test(test_clear_makes_room_for_another_message),
        cmocka_unit_test(test_a_field_can_be_noted_by_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
