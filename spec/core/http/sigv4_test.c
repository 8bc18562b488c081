#include "http/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- AWS's published test suite ---------------------------------------------------------------

#define SECRET     "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TOKEN      "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
#define STS_TOKEN                                                                          \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMic" \
    "RXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampK"  \
    "sburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0"  \
    "u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

enum { HEADERS_MAX = 8 };

// Besides these every request has its host and its date, and is signed for us-east-1 and the
// service "service" at 20150830T123600Z. The paths are those that its service would see: "/" for
// S3 alone is not normalized, and that we do not sign for.
struct published {
    const char *name, *method, *path, *query;
    const char *headers[HEADERS_MAX]; // name, value, name, value ...
    const char *body;
    const char *signature;
};

#define VANILLA "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
#define POSTED  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
#define QUERIED "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"

#define FORM_HASH "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

static const struct published suite[] = {
    {"get-vanilla", "GET", "/", NULL, {NULL}, "", VANILLA},
    {"get-vanilla-query", "GET", "/", "", {NULL}, "", VANILLA},
    {"post-vanilla", "POST", "/", NULL, {NULL}, "", POSTED},
    {"post-header-key-case", "POST", "/", NULL, {NULL}, "", POSTED},
    {"post-sts-header-after", "POST", "/", NULL, {NULL}, "", POSTED},

    {"get-header-key-duplicate",
     "GET",
     "/",
     NULL,
     {"My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1"},
     "",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-multiline",
     "GET",
     "/",
     NULL,
     {"My-Header1", "value1\r\n  value2\r\n     value3"},
     "",
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
    {"get-header-value-order",
     "GET",
     "/",
     NULL,
     {"My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3", "My-Header1",
      "value2"},
     "",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     "GET",
     "/",
     NULL,
     {"My-Header1", " value1", "My-Header2", " \"a   b   c\""},
     "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-header-key-sort",
     "POST",
     "/",
     NULL,
     {"My-Header1", "value1"},
     "",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST",
     "/",
     NULL,
     {"My-Header1", "VALUE1"},
     "",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"get-vanilla-with-session-token",
     "GET",
     "/",
     NULL,
     {"X-Amz-Security-Token", TOKEN},
     "",
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
    {"post-sts-header-before",
     "POST",
     "/",
     NULL,
     {"X-Amz-Security-Token", STS_TOKEN},
     "",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},

    {"get-relative", "GET", "/example/..", NULL, {NULL}, "", VANILLA},
    {"get-relative-relative", "GET", "/example1/example2/../..", NULL, {NULL}, "", VANILLA},
    {"get-slash", "GET", "//", NULL, {NULL}, "", VANILLA},
    {"get-slash-dot-slash", "GET", "/./", NULL, {NULL}, "", VANILLA},
    {"get-slash-pointless-dot",
     "GET",
     "/./example",
     NULL,
     {NULL},
     "",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-slashes",
     "GET",
     "//example//",
     NULL,
     {NULL},
     "",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-space",
     "GET",
     "/example space/",
     NULL,
     {NULL},
     "",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-unreserved",
     "GET",
     "/" UNRESERVED,
     NULL,
     {NULL},
     "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/\xe1\x88\xb4",
     NULL,
     {NULL},
     "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},

    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     "Param1=value1",
     {NULL},
     "",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-encoded",
     "GET",
     "/",
     "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
     {NULL},
     "",
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     {NULL},
     "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     UNRESERVED "=" UNRESERVED,
     {NULL},
     "",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     "\xe1\x88\xb4=bar",
     {NULL},
     "",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"post-vanilla-query", "POST", "/", "Param1=value1", {NULL}, "", QUERIED},
    {"post-vanilla-empty-query-value", "POST", "/", "Param1=value1", {NULL}, "", QUERIED},

    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     NULL,
     {"Content-Type", "application/x-www-form-urlencoded", "Content-Length", "13",
      "X-Amz-Content-Sha256", FORM_HASH},
     "Param1=value1",
     "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
    {"post-x-www-form-urlencoded-parameters",
     "POST",
     "/",
     NULL,
     {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "Content-Length", "13",
      "X-Amz-Content-Sha256", FORM_HASH},
     "Param1=value1",
     "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

static struct sigv4_scope example_scope(void)
{
    struct sigv4_scope scope = {.region = SLICE("us-east-1"), .service = SLICE("service")};
    memcpy(scope.time, "20150830T123600Z", sizeof(scope.time));
    return scope;
}

static void sign_published(const struct published *published, char signature[SIGV4_HEX + 1])
{
    struct header headers[HEADERS_MAX / 2 + 2] = {
        {SLICE("X-Amz-Date"), SLICE("20150830T123600Z")},
        {SLICE("Host"), SLICE("example.amazonaws.com")},
    };
    struct sigv4_scope scope = example_scope();
    struct slice body = slice_of(published->body);
    unsigned char key[SIGV4_KEY];
    char hash[SIGV4_HEX + 1];
    size_t count = 2;

    for (size_t i = 0; i < HEADERS_MAX && published->headers[i]; i += 2)
        headers[count++] =
            (struct header){slice_of(published->headers[i]), slice_of(published->headers[i + 1])};
    sigv4_hash(&body, 1, hash);
    struct sigv4_request request = {
        .method = slice_of(published->method),
        .path = slice_of(published->path),
        .query = slice_of(published->query),
        .headers = headers,
        .header_count = count,
        .payload = slice_of(hash),
    };
    sigv4_signing_key(SLICE(SECRET), &scope, key);
    sigv4_sign(&request, &scope, key, signature);
}

static void test_signs_as_the_published_suite(void **state)
{
    (void)state;
    char signature[SIGV4_HEX + 1];

    for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
        sign_published(&suite[i], signature);
        if (strcmp(signature, suite[i].signature) != 0)
            fail_msg("%s: %s", suite[i].name, signature);
    }
}

// ---- the canonical form -----------------------------------------------------------------------

static void assert_canonical(const char *path, const char *query, const char *expected)
{
    const struct header host = {SLICE("host"), SLICE("h")};
    struct sigv4_request request = {
        .method = SLICE("POST"),
        .path = slice_of(path),
        .query = slice_of(query),
        .headers = &host,
        .header_count = 1,
        .payload = SLICE("hash"),
    };
    struct buf out;
    char whole[512];

    buf_init(&out, 4096);
    sigv4_canonical(&request, &out);
    snprintf(whole, sizeof(whole), "POST\n%s\nhost:h\n\nhost\nhash", expected);
    assert_string_equal(out.data, whole);
    buf_deinit(&out);
}

static void test_a_path_is_encoded_again(void **state)
{
    (void)state;
    assert_canonical("/model/anthropic.claude-v2%3A1/converse", NULL,
                     "/model/anthropic.claude-v2%253A1/converse\n");
    assert_canonical("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprofile%2Fx/converse", NULL,
                     "/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A1%253Aprofile%252Fx"
                     "/converse\n");
    assert_canonical("/model/a:b@c/converse", NULL, "/model/a%3Ab%40c/converse\n");
}

static void test_a_path_is_normalized(void **state)
{
    (void)state;
    assert_canonical("", NULL, "/\n");
    assert_canonical("/..", NULL, "/\n");
    assert_canonical("/../a//./b/../c/", NULL, "/a/c/\n");
    assert_canonical("/a/..", NULL, "/\n");
    assert_canonical("/a/%2E%2E/...", NULL, "/a/%252E%252E/...\n");
}

static void test_parameters_are_sorted_by_name_then_value(void **state)
{
    (void)state;
    assert_canonical("/", "b=2&a-x=1&a=9&a=10&&a", "/\na=&a=10&a=9&a-x=1&b=2");
}

static void test_parameters_have_one_encoded_form(void **state)
{
    (void)state;
    assert_canonical("/", "a=%7e%41%2f%3a+:%", "/\na=~A%2F%3A%2B%3A%25");
    assert_canonical("/", "a=%4&b=%zz&c=1=2", "/\na=%254&b=%25zz&c=1%3D2");
}

static void test_white_space_in_headers_is_folded(void **state)
{
    (void)state;
    const struct header headers[] = {{SLICE("B"), SLICE("\t two   words \r\n")},
                                     {SLICE("A"), SLICE("   ")},
                                     {SLICE("b"), SLICE("more")}};
    struct sigv4_request request = {.method = SLICE("GET"),
                                    .path = SLICE("/"),
                                    .headers = headers,
                                    .header_count = 3,
                                    .payload = SLICE("hash")};
    struct buf out;

    buf_init(&out, 4096);
    sigv4_canonical(&request, &out);
    assert_string_equal(out.data, "GET\n/\n\na:\nb:two words,more\n\na;b\nhash");
    buf_deinit(&out);
}

static void test_a_body_may_come_in_segments(void **state)
{
    (void)state;
    const struct slice segments[] = {SLICE("Param"), SLICE(""), SLICE("1=value1")};
    char hash[SIGV4_HEX + 1];

    sigv4_hash(segments, 3, hash);
    assert_string_equal(hash, FORM_HASH);
    sigv4_hash(NULL, 0, hash);
    assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// ---- times ------------------------------------------------------------------------------------

static void test_times_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } times[] = {
        {0, "19700101T000000Z"},          {951782400, "20000229T000000Z"},
        {1440938160, "20150830T123600Z"}, {1709251199, "20240229T235959Z"},
        {1709251200, "20240301T000000Z"}, {4107542400, "21000301T000000Z"},
        {1767225599, "20251231T235959Z"}, {1767225600, "20260101T000000Z"},
    };
    char text[SIGV4_TIME + 1];
    int64_t seconds;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        sigv4_print_time(times[i].seconds, text);
        assert_string_equal(text, times[i].text);
        assert_int_equal(sigv4_read_time(slice_of(text), &seconds), 0);
        assert_int_equal(seconds, times[i].seconds);
    }
}

static void test_what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "20150830T123600",
        "2015-08-30T12:36:00Z",
        "20150230T123600Z",
        "20150830T243600Z",
        "20150830T126000Z",
        "20151330T123600Z",
        "20150800T123600Z",
        "20150830 123600Z",
        "20150830T123600z",
        "-0150830T123600Z",
        "99999999T999999Z",
    };
    int64_t seconds;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sigv4_read_time(slice_of(wrong[i]), &seconds), -1);
}

