#include "config/formats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_wants_texts_without_control_characters(void **state)
{
    (void)state;
    assert_null(formats_text("sk-123 \xC3\xA9"));
    assert_non_null(formats_text(""));
    assert_non_null(formats_text("a\nb"));
    assert_non_null(formats_text("a\x7F"));
}

static void test_wants_names_that_fit_in_a_header(void **state)
{
    (void)state;
    assert_null(formats_name("local_vllm-2.x"));
    assert_non_null(formats_name(""));
    assert_non_null(formats_name("a/b"));
    assert_non_null(formats_name("a b"));
    assert_non_null(formats_name("\xC3\xA9"));
}

static void test_wants_headers_that_cannot_break_a_request(void **state)
{
    (void)state;
    assert_null(formats_header("x-org_1"));
    assert_non_null(formats_header("x-org:"));
    assert_non_null(formats_header(""));
    assert_null(formats_header_value(""));
    assert_null(formats_header_value("a b"));
    assert_non_null(formats_header_value("a\r\nX: y"));
}

static void test_wants_absolute_base_urls(void **state)
{
    (void)state;
    assert_null(formats_base_url("https://api.openai.com/v1"));
    assert_null(formats_base_url("HTTP://127.0.0.1:8000"));
    assert_null(formats_base_url("http://[::1]:11434"));
    assert_non_null(formats_base_url("api.openai.com/v1"));
    assert_non_null(formats_base_url("ftp://example.com"));
    assert_non_null(formats_base_url("https://"));
    assert_non_null(formats_base_url("https:///v1"));
    assert_non_null(formats_base_url("https://example.com/a b"));
    assert_non_null(formats_base_url("https://example.com/v1?x=1"));
    assert_non_null(formats_base_url("https://example.com/\r\n"));
}

static void test_wants_proxies_with_a_scheme(void **state)
{
    (void)state;
    assert_null(formats_proxy("http://user:pass@proxy:3128"));
    assert_null(formats_proxy("socks5h://127.0.0.1:1080"));
    assert_non_null(formats_proxy("proxy:3128"));
    assert_non_null(formats_proxy("socks://proxy"));
}

static void test_wants_origins_without_a_path(void **state)
{
    (void)state;
    assert_null(formats_origin("*"));
    assert_null(formats_origin("https://app.example:8443"));
    assert_non_null(formats_origin("https://app.example/"));
    assert_non_null(formats_origin("app.example"));
}

static void test_wants_targets_with_both_parts(void **state)
{
    (void)state;
    assert_null(formats_target("openai/gpt-4o"));
    assert_null(formats_target("openrouter/meta/llama"));
    assert_null(formats_target("smart"));
    assert_non_null(formats_target(""));
    assert_non_null(formats_target("/gpt-4o"));
    assert_non_null(formats_target("openai/"));
}

static void test_wants_addresses_to_listen_on(void **state)
{
    (void)state;
    assert_null(formats_address("127.0.0.1:0"));
    assert_non_null(formats_address(":8080"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants_texts_without_control_characters),
        cmocka_unit_test(test_wants_names_that_fit_in_a_header),
        cmocka_unit_test(test_wants_headers_that_cannot_break_a_request),
        cmocka_unit_test(test_wants_absolute_base_urls),
        cmocka_unit_test(test_wants_proxies_with_a_scheme),
        cmocka_unit_test(test_wants_origins_without_a_path),
        cmocka_unit_test(test_wants_targets_with_both_parts),
        cmocka_unit_test(test_wants_addresses_to_listen_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
