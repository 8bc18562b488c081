#include "json/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void join(void *owner, struct json_value item)
{
    struct buf *out = owner;
    buf_add_slice(out, item.raw);
    buf_add_text(out, "|");
}

static int read_items(const char *text, struct buf *out, struct json_error *err)
{
    buf_init(out, 4096);
    return json_items(slice_of(text), JSON_MAX_DEPTH, join, out, err);
}

static void assert_items(const char *text, const char *expected)
{
    struct buf out;
    assert_int_equal(read_items(text, &out, NULL), 0);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.len ? out.data : "", expected, out.len);
    buf_deinit(&out);
}

static void test_items_come_in_order_with_their_text(void **state)
{
    (void)state;
    assert_items("[]", "");
    assert_items(" [ 1 , \"a,b\" ,[2, 3],{\"x\":[4]} , null ] ",
                 "1|\"a,b\"|[2, 3]|{\"x\":[4]}|null|");
}

static void test_what_is_no_array_is_an_error(void **state)
{
    static const char *const texts[] = {"", "1", "{}", "[1", "[1,]", "[1] 2", "[\"a]"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf out;
        struct json_error err = {0, NULL};
        assert_int_equal(read_items(texts[i], &out, &err), -1);
        assert_non_null(err.message);
        buf_deinit(&out);
    }
}

static long long count(const char *text, size_t most)
{
    return json_count_items(slice_of(text), most);
}

static void test_items_are_counted_on_one_level(void **state)
{
    (void)state;
    assert_int_equal(count("[]", 9), 0);
    assert_int_equal(count(" [ ] ", 9), 0);
    assert_int_equal(count("[1]", 9), 1);
    assert_int_equal(count("[[1,2],{\"a\":[3,4],\"b\":5},\"x,]\\\",y\",\"\\\\\",6]", 9), 5);
    assert_int_equal(count("{}", 9), -1);
    assert_int_equal(count("\"[1,2]\"", 9), -1);
}

static void test_counting_stops_behind_the_limit(void **state)
{
    (void)state;
    assert_int_equal(count("[1,2,3]", 3), 3);
    assert_int_equal(count("[1,2,3,4]", 3), 4);
    assert_int_equal(count("[1,2,3,4,5,6,7]", 3), 4);
}

static void test_every_prefix_is_read_without_running_over(void **state)
{
    static const char text[] = "[\"a\\\\\\\"\",[1,{\"b\":\"]\"}],2]";
    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct buf copy, out; // of that size exactly, for the sanitizer
        buf_init(&copy, sizeof(text));
        buf_add(&copy, text, len);
        json_count_items(buf_slice(&copy), 9);
        buf_init(&out, 4096);
        assert_int_equal(json_items(buf_slice(&copy), JSON_MAX_DEPTH, join, &out, NULL), -1);
        buf_deinit(&out);
        buf_deinit(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_come_in_order_with_their_text),
        cmocka_unit_test(test_what_is_no_array_is_an_error),
        cmocka_unit_test(test_items_are_counted_on_one_level),
        cmocka_unit_test(test_counting_stops_behind_the_limit),
        cmocka_unit_test(test_every_prefix_is_read_without_running_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
