#include "base/logline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

// 2026-02-28T23:59:59.007Z
#define TIME_US 1772323199007999u
#define PREFIX  "{\"time\":\"2026-02-28T23:59:59.007Z\",\"level\":\"info\""

static const struct log_request request_of_test = {
    .request_id = {"r1", 2},
    .model = {"gpt-4o", 6},
    .target = {"openai/gpt-4o", 13},
    .method = {"POST", 4},
    .path = {"/v1/chat/completions", 20},
    .attempts = {"openai/gpt-4o#1=200/340", 23},
    .status = 200,
    .attempt_count = 1,
    .tokens_in = 12,
    .tokens_out = 34,
    .tokens_cached = -1,
    .cost_nano = 125000,
    .ttft_ms = 1.234,
    .duration_ms = 12.3,
    .bytes = 1024,
};

typedef void (*print_request)(const struct logline *, const struct log_request *, struct buf *);
typedef void (*print_event)(const struct logline *, struct slice, struct buf *);

static struct redact *redact_of_test(void)
{
    struct redact *redact = redact_new();
    redact_add(redact, SLICE("sk-secret-1"));
    redact_add(redact, SLICE("quote\"in\\it"));
    return redact;
}

static char *text_of_request(print_request print, const struct log_request *request)
{
    struct redact *redact = redact_of_test();
    const struct logline line = {redact, TIME_US, LOG_INFO};
    struct buf out;

    buf_init(&out, 1 << 20);
    print(&line, request, &out);
    redact_free(redact);
    return buf_take(&out, NULL);
}

static char *text_of_event(print_event print, enum log_level level, uint64_t time_us,
                           struct slice message)
{
    struct redact *redact = redact_of_test();
    const struct logline line = {redact, time_us, level};
    struct buf out;

    buf_init(&out, 1 << 20);
    print(&line, message, &out);
    redact_free(redact);
    return buf_take(&out, NULL);
}

static void check_json_event(struct slice message, const char *expected)
{
    char *text = text_of_event(logline_json_event, LOG_INFO, TIME_US, message);
    size_t len = strlen(text);

    assert_memory_equal(text, PREFIX ",\"message\":", sizeof(PREFIX ",\"message\":") - 1);
    assert_memory_equal(text + len - 2, "}\n", 2);
    text[len - 2] = '\0';
    assert_string_equal(text + sizeof(PREFIX ",\"message\":") - 1, expected);
    free(text);
}

static void test_a_request_is_one_json_object(void **state)
{
    (void)state;
    char *text = text_of_request(logline_json_request, &request_of_test);
    assert_string_equal(text, PREFIX
                        ",\"request_id\":\"r1\",\"client\":null,\"method\":\"POST\","
                        "\"path\":\"/v1/chat/completions\",\"model\":\"gpt-4o\","
                        "\"target\":\"openai/gpt-4o\",\"status\":200,\"attempts\":1,"
                        "\"lanes\":\"openai/gpt-4o#1=200/340\","
                        "\"tokens\":{\"in\":12,\"out\":34,\"cached\":null},"
                        "\"cost_usd\":0.000125,"
                        "\"ttft_ms\":1.234,\"duration_ms\":12.3,\"bytes\":1024,\"error\":null}\n");
    free(text);
}

static void test_what_is_unknown_is_null(void **state)
{
    (void)state;
    const struct log_request request = {
        .tokens_in = -1, .tokens_out = -1, .tokens_cached = -1, .cost_nano = -1, .ttft_ms = -1};
    char *text = text_of_request(logline_json_request, &request);
    assert_string_equal(text, PREFIX
                        ",\"request_id\":null,\"client\":null,\"method\":null,\"path\":null,"
                        "\"model\":null,\"target\":null,\"status\":null,\"attempts\":0,"
                        "\"lanes\":null,\"tokens\":{\"in\":null,\"out\":null,\"cached\":null},"
                        "\"cost_usd\":null,"
                        "\"ttft_ms\":null,\"duration_ms\":0,\"bytes\":0,\"error\":null}\n");
    free(text);
}

static void check_cost(long long nano, bool is_unknown, const char *expected)
{
    struct log_request request = request_of_test;
    request.cost_nano = nano;
    request.is_cost_unknown = is_unknown;
    char *text = text_of_request(logline_json_request, &request);
    char *at = strstr(text, "\"cost_usd\":") + strlen("\"cost_usd\":");
    *strstr(at, ",\"ttft_ms\"") = '\0';
    assert_string_equal(at, expected);
    free(text);
}

static void test_a_cost_is_exact_to_the_nano_dollar(void **state)
{
    (void)state;
    check_cost(0, false, "0");
    check_cost(1, false, "0.000000001");
    check_cost(1000000000, false, "1");
    check_cost(1500000000, false, "1.5");
    check_cost(1000000010, false, "1.00000001");
    check_cost((1LL << 53) - 1, false, "9007199.254740991");
}

