// tide.http against a server that does what a script says.
#include "lua/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "base/limits.h"
#include "http/peer.h"
#include "lua/scripted.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct trial {
    struct scripted *scripted;
    struct peer peer;
    bool is_open;
};

static struct trial the_trial;

static int set_up(void **state)
{
    return scripted_set_up(state);
}

// A test that failed has left its peer open.
static int tear_down(void **state)
{
    if (the_trial.is_open)
        peer_close(&the_trial.peer);
    the_trial.is_open = false;
    return scripted_tear_down(state);
}

static struct trial *trial_open(void **state, const struct peer_step *script)
{
    struct trial *trial = &the_trial;

    trial->scripted = *state;
    trial->is_open = true;
    peer_open(&trial->peer, trial->scripted->fixture.env.loop, script);
    lua_State *L = trial->scripted->fixture.vm->L;
    lua_pushfstring(L, "http://127.0.0.1:%d", trial->peer.port);
    lua_setglobal(L, "url");
    return trial;
}

static struct upstream_pool *pool_of(const struct trial *trial)
{
    return trial->scripted->fixture.env.upstreams;
}

static void turn(struct trial *trial)
{
    scripted_turn(trial->scripted);
}

// The script's part is over: nothing of it may be on the wire any more.
static void trial_close(struct trial *trial)
{
    while (upstream_pool_in_flight(pool_of(trial)))
        turn(trial);
    peer_close(&trial->peer);
    trial->is_open = false;
}

static void run(struct trial *trial, const char *text)
{
    scripted_run(trial->scripted, text);
}

