#include "http/request.h"

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

#define GET_HEAD  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST_HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED   POST_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const struct server_limits limits = {.body = 1 << 20, .head = 64 << 10, .headers = 100};

static void assert_slice(struct slice slice, const char *text)
{
    assert_non_null(slice.data);
    if (slice.len != strlen(text) || memcmp(slice.data, text, slice.len) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)slice.len, slice.data, text);
}

static size_t feed_text(struct request_reader *reader, const char *text)
{
    return request_reader_feed(reader, text, strlen(text));
}

// Feeds the bytes in steps, as a connection does: until the request ends or the bytes do.
static size_t feed_in_steps(struct request_reader *reader, const char *bytes, size_t len,
                            size_t step)
{
    size_t used = 0;
    while (used < len && reader->state <= REQUEST_BODY) {
        size_t n = len - used < step ? len - used : step;
        used += request_reader_feed(reader, bytes + used, n);
    }
    return used;
}

// ---- what is served ---------------------------------------------------------------------------

static void test_a_request_is_read_into_its_parts(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    const char *text = "POST /v1/chat?a=b?c HTTP/1.1\r\nHost: a.example:80\r\nX-Y:  z \r\n"
                       "Content-Length: 5\r\n\r\nhelloNEXT";
    assert_int_equal(feed_text(&reader, text), strlen(text) - 4);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_slice(reader.request.method, "POST");
    assert_slice(reader.request.target, "/v1/chat?a=b?c");
    assert_slice(reader.request.path, "/v1/chat");
    assert_slice(reader.request.query, "a=b?c");
    assert_slice(reader.request.body, "hello");
    assert_slice(headers_find(reader.request.headers, SLICE("x-y")), "z");
    assert_int_equal(reader.request.headers->count, 3);
    assert_true(reader.keep_alive);
    assert_false(reader.request.is_head);
    request_reader_deinit(&reader);
}

struct target_case {
    const char *line, *path, *query;
};

static void test_targets_are_reduced_to_path_and_query(void **state)
{
    (void)state;
    static const struct target_case cases[] = {
        {"GET /a%20b/ HTTP/1.1", "/a%20b/", NULL},
        {"GET /a? HTTP/1.1", "/a", ""},
        {"GET //a//b HTTP/1.1", "//a//b", NULL},
        {"GET http://h.example/a?b HTTP/1.1", "/a", "b"},
        {"GET https://h.example:443 HTTP/1.1", "/", NULL},
        {"GET http://h?x=http://y/ HTTP/1.1", "/", "x=http://y/"},
        {"GET HTTP://[::1]:80/a HTTP/1.1", "/a", NULL},
        {"GET http://h-1.example_2:/a HTTP/1.1", "/a", NULL},
        {"OPTIONS * HTTP/1.1", "*", NULL},
        {"HEAD / HTTP/1.1", "/", NULL},
        {"DELETE /v1/x HTTP/1.1", "/v1/x", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct request_reader reader;
        request_reader_init(&reader, &limits);
        snprintf(text, sizeof(text), "%s\r\nHost: a\r\n\r\n", cases[i].line);
        feed_text(&reader, text);
        assert_int_equal(reader.state, REQUEST_DONE);
        assert_slice(reader.request.path, cases[i].path);
        if (cases[i].query)
            assert_slice(reader.request.query, cases[i].query);
        else
            assert_null(reader.request.query.data);
        request_reader_deinit(&reader);
    }
}

static const char chunked_request[] =
    "\r\nPOST /v1/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nX: \r\n\r\n"
    "4;ext=1 ; q=\"a b\"\r\nwiki\r\n005\r\npedia\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\nY: z\r\n\r\n";

static void test_chunks_extensions_and_trailers_are_read(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    assert_int_equal(feed_text(&reader, chunked_request), sizeof(chunked_request) - 1);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_slice(reader.request.body, "wikipedia0123456789");
    assert_int_equal(reader.request.headers->count, 3);
    assert_null(headers_find(reader.request.headers, SLICE("trailer")).data);
    request_reader_deinit(&reader);
}

static void test_white_space_around_a_coding_does_not_hide_it(void **state)
{
    (void)state;
    static const char *const codings[] = {"chunked",   "\tchunked",   " \t chunked",
                                          "chunked\t", "chunked \t ", "CHUNKED\t\t"};
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        struct request_reader reader;
        char text[200];
        request_reader_init(&reader, &limits);
        snprintf(text, sizeof(text), POST_HEAD "Transfer-Encoding:%s\r\n\r\n", codings[i]);
        feed_text(&reader, text);
        assert_int_equal(reader.state, REQUEST_BODY);
        feed_text(&reader, "3\r\nabc\r\n0\r\n\r\n");
        assert_int_equal(reader.state, REQUEST_DONE);
        assert_slice(reader.request.body, "abc");
        request_reader_deinit(&reader);
    }
}

