#include "http/inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"

enum { GZIP = 15 + 16, ZLIB = 15, RAW = -15, LIMIT = 1 << 20 };

static void deflate_text(struct slice text, int window, struct buf *out)
{
    z_stream stream = {.next_in = (unsigned char *)text.data, .avail_in = (unsigned)text.len};
    unsigned char piece[1024];
    int rc;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    do {
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        rc = deflate(&stream, Z_FINISH);
        buf_add(out, piece, sizeof(piece) - stream.avail_out);
    } while (rc == Z_OK);
    assert_int_equal(rc, Z_STREAM_END);
    deflateEnd(&stream);
}

static void keep(void *owner, const char *bytes, size_t len)
{
    assert_int_not_equal(len, 0);
    assert_int_equal(buf_add(owner, bytes, len), 0);
}

// Decodes `body` fed in pieces of `step` bytes. Returns the first failure, or that of the end.
static int decode(const char *encoding, struct slice body, size_t step, struct buf *out)
{
    struct inflate *inflate = inflate_new(slice_of(encoding), LIMIT);
    int rc = 0;
    assert_non_null(inflate);
    for (size_t at = 0; at < body.len && rc == 0; at += step) {
        size_t len = body.len - at < step ? body.len - at : step;
        rc = inflate_feed(inflate, body.data + at, len, keep, out);
    }
    if (rc == 0)
        rc = inflate_end(inflate);
    inflate_free(inflate);
    return rc;
}

static void assert_decoded(const char *encoding, struct slice body, struct slice expected)
{
    for (size_t step = 1; step <= body.len; step += step < 40 ? 1 : body.len / 7) {
        struct buf out;
        buf_init(&out, LIMIT);
        assert_int_equal(decode(encoding, body, step, &out), 0);
        assert_true(slice_equal(buf_slice(&out), expected));
        buf_deinit(&out);
    }
}

static void assert_failure(const char *encoding, struct slice body)
{
    for (size_t step = 1; step <= body.len; step++) {
        struct buf out;
        buf_init(&out, LIMIT);
        assert_int_equal(decode(encoding, body, step, &out), -1);
        buf_deinit(&out);
    }
}

static void test_each_encoding_is_decoded_however_it_is_split(void **state)
{
    (void)state;
    static const struct {
        const char *encoding;
        int window;
    } cases[] = {{"gzip", GZIP},    {"x-gzip", GZIP}, {"GZip", GZIP},
                 {"deflate", ZLIB}, {"deflate", RAW}, {"Deflate", ZLIB}};
    struct slice text = SLICE("{\"a\":\"Hello, hello, hello, hello and \xE2\x82\xAC\"}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf body;
        buf_init(&body, LIMIT);
        deflate_text(text, cases[i].window, &body);
        assert_decoded(cases[i].encoding, buf_slice(&body), text);
        buf_deinit(&body);
    }
}

static void test_a_body_bigger_than_one_piece_is_decoded(void **state)
{
    (void)state;
    for (int window = RAW; window <= GZIP; window += window == RAW ? 30 : 16) {
        struct buf text, body;
        buf_init(&text, LIMIT);
        buf_init(&body, LIMIT);
        for (int i = 0; i < 20000; i++)
            buf_addf(&text, "line %d of many\n", i);
        deflate_text(buf_slice(&text), window, &body);
        assert_decoded(window == GZIP ? "gzip" : "deflate", buf_slice(&body), buf_slice(&text));
        buf_deinit(&text);
        buf_deinit(&body);
    }
}

static void test_output_of_exactly_one_piece_is_complete(void **state)
{
    (void)state;
    static char text[16 * 1024];
    struct buf body;
    buf_init(&body, LIMIT);
    memset(text, 'x', sizeof(text));
    deflate_text((struct slice){text, sizeof(text)}, GZIP, &body);
    assert_decoded("gzip", buf_slice(&body), (struct slice){text, sizeof(text)});
    buf_deinit(&body);
}

static void test_gzip_members_are_joined(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, LIMIT);
    deflate_text(SLICE("one,"), GZIP, &body);
    deflate_text(SLICE(""), GZIP, &body);
    deflate_text(SLICE("two"), GZIP, &body);
    assert_decoded("gzip", buf_slice(&body), SLICE("one,two"));
    buf_deinit(&body);
}

