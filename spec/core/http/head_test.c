#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_slice(struct slice slice, const char *text)
{
    if (slice.len != strlen(text) || memcmp(slice.data, text, slice.len) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)slice.len, slice.data, text);
}

// ---- lines ------------------------------------------------------------------------------------

static struct head_scan scan_in_two(const char *text, size_t split, size_t *used)
{
    struct head_scan scan = {.max_start = 20, .max_fields = 2};
    *used = head_scan(&scan, text, split);
    if (*used == split && !scan.fault && !scan.is_end)
        *used += head_scan(&scan, text + split, strlen(text) - split);
    return scan;
}

static void expect_scan(const char *text, enum head_fault fault, size_t head_len)
{
    for (size_t split = 0; split <= strlen(text); split++) {
        size_t used;
        struct head_scan scan = scan_in_two(text, split, &used);
        if (scan.fault != fault || scan.is_end != (head_len > 0) || (head_len && used != head_len))
            fail_msg("fault %d, %zu used, split at %zu: %s", scan.fault, used, split, text);
    }
}

static void test_the_end_of_a_head_is_found_wherever_it_is_split(void **state)
{
    (void)state;
    expect_scan("\r\nrest", HEAD_FINE, 2);
    expect_scan("first\r\n\r\n", HEAD_FINE, 9);
    expect_scan("first\r\nA: b\r\nC: d\r\n\r\nrest\r\n\r\n", HEAD_FINE, 21);
    expect_scan("first\r\nA: b\r\n", HEAD_FINE, 0);
    expect_scan("first\r\nA: \r\r\n\r", HEAD_FINE, 0);
}

static void test_loose_and_too_many_lines_are_faults_wherever_they_are_split(void **state)
{
    (void)state;
    expect_scan("first\nA: b\r\n\r\n", HEAD_BARE_LF, 0);
    expect_scan("first\r\nA: b\n\r\n", HEAD_BARE_LF, 0);
    expect_scan("first\r\nA: b\r\n\n", HEAD_BARE_LF, 0);
    expect_scan("\n", HEAD_BARE_LF, 0);
    expect_scan("first\r\n A: b\r\n\r\n", HEAD_FOLDED, 0);
    expect_scan("first\r\nA: b\r\n\tc\r\n\r\n", HEAD_FOLDED, 0);
    expect_scan("12345678901234567890\r\n", HEAD_LONG_START, 0);
    expect_scan("123456789012345678901", HEAD_LONG_START, 0);
    expect_scan("1234567890123456789\r\n\r\n", HEAD_FINE, 23);
    expect_scan("first\r\nA: b\r\nC: d\r\nE: f\r\n", HEAD_MANY_LINES, 0);
}

// ---- first lines ------------------------------------------------------------------------------

static void test_a_request_line_is_split_into_its_parts(void **state)
{
    (void)state;
    struct request_line line;
    size_t next;
    struct slice head = SLICE("M-SEARCH /a?b!~ HTTP/1.0\r\nX: y\r\n\r\n");
    assert_null(head_read_request_line(head, &line, &next));
    assert_slice(line.method, "M-SEARCH");
    assert_slice(line.target, "/a?b!~");
    assert_int_equal(line.major, 1);
    assert_int_equal(line.minor, 0);
    assert_int_equal(next, 26);
}

static void test_malformed_request_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "GET",
        "GET /",
        "GET / ",
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1 \r\n",
        "GET / HTTP/1.11\r\n",
        "GET / HTTP/1\r\n",
        "GET / HTTP/1,1\r\n",
        "GET / HTTP/x.1\r\n",
        "GET / http/1.1\r\n",
        "GET /\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET /  HTTP/1.1\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "GET /\tHTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "get / HTTP/1.1\r\n",
        "GET1 / HTTP/1.1\r\n",
        "GET /\x01 HTTP/1.1\r\n",
        "GET /\x7f HTTP/1.1\r\n",
        "GET /\xff HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct request_line line;
        size_t next;
        if (!head_read_request_line(slice_of(lines[i]), &line, &next))
            fail_msg("read: %s", lines[i]);
    }
}

struct status_case {
    const char *text;
    int status, major, minor;
};