static void assert_split_request(const char *bytes, size_t len, const char *body, size_t split)
{
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    size_t used = request_reader_feed(&reader, bytes, split);
    assert_int_equal(used, split);
    used += request_reader_feed(&reader, bytes + split, len - split);
    assert_int_equal(used, len);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_slice(reader.request.path, "/v1/chat");
    assert_slice(reader.request.body, body);
    assert_slice(headers_find(reader.request.headers, SLICE("host")), "a");
    request_reader_deinit(&reader);
}

static void test_a_request_is_the_same_wherever_it_is_split(void **state)
{
    (void)state;
    static const char sized[] =
        "POST /v1/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    for (size_t split = 1; split < sizeof(sized) - 1; split++)
        assert_split_request(sized, sizeof(sized) - 1, "body", split);
    for (size_t split = 1; split < sizeof(chunked_request) - 1; split++)
        assert_split_request(chunked_request, sizeof(chunked_request) - 1, "wikipedia0123456789",
                             split);
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    size_t len = sizeof(chunked_request) - 1;
    assert_int_equal(feed_in_steps(&reader, chunked_request, len, 1), len);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_slice(reader.request.body, "wikipedia0123456789");
    request_reader_deinit(&reader);
}

static void test_a_reader_reads_one_request_after_another(void **state)
{
    (void)state;
    struct request_reader reader;
    const char *text = "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: b\r\n"
                       "Content-Length: 1\r\n\r\nxGET /c HTTP/1.0\r\n\r\n";
    request_reader_init(&reader, &limits);
    text += feed_text(&reader, text);
    assert_slice(reader.request.path, "/a");
    assert_slice(reader.request.body, "");
    request_reader_reset(&reader);
    text += feed_text(&reader, text);
    assert_slice(reader.request.path, "/b");
    assert_slice(reader.request.body, "x");
    request_reader_reset(&reader);
    text += feed_text(&reader, text);
    assert_slice(reader.request.path, "/c");
    assert_string_equal(text, "");
    assert_true(reader.is_http10);
    request_reader_deinit(&reader);
}

static void test_empty_lines_alone_are_no_request(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    feed_in_steps(&reader, "\r\n\r\n\r\n\r", 7, 1);
    assert_int_equal(reader.state, REQUEST_HEAD);
    assert_true(request_reader_is_empty(&reader));
    feed_text(&reader, "\nGET / HT");
    assert_false(request_reader_is_empty(&reader));
    request_reader_deinit(&reader);
}

struct persistence_case {
    const char *version, *fields;
    bool keep_alive;
};

static void test_persistence_follows_version_and_connection_lists(void **state)
{
    (void)state;
    static const struct persistence_case cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: foo, CLOSE\r\n", false},
        {"1.1", "Connection: close, keep-alive\r\n", false},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
        {"1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
        {"1.1", "Connection: close\t\r\n", false},
        {"1.1", "Connection:\tfoo\t,\tclose \t, bar\r\n", false},
        {"1.1", "Connection: ,, close\r\n", false},
        {"1.1", "Connection: closed, te\r\n", true},
        {"1.1", "Connection:\r\n", true},
        {"1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: te,keep-alive\t\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct request_reader reader;
        request_reader_init(&reader, &limits);
        snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", cases[i].version,
                 cases[i].fields);
        feed_text(&reader, text);
        assert_int_equal(reader.state, REQUEST_DONE);
        if (reader.keep_alive != cases[i].keep_alive)
            fail_msg("wrong persistence for: %s", text);
        request_reader_deinit(&reader);
    }
}

