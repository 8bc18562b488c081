#include "http/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add(struct headers *headers, const char *name, const char *value)
{
    headers_add_name(headers, name, strlen(name));
    headers_add_value(headers, value, strlen(value));
    headers_end_field(headers);
}

static void test_ids_limits_and_the_type_go_on_and_the_account_stays_behind(void **state)
{
    (void)state;
    struct headers headers;
    struct buf out;

    headers_init(&headers, 4096, 20);
    buf_init(&out, 4096);
    add(&headers, "Content-Type", "application/json");
    add(&headers, "Set-Cookie", "a=b");
    add(&headers, "x-ratelimit-remaining-tokens", "5");
    add(&headers, "X-Request-Id", "req_1");
    add(&headers, "openai-organization", "ours");
    add(&headers, "anthropic-organization-id", "ours");
    add(&headers, "retry-after", "5");
    add(&headers, "x-ratelimit-", "no name");
    add(&headers, "Anthropic-RateLimit-Requests-Limit", "50");
    add(&headers, "request-id", "");
    forward_headers(&headers, "text/plain", &out);
    assert_string_equal(out.data, "Content-Type: application/json\r\n"
                                  "x-ratelimit-remaining-tokens: 5\r\n"
                                  "X-Request-Id: req_1\r\n"
                                  "Anthropic-RateLimit-Requests-Limit: 50\r\n");
    headers_deinit(&headers);
    buf_deinit(&out);
}

static void test_a_missing_type_is_the_usual_one(void **state)
{
    (void)state;
    struct headers headers;
    struct buf out;

    headers_init(&headers, 4096, 20);
    buf_init(&out, 4096);
    add(&headers, "content-type", "");
    forward_headers(&headers, "text/event-stream", &out);
    assert_string_equal(out.data, "content-type: text/event-stream\r\n");
    headers_deinit(&headers);
    buf_deinit(&out);
}

static void assert_translated(const char *name, const char *other, const char *expected)
{
    struct headers headers;
    struct buf out;

    headers_init(&headers, 4096, 20);
    buf_init(&out, 4096);
    add(&headers, "content-type", "text/event-stream");
    add(&headers, name, "req_1");
    if (other)
        add(&headers, other, "req_2");
    forward_translated_headers(&headers, SLICE("application/json"), &out);
    assert_string_equal(out.data, expected);
    headers_deinit(&headers);
    buf_deinit(&out);
}

static void test_a_translated_answer_has_its_own_type_and_its_id_under_every_name(void **state)
{
    (void)state;
    assert_translated("request-id", NULL,
                      "content-type: application/json\r\nrequest-id: req_1\r\n"
                      "x-request-id: req_1\r\nx-amzn-requestid: req_1\r\n");
    assert_translated("X-Request-ID", NULL,
                      "content-type: application/json\r\nX-Request-ID: req_1\r\n"
                      "request-id: req_1\r\nx-amzn-requestid: req_1\r\n");
    assert_translated("x-amzn-RequestId", NULL,
                      "content-type: application/json\r\nx-amzn-RequestId: req_1\r\n"
                      "x-request-id: req_1\r\nrequest-id: req_1\r\n");
    assert_translated("request-id", "x-request-id",
                      "content-type: application/json\r\nrequest-id: req_1\r\n"
                      "x-request-id: req_2\r\nx-amzn-requestid: req_2\r\n");
    assert_translated("cf-ray", NULL, "content-type: application/json\r\ncf-ray: req_1\r\n");
}

static void assert_with_id(const char *lines, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    buf_add_text(&out, lines);
    forward_own_id(SLICE("1234"), &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_a_head_without_an_id_gets_our_own_under_every_name(void **state)
{
    (void)state;
    assert_with_id("", "x-request-id: 1234\r\nrequest-id: 1234\r\nx-amzn-requestid: 1234\r\n");
    assert_with_id("a: b\r\napim-request-id: 5\r\nx: request-id: 1\r\n",
                   "a: b\r\napim-request-id: 5\r\nx: request-id: 1\r\n"
                   "x-request-id: 1234\r\nrequest-id: 1234\r\nx-amzn-requestid: 1234\r\n");
    assert_with_id("a: b\r\nX-Request-Id: 5\r\n", "a: b\r\nX-Request-Id: 5\r\n");
    assert_with_id("request-id: 5\r\na: b\r\n", "request-id: 5\r\na: b\r\n");
    assert_with_id("x-amzn-requestid: 5\r\n", "x-amzn-requestid: 5\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_without_an_id_gets_our_own_under_every_name),
        cmocka_unit_test(test_a_missing_type_is_the_usual_one),
        cmocka_unit_test(test_ids_limits_and_the_type_go_on_and_the_account_stays_behind),
        cmocka_unit_test(test_a_translated_answer_has_its_own_type_and_its_id_under_every_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
