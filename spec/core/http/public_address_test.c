#include "http/public_address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

static const char *const public[] = {
    "8.8.8.8",         "1.1.1.1",      "172.15.255.255",  "172.32.0.1",
    "100.63.255.255",  "100.128.0.1",  "169.253.1.1",     "192.0.1.1",
    "198.17.255.255",  "198.20.0.1",   "223.255.255.255", "2606:4700:4700::1111",
    "2a00:1450::1",    "2001:4860::1", "::ffff:8.8.8.8",  "64:ff9b::808:808",
    "2002:808:808::1",
};

static const char *const special[] = {
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "ff02::1",
    "::127.0.0.1",
};

static void test_addresses_of_the_internet_are_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        if (!public_address_is_host(public[i]))
            fail_msg("%s is public", public[i]);
    }
}

static void test_special_purpose_addresses_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (public_address_is_host(special[i]))
            fail_msg("%s is not public", special[i]);
    }
}

static void test_socket_addresses_are_judged_as_their_text(void **state)
{
    (void)state;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    const struct sockaddr_un local = {.sun_family = AF_UNIX};

    inet_pton(AF_INET, "169.254.169.254", &ipv4.sin_addr);
    assert_false(public_address_is((struct sockaddr *)&ipv4));
    inet_pton(AF_INET, "9.9.9.9", &ipv4.sin_addr);
    assert_true(public_address_is((struct sockaddr *)&ipv4));
    inet_pton(AF_INET6, "fd00::1", &ipv6.sin6_addr);
    assert_false(public_address_is((struct sockaddr *)&ipv6));
    inet_pton(AF_INET6, "2606:4700::1", &ipv6.sin6_addr);
    assert_true(public_address_is((struct sockaddr *)&ipv6));
    assert_false(public_address_is((const struct sockaddr *)&local));
}

static void test_names_say_nothing_yet(void **state)
{
    (void)state;
    assert_true(public_address_is_host("example.com"));
    assert_true(public_address_is_host("127.0.0.1.example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_of_the_internet_are_public),
        cmocka_unit_test(test_special_purpose_addresses_are_not),
        cmocka_unit_test(test_socket_addresses_are_judged_as_their_text),
        cmocka_unit_test(test_names_say_nothing_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