static void test_T32_a_cost_that_is_not_known_is_flagged(void **state)
{
    (void)state;
    check_cost(-1, true, "null,\"cost_unknown\":true");
    check_cost(5000, true, "0.000005,\"cost_unknown\":true");
    check_cost(-1, false, "null"); // nothing was answered
}

static void test_an_error_has_kind_and_message(void **state)
{
    (void)state;
    struct log_request request = request_of_test;
    request.error_kind = SLICE("timeout");
    request.error_message = SLICE("no head in 300 s");
    char *text = text_of_request(logline_json_request, &request);
    assert_non_null(
        strstr(text, ",\"error\":{\"kind\":\"timeout\",\"message\":\"no head in 300 s\"}}\n"));
    free(text);
}

static void check_ms(double ms, const char *expected)
{
    struct log_request request = request_of_test;
    request.duration_ms = ms;
    char *text = text_of_request(logline_json_request, &request);
    const char *at = strstr(text, "\"duration_ms\":") + strlen("\"duration_ms\":");
    assert_memory_equal(at, expected, strlen(expected));
    assert_int_equal(at[strlen(expected)], ',');
    free(text);
}

static void test_times_have_up_to_three_decimals(void **state)
{
    (void)state;
    check_ms(0, "0");
    check_ms(0.0004, "0");
    check_ms(0.0005, "0.001");
    check_ms(0.05, "0.05");
    check_ms(1.9999, "2");
    check_ms(100, "100");
    check_ms(123456789.5, "123456789.5");
    check_ms(-1, "null");
    check_ms(NAN, "null");
    check_ms(INFINITY, "null");
}

static void test_text_is_escaped(void **state)
{
    (void)state;
    check_json_event(SLICE("a\"b\\c\n\r\t\x01\x1F\x7F"),
                     "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7F\"");
    check_json_event(SLICE("nul\0nul"), "\"nul\\u0000nul\"");
    check_json_event(SLICE("\xE2\x82\xAC"), "\"\xE2\x82\xAC\"");
    check_json_event(SLICE("a\x80z\xE2\x82"), "\"a\\ufffdz\\ufffd\\ufffd\"");
    check_json_event(SLICE(""), "\"\"");
}

// Every byte at every place of a run that is looked at eight bytes at a time.
static void test_each_byte_is_escaped_wherever_it_stands(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char alone[1] = {(char)byte}, expected[64], message[20];
        char *first =
            text_of_event(logline_json_event, LOG_INFO, TIME_US, (struct slice){alone, 1});
        char *value = strstr(first, "\"message\":") + strlen("\"message\":\"");
        *strstr(value, "\"}\n") = '\0';
        for (size_t at = 0; at < sizeof(message); at++) {
            memset(message, 'x', sizeof(message));
            message[at] = (char)byte;
            snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", (int)at, "xxxxxxxxxxxxxxxxxxx",
                     value, (int)(sizeof(message) - 1 - at), "xxxxxxxxxxxxxxxxxxx");
            check_json_event((struct slice){message, sizeof(message)}, expected);
        }
        free(first);
    }
}

static void test_the_longest_line_has_its_room(void **state)
{
    (void)state;
    static char text[LOGLINE_VALUE + 1];
    memset(text, '\x01', sizeof(text));
    const struct slice longest = {text, sizeof(text)};
    struct log_request request = {
        .request_id = longest,
        .client = longest,
        .model = longest,
        .target = longest,
        .method = longest,
        .path = longest,
        .attempts = longest,
        .status = INT32_MAX,
        .attempt_count = UINT32_MAX,
        .tokens_in = INT64_MAX,
        .tokens_out = INT64_MAX,
        .tokens_cached = INT64_MAX,
        .ttft_ms = 999999999999999.0,
        .duration_ms = 999999999999998.9,
        .bytes = UINT64_MAX,
        .error_kind = longest,
        .error_message = longest,
    };
    char *text_of_line = text_of_request(logline_json_request, &request);
    size_t strings = (size_t)9 * 6 * LOGLINE_VALUE, len = strlen(text_of_line);
    assert_true(len > strings && len < strings + 512);
    assert_memory_equal(text_of_line + len - 4, "\"}}\n", 4);
    free(text_of_line);
}

static void test_secrets_are_redacted_before_escaping(void **state)
{
    (void)state;
    check_json_event(SLICE("key sk-secret-1!"), "\"key ***!\"");
    check_json_event(SLICE("quote\"in\\it"), "\"***\"");
    struct log_request request = request_of_test;
    request.path = SLICE("/v1/x?key=sk-secret-1");
    request.error_kind = SLICE("auth");
    request.error_message = SLICE("bad sk-secret-1");
    char *text = text_of_request(logline_json_request, &request);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "\"/v1/x?key=***\""));
    free(text);
    text = text_of_request(logline_plain_request, &request);
    assert_null(strstr(text, "secret"));
    free(text);
}

