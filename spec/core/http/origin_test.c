#include "http/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

static const struct origin_way as_set = {.proxy = NULL};

static struct origins origins;

static int open_origins(void **state)
{
    (void)state;
    origins_init(&origins, "");
    return 0;
}

static int close_origins(void **state)
{
    (void)state;
    origins_deinit(&origins);
    return 0;
}

static struct origin *intern(const char *url)
{
    struct slice path;
    return origins_intern(&origins, url, &as_set, &path, NULL);
}

static void assert_host(const char *url, const char *host, const char *endpoint)
{
    struct origin *origin = intern(url);
    assert_non_null(origin);
    assert_string_equal(origin->host, host);
    assert_string_equal(origin->endpoint, endpoint);
}

static void test_host_leaves_the_schemes_own_port_out(void **state)
{
    (void)state;
    assert_host("https://api.openai.com/v1", "api.openai.com", "api.openai.com:443");
    assert_host("https://api.openai.com:443", "api.openai.com", "api.openai.com:443");
    assert_host("http://127.0.0.1:9001", "127.0.0.1:9001", "127.0.0.1:9001");
    assert_host("http://a:443", "a:443", "a:443");
    assert_host("http://[::1]:80", "[::1]", "[::1]:80");
    assert_host("http://[::1]:8080", "[::1]:8080", "[::1]:8080");
}

static void test_same_origin_is_the_same_pointer(void **state)
{
    (void)state;
    struct origin *origin = intern("https://api.test/v1");
    assert_ptr_equal(intern("https://api.test:443/v2?x"), origin);
    assert_ptr_equal(intern("HTTPS://API.test"), origin);
    assert_ptr_not_equal(intern("http://api.test"), origin);
    assert_ptr_not_equal(intern("https://api.test:444"), origin);
    assert_ptr_not_equal(intern("https://api2.test"), origin);
}

static void assert_path(const char *url, const char *wanted)
{
    struct slice path;
    assert_non_null(origins_intern(&origins, url, &as_set, &path, NULL));
    assert_true(slice_equal(path, slice_of(wanted)));
}

static void test_path_comes_with_its_query(void **state)
{
    (void)state;
    assert_path("https://h", "");
    assert_path("https://h/", "/");
    assert_path("https://h/v1/x?a=b&c=://d@e", "/v1/x?a=b&c=://d@e");
}

static void assert_bad(const char *url)
{
    struct error err = {.kind = ERROR_NONE};
    struct slice path;
    assert_null(origins_intern(&origins, url, &as_set, &path, &err));
    assert_int_equal(err.kind, ERROR_BAD_REQUEST);
    assert_true(err.message[0] != '\0');
    assert_null(strstr(err.message, "secret"));
}

static void test_bad_urls_are_refused(void **state)
{
    (void)state;
    assert_bad("");
    assert_bad("api.test/v1");
    assert_bad("localhost:8080");
    assert_bad("ftp://api.test");
    assert_bad("://api.test");
    assert_bad("https://");
    assert_bad("https:///path");
    assert_bad("https://user:secret@api.test");
    assert_bad("https://api.test:0");
    assert_bad("https://api.test:65536");
    assert_bad("https://api.test:99999999999999999999");
    assert_bad("https://api.test:");
    assert_bad("https://api.test:8a");
    assert_bad("https://api test");
    assert_bad("https://api.test\r\nX: y");
    assert_bad("https://api.test/a b");
    assert_bad("https://api.test/a\r\nX: y");
    assert_bad("https://api.test/a#b");
    assert_bad("https://api.test?x");
    assert_bad("https://[::1");
    assert_bad("https://[::1]x");
    assert_bad("https://m\xc3\xbcnchen.test");
}

static void test_overlong_urls_are_refused(void **state)
{
    (void)state;
    char url[10000] = "https://api.test/";
    struct origins proxied;
    struct slice path;

    memset(url + 17, 'x', sizeof(url) - 18);
    assert_bad(url);
    origins_init(&proxied, url);
    assert_null(origins_intern(&proxied, "http://api.test", &as_set, &path, NULL));
    origins_deinit(&proxied);
}

static void test_proxy_is_part_of_the_origin(void **state)
{
    (void)state;
    struct origins proxied;
    struct slice path;

    origins_init(&proxied, "http://user:pw@proxy.test:3128");
    struct origin *plain = origins_intern(&proxied, "http://api.test", &as_set, &path, NULL);
    struct origin *tls = origins_intern(&proxied, "https://api.test", &as_set, &path, NULL);
    assert_true(slice_equal(plain->target_prefix, SLICE("http://api.test")));
    assert_true(
        slice_equal(plain->after_target, SLICE(" HTTP/1.1\r\nHost: api.test\r\n"
                                               "Proxy-Authorization: Basic dXNlcjpwdw==\r\n")));
    assert_string_equal(plain->proxy.endpoint, "proxy.test:3128");
    assert_true(slice_equal(tls->target_prefix, SLICE("")));
    assert_true(slice_equal(tls->after_target, SLICE(" HTTP/1.1\r\nHost: api.test\r\n")));
    assert_true(tls->is_tls);
    origins_deinit(&proxied);
}