static void test_a_request_and_its_answer(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "X-One: a\r\nx-one: b\r\nContent-Length: 5\r\n\r\nhello"),
        PEER_DO(AGAIN)};
    struct trial *trial = trial_open(state, script);
    run(trial, "local res = assert(tide.http.request{ url = url .. '/path?q=1', method = 'PUT',"
               "  headers = { ['X-Key'] = 'v' }, body = 'body' })"
               " assert(res.status == 200 and res.body == 'hello' and res:text() == 'hello')"
               " assert(res.headers['x-one'] == 'a, b' and res.headers['content-length'] == '5')"
               " assert(tide.http.request{ url = url .. '/?only=query' }.body == 'hello')");
    buf_add(&trial->peer.received, "", 1);
    const char *sent = trial->peer.received.data;
    assert_non_null(strstr(sent, "PUT /path?q=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "\r\nX-Key: v\r\n"));
    assert_non_null(strstr(sent, "\r\naccept-encoding: identity\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Length: 4\r\n\r\nbody"));
    assert_non_null(strstr(sent, "GET /?only=query HTTP/1.1\r\n"));
    assert_int_equal(trial->peer.accepted, 1); // the connection was used again
    trial_close(trial);
}

static void test_a_secret_is_sent_and_never_seen(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 0\r\n\r\n"), PEER_DO(AGAIN)};

    setenv("FETCH_TEST_KEY", "sk-canary-fetch", 1);
    struct trial *trial = trial_open(state, script);
    run(trial, "local key = core.env_secret('FETCH_TEST_KEY')"
               " assert(tide.http.request{ url = url, headers = { ['x-key'] = key } })"
               " note(key)");
    assert_string_equal(trial->scripted->trace, "*** ");
    buf_add(&trial->peer.received, "", 1);
    assert_non_null(strstr(trial->peer.received.data, "x-key: sk-canary-fetch\r\n"));
    trial_close(trial);
    unsetenv("FETCH_TEST_KEY");
}

static void test_redirects_and_errors_are_answers_as_any_other(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY("HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n"),
        PEER_DO(AWAIT), PEER_SAY("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"), PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    run(trial, "local res = assert(tide.http.request{ url = url })"
               " note(res.status) note(res.headers.location)"
               " res = assert(tide.http.request{ url = url }) note(res.status) note(res.body)");
    assert_string_equal(trial->scripted->trace, "302 http://x/ 500 no ");
    trial_close(trial);
}

static void test_what_cannot_be_reached_is_an_error_value(void **state)
{
    static const struct peer_step script[] = {PEER_DO(AWAIT), PEER_DO(CLOSE)};
    struct trial *trial = trial_open(state, script);
    run(trial,
        "local res, err = tide.http.request{ url = url } note(err.kind)"
        " res, err = tide.http.request{ url = 'http://127.0.0.1:1' } note(err.kind)"
        " res, err = tide.http.request{ url = 'ftp://x' } note(err.kind)"
        " res, err = tide.http.request{ url = 'http://a b' } note(err.kind)"
        " res, err = tide.http.request{ url = 'http://x/' .. ('y'):rep(9000) } note(err.kind)"
        " grants[1] = nil require('tide.api_http')(tide)"
        " res, err = tide.http.request{ url = url } note(err.kind)");
    assert_string_equal(trial->scripted->trace,
                        "connect connect bad_request bad_request bad_request no_target ");
    trial_close(trial);
}

static void test_deadlines_end_the_exchange(void **state)
{
    static const struct peer_step silent[] = {PEER_DO(AWAIT), PEER_DO(END)};
    static const struct peer_step stuck[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 9\r\n\r\nbegin"), PEER_DO(END)};
    struct trial *trial = trial_open(state, silent);
    trial->peer.scripts[1] = stuck;
    trial->peer.scripts[2] = stuck;
    run(trial, "local function ask(timeout)"
               "  local _, err = tide.http.request{ url = url, timeout = timeout }"
               "  note(err.kind) note(err.message) end"
               " ask{ head = 0.01 } ask{ idle = 0.01 } ask(0.02)");
    assert_string_equal(trial->scripted->trace, "timeout no head of an answer within 0.01 seconds "
                                                "timeout no byte more within 0.01 seconds "
                                                "timeout no whole answer within 0.02 seconds ");
    trial_close(trial);
}

static void test_a_body_over_its_limit_is_not_kept(void **state)
{
    static const struct peer_step script[] = {PEER_DO(AWAIT),
                                              PEER_SAY(OK_HEAD "Content-Length: 100000\r\n\r\n"),
                                              {PEER_FILL, NULL, 100000},
                                              PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    run(trial, "local res, err = tide.http.request{ url = url, max_body = 99999 }"
               " note(err.kind) note(err.message)"
               " note(#tide.http.request{ url = url, max_body = 100000 }.body)");
    assert_string_equal(trial->scripted->trace,
                        "too_large the answer is larger than 99999 bytes (max_body) 100000 ");
    trial_close(trial);
}

static void test_a_compressed_body_is_decoded(void **state)
{
    // "hello hello hello\n" as gzip
    static const char body[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x5c"
        "\x00\x3b\x7c\x8a\xdf\x12\x00\x00\x00";
    static const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY(OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 29\r\n\r\n"),
        {PEER_SEND_BYTES, body, sizeof(body) - 1},
        PEER_DO(AWAIT),
        PEER_SAY(OK_HEAD "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx"),
        PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    run(trial, "note(tide.http.request{ url = url }.body)"
               " local _, err = tide.http.request{ url = url } note(err.kind)");
    assert_string_equal(trial->scripted->trace, "hello hello hello\n protocol ");
    trial_close(trial);
}

static void test_events_come_one_by_one(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT),
        PEER_SAY(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n10\r\ndata: 1\n\ndata: 2\r\n"),
        PEER_DO(PAUSE), PEER_SAY("10\r\n\n\nevent: x\ndata:\r\n4\r\n 3\n\n\r\n0\r\n\r\n"),
        PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    scripted_start(trial->scripted,
                   "local res = assert(tide.http.request{ url = url, stream = true })"
                   " for event in res:sse() do note(event.event .. '=' .. event.data) end"
                   " note(res.err) note(res.status)");
    while (!*trial->scripted->trace)
        turn(trial);
    assert_string_equal(trial->scripted->trace, "message=1 ");
    peer_continue(&trial->peer, 0);
    scripted_await(trial->scripted);
    assert_string_equal(trial->scripted->trace, "message=1 message=2 x=3 nil 200 ");
    trial_close(trial);
}

static void test_lines_and_pieces(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 17\r\n\r\n{\"a\":1}\n\n[2]\n{\"b\""),
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 3\r\n\r\nabc"), PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    run(trial, "local res = assert(tide.http.request{ url = url, stream = true })"
               " for value in res:ndjson() do note(value.a or value[1]) end note(res.err.kind)"
               " res = assert(tide.http.request{ url = url, stream = true })"
               " local text = '' for piece in res:chunks() do text = text .. piece end"
               " note(text) note(res.err)");
    assert_string_equal(trial->scripted->trace, "1 2 protocol abc nil ");
    trial_close(trial);
}

static void test_a_stream_that_breaks_off_says_so(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 90\r\n\r\ndata: 1\n\n"), PEER_DO(CLOSE)};
    struct trial *trial = trial_open(state, script);
    run(trial, "local res = assert(tide.http.request{ url = url, stream = true })"
               " for event in res:sse() do note(event.data) end note(res.err.kind)");
    assert_string_equal(trial->scripted->trace, "1 protocol ");
    trial_close(trial);
}

// A script that does not read must not fill memory.
static void test_a_stream_that_nobody_reads_stops_the_upstream(void **state)
{
    enum { LARGE = 2 * LIMIT_FETCH_BUFFER }; // more than is ever kept
    static const struct peer_step script[] = {PEER_DO(AWAIT),
                                              PEER_SAY(OK_HEAD "Content-Length: 33554432\r\n\r\n"),
                                              {PEER_FILL, NULL, LARGE},
                                              PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    scripted_start(
        trial->scripted,
        "res = assert(tide.http.request{ url = url, stream = true, timeout = { idle = 0.03 } })"
        " core.sleep(0.06)" // longer than the idle time: that is the script's doing
        " note('slept') local size = 0"
        " for piece in res:chunks() do size = size + #piece"
        "  assert(#piece <= 65536) end note(size) note(res.err)");
    while (!*trial->scripted->trace)
        turn(trial);
    scripted_await(trial->scripted);
    assert_string_equal(trial->scripted->trace, "slept 33554432 nil ");
    trial_close(trial);
}

static const struct peer_step endless[] = {
    PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"),
    PEER_DO(END)};

static void await_closed(struct trial *trial)
{
    while (upstream_pool_in_flight(pool_of(trial)) || trial->peer.open)
        turn(trial);
    assert_int_equal(upstream_pool_idle(pool_of(trial)), 0);
}

static void test_canceling_the_task_frees_the_upstream(void **state)
{
    struct trial *trial = trial_open(state, endless);
    scripted_start(trial->scripted,
                   "local res, err = tide.http.request{ url = url } note(err.kind)");
    while (!trial->peer.requests)
        turn(trial);
    task_cancel(trial->scripted->task);
    assert_int_equal(trial->scripted->ended, 1);
    assert_string_equal(trial->scripted->trace, "canceled ");
    await_closed(trial);
    trial_close(trial);
}

static void test_the_losers_of_a_race_are_gone_before_it_returns(void **state)
{
    struct trial *trial = trial_open(state, endless);
    run(trial, "local won = tide.race{"
               "  function() local _, err = tide.http.request{ url = url } note(err.kind) end,"
               "  function() tide.http.request{ url = url, stream = true } core.sleep(3600) end,"
               "  function() core.sleep(0.02) return 'won' end } note(won)");
    assert_string_equal(trial->scripted->trace, "canceled won ");
    await_closed(trial);
    trial_close(trial);
}

static void test_a_stream_of_the_winner_can_be_read_on(void **state)
{
    static const struct peer_step script[] = {PEER_DO(AWAIT),
                                              PEER_SAY(OK_HEAD "Content-Length: 10\r\n\r\nbegin"),
                                              PEER_DO(PAUSE), PEER_SAY("other"), PEER_DO(END)};
    struct trial *trial = trial_open(state, script);
    scripted_start(trial->scripted,
                   "local res = tide.race{"
                   "  function() return tide.http.request{ url = url, stream = true } end }"
                   " note(res.status) note((res:text()))");
    while (!*trial->scripted->trace)
        turn(trial);
    peer_continue(&trial->peer, 0);
    scripted_await(trial->scripted);
    assert_string_equal(trial->scripted->trace, "200 beginother ");
    trial_close(trial);
}

static void test_a_stream_that_is_dropped_ends_with_the_task(void **state)
{
    struct trial *trial = trial_open(state, endless);
    run(trial, "kept = assert(tide.http.request{ url = url, stream = true })");
    await_closed(trial);
    trial_close(trial);
}

static void test_a_stream_that_nobody_holds_is_collected(void **state)
{
    struct trial *trial = trial_open(state, endless);
    scripted_start(trial->scripted,
                   "assert(tide.http.request{ url = url, stream = true }) note('on')"
                   " core.sleep(3600)");
    while (!*trial->scripted->trace)
        turn(trial);
    lua_gc(trial->scripted->fixture.vm->L, LUA_GCCOLLECT, 0);
    lua_gc(trial->scripted->fixture.vm->L, LUA_GCCOLLECT, 0);
    await_closed(trial);
    task_cancel(trial->scripted->task);
    trial_close(trial);
}

static void test_a_stream_can_be_closed_early(void **state)
{
    struct trial *trial = trial_open(state, endless);
    run(trial, "local res = assert(tide.http.request{ url = url, stream = true })"
               " for piece in res:chunks() do note(piece) res:close() end note(res.err.kind)"
               " res:close()");
    assert_string_equal(trial->scripted->trace, "begin canceled ");
    await_closed(trial);
    trial_close(trial);
}

static void test_a_connection_that_had_died_in_the_pool_is_not_the_scripts_concern(void **state)
{
    static const struct peer_step first[] = {PEER_DO(AWAIT),
                                             PEER_SAY(OK_HEAD "Content-Length: 1\r\n\r\n1"),
                                             PEER_DO(AWAIT), PEER_DO(CLOSE)};
    static const struct peer_step second[] = {PEER_DO(AWAIT),
                                              PEER_SAY(OK_HEAD "Content-Length: 1\r\n\r\n2"),
                                              PEER_DO(AWAIT), PEER_DO(CLOSE)};
    struct trial *trial = trial_open(state, first);
    trial->peer.scripts[1] = second;
    run(trial, "for _ = 1, 2 do note(tide.http.request{ url = url }.body) end"
               " local _, err = tide.http.request{ url = url, body = 'once' } note(err.kind)");
    assert_string_equal(trial->scripted->trace, "1 2 connect ");
    trial_close(trial);
}

static void test_calls_of_one_request_have_a_limit(void **state)
{
    static const struct peer_step script[] = {
        PEER_DO(AWAIT), PEER_SAY(OK_HEAD "Content-Length: 0\r\n\r\n"), PEER_DO(AGAIN)};
    struct trial *trial = trial_open(state, script);
    run(trial, "for i = 1, 100 do local res, err = tide.http.request{ url = url }"
               "  if not res then note(i) note(err.kind) note(err.limit) break end end");
    assert_string_equal(trial->scripted->trace, "33 budget calls ");
    trial_close(trial);
}

// One stream that always has more leaves turns of the loop to others.
static void test_a_busy_stream_leaves_others_their_turn(void **state)
{
    enum { EVENTS = 160 };
    static char body[200 + EVENTS * 9];
    static const struct peer_step script[] = {PEER_DO(AWAIT), {PEER_SEND, body, 0}, PEER_DO(END)};

    snprintf(body, sizeof(body), OK_HEAD "Content-Length: %d\r\n\r\n", EVENTS * 9);
    for (int i = 0; i < EVENTS; i++)
        memcpy(strchr(body, '\0'), "data: 1\n\n", 10);
    struct trial *trial = trial_open(state, script);
    run(trial,
        "local res = assert(tide.http.request{ url = url, stream = true })"
        " core.sleep(0.01) local turns, left = 0, true"
        " local other = tide.spawn(function() while left do turns = turns + 1 tide.yield() end end)"
        " local n = 0 for _ in res:sse() do n = n + 1 end left = false"
        " note(n) note(turns >= n / 16)");
    assert_string_equal(trial->scripted->trace, "160 true ");
    trial_close(trial);
}

static void test_nothing_is_asked_while_a_script_is_loaded(void **state)
{
    struct trial *trial = trial_open(state, endless);
    lua_fixture_check(&trial->scripted->fixture,
                      "local ok, err = core.run_now(tide.http.request, { url = url })"
                      " assert(not ok and err.message:find('being loaded'), err.message)");
    trial_close(trial);
    assert_int_equal(trial->peer.accepted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_and_its_answer),
        TEST(test_a_secret_is_sent_and_never_seen),
        TEST(test_redirects_and_errors_are_answers_as_any_other),
        TEST(test_what_cannot_be_reached_is_an_error_value),
        TEST(test_deadlines_end_the_exchange),
        TEST(test_a_body_over_its_limit_is_not_kept),
        TEST(test_a_compressed_body_is_decoded),
        TEST(test_events_come_one_by_one),
        TEST(test_lines_and_pieces),
        TEST(test_a_stream_that_breaks_off_says_so),
        TEST(test_a_stream_that_nobody_reads_stops_the_upstream),
        TEST(test_canceling_the_task_frees_the_upstream),
        TEST(test_the_losers_of_a_race_are_gone_before_it_returns),
        TEST(test_a_stream_of_the_winner_can_be_read_on),
        TEST(test_a_stream_that_is_dropped_ends_with_the_task),
        TEST(test_a_stream_that_nobody_holds_is_collected),
        TEST(test_a_stream_can_be_closed_early),
        TEST(test_a_connection_that_had_died_in_the_pool_is_not_the_scripts_concern),
        TEST(test_calls_of_one_request_have_a_limit),
        TEST(test_a_busy_stream_leaves_others_their_turn),
        TEST(test_nothing_is_asked_while_a_script_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
