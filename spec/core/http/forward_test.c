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

static void test_ids_and_the_type_go_on_and_the_account_stays_behind(void **state)
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
    add(&headers, "request-id", "");
    forward_headers(&headers, "text/plain", &out);
    assert_string_equal(out.data, "Content-Type: application/json\r\nX-Request-Id: req_1\r\n");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missing_type_is_the_usual_one),
        cmocka_unit_test(test_ids_and_the_type_go_on_and_the_account_stays_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