static void test_plain_origin_behind_a_tls_or_socks_proxy(void **state)
{
    (void)state;
    struct origins proxied;
    struct slice path;

    origins_init(&proxied, "https://proxy.test");
    struct origin *origin = origins_intern(&proxied, "http://api.test", &as_set, &path, NULL);
    assert_true(origin->is_tls);
    assert_false(origin->is_https);
    origins_deinit(&proxied);

    origins_init(&proxied, "socks5h://proxy.test");
    origin = origins_intern(&proxied, "http://api.test", &as_set, &path, NULL);
    assert_true(slice_equal(origin->target_prefix, SLICE("")));
    assert_string_equal(origin->proxy.endpoint, "proxy.test:1080");
    origins_deinit(&proxied);
}

static void test_bad_proxy_is_an_error_without_its_password(void **state)
{
    (void)state;
    struct origins proxied;
    struct error err = {.kind = ERROR_NONE};
    struct slice path;

    origins_init(&proxied, "gopher://user:secret@proxy.test");
    assert_null(origins_intern(&proxied, "http://api.test", &as_set, &path, &err));
    assert_non_null(strstr(err.message, "proxy"));
    assert_null(strstr(err.message, "secret"));
    origins_deinit(&proxied);
}

static bool goes_through(const struct proxy_rules *rules, const char *host, int port)
{
    return proxy_rules_find(rules, false, slice_of(host), port) != NULL;
}

static void test_no_proxy_lists_hosts_domains_addresses_and_ports(void **state)
{
    (void)state;
    const struct proxy_rules rules = {
        .http = "http://p",
        .no_proxy = "example.com, .dot.test  10.0.0.1,[::1],fe80::1 only.test:8080"};
    assert_false(goes_through(&rules, "example.com", 80));
    assert_false(goes_through(&rules, "EXAMPLE.com", 80));
    assert_false(goes_through(&rules, "www.example.com", 80));
    assert_true(goes_through(&rules, "notexample.com", 80));
    assert_true(goes_through(&rules, "example.com.evil.test", 80));
    assert_false(goes_through(&rules, "dot.test", 80));
    assert_false(goes_through(&rules, "a.dot.test", 80));
    assert_false(goes_through(&rules, "10.0.0.1", 80));
    assert_true(goes_through(&rules, "110.0.0.1", 80));
    assert_true(goes_through(&rules, "1.10.0.0.1", 80));
    assert_false(goes_through(&rules, "::1", 80));
    assert_false(goes_through(&rules, "fe80::1", 80));
    assert_true(goes_through(&rules, "fe80::2", 80));
    assert_false(goes_through(&rules, "only.test", 8080));
    assert_true(goes_through(&rules, "only.test", 80));
}

static void test_star_exempts_everything(void **state)
{
    (void)state;
    const struct proxy_rules rules = {.http = "http://p", .no_proxy = "*"};
    assert_false(goes_through(&rules, "example.com", 80));
}

static void clear_environment(void)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static void test_environment_chooses_by_scheme(void **state)
{
    (void)state;
    struct proxy_rules rules;

    clear_environment();
    setenv("HTTP_PROXY", "http://ignored", 1);
    setenv("HTTPS_PROXY", "http://upper", 1);
    proxy_rules_read(&rules);
    assert_null(proxy_rules_find(&rules, false, SLICE("h"), 80));
    assert_string_equal(proxy_rules_find(&rules, true, SLICE("h"), 443), "http://upper");
    setenv("https_proxy", "http://lower", 1);
    setenv("all_proxy", "http://all", 1);
    setenv("NO_PROXY", "x", 1);
    proxy_rules_read(&rules);
    assert_string_equal(proxy_rules_find(&rules, true, SLICE("h"), 443), "http://lower");
    assert_string_equal(proxy_rules_find(&rules, false, SLICE("h"), 80), "http://all");
    assert_null(proxy_rules_find(&rules, false, SLICE("x"), 80));
    clear_environment();
}

static struct origin *intern_numbered(int number)
{
    char url[40];
    snprintf(url, sizeof(url), "https://h%d.test", number);
    return intern(url);
}