static void test_an_expectation_is_noted_while_the_body_is_awaited(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    feed_text(&reader, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                       "Content-Length: 2\r\n\r\n");
    assert_int_equal(reader.state, REQUEST_BODY);
    assert_true(reader.wants_continue);
    request_reader_reset(&reader);
    feed_text(&reader, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_false(reader.wants_continue);
    request_reader_reset(&reader);
    feed_text(&reader, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(reader.state, REQUEST_BODY);
    assert_false(reader.wants_continue);
    request_reader_deinit(&reader);
}

// ---- what is refused --------------------------------------------------------------------------

#define BAD(text)                   \
    {                               \
        text, sizeof(text) - 1, 400 \
    }
#define REFUSED(text, status)          \
    {                                  \
        text, sizeof(text) - 1, status \
    }

static const struct bad_case {
    const char *bytes;
    size_t len;
    int status;
} bad_cases[] = {
    // Line ends
    BAD("GET / HTTP/1.1\nHost: a\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a\r\n\n"),
    BAD("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET / HTTP/1.1\rHost: a\r\n\r\n"),
    BAD(GET_HEAD "X: a\rb\r\n\r\n"),
    BAD(GET_HEAD "X:\rY: b\r\n\r\n"),
    BAD(GET_HEAD "X: a\r\r\n\r\n"),
    BAD(GET_HEAD "X: a\r\n\r\r\n\r\n"),
    BAD(GET_HEAD "X: a\r\n b\r\n\r\n"),
    BAD(GET_HEAD "X: a\r\n\tb\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\n Content-Length: 1\r\nHost: a\r\n\r\nx"),
    // Request lines
    BAD("GET /\r\n\r\n"),
    BAD("GET / http/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    BAD("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    BAD("GET / HTTP/2\r\nHost: a\r\n\r\n"),
    BAD("GETX  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET\0 / HTTP/2.0\r\nHost: a\r\n\r\n"),
    BAD("HELLO\r\n\r\n"),
    BAD("HELLO THERE\r\n\r\n"),
    BAD("GET / HTTP/11\r\nHost: a\r\n\r\n"),
    BAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GeT / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("SOURCE / ICE/1.0\r\nHost: a\r\n\r\n"),
    BAD("DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n"),
    BAD("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BAD("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http: HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    BAD("\x16\x03\x01\x02\x00\x01"), // a TLS hello
    // Header lines
    BAD(GET_HEAD "X : a\r\n\r\n"),
    BAD(GET_HEAD "X y: a\r\n\r\n"),
    BAD(GET_HEAD ": a\r\n\r\n"),
    BAD(GET_HEAD "X\r\n\r\n"),
    BAD(GET_HEAD "X\0: a\r\n\r\n"),
    BAD(GET_HEAD "X: a\0b\r\n\r\n"),
    BAD(GET_HEAD "X: a\x01z\r\n\r\n"),
    BAD(GET_HEAD "X: a\x7fz\r\n\r\n"),
    BAD(GET_HEAD "X\xff: a\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n"),
    BAD(GET_HEAD "Host: a\r\n\r\n"),
    BAD(GET_HEAD "host: b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a:80:90\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: [[::1]\r\n\r\n"),
    BAD("GET / HTTP/1.1\r\nHost: a]\r\n\r\n"),
    // Framing
    BAD(POST_HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"),
    BAD(POST_HEAD "Content-Length: 1, 1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: +1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: -1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 0x1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 1 1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 1.0\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length:\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length : 1\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 99999999999999999999\r\n\r\nx"),
    BAD(POST_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    BAD(POST_HEAD "Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n"),
    BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    // Chunks and trailers
    BAD(CHUNKED "3\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3\r\nabc\n0\r\n\r\n"),
    BAD(CHUNKED "3\r\nabc\r\n0\n\r\n"),
    BAD(CHUNKED "3\r\nabc\r\n0\r\n\n"),
    BAD(CHUNKED "0\r\nX: y\n\r\n"),
    BAD(CHUNKED "0\r\nX: y\r\n\n"),
    BAD(CHUNKED "0\r\nX: y\r\n z\r\n\r\n"),
    BAD(CHUNKED "0\r\n X: y\r\n\r\n"),
    BAD(CHUNKED "0\r\nX: y\rZ: a\r\n\r\n"),
    BAD(CHUNKED "0\r\nX y: z\r\n\r\n"),
    BAD(CHUNKED "0\r\n\rX"),
    BAD(CHUNKED "3;a\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3;a=b\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3;a\rXabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3;a\0b\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3 \r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "-3\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "g\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED ";a\r\nabc\r\n0\r\n\r\n"),
    BAD(CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
    BAD(CHUNKED "3\r\nab\r\n0\r\n\r\n"),
    // Other statuses
    REFUSED("GETX / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    REFUSED("X-NEW /a?b HTTP/1.0\r\n\r\n", 501),
    REFUSED("GETX / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    REFUSED("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    REFUSED("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    REFUSED("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    REFUSED("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
    REFUSED(CHUNKED "ffffffffffffffff\r\nabc", 413),
    REFUSED(CHUNKED "100001\r\n", 413),
    REFUSED(POST_HEAD "Content-Length: 1048577\r\n\r\n", 413),
    REFUSED(POST_HEAD "Content-Length: 1\r\nContent-Encoding: gzip\r\n\r\nx", 415),
    REFUSED(POST_HEAD "Content-Length: 1\r\nContent-Encoding: gzip\r\n"
                      "Content-Encoding: identity\r\n\r\nx",
            415),
    REFUSED(POST_HEAD "Content-Length: 1\r\nExpect: gold\r\n\r\nx", 417),
    REFUSED(POST_HEAD "Content-Length: 1\r\nExpect: gold\r\nExpect: 100-continue\r\n\r\nx", 417),
};

static void assert_refused(const struct bad_case *bad, size_t step)
{
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    feed_in_steps(&reader, bad->bytes, bad->len, step);
    if (reader.state != REQUEST_BAD || reader.status != bad->status)
        fail_msg("state %d status %d in steps of %zu for: %s", reader.state, reader.status, step,
                 bad->bytes);
    assert_non_null(reader.message);
    request_reader_deinit(&reader);
}

static void test_malformed_and_smuggling_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        assert_refused(&bad_cases[i], bad_cases[i].len);
        assert_refused(&bad_cases[i], 1);
        assert_refused(&bad_cases[i], 7);
    }
}

static void test_a_body_without_coding_may_say_identity(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    feed_text(&reader, POST_HEAD "Content-Length: 1\r\nContent-Encoding: Identity\r\n\r\nx");
    assert_int_equal(reader.state, REQUEST_DONE);
    request_reader_deinit(&reader);
}

// ---- limits -----------------------------------------------------------------------------------

static void test_a_head_over_its_limit_is_431(void **state)
{
    (void)state;
    struct server_limits small = limits;
    small.head = 100;
    for (size_t step = 1; step <= 200; step += 199) {
        struct request_reader reader;
        char text[300] = "GET /v1/x HTTP/1.1\r\nHost: a\r\nX: ";
        memset(text + strlen(text), 'x', 150);
        request_reader_init(&reader, &small);
        feed_in_steps(&reader, text, strlen(text), step);
        assert_int_equal(reader.state, REQUEST_BAD);
        assert_int_equal(reader.status, 431);
        assert_slice(reader.request.target, "/v1/x");
        request_reader_deinit(&reader);
    }
}

static void test_more_header_lines_than_the_limit_are_431(void **state)
{
    (void)state;
    struct server_limits small = limits;
    struct request_reader reader;
    small.headers = 2;
    request_reader_init(&reader, &small);
    feed_text(&reader, GET_HEAD "X: y\r\n\r\n");
    assert_int_equal(reader.state, REQUEST_DONE);
    request_reader_reset(&reader);
    feed_text(&reader, GET_HEAD "X: y\r\nZ: a\r\n");
    assert_int_equal(reader.state, REQUEST_BAD);
    assert_int_equal(reader.status, 431);
    request_reader_deinit(&reader);
}

static void test_a_long_target_is_414_also_before_its_line_ends(void **state)
{
    (void)state;
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        struct request_reader reader;
        struct buf text;
        request_reader_init(&reader, &limits);
        buf_init(&text, SIZE_MAX / 4);
        buf_addf(&text, "GET /%0*d", LIMIT_URI, 0);
        if (is_whole)
            buf_add_text(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
        else
            buf_addf(&text, "%050d", 0);
        feed_text(&reader, text.data);
        buf_deinit(&text);
        assert_int_equal(reader.state, REQUEST_BAD);
        assert_int_equal(reader.status, 414);
        request_reader_deinit(&reader);
    }
}

static void test_chunks_are_counted_against_the_limit_of_the_body(void **state)
{
    (void)state;
    struct server_limits small = limits;
    struct request_reader reader;
    small.body = 6;
    request_reader_init(&reader, &small);
    feed_text(&reader, CHUNKED "3\r\nabc\r\n3\r\ndef\r\n");
    assert_int_equal(reader.state, REQUEST_BODY);
    feed_text(&reader, "1\r\n");
    assert_int_equal(reader.state, REQUEST_BAD);
    assert_int_equal(reader.status, 413);
    request_reader_deinit(&reader);
}

static void test_trailers_and_extensions_without_end_are_431(void **state)
{
    (void)state;
    static const char *const starts[] = {CHUNKED "0\r\n", CHUNKED "1;a="};
    static const char *const repeats[] = {"X: yyyyyyyyyyyyyy\r\n", "aaaaaaaaaaaaaaaaaaa"};
    for (int i = 0; i < 2; i++) {
        struct request_reader reader;
        request_reader_init(&reader, &limits);
        feed_text(&reader, starts[i]);
        for (size_t fed = 0; fed < 2 * limits.head && reader.state == REQUEST_BODY; fed += 19)
            feed_text(&reader, repeats[i]);
        assert_int_equal(reader.state, REQUEST_BAD);
        assert_int_equal(reader.status, 431);
        request_reader_deinit(&reader);
    }
}

static void test_a_large_body_grows_as_it_comes(void **state)
{
    (void)state;
    _Atomic size_t held = 0;
    struct server_limits large = limits;
    struct request_reader reader;
    size_t len = 9 << 20;
    char *body = malloc(len);
    large.body = 1 << 30;
    large.bodies_held = &held;
    large.bodies_total = 1 << 30;
    memset(body, 'x', len);
    request_reader_init(&reader, &large);
    feed_text(&reader, POST_HEAD "Content-Length: 9437184\r\n\r\n");
    assert_int_equal(held, 4 << 20);
    feed_in_steps(&reader, body, len, 65536);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_int_equal(reader.request.body.len, len);
    assert_memory_equal(reader.request.body.data, body, len);
    assert_int_equal(held, len); // not what doubling would have made of it
    request_reader_drop_body(&reader);
    assert_null(reader.request.body.data);
    assert_int_equal(held, 0);
    request_reader_deinit(&reader);
    free(body);
}

static void test_another_body_is_counted_in_place_of_the_first(void **state)
{
    (void)state;
    _Atomic size_t held = 0;
    struct server_limits counted = limits;
    struct request_reader reader;
    char *bytes = mem_dup("another body", 12);
    counted.bodies_held = &held;
    counted.bodies_total = 1 << 20;
    request_reader_init(&reader, &counted);
    feed_text(&reader, POST_HEAD "Content-Length: 5\r\n\r\nhello");
    assert_int_equal(held, 5);
    request_reader_take_body(&reader, bytes, 12);
    assert_int_equal(held, 12);
    assert_true(slice_equal(reader.request.body, SLICE("another body")));
    request_reader_reset(&reader);
    assert_int_equal(held, 0);
    request_reader_deinit(&reader);
}

static void test_a_long_body_can_be_read_to_where_it_is_kept(void **state)
{
    (void)state;
    struct server_limits large = limits;
    struct request_reader reader;
    struct room room;
    size_t len = 9 << 20, got = 5;
    large.body = 1 << 30;
    request_reader_init(&reader, &large);
    assert_int_equal(request_reader_room(&reader).len, 0);
    feed_text(&reader, POST_HEAD "Content-Length: 9437184\r\n\r\nbegin");
    while ((room = request_reader_room(&reader)).len) {
        size_t count = room.len < 100000 ? room.len : 100000;
        memset(room.data, 'a' + (int)(got % 26), count);
        request_reader_filled(&reader, count);
        got += count;
    }
    assert_true(got <= len && len - got < 16384);
    char rest[16384];
    memset(rest, 'z', sizeof(rest));
    assert_int_equal(request_reader_feed(&reader, rest, sizeof(rest)), len - got);
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_int_equal(reader.request.body.len, len);
    assert_memory_equal(reader.request.body.data, "begin", 5);
    assert_int_equal(reader.request.body.data[5], 'a' + 5);
    assert_int_equal(request_reader_room(&reader).len, 0);
    request_reader_deinit(&reader);
}

static void test_a_body_in_chunks_has_no_room_to_be_read_to(void **state)
{
    (void)state;
    struct request_reader reader;
    request_reader_init(&reader, &limits);
    feed_text(&reader, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n10000\r\n");
    assert_int_equal(reader.state, REQUEST_BODY);
    assert_int_equal(request_reader_room(&reader).len, 0);
    request_reader_deinit(&reader);
}

static void test_room_that_the_total_refuses_is_503(void **state)
{
    (void)state;
    _Atomic size_t held = 0;
    struct server_limits tight = limits;
    struct request_reader reader;
    struct room room;
    tight.body = 1 << 30;
    tight.bodies_held = &held;
    tight.bodies_total = 5 << 20;
    request_reader_init(&reader, &tight);
    feed_text(&reader, POST_HEAD "Content-Length: 9437184\r\n\r\n");
    while ((room = request_reader_room(&reader)).len)
        request_reader_filled(&reader, room.len);
    assert_int_equal(reader.state, REQUEST_BAD);
    assert_int_equal(reader.status, 503);
    request_reader_deinit(&reader);
    assert_int_equal(held, 0);
}

static void test_bodies_over_their_total_are_503(void **state)
{
    (void)state;
    _Atomic size_t held = 90;
    struct server_limits tight = limits;
    struct request_reader reader;
    tight.bodies_held = &held;
    tight.bodies_total = 100;
    request_reader_init(&reader, &tight);
    feed_text(&reader, POST_HEAD "Content-Length: 11\r\n\r\n");
    assert_int_equal(reader.state, REQUEST_BAD);
    assert_int_equal(reader.status, 503);
    assert_int_equal(held, 90);
    request_reader_reset(&reader);
    feed_text(&reader, POST_HEAD "Content-Length: 10\r\n\r\n0123456789");
    assert_int_equal(reader.state, REQUEST_DONE);
    assert_int_equal(held, 100);
    request_reader_deinit(&reader);
    assert_int_equal(held, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_read_into_its_parts),
        cmocka_unit_test(test_targets_are_reduced_to_path_and_query),
        cmocka_unit_test(test_chunks_extensions_and_trailers_are_read),
        cmocka_unit_test(test_white_space_around_a_coding_does_not_hide_it),
        cmocka_unit_test(test_a_request_is_the_same_wherever_it_is_split),
        cmocka_unit_test(test_a_request_may_come_byte_by_byte),
        cmocka_unit_test(test_a_reader_reads_one_request_after_another),
        cmocka_unit_test(test_empty_lines_alone_are_no_request),
        cmocka_unit_test(test_persistence_follows_version_and_connection_lists),
        cmocka_unit_test(test_an_expectation_is_noted_while_the_body_is_awaited),
        cmocka_unit_test(test_malformed_and_smuggling_requests_are_refused),
        cmocka_unit_test(test_a_body_without_coding_may_say_identity),
        cmocka_unit_test(test_a_head_over_its_limit_is_431),
        cmocka_unit_test(test_more_header_lines_than_the_limit_are_431),
        cmocka_unit_test(test_a_long_target_is_414_also_before_its_line_ends),
        cmocka_unit_test(test_chunks_are_counted_against_the_limit_of_the_body),
        cmocka_unit_test(test_trailers_and_extensions_without_end_are_431),
        cmocka_unit_test(test_a_large_body_grows_as_it_comes),
        cmocka_unit_test(test_another_body_is_counted_in_place_of_the_first),
        cmocka_unit_test(test_a_long_body_can_be_read_to_where_it_is_kept),
        cmocka_unit_test(test_a_body_in_chunks_has_no_room_to_be_read_to),
        cmocka_unit_test(test_room_that_the_total_refuses_is_503),
        cmocka_unit_test(test_bodies_over_their_total_are_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
