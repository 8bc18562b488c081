#include "lua/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/header_lines.h"
#include "http/sigv4.h"
#include "lua/fixture.h"
#include "lua/value.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// The global `signer`, with the global `secret` as its key.
static struct signer *make_signer(struct lua_fixture *fixture, const char *more)
{
    lua_State *L = fixture->vm->L;
    char text[512];

    value_push_secret(L, SLICE(SECRET));
    lua_setglobal(L, "secret");
    snprintf(text, sizeof(text),
             "signer = core.signer({ access_key_id = 'AKID', secret_access_key = secret,\n"
             "  region = 'eu-west-1', service = 'bedrock', %s })",
             more);
    lua_fixture_check(fixture, text);
    lua_getglobal(L, "signer");
    struct signer *signer = lua_touserdata(L, -1);
    lua_pop(L, 1); // the global keeps it
    return signer;
}

static const struct slice body[] = {SLICE("{\"a\":"), SLICE("1}")};

static struct signer_request example(void)
{
    return (struct signer_request){
        .method = SLICE("POST"),
        .target = SLICE("/model/a%3A1/converse?b=2&a=1"),
        .host = SLICE("bedrock.example:8443"),
        .headers = SLICE("content-type: application/json\r\nuser-agent: x\r\n"
                         "X-Amz-Note:  two   words\r\nx-amz-date: of somebody else\r\n"),
        .body = body,
        .body_count = 2,
    };
}

static struct slice value_of(struct slice lines, const char *name)
{
    struct header line;

    while (header_lines_next(&lines, &line)) {
        if (slice_equal_nocase(line.name, slice_of(name)))
            return line.value;
    }
    return (struct slice){NULL, 0};
}

// Signs the example again as the lines say, from scratch.
static void assert_signed(struct slice lines, struct slice token)
{
    struct slice date = value_of(lines, "x-amz-date");
    struct sigv4_scope scope = {.region = SLICE("eu-west-1"), .service = SLICE("bedrock")};
    const struct header headers[] = {
        {SLICE("content-type"), SLICE("application/json")},
        {SLICE("host"), SLICE("bedrock.example:8443")},
        {SLICE("x-amz-date"), date},
        {SLICE("x-amz-note"), SLICE("two words")},
        {SLICE("x-amz-security-token"), token},
    };
    const struct slice whole = SLICE("{\"a\":1}");
    unsigned char key[SIGV4_KEY];
    char hash[SIGV4_HEX + 1];
    struct buf out;

    assert_int_equal(date.len, SIGV4_TIME);
    memcpy(scope.time, date.data, SIGV4_TIME);
    sigv4_hash(&whole, 1, hash);
    sigv4_signing_key(SLICE(SECRET), &scope, key);
    const struct sigv4_request request = {
        .method = SLICE("POST"),
        .path = SLICE("/model/a%3A1/converse"),
        .query = SLICE("b=2&a=1"),
        .headers = headers,
        .header_count = token.data ? 5 : 4,
        .payload = slice_of(hash),
    };
    buf_init(&out, 4096);
    sigv4_authorization(&request, &scope, SLICE("AKID"), key, &out);
    struct slice said = value_of(lines, "authorization");
    assert_true(slice_equal(said, buf_slice(&out)));
    buf_deinit(&out);
}

static int64_t seconds_of(struct slice lines)
{
    int64_t seconds;
    assert_int_equal(sigv4_read_time(value_of(lines, "x-amz-date"), &seconds), 0);
    return seconds;
}

static void test_signs_what_is_sent(void **state)
{
    struct signer *signer = make_signer(*state, "");
    struct signer_request request = example();
    int64_t before = (int64_t)(clock_wall_us() / 1000000);
    struct buf lines;

    buf_init(&lines, SIGNER_LINES_MAX);
    signer_sign(signer, &request, &lines);
    assert_signed(buf_slice(&lines), (struct slice){NULL, 0});
    assert_null(value_of(buf_slice(&lines), "x-amz-security-token").data);
    assert_in_range(seconds_of(buf_slice(&lines)), before, clock_wall_us() / 1000000);
    buf_deinit(&lines);
}