static void test_origins_that_nobody_uses_are_bounded(void **state)
{
    (void)state;
    struct origin *used = intern("https://used.test");
    size_t gone = 0;

    for (int i = 0; i < 3 * LIMIT_ORIGINS_UNUSED; i++) {
        struct origin *evicted = origins_unref(&origins, intern_numbered(i));
        if (!evicted)
            continue;
        assert_ptr_not_equal(evicted, used);
        gone++;
        origin_free(evicted);
    }
    assert_int_equal(origins.unused_count, LIMIT_ORIGINS_UNUSED);
    assert_int_equal(gone, 2 * LIMIT_ORIGINS_UNUSED);
    assert_ptr_equal(intern("https://used.test"), used);
}

static void test_an_unused_origin_is_found_again(void **state)
{
    (void)state;
    struct origin *origin = intern("https://api.test");

    assert_null(origins_unref(&origins, origin));
    assert_int_equal(origins.unused_count, 1);
    assert_ptr_equal(intern("https://api.test"), origin);
    assert_int_equal(origins.unused_count, 0);
    assert_ptr_equal(intern("https://api.test"), origin);
    assert_null(origins_unref(&origins, origin));
    assert_int_equal(origins.unused_count, 0);
}

#define WITH_ORIGINS(test) cmocka_unit_test_setup_teardown(test, open_origins, close_origins)

static void test_an_origin_reached_its_own_way_is_another(void **state)
{
    (void)state;
    const struct origin_way own_ca = {.ca_file = "/etc/own.pem"};
    const struct origin_way own_proxy = {.proxy = "http://proxy.test:3128"};
    const struct origin_way no_proxy = {.proxy = ""};
    struct slice path;
    struct origins set;

    origins_init(&set, "http://usual.test:3128");
    struct origin *usual = origins_intern(&set, "https://api.test", &as_set, &path, NULL);
    struct origin *pinned = origins_intern(&set, "https://api.test", &own_ca, &path, NULL);
    struct origin *proxied = origins_intern(&set, "https://api.test", &own_proxy, &path, NULL);
    struct origin *direct = origins_intern(&set, "https://api.test", &no_proxy, &path, NULL);
    assert_string_equal(pinned->ca_file, "/etc/own.pem");
    assert_ptr_not_equal(usual, pinned);
    assert_string_equal(proxied->proxy.url, "http://proxy.test:3128");
    assert_null(direct->proxy.url);
    assert_ptr_equal(pinned, origins_intern(&set, "https://api.test", &own_ca, &path, NULL));
    origins_deinit(&set);
}

// The proxy resolves names, so that only what is written can be looked at.
static void test_behind_a_proxy_public_means_no_private_address_in_the_url(void **state)
{
    (void)state;
    static const char *const private[] = {"http://10.0.0.1/x", "http://[::1]:8080/x",
                                          "http://LOCALHOST/x", "http://a.localhost/x"};
    const struct origin_way way = {.proxy = "http://proxy.test:3128", .is_public = true};
    struct origins set;
    struct error err;
    struct slice path;

    origins_init(&set, NULL);
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        assert_null(origins_intern(&set, private[i], &way, &path, &err));
        assert_int_equal(err.kind, ERROR_BAD_REQUEST);
    }
    struct origin *guarded = origins_intern(&set, "http://public.test/x", &way, &path, &err);
    assert_non_null(guarded);
    const struct origin_way free_way = {.proxy = "http://proxy.test:3128"};
    assert_ptr_not_equal(guarded,
                         origins_intern(&set, "http://public.test/x", &free_way, &path, &err));
    origins_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_origin_reached_its_own_way_is_another),
        cmocka_unit_test(test_behind_a_proxy_public_means_no_private_address_in_the_url),
        WITH_ORIGINS(test_host_leaves_the_schemes_own_port_out),
        WITH_ORIGINS(test_origins_that_nobody_uses_are_bounded),
        WITH_ORIGINS(test_an_unused_origin_is_found_again),
        WITH_ORIGINS(test_same_origin_is_the_same_pointer),
        WITH_ORIGINS(test_path_comes_with_its_query),
        WITH_ORIGINS(test_bad_urls_are_refused),
        WITH_ORIGINS(test_overlong_urls_are_refused),
        cmocka_unit_test(test_proxy_is_part_of_the_origin),
        cmocka_unit_test(test_plain_origin_behind_a_tls_or_socks_proxy),
        cmocka_unit_test(test_bad_proxy_is_an_error_without_its_password),
        cmocka_unit_test(test_no_proxy_lists_hosts_domains_addresses_and_ports),
        cmocka_unit_test(test_star_exempts_everything),
        cmocka_unit_test(test_environment_chooses_by_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
