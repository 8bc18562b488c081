#include "http/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_head(struct response_head head, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    response_add_head(&head, &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_a_head_has_status_headers_and_length(void **state)
{
    (void)state;
    struct response_head head = {.status = 200,
                                 .headers = SLICE("a: b\r\nc: d\r\n"),
                                 .framing = RESPONSE_LENGTH,
                                 .length = 1234567890};
    assert_head(head, "HTTP/1.1 200 OK\r\na: b\r\nc: d\r\ncontent-length: 1234567890\r\n\r\n");
}

static void test_an_empty_body_has_length_zero(void **state)
{
    (void)state;
    struct response_head head = {.status = 404, .framing = RESPONSE_LENGTH};
    assert_head(head, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
}

static void test_a_chunked_head_says_so(void **state)
{
    (void)state;
    struct response_head head = {.status = 200, .framing = RESPONSE_CHUNKED};
    assert_head(head, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
}

static void test_persistence_is_said_where_it_is_not_the_default(void **state)
{
    (void)state;
    struct response_head head = {
        .status = 200, .framing = RESPONSE_CLOSE, .persistence = RESPONSE_CLOSES};
    assert_head(head, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    head.framing = RESPONSE_NONE;
    head.persistence = RESPONSE_KEEP_ALIVE;
    assert_head(head, "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n");
}

static void test_an_unregistered_status_still_makes_a_status_line(void **state)
{
    (void)state;
    struct response_head head = {.status = 599, .framing = RESPONSE_NONE};
    assert_head(head, "HTTP/1.1 599 Unknown\r\n\r\n");
    assert_string_equal(response_reason(503), "Service Unavailable");
}

static void test_bodiless_statuses_are_known(void **state)
{
    (void)state;
    assert_false(response_has_body(100));
    assert_false(response_has_body(204));
    assert_false(response_has_body(304));
    assert_true(response_has_body(200));
    assert_true(response_has_body(500));
}

static void test_chunk_lines_are_hexadecimal(void **state)
{
    (void)state;
    char line[RESPONSE_CHUNK_LINE];
    assert_int_equal(response_chunk_line(1, line), 3);
    assert_memory_equal(line, "1\r\n", 3);
    assert_int_equal(response_chunk_line(0xabc10, line), 7);
    assert_memory_equal(line, "abc10\r\n", 7);
    assert_int_equal(response_chunk_line(SIZE_MAX, line), RESPONSE_CHUNK_LINE);
    assert_memory_equal(line, "ffffffffffffffff\r\n", RESPONSE_CHUNK_LINE);
}

static void test_an_error_body_has_the_shape_of_openai(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    response_error_body(SLICE("/v1/chat/completions"), 413, "too \"large\"\\\n", &out);
    assert_string_equal(out.data, "{\"error\":{\"message\":\"too \\\"large\\\"\\\\\\u000a\","
                                  "\"type\":\"invalid_request_error\",\"param\":null,"
                                  "\"code\":\"content_too_large\"}}");
    buf_clear(&out);
    response_error_body((struct slice){"", 0}, 599, "x", &out);
    assert_string_equal(out.data, "{\"error\":{\"message\":\"x\",\"type\":\"server_error\","
                                  "\"param\":null,\"code\":null}}");
    buf_deinit(&out);
}

static void assert_error(const char *target, int status, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    response_error_body(slice_of(target), status, "x", &out);
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void test_an_error_below_api_has_the_shape_of_ollama(void **state)
{
    (void)state;
    assert_error("/api/chat", 413, "{\"error\":\"x\"}");
    assert_error("/api/tags?x", 400, "{\"error\":\"x\"}");
}

static void test_an_error_below_v1_messages_has_the_shape_of_anthropic(void **state)
{
    (void)state;
    assert_error(
        "/v1/messages", 413,
        "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"x\"}}");
    assert_error(
        "/v1/messages/count_tokens?beta=true", 503,
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}");
    assert_error("/v1/messages?beta=true", 431,
                 "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                 "\"message\":\"x\"}}");
}

static void test_an_error_below_v1beta_has_the_shape_of_gemini(void **state)
{
    (void)state;
    const char *refused = "{\"error\":{\"code\":413,\"message\":\"x\","
                          "\"status\":\"INVALID_ARGUMENT\"}}";
    assert_error("/v1beta/models/m:generateContent", 413, refused);
    assert_error("/v1beta", 413, refused);
    assert_error("/v1/models/a/b:streamGenerateContent?alt=sse", 413, refused);
    assert_error("/v1/models/m:countTokens", 413, refused);
    assert_error("/v1/models/m:embedContent", 413, refused);
    assert_error("/v1/models/m:batchEmbedContents?x=y", 413, refused);
    assert_error("/v1beta/x", 503,
                 "{\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}");
}

static void test_an_error_below_v2_has_the_shape_of_cohere(void **state)
{
    (void)state;
    assert_error("/v2/rerank", 413, "{\"message\":\"x\"}");
    assert_error("/v2/chat?x", 503, "{\"message\":\"x\"}");
}

static void test_an_error_below_model_has_the_shape_of_aws(void **state)
{
    (void)state;
    assert_error("/model/a%2Fb/converse", 413,
                 "{\"__type\":\"ValidationException\",\"message\":\"x\"}");
    assert_error("/model/m/converse-stream", 503,
                 "{\"__type\":\"ServiceUnavailableException\",\"message\":\"x\"}");
    assert_error("/model/m/converse", 500,
                 "{\"__type\":\"InternalServerException\",\"message\":\"x\"}");
}

static void test_paths_that_only_look_alike_have_errors_of_openai(void **state)
{
    (void)state;
    const char *refused = "{\"error\":{\"message\":\"x\",\"type\":\"invalid_request_error\","
                          "\"param\":null,\"code\":\"content_too_large\"}}";
    assert_error("/v1betamax", 413, refused);
    assert_error("/v1/messagesx", 413, refused);
    assert_error("/v1/models/m", 413, refused);
    assert_error("/models/m/converse", 413, refused);
    assert_error("/v2x", 413, refused);
    assert_error("/v1/models/?", 413, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_has_status_headers_and_length),
        cmocka_unit_test(test_an_empty_body_has_length_zero),
        cmocka_unit_test(test_a_chunked_head_says_so),
        cmocka_unit_test(test_persistence_is_said_where_it_is_not_the_default),
        cmocka_unit_test(test_an_unregistered_status_still_makes_a_status_line),
        cmocka_unit_test(test_bodiless_statuses_are_known),
        cmocka_unit_test(test_chunk_lines_are_hexadecimal),
        cmocka_unit_test(test_an_error_body_has_the_shape_of_openai),
        cmocka_unit_test(test_an_error_below_v1_messages_has_the_shape_of_anthropic),
        cmocka_unit_test(test_an_error_below_api_has_the_shape_of_ollama),
        cmocka_unit_test(test_an_error_below_v1beta_has_the_shape_of_gemini),
        cmocka_unit_test(test_an_error_below_v2_has_the_shape_of_cohere),
        cmocka_unit_test(test_an_error_below_model_has_the_shape_of_aws),
        cmocka_unit_test(test_paths_that_only_look_alike_have_errors_of_openai),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