static void test_signs_the_token_of_a_session(void **state)
{
    struct signer *signer = make_signer(*state, "session_token = 'the//token=='");
    struct signer_request request = example();
    struct buf lines;

    buf_init(&lines, SIGNER_LINES_MAX);
    signer_sign(signer, &request, &lines);
    assert_signed(buf_slice(&lines), SLICE("the//token=="));
    assert_true(
        slice_equal(value_of(buf_slice(&lines), "x-amz-security-token"), SLICE("the//token==")));
    buf_deinit(&lines);
}

// The key of a day is kept; another day needs another one.
static void test_signs_by_the_providers_clock(void **state)
{
    struct signer *signer = make_signer(*state, "");
    struct signer_request request = example();
    static const int64_t offsets[] = {0, 86400, -34560000, 0, 3};
    struct buf lines;
    char text[64];

    buf_init(&lines, SIGNER_LINES_MAX);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        snprintf(text, sizeof(text), "signer:set_offset(%lld)", (long long)offsets[i]);
        lua_fixture_check(*state, text);
        int64_t now = (int64_t)(clock_wall_us() / 1000000) + offsets[i];
        buf_clear(&lines);
        signer_sign(signer, &request, &lines);
        assert_signed(buf_slice(&lines), (struct slice){NULL, 0});
        assert_in_range(seconds_of(buf_slice(&lines)) - now, 0, 30);
    }
    buf_deinit(&lines);
}

static void test_the_largest_lines_fit(void **state)
{
    struct signer *signer =
        make_signer(*state, "session_token = ('t'):rep(8191), access_key_id = ('k'):rep(8191)");
    struct signer_request request = example();
    struct buf lines;

    buf_init(&lines, SIGNER_LINES_MAX);
    signer_sign(signer, &request, &lines);
    assert_memory_equal(lines.data + lines.len - 2, "\r\n", 2);
    assert_int_equal(value_of(buf_slice(&lines), "x-amz-security-token").len, 8191);
    buf_deinit(&lines);
}

static void test_wrong_fields_raise(void **state)
{
    make_signer(*state, "");
    lua_fixture_check(
        *state,
        "local function refused(spec, message)\n"
        "  local ok, err = pcall(core.signer, spec)\n"
        "  assert(not ok and err:find(message, 1, true), err)\n"
        "end\n"
        "local needs = 'needs access_key_id, secret_access_key, region and service'\n"
        "refused({}, needs)\n"
        "refused({ access_key_id = 'a', secret_access_key = secret, region = 'r' }, needs)\n"
        "refused({ access_key_id = 'a', secret_access_key = {}, region = 'r', service = 's' },\n"
        "  needs)\n"
        "refused({ access_key_id = 'a\\r\\nb' }, 'access_key_id of a signer is a line')\n"
        "refused({ session_token = ('t'):rep(8192) }, 'session_token of a signer is a line')\n"
        "assert(not pcall(signer.set_offset, signer, 1e13))\n"
        "assert(not pcall(signer.set_offset, signer, 0/0))\n"
        "assert(not pcall(core.endpoint, { url = 'http://127.0.0.1:1', signer = {} }))\n"
        "assert(not pcall(signer.offset, core.endpoint({ url = 'http://127.0.0.1:1' })))");
}

static void test_an_endpoint_keeps_its_signer(void **state)
{
    make_signer(*state, "");
    lua_fixture_check(*state,
                      "local weak = setmetatable({ signer }, { __mode = 'v' })\n"
                      "endpoint = core.endpoint({ url = 'http://127.0.0.1:1', signer = signer })\n"
                      "signer = nil\n"
                      "collectgarbage() collectgarbage()\n"
                      "assert(weak[1])\n"
                      "endpoint = nil\n"
                      "collectgarbage() collectgarbage()\n"
                      "assert(not weak[1])");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_signs_what_is_sent),
        LUA_FIXTURE(test_signs_the_token_of_a_session),
        LUA_FIXTURE(test_signs_by_the_providers_clock),
        LUA_FIXTURE(test_the_largest_lines_fit),
        LUA_FIXTURE(test_wrong_fields_raise),
        LUA_FIXTURE(test_an_endpoint_keeps_its_signer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