static void test_bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    static const int windows[] = {GZIP, ZLIB, RAW};
    for (size_t i = 0; i < 3; i++) {
        struct buf body;
        buf_init(&body, LIMIT);
        deflate_text(SLICE("hello"), windows[i], &body);
        buf_add(&body, "x", 1);
        assert_failure(windows[i] == GZIP ? "gzip" : "deflate", buf_slice(&body));
        buf_add(&body, "yz and more", 11);
        assert_failure(windows[i] == GZIP ? "gzip" : "deflate", buf_slice(&body));
        buf_deinit(&body);
    }
}

static void test_a_cut_body_is_incomplete(void **state)
{
    (void)state;
    static const int windows[] = {GZIP, ZLIB, RAW};
    for (size_t i = 0; i < 3; i++) {
        struct buf body;
        buf_init(&body, LIMIT);
        deflate_text(SLICE("hello, hello"), windows[i], &body);
        for (size_t len = 1; len < body.len; len++)
            assert_failure(windows[i] == GZIP ? "gzip" : "deflate", (struct slice){body.data, len});
        buf_deinit(&body);
    }
}

static void test_a_damaged_body_is_refused(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, LIMIT);
    deflate_text(SLICE("hello, hello, hello"), GZIP, &body);
    body.data[body.len - 6] ^= 1; // the checksum
    assert_failure("gzip", buf_slice(&body));
    assert_failure("gzip", SLICE("{\"plain\":\"json\"}"));
    assert_failure("deflate", SLICE("\xff\xff\xff\xff"));
    buf_deinit(&body);
}

static void test_no_bytes_are_an_empty_body(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, LIMIT);
    assert_int_equal(decode("gzip", SLICE(""), 1, &out), 0);
    assert_int_equal(decode("deflate", SLICE(""), 1, &out), 0);
    assert_int_equal(out.len, 0);
}

static void test_an_empty_body_may_be_compressed(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, LIMIT);
    deflate_text(SLICE(""), GZIP, &body);
    assert_decoded("gzip", buf_slice(&body), SLICE(""));
    buf_deinit(&body);
}

static void test_a_bomb_stops_at_the_limit(void **state)
{
    (void)state;
    static char zeros[LIMIT];
    struct buf body, out;
    buf_init(&body, LIMIT);
    buf_init(&out, LIMIT);
    deflate_text((struct slice){zeros, sizeof(zeros)}, GZIP, &body);
    assert_int_equal(decode("gzip", buf_slice(&body), body.len, &out), 0);
    assert_int_equal(out.len, LIMIT);

    buf_clear(&out);
    deflate_text(SLICE("x"), GZIP, &body);
    assert_int_equal(decode("gzip", buf_slice(&body), body.len, &out), -2);
    assert_true(out.len <= LIMIT);
    buf_deinit(&body);
    buf_deinit(&out);
}

static void test_other_encodings_are_not_for_us(void **state)
{
    (void)state;
    static const char *const others[] = {"br", "zstd", "identity", "", "gzip, br", "gzi"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_null(inflate_new(slice_of(others[i]), LIMIT));
    assert_null(inflate_new((struct slice){NULL, 0}, LIMIT));
    inflate_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_encoding_is_decoded_however_it_is_split),
        cmocka_unit_test(test_a_body_bigger_than_one_piece_is_decoded),
        cmocka_unit_test(test_output_of_exactly_one_piece_is_complete),
        cmocka_unit_test(test_gzip_members_are_joined),
        cmocka_unit_test(test_bytes_behind_the_end_are_refused),
        cmocka_unit_test(test_a_cut_body_is_incomplete),
        cmocka_unit_test(test_a_damaged_body_is_refused),
        cmocka_unit_test(test_no_bytes_are_an_empty_body),
        cmocka_unit_test(test_an_empty_body_may_be_compressed),
        cmocka_unit_test(test_a_bomb_stops_at_the_limit),
        cmocka_unit_test(test_other_encodings_are_not_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
