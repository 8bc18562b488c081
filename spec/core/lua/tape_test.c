#include "lua/tape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "lua/fixture.h"

static void begin(struct lua_fixture *fixture)
{
    struct slice body[] = {SLICE("{\"a\":"), SLICE("1}")};
    struct upstream_request request = {
        .method = SLICE("POST"),
        .path = SLICE("/v1/x?key=sk-secret-secret"),
        .headers = SLICE("authorization: Bearer sk-secret-secret\r\nx: y\r\n"),
        .body = body,
        .body_count = 2,
    };
    log_add_secret(fixture->env.log, SLICE("sk-secret-secret"));
    tape_begin(fixture->vm, fixture->vm->L, &request, SLICE("odd/m"));
}

static void add_head(struct lua_fixture *fixture)
{
    struct headers headers;

    headers_init(&headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    headers_add_name(&headers, "Content-Type", 12);
    headers_add_value(&headers, "text/plain", 10);
    headers_end_field(&headers);
    tape_head(fixture->vm->tape, 200, &headers);
    headers_deinit(&headers);
}

static void test_nothing_is_kept_unless_it_is_asked_for(void **state)
{
    struct lua_fixture *fixture = *state;
    assert_null(fixture->vm->tape);
    lua_fixture_check(fixture, "assert(core.recorded() == nil)");
    lua_fixture_check(fixture, "core.record_upstreams() core.record_upstreams()\n"
                               "assert(core.recorded() == nil)");
    assert_non_null(fixture->vm->tape);
}

static void test_an_exchange_is_kept_piece_by_piece_and_told_once(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_fixture_check(fixture, "core.record_upstreams()");
    begin(fixture);
    add_head(fixture);
    tape_body(fixture->vm->tape, "one", 3);
    tape_body(fixture->vm->tape, "", 0);
    tape_body(fixture->vm->tape, "\0two", 4);
    lua_fixture_check(fixture,
                      "local told = core.recorded()\n"
                      "assert(told.status == 200)\n"
                      "assert(told.headers['content-type'] == 'text/plain')\n"
                      "assert(#told.pieces == 2 and told.pieces[1] == 'one')\n"
                      "assert(told.pieces[2] == '\\0two' and not told.is_too_large)\n"
                      "assert(told.sent.body == '{\"a\":1}' and told.sent.target == 'odd/m')\n"
                      "assert(told.sent.headers.authorization == 'Bearer ***')\n"
                      "assert(core.recorded() == nil)");
}

static void test_the_next_exchange_begins_anew(void **state)
{
    struct lua_fixture *fixture = *state;
    lua_fixture_check(fixture, "core.record_upstreams()");
    begin(fixture);
    add_head(fixture);
    tape_body(fixture->vm->tape, "one", 3);
    begin(fixture);
    lua_fixture_check(fixture, "local told = core.recorded()\n"
                               "assert(told.status == 0 and #told.pieces == 0)\n"
                               "assert(next(told.headers) == nil)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_FIXTURE(test_nothing_is_kept_unless_it_is_asked_for),
        LUA_FIXTURE(test_an_exchange_is_kept_piece_by_piece_and_told_once),
        LUA_FIXTURE(test_the_next_exchange_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
