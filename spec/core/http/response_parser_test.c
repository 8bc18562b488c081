#include "http/response_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

struct reading {
    struct response_parser parser;
    enum response_state state;
    int heads, status;
    bool has_body_end;
    size_t header_count;
    char fields[64]; // "name=value;" of each field
    struct buf body;
    bool stops_in_head, stops_in_body;
};

static void on_head(void *owner, const struct upstream_head *head)
{
    struct reading *reading = owner;
    reading->heads++;
    reading->status = head->status;
    reading->has_body_end = head->has_body_end;
    reading->header_count = head->headers->count;
    for (size_t i = 0, at = 0; i < head->headers->count && at < sizeof(reading->fields); i++) {
        struct header field = headers_at(head->headers, i);
        at += (size_t)snprintf(reading->fields + at, sizeof(reading->fields) - at, "%.*s=%.*s;",
                               (int)field.name.len, field.name.data, (int)field.value.len,
                               field.value.data);
    }
    if (reading->stops_in_head)
        response_parser_stop(&reading->parser);
}

static void on_body(void *owner, const char *bytes, size_t len, bool is_last)
{
    (void)is_last;
    struct reading *reading = owner;
    assert_int_equal(reading->heads, 1);
    buf_add(&reading->body, bytes, len);
    if (reading->stops_in_body)
        response_parser_stop(&reading->parser);
}

static const struct response_events events = {on_head, on_body};

// Reads `text` in pieces of `step` bytes, then the end of the connection if the answer is not over.
static void read_text(struct reading *reading, const char *text, size_t step)
{
    size_t len = strlen(text);
    *reading = (struct reading){.stops_in_head = reading->stops_in_head,
                                .stops_in_body = reading->stops_in_body};
    buf_init(&reading->body, SIZE_MAX / 2);
    response_parser_init(&reading->parser, false, &events, reading);
    for (size_t at = 0; at < len && reading->state <= RESPONSE_BODY; at += step) {
        size_t n = len - at < step ? len - at : step;
        reading->state = response_parser_feed(&reading->parser, text + at, n);
    }
    if (reading->state <= RESPONSE_BODY)
        reading->state = response_parser_end(&reading->parser);
    response_parser_deinit(&reading->parser);
}

static void assert_body(struct reading *reading, const char *text)
{
    assert_int_equal(reading->state, RESPONSE_COMPLETE);
    assert_int_equal(reading->body.len, strlen(text));
    if (*text)
        assert_memory_equal(reading->body.data, text, strlen(text));
    buf_deinit(&reading->body);
}

static void expect_body(const char *answer, const char *body)
{
    for (size_t step = 1; step <= strlen(answer); step++) {
        struct reading reading = {.stops_in_head = false};
        read_text(&reading, answer, step);
        assert_body(&reading, body);
    }
}

static void expect_failure(const char *answer, const char *why)
{
    for (size_t step = 1; step <= strlen(answer); step += strlen(answer) > 4096 ? 4095 : 1) {
        struct reading reading = {.stops_in_head = false};
        read_text(&reading, answer, step);
        assert_int_equal(reading.state, RESPONSE_FAILED);
        assert_false(response_parser_is_reusable(&reading.parser));
        assert_non_null(strstr(response_parser_failure(&reading.parser), why));
        buf_deinit(&reading.body);
    }
}

static void test_body_with_length_in_pieces_of_every_size(void **state)
{
    (void)state;
    expect_body(OK "Content-Length: 11\r\nServer: x\r\n\r\nhello world", "hello world");
    expect_body(OK "Content-Length: 0\r\n\r\n", "");
}