static void test_status_lines_may_have_any_reason_or_none(void **state)
{
    (void)state;
    static const struct status_case cases[] = {
        {"HTTP/1.1 200 OK\r\n", 200, 1, 1},
        {"HTTP/1.0 404\r\n", 404, 1, 0},
        {"HTTP/1.1 500 \r\n", 500, 1, 1},
        {"HTTP/2.0 999 a\tb \xc3\xa9, and more than sixteen bytes\r\n", 999, 2, 0},
        {"HTTP/1.1 007  James\r\n", 7, 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct status_line line;
        size_t next;
        assert_null(head_read_status_line(slice_of(cases[i].text), &line, &next));
        assert_int_equal(line.status, cases[i].status);
        assert_int_equal(line.major, cases[i].major);
        assert_int_equal(line.minor, cases[i].minor);
        assert_int_equal(next, strlen(cases[i].text));
    }
}

static void test_malformed_status_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 \r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1 200OK\r\n",
        "HTTP/1.1 +20 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1\t200 OK\r\n",
        "HTTP/1.1 200\tOK\r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 O\rK\r\n",
        "HTTP/1.1 200 O\x01K\r\n",
        "ICY 200 OK\r\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct status_line line;
        size_t next;
        if (!head_read_status_line(slice_of(lines[i]), &line, &next))
            fail_msg("read: %s", lines[i]);
    }
}

// ---- fields -----------------------------------------------------------------------------------

// Reads the field lines of a head that begins with "x\r\n".
static const char *read_fields(struct headers *headers, const char *fields, size_t len)
{
    headers_clear(headers);
    buf_add_text(&headers->bytes, "x\r\n");
    buf_add(&headers->bytes, fields, len);
    return head_read_fields(headers, 3);
}

static void test_fields_are_read_in_order_and_trimmed(void **state)
{
    (void)state;
    static const char text[] = "Host: a\r\nX-Long: \t a value\tof more than sixteen bytes \t\r\n"
                               "Empty:\r\nBlank: \t \r\nhost:b:c\r\n\r\n";
    struct headers headers;
    headers_init(&headers, 1000, 5);
    assert_null(read_fields(&headers, text, sizeof(text) - 1));
    assert_int_equal(headers.count, 5);
    assert_slice(headers_at(&headers, 0).name, "Host");
    assert_slice(headers_at(&headers, 0).value, "a");
    assert_slice(headers_at(&headers, 1).name, "X-Long");
    assert_slice(headers_at(&headers, 1).value, "a value\tof more than sixteen bytes");
    assert_slice(headers_at(&headers, 2).value, "");
    assert_slice(headers_at(&headers, 3).value, "");
    assert_slice(headers_at(&headers, 4).name, "host");
    assert_slice(headers_at(&headers, 4).value, "b:c");
    headers_deinit(&headers);
}

static void test_malformed_field_lines_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\r",
        "A: b\r\n",
        "A: b\r\n\r",
        "A: b\n\r\n",
        "A: b\r\n\n",
        "A: b\r\r\n\r\n",
        "A: b\r\n\r\r\n\r\n",
        "A: b\r\n\r\nC: d\r\n\r\n",
        "A\r\n\r\n",
        "A",
        "A:",
        ": b\r\n\r\n",
        " A: b\r\n\r\n",
        "A : b\r\n\r\n",
        "A\t: b\r\n\r\n",
        "A: b\r\n c\r\n\r\n",
        "A: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n", // one more than the limit
    };
    struct headers headers;
    headers_init(&headers, 1000, 3);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!read_fields(&headers, texts[i], strlen(texts[i])))
            fail_msg("read: %s", texts[i]);
    }
    headers_deinit(&headers);
}

static void test_only_token_characters_stand_in_names(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 3);
    for (int c = 0; c < 256; c++) {
        char text[] = "X?Y: b\r\n\r\n";
        bool is_token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
        text[1] = (char)c;
        bool is_read = !read_fields(&headers, text, sizeof(text) - 1);
        if (is_read != (is_token || c == ':')) // "X:" begins a value
            fail_msg("byte %d in a name", c);
    }
    headers_deinit(&headers);
}

