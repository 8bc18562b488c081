// Texts that become a part of an address.
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_encoded(struct slice text, const char *expected)
{
    struct buf out;
    buf_init(&out, 64);
    assert_int_equal(url_encode(text, &out), 0);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data ? out.data : "", expected, out.len);
    buf_deinit(&out);
}

static void test_what_may_stand_in_a_query_stays(void **state)
{
    (void)state;
    assert_encoded(SLICE("AZaz09-._~"), "AZaz09-._~");
    assert_encoded(SLICE(""), "");
}

static void test_all_else_is_percent_encoded(void **state)
{
    static const char bytes[] = {'a', '\0', '\xff', '\n'};
    (void)state;
    assert_encoded(SLICE("a b&c=d/e?f#g+h%i"), "a%20b%26c%3Dd%2Fe%3Ff%23g%2Bh%25i");
    assert_encoded((struct slice){bytes, sizeof(bytes)}, "a%00%FF%0A");
}

static void test_what_does_not_fit_is_refused(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 4);
    assert_int_equal(url_encode(SLICE("ab c"), &out), -1);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_stand_in_a_query_stays),
        cmocka_unit_test(test_all_else_is_percent_encoded),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