static void test_long_text_is_cut_without_leaving_half_a_secret(void **state)
{
    (void)state;
    struct buf message;
    buf_init(&message, 1 << 20);
    buf_addf(&message, "%*ssk-secret-1%100s", LOGLINE_VALUE - 5, "", "");
    char *text = text_of_event(logline_json_event, LOG_INFO, TIME_US, buf_slice(&message));
    assert_null(strstr(text, "sk-"));
    assert_int_equal(strlen(text), sizeof(PREFIX ",\"message\":\"\"}\n") - 1 + LOGLINE_VALUE);
    free(text);
    buf_deinit(&message);
}

static void test_dates_agree_with_the_library(void **state)
{
    (void)state;
    for (uint64_t second = 0; second < 8000000000u; second += 86400u * 13 + 3671) {
        char expected[64];
        time_t time = (time_t)second;
        struct tm utc;
        gmtime_r(&time, &utc);
        strftime(expected, sizeof(expected), "{\"time\":\"%Y-%m-%dT%H:%M:%S.999Z\"", &utc);
        char *text =
            text_of_event(logline_json_event, LOG_INFO, second * 1000000 + 999999, SLICE(""));
        assert_memory_equal(text, expected, strlen(expected));
        free(text);
    }
}

static void test_a_terminal_gets_a_short_line(void **state)
{
    (void)state;
    char *text = text_of_request(logline_plain_request, &request_of_test);
    assert_string_equal(text + 8, " 200  gpt-4o -> openai/gpt-4o  12 ms  12+34 tokens\n");
    free(text);

    const struct log_request request = {.path = SLICE("/health"),
                                        .tokens_in = -1,
                                        .tokens_out = 3,
                                        .error_kind = SLICE("canceled")};
    text = text_of_request(logline_plain_request, &request);
    assert_string_equal(text + 8, " ---  /health  0 ms  canceled: -\n");
    free(text);
}

static void test_a_terminal_gets_no_control_characters(void **state)
{
    (void)state;
    char *text = text_of_event(logline_plain_event, LOG_WARN, TIME_US,
                               SLICE("a\x1B[2J\nb\x7F\xC2\x9B\xFF\xC3\xA9"));
    assert_string_equal(text + 8, " warn   a?[2J?b???\xC3\xA9\n");
    free(text);
    text = text_of_event(logline_plain_event, LOG_ERROR, TIME_US, SLICE("x"));
    assert_string_equal(text + 8, " error  x\n");
    free(text);
}

static void test_a_note_of_a_script_has_what_it_knows(void **state)
{
    (void)state;
    struct redact *redact = redact_of_test();
    const struct logline line = {redact, TIME_US, LOG_INFO};
    const struct log_field fields[] = {{SLICE("n"), SLICE("1.5"), true},
                                       {SLICE("text"), SLICE("sk-secret-1"), false}};
    const struct log_note note = {
        .message = SLICE("hello"),
        .script = SLICE("x.lua"),
        .request_id = SLICE("r1"),
        .generation = 3,
        .fields = fields,
        .field_count = 2,
    };
    struct buf json, plain;

    buf_init(&json, 1 << 20);
    buf_init(&plain, 1 << 20);
    logline_json_note(&line, &note, &json);
    logline_plain_note(&line, &note, &plain);
    redact_free(redact);
    assert_string_equal(json.data, PREFIX ",\"message\":\"hello\",\"script\":\"x.lua\","
                                          "\"generation\":3,\"request_id\":\"r1\",\"fields\":"
                                          "{\"n\":1.5,\"text\":\"***\"}}\n");
    assert_string_equal(plain.data + strlen("00:00:00 "), "info   hello n=1.5 text=***  (x.lua)\n");
    buf_deinit(&json);
    buf_deinit(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_note_of_a_script_has_what_it_knows),
        cmocka_unit_test(test_a_request_is_one_json_object),
        cmocka_unit_test(test_what_is_unknown_is_null),
        cmocka_unit_test(test_a_cost_is_exact_to_the_nano_dollar),
        cmocka_unit_test(test_T32_a_cost_that_is_not_known_is_flagged),
        cmocka_unit_test(test_an_error_has_kind_and_message),
        cmocka_unit_test(test_times_have_up_to_three_decimals),
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_each_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(test_the_longest_line_has_its_room),
        cmocka_unit_test(test_secrets_are_redacted_before_escaping),
        cmocka_unit_test(test_long_text_is_cut_without_leaving_half_a_secret),
        cmocka_unit_test(test_dates_agree_with_the_library),
        cmocka_unit_test(test_a_terminal_gets_a_short_line),
        cmocka_unit_test(test_a_terminal_gets_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