// ---- the header -------------------------------------------------------------------------------

static void test_the_header_says_what_was_signed(void **state)
{
    (void)state;
    const struct header headers[] = {{SLICE("X-Amz-Date"), SLICE("20150830T123600Z")},
                                     {SLICE("Host"), SLICE("example.amazonaws.com")}};
    struct sigv4_scope scope = example_scope();
    char hash[SIGV4_HEX + 1];
    unsigned char key[SIGV4_KEY];
    struct buf out;

    sigv4_hash(NULL, 0, hash);
    struct sigv4_request request = {.method = SLICE("GET"),
                                    .path = SLICE("/"),
                                    .headers = headers,
                                    .header_count = 2,
                                    .payload = slice_of(hash)};
    buf_init(&out, 4096);
    sigv4_signing_key(SLICE(SECRET), &scope, key);
    sigv4_authorization(&request, &scope, SLICE("AKIDEXAMPLE"), key, &out);
    assert_string_equal(out.data,
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                        "aws4_request, SignedHeaders=host;x-amz-date, Signature=" VANILLA);
    struct sigv4_claim claim;
    assert_int_equal(sigv4_read_authorization(buf_slice(&out), &claim), 0);
    assert_true(slice_equal(claim.key_id, SLICE("AKIDEXAMPLE")));
    assert_true(slice_equal(claim.day, SLICE("20150830")));
    assert_true(slice_equal(claim.region, SLICE("us-east-1")));
    assert_true(slice_equal(claim.service, SLICE("service")));
    assert_true(slice_equal(claim.signed_headers, SLICE("host;x-amz-date")));
    assert_true(slice_equal(claim.signature, SLICE(VANILLA)));
    buf_deinit(&out);
}

