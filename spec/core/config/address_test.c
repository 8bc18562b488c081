#include "config/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_address(const char *text, const char *host, int port)
{
    char *parsed = NULL;
    int number = -1;

    assert_int_equal(address_parse(text, &parsed, &number), 0);
    assert_string_equal(parsed, host);
    assert_int_equal(number, port);
    free(parsed);
}

static void test_reads_numeric_addresses(void **state)
{
    (void)state;
    check_address("127.0.0.1:8080", "127.0.0.1", 8080);
    check_address("0.0.0.0:0", "0.0.0.0", 0);
    check_address("[::1]:65535", "::1", 65535);
    check_address("[::]:80", "::", 80);
}

static void test_knows_localhost(void **state)
{
    (void)state;
    check_address("localhost:8080", "127.0.0.1", 8080);
}

static void test_refuses_what_is_no_address(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        ":8080",
        "8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:000080",
        "example.com:80",
        "::1:8080",
        "[::1]",
        "[127.0.0.1]:80",
        "[::1:80",
        "127.0.0.1 :80",
        "[localhost]:80",
        "256.0.0.1:80",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(address_parse(wrong[i], NULL, NULL), -1);
}

static void test_knows_loopback(void **state)
{
    (void)state;
    assert_true(address_is_loopback("127.0.0.1"));
    assert_true(address_is_loopback("127.8.9.10"));
    assert_true(address_is_loopback("::1"));
    assert_true(address_is_loopback("::ffff:127.0.0.1"));
    assert_false(address_is_loopback("0.0.0.0"));
    assert_false(address_is_loopback("::"));
    assert_false(address_is_loopback("10.0.0.1"));
    assert_false(address_is_loopback("::ffff:10.0.0.1"));
    assert_false(address_is_loopback("nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_numeric_addresses),
        cmocka_unit_test(test_knows_localhost),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_knows_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