static void test_chunked_body_in_pieces_of_every_size(void **state)
{
    (void)state;
    expect_body(CHUNKED "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\n", "hello world");
    expect_body(CHUNKED "5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "hello");
    expect_body(CHUNKED "0\r\n\r\n", "");
}

static void test_body_until_close_in_pieces_of_every_size(void **state)
{
    (void)state;
    expect_body(OK "\r\nhello", "hello");
    expect_body("HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello", "hello");
    expect_body("HTTP/1.1 200\r\n\r\nhello", "hello");
}

static void test_interim_heads_in_pieces_of_every_size(void **state)
{
    (void)state;
    expect_body(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nContent-Length: 9\r\n\r\n" OK
        "Content-Length: 2\r\n\r\nhi",
        "hi");
}

static void test_head_tells_status_fields_and_whether_the_end_is_known(void **state)
{
    (void)state;
    struct reading reading = {.stops_in_head = false};

    read_text(&reading, "HTTP/1.1 429 Slow Down\r\nA: 1\r\nB:\r\nContent-Length: 0\r\n\r\n", 1000);
    assert_int_equal(reading.status, 429);
    assert_int_equal(reading.header_count, 3);
    assert_true(reading.has_body_end);
    assert_true(response_parser_is_reusable(&reading.parser));
    read_text(&reading, OK "\r\n", 1000);
    assert_false(reading.has_body_end);
    assert_false(response_parser_is_reusable(&reading.parser));
}

static void test_fields_are_whole_in_pieces_of_every_size(void **state)
{
    (void)state;
    const char *answer =
        "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" OK
        "Content-Length:2\r\nX-A:  b c \t\r\nEmpty:\r\nBlank: \r\nLast: d\r\n\r\nhi";
    for (size_t step = 1; step <= strlen(answer); step++) {
        struct reading reading = {.stops_in_head = false};
        read_text(&reading, answer, step);
        assert_string_equal(reading.fields, "Content-Length=2;X-A=b c;Empty=;Blank=;Last=d;");
        assert_body(&reading, "hi");
    }
}

static void expect_reusable(const char *answer, bool is_reusable)
{
    struct reading reading = {.stops_in_head = false};
    read_text(&reading, answer, 1000);
    assert_int_equal(reading.state, RESPONSE_COMPLETE);
    assert_int_equal(response_parser_is_reusable(&reading.parser), is_reusable);
    buf_deinit(&reading.body);
}

static void test_reuse_follows_version_and_connection_field(void **state)
{
    (void)state;
    expect_reusable(OK "Content-Length: 0\r\n\r\n", true);
    expect_reusable(OK "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", true);
    expect_reusable(OK "Connection: close\r\nContent-Length: 0\r\n\r\n", false);
    expect_reusable(OK "Connection: x, close\r\nContent-Length: 0\r\n\r\n", false);
    expect_reusable("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    expect_reusable("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true);
    expect_reusable(OK "Content-Length: 2\r\n\r\nhi!", false);
    expect_reusable(CHUNKED "0\r\n\r\n!", false);
    expect_reusable("HTTP/1.1 204 No Content\r\n\r\n", true);
    expect_reusable("HTTP/1.1 204 No Content\r\n\r\n!", false);
}

static void test_answer_to_head_has_no_body(void **state)
{
    (void)state;
    static const char *const answers[] = {OK "Content-Length: 5\r\n\r\n", CHUNKED, OK "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct response_parser parser;
        struct reading reading = {.heads = 0};
        response_parser_init(&parser, true, &events, &reading);
        assert_int_equal(response_parser_feed(&parser, answers[i], strlen(answers[i])),
                         RESPONSE_COMPLETE);
        assert_true(response_parser_is_reusable(&parser));
        response_parser_deinit(&parser);
    }
}

static void test_no_http_is_refused(void **state)
{
    (void)state;
    expect_failure("SSH-2.0-x\r\n\r\n", "");
    expect_failure("\r\n\r\n", "no status line");
    expect_failure("{\"error\":1}", "");
    expect_failure("HTTP/2.0 200 OK\r\n\r\n", "version");
    expect_failure("HTTP/0.9 200 OK\r\n\r\n", "version");
    expect_failure("HTTP/1.1 099 OK\r\n\r\n", "status");
    expect_failure("HTTP/1.1 700 OK\r\n\r\n", "status");
    expect_failure("HTTP/1.1 20 OK\r\n\r\n", "");
    expect_failure("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                   "protocols");
}

static void test_ambiguous_framing_is_refused(void **state)
{
    (void)state;
    expect_failure(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "");
    expect_failure(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "");
    expect_failure(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "");
    expect_failure(OK "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", "transfer coding");
    expect_failure(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding");
    expect_failure(OK "Transfer-Encoding: identity\r\n\r\nhello", "transfer coding");
    expect_failure(OK "Content-Length: -1\r\n\r\n", "");
    expect_failure(OK "Content-Length: 5x\r\n\r\nhello", "");
    expect_failure(OK "Content-Length: 99999999999999999999\r\n\r\n", "");
}

static void test_loose_heads_are_refused(void **state)
{
    (void)state;
    expect_failure(OK "A: 1\r\n folded\r\nContent-Length: 0\r\n\r\n", "folded");
    expect_failure(OK "A: 1\r\n\tfolded\r\nContent-Length: 0\r\n\r\n", "folded");
    expect_failure(OK "A: 1\nContent-Length: 0\r\n\r\n", "CR LF");
    expect_failure(OK "Content-Length: 0\r\n\n", "CR LF");
    expect_failure(OK "A : 1\r\n\r\n", "");
    expect_failure(OK "A: \x01\r\n\r\n", "");
}

static void test_bad_chunks_are_refused(void **state)
{
    (void)state;
    expect_failure(CHUNKED "x\r\n", "");
    expect_failure(CHUNKED "5\r\nhello!\r\n", "");
    expect_failure(CHUNKED "fffffffffffffffff\r\n", "");
    expect_failure(CHUNKED "-5\r\n", "");
}

static void test_cut_answers_are_refused(void **state)
{
    (void)state;
    expect_failure("HTTP/1.1 200 OK", "head is cut short");
    expect_failure(OK "Server: x\r\n", "head is cut short");
    expect_failure("HTTP/1.1 100 Continue\r\n\r\n", "head is cut short");
    expect_failure(OK "Content-Length: 5\r\n\r\nhell", "body is cut short");
    expect_failure(CHUNKED "5\r\nhello\r\n", "body is cut short");
    expect_failure(CHUNKED "5\r\nhello\r\n0\r\n", "body is cut short");
}

// `begin`, then `unit` until `size` bytes.
static char *repeat(const char *begin, const char *unit, size_t size)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    buf_add_text(&text, begin);
    while (text.len < size)
        buf_add_text(&text, unit);
    return buf_take(&text, NULL);
}

static void expect_repeated_failure(const char *begin, const char *unit, size_t size,
                                    const char *why)
{
    char *text = repeat(begin, unit, size);
    expect_failure(text, why);
    free(text);
}

static void test_everything_that_could_grow_has_a_limit(void **state)
{
    (void)state;
    const size_t size = LIMIT_RESPONSE_HEAD + 4096;
    expect_repeated_failure(OK "A: ", "x", size, "head is too large");
    expect_repeated_failure(OK, "x", size, "head is too large");
    expect_repeated_failure("HTTP/1.1 200 ", "x", size, "head is too large");
    expect_repeated_failure(OK, "A: b\r\n", (size_t)6 * (LIMIT_RESPONSE_HEADERS + 8),
                            "too many header");
    expect_repeated_failure("", "HTTP/1.1 100 Continue\r\n\r\n", 1024, "interim");
    expect_repeated_failure(CHUNKED "1;", "x", size, "between the chunks");
    expect_repeated_failure(CHUNKED, "0", size, "between the chunks");
    expect_repeated_failure(CHUNKED "1\r\nx\r\n", "0", size, "between the chunks");
    expect_repeated_failure(CHUNKED "0\r\nA: ", "x", size, "between the chunks");
    expect_repeated_failure(CHUNKED "0\r\n", "A: b\r\n", 4 * size, "between the chunks");
}

static void test_the_largest_head_passes(void **state)
{
    (void)state;
    struct reading reading = {.stops_in_head = false};
    char *text = repeat(OK "Content-Length: 0\r\nA: ", "x", LIMIT_RESPONSE_HEAD - 4);
    struct buf whole;

    buf_init(&whole, SIZE_MAX / 2);
    buf_addf(&whole, "%s\r\n\r\n", text);
    assert_int_equal(whole.len, LIMIT_RESPONSE_HEAD);
    read_text(&reading, whole.data, whole.len);
    assert_body(&reading, "");
    free(text);
    buf_deinit(&whole);
}

static void test_stopped_parser_calls_nothing_more(void **state)
{
    (void)state;
    struct reading reading = {.stops_in_head = true};

    read_text(&reading, OK "Content-Length: 5\r\n\r\nhello", 1000);
    assert_int_equal(reading.state, RESPONSE_STOPPED);
    assert_int_equal(reading.body.len, 0);

    reading = (struct reading){.stops_in_body = true};
    read_text(&reading, CHUNKED "1\r\na\r\n1\r\nb\r\n0\r\n\r\n", 1000);
    assert_int_equal(reading.state, RESPONSE_STOPPED);
    assert_int_equal(reading.body.len, 1);
    buf_deinit(&reading.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_with_length_in_pieces_of_every_size),
        cmocka_unit_test(test_chunked_body_in_pieces_of_every_size),
        cmocka_unit_test(test_body_until_close_in_pieces_of_every_size),
        cmocka_unit_test(test_interim_heads_in_pieces_of_every_size),
        cmocka_unit_test(test_head_tells_status_fields_and_whether_the_end_is_known),
        cmocka_unit_test(test_fields_are_whole_in_pieces_of_every_size),
        cmocka_unit_test(test_reuse_follows_version_and_connection_field),
        cmocka_unit_test(test_answer_to_head_has_no_body),
        cmocka_unit_test(test_no_http_is_refused),
        cmocka_unit_test(test_ambiguous_framing_is_refused),
        cmocka_unit_test(test_loose_heads_are_refused),
        cmocka_unit_test(test_bad_chunks_are_refused),
        cmocka_unit_test(test_cut_answers_are_refused),
        cmocka_unit_test(test_everything_that_could_grow_has_a_limit),
        cmocka_unit_test(test_the_largest_head_passes),
        cmocka_unit_test(test_stopped_parser_calls_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