static void test_the_header_may_lack_spaces_and_an_id_may_have_slashes(void **state)
{
    (void)state;
    struct sigv4_claim claim;

    assert_int_equal(
        sigv4_read_authorization(
            SLICE("AWS4-HMAC-SHA256 Signature=" VANILLA
                  ",SignedHeaders=host,Credential=my/app/key/20150830/r/s/aws4_request"),
            &claim),
        0);
    assert_true(slice_equal(claim.key_id, SLICE("my/app/key")));
    assert_true(slice_equal(claim.signed_headers, SLICE("host")));
}

static void test_a_header_without_all_its_parts_is_refused(void **state)
{
    (void)state;
#define SCOPED "Credential=K/20150830/r/s/aws4_request"
#define SIGNED ", SignedHeaders=host, Signature=" VANILLA
    static const char *const wrong[] = {
        "",
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-ECDSA-P256-SHA256 " SCOPED SIGNED,
        "AWS4-HMAC-SHA256 " SCOPED,
        "AWS4-HMAC-SHA256 " SCOPED ", SignedHeaders=host",
        "AWS4-HMAC-SHA256 " SCOPED ", SignedHeaders=host, Signature=abc",
        "AWS4-HMAC-SHA256 " SCOPED ", SignedHeaders=, Signature=" VANILLA,
        "AWS4-HMAC-SHA256 Credential=K" SIGNED,
        "AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request" SIGNED,
        "AWS4-HMAC-SHA256 Credential=K/2015/r/s/aws4_request" SIGNED,
        "AWS4-HMAC-SHA256 Credential=K/20150830//s/aws4_request" SIGNED,
        "AWS4-HMAC-SHA256 Credential=K/20150830/r/s/aws4" SIGNED,
    };
    struct sigv4_claim claim;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (sigv4_read_authorization(slice_of(wrong[i]), &claim) != -1)
            fail_msg("accepted: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_as_the_published_suite),
        cmocka_unit_test(test_a_path_is_encoded_again),
        cmocka_unit_test(test_a_path_is_normalized),
        cmocka_unit_test(test_parameters_are_sorted_by_name_then_value),
        cmocka_unit_test(test_parameters_have_one_encoded_form),
        cmocka_unit_test(test_white_space_in_headers_is_folded),
        cmocka_unit_test(test_a_body_may_come_in_segments),
        cmocka_unit_test(test_times_are_written_and_read),
        cmocka_unit_test(test_what_is_no_time_is_refused),
        cmocka_unit_test(test_the_header_says_what_was_signed),
        cmocka_unit_test(test_the_header_may_lack_spaces_and_an_id_may_have_slashes),
        cmocka_unit_test(test_a_header_without_all_its_parts_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