static void test_no_control_but_the_tab_stands_in_values(void **state)
{
    (void)state;
    struct headers headers;
    headers_init(&headers, 1000, 3);
    for (int c = 0; c < 256; c++) {
        for (size_t place = 0; place < 40; place++) {
            char text[] = "X:0123456789012345678901234567890123456789\r\n\r\n";
            bool is_text = c == '\t' || (c >= ' ' && c != 0x7f);
            text[2 + place] = (char)c;
            if (!read_fields(&headers, text, sizeof(text) - 1) != is_text)
                fail_msg("byte %d at %zu of a value", c, place);
        }
    }
    headers_deinit(&headers);
}

// ---- framing ----------------------------------------------------------------------------------

static struct framing_fields framing_of(const char *text)
{
    struct framing_fields framing = {0};
    struct headers headers;
    headers_init(&headers, 1000, 9);
    assert_null(read_fields(&headers, text, strlen(text)));
    for (size_t i = 0; i < headers.count; i++)
        framing_note(&framing, headers_at(&headers, i));
    headers_deinit(&headers);
    return framing;
}

#define CL "Content-Length: "
#define TE "Transfer-Encoding: "

static void test_doubtful_framing_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        CL "1\r\n" CL "1\r\n\r\n",
        CL "1\r\n" TE "chunked\r\n\r\n",
        CL "\r\n\r\n",
        CL "+1\r\n\r\n",
        CL "-1\r\n\r\n",
        CL "1,1\r\n\r\n",
        CL "1 1\r\n\r\n",
        CL "0x1\r\n\r\n",
        CL "1.0\r\n\r\n",
        CL "18446744073709551616\r\n\r\n",
        CL "x\r\n" CL "1\r\n\r\n",
        CL "99999999999999999999\r\n\r\n",
        TE "\r\n\r\n",
        TE "gzip\r\n" TE "chunked\r\n\r\n",
        TE "identity\r\n\r\n",
        TE "chunked\r\n" TE "chunked\r\n\r\n",
        TE "xchunked\r\n\r\n",
        TE "gzip, chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct framing_fields framing = framing_of(texts[i]);
        if (!framing_check(&framing))
            fail_msg("taken: %s", texts[i]);
    }
}

static void test_sound_framing_is_noted(void **state)
{
    (void)state;
    struct framing_fields framing = framing_of("content-LENGTH:\t18446744073709551615 \r\n\r\n");
    assert_null(framing_check(&framing));
    assert_int_equal(framing.lengths, 1);
    assert_true(framing.content_length == UINT64_MAX);
    framing = framing_of("TRANSFER-encoding:\tChunked\t\r\n\r\n");
    assert_null(framing_check(&framing));
    assert_int_equal(framing.codings, 1);
    framing = framing_of("X-Content-Length: 5\r\nTransfer_Encoding: x\r\n\r\n");
    assert_null(framing_check(&framing));
    assert_int_equal(framing.lengths + framing.codings, 0);
}

static void test_connection_is_a_list_of_tokens(void **state)
{
    (void)state;
    struct framing_fields framing = framing_of("Connection:\tte\t,\tCLOSE \r\n\r\n");
    assert_true(framing.closes && !framing.keeps);
    framing = framing_of("Connection: Keep-Alive\r\nConnection: x\r\n\r\n");
    assert_true(!framing.closes && framing.keeps);
    framing = framing_of("Connection: closed, keep-alive-x,,\r\nProxy-Connection: close\r\n\r\n");
    assert_true(!framing.closes && !framing.keeps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_end_of_a_head_is_found_wherever_it_is_split),
        cmocka_unit_test(test_loose_and_too_many_lines_are_faults_wherever_they_are_split),
        cmocka_unit_test(test_a_request_line_is_split_into_its_parts),
        cmocka_unit_test(test_malformed_request_lines_are_refused),
        cmocka_unit_test(test_status_lines_may_have_any_reason_or_none),
        cmocka_unit_test(test_malformed_status_lines_are_refused),
        cmocka_unit_test(test_fields_are_read_in_order_and_trimmed),
        cmocka_unit_test(test_malformed_field_lines_are_refused),
        cmocka_unit_test(test_only_token_characters_stand_in_names),
        cmocka_unit_test(test_no_control_but_the_tab_stands_in_values),
        cmocka_unit_test(test_doubtful_framing_is_refused),
        cmocka_unit_test(test_sound_framing_is_noted),
        cmocka_unit_test(test_connection_is_a_list_of_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
