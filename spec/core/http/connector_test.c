#include "http/connector.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tls_peer.h"
#include "trial.h"

static const struct peer_step silent[] = {PEER_DO(END)};

struct tls_trial {
    struct trial trial;
    struct tls_peer server;
};

static struct origin *origin_of(struct trial *trial, const char *scheme, int port)
{
    char url[64];
    struct slice path;
    snprintf(url, sizeof(url), "%s://localhost:%d", scheme, port);
    return upstream_origin(trial->pool, url, &path, NULL);
}

static void tls_trial_open(struct tls_trial *tls, enum tls_peer_flaw flaw)
{
    tls_peer_open(&tls->server, flaw, false);
    const struct upstream_settings settings = {
        .idle_per_origin = 64, .idle_time_ms = 60000, .ca_file = tls->server.ca_file, .proxy = ""};
    trial_open(&tls->trial, silent, &settings);
    tls->trial.origin = origin_of(&tls->trial, "https", tls->server.port);
}

static void tls_trial_close(struct tls_trial *tls)
{
    trial_close(&tls->trial);
    tls_peer_close(&tls->server);
}

static void start_get(struct record *record, struct trial *trial, const char *path)
{
    const struct upstream_request request = {.origin = trial->origin,
                                             .method = SLICE("GET"),
                                             .path = slice_of(path),
                                             .connect_ms = 5000};
    record_start_request(record, trial, &request);
}

static void get(struct record *record, struct trial *trial, const char *path)
{
    memset(record, 0, sizeof(*record));
    start_get(record, trial, path);
    record_await(record);
}

static void assert_body(const struct record *record, const char *text)
{
    assert_string_equal(record->err.message, "");
    assert_int_equal(record->body.len, strlen(text));
    assert_memory_equal(record->body.data, text, strlen(text));
}

static void test_right_name_and_known_issuer_pass(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record record;

    tls_trial_open(&tls, TLS_PEER_GOOD);
    get(&record, &tls.trial, "/hello");
    assert_body(&record, "hello");
    record_deinit(&record);
    tls_trial_close(&tls);
}

static void test_only_http_1_1_is_offered(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record record;

    tls_trial_open(&tls, TLS_PEER_GOOD);
    get(&record, &tls.trial, "/hello");
    assert_string_equal(tls.server.alpn, "\x08http/1.1");
    record_deinit(&record);
    tls_trial_close(&tls);
}

static void expect_refused(enum tls_peer_flaw flaw)
{
    struct tls_trial tls;
    struct record record;
    char endpoint[32];

    tls_trial_open(&tls, flaw);
    get(&record, &tls.trial, "/hello");
    assert_int_equal(record.err.kind, ERROR_TLS);
    snprintf(endpoint, sizeof(endpoint), "localhost:%d", tls.server.port);
    assert_non_null(strstr(record.err.message, endpoint));
    assert_int_equal(record.heads, 0);
    record_deinit(&record);
    tls_trial_close(&tls);
}

static void test_wrong_host_name_is_refused(void **state)
{
    (void)state;
    expect_refused(TLS_PEER_WRONG_NAME);
}

static void test_expired_certificate_is_refused(void **state)
{
    (void)state;
    expect_refused(TLS_PEER_EXPIRED);
}

static void test_unknown_issuer_is_refused(void **state)
{
    (void)state;
    expect_refused(TLS_PEER_STRANGER);
}

static void expect_tls_error(const char *ca_file, const char *message)
{
    struct tls_peer server;
    struct trial trial;
    struct record record;
    const struct upstream_settings settings = {.ca_file = ca_file, .proxy = ""};

    tls_peer_open(&server, TLS_PEER_GOOD, false);
    trial_open(&trial, silent, &settings);
    trial.origin = origin_of(&trial, "https", server.port);
    get(&record, &trial, "/hello");
    assert_int_equal(record.err.kind, ERROR_TLS);
    assert_non_null(strstr(record.err.message, message));
    record_deinit(&record);
    trial_close(&trial);
    tls_peer_close(&server);
}

static void test_the_systems_certificates_do_not_know_the_test_authority(void **state)
{
    (void)state;
    expect_tls_error(NULL, "no TLS with localhost");
}

static void test_unreadable_certificate_file_is_a_tls_error(void **state)
{
    (void)state;
    expect_tls_error("/nonexistent/ca.pem", "cannot read certificates from /nonexistent/ca.pem");
}

static void test_server_without_tls_is_a_tls_error(void **state)
{
    (void)state;
    const struct peer_step script[] = {PEER_SAY("220 mail.test\r\n"), PEER_DO(END)};
    struct trial trial;
    struct record record;

    trial_open(&trial, script, NULL);
    trial.origin = origin_of(&trial, "https", trial.peer.port);
    get(&record, &trial, "/");
    assert_int_equal(record.err.kind, ERROR_TLS);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_handshake_counts_into_the_connect_time(void **state)
{
    (void)state;
    struct trial trial;
    struct record record = {0};

    trial_open(&trial, silent, NULL);
    const struct upstream_request request = {.origin = origin_of(&trial, "https", trial.peer.port),
                                             .method = SLICE("GET"),
                                             .path = SLICE("/"),
                                             .connect_ms = 50};
    record_start_request(&record, &trial, &request);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_TIMEOUT);
    assert_int_equal(trial.peer.accepted, 1);
    record_deinit(&record);
    trial_close(&trial);
}

static void test_tls_connection_is_reused(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record record;

    tls_trial_open(&tls, TLS_PEER_GOOD);
    for (int i = 0; i < 5; i++) {
        get(&record, &tls.trial, "/hello");
        assert_body(&record, "hello");
        assert_int_equal(record.is_reused, i > 0);
        record_deinit(&record);
    }
    assert_int_equal(atomic_load(&tls.server.handshakes), 1);
    tls_trial_close(&tls);
}

static void test_second_tls_connection_resumes_the_session(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record first, second = {0};

    tls_trial_open(&tls, TLS_PEER_GOOD);
    get(&first, &tls.trial, "/hello");
    const struct upstream_request request = {.origin = tls.trial.origin,
                                             .method = SLICE("GET"),
                                             .path = SLICE("/hello"),
                                             .connect_ms = 5000,
                                             .fresh = true};
    record_start_request(&second, &tls.trial, &request);
    record_await(&second);
    assert_body(&second, "hello");
    assert_int_equal(atomic_load(&tls.server.resumed), 1);
    record_deinit(&first);
    record_deinit(&second);
    tls_trial_close(&tls);
}

// A resumed session is not verified again, so it must not serve those who trust somebody else.
static void test_session_is_not_resumed_under_another_certificate_file(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct tls_peer stranger;
    struct record trusting, other;
    struct slice path;
    char url[64];

    tls_trial_open(&tls, TLS_PEER_GOOD);
    tls_peer_open(&stranger, TLS_PEER_GOOD, false);
    get(&trusting, &tls.trial, "/hello");
    assert_body(&trusting, "hello");
    snprintf(url, sizeof(url), "https://localhost:%d", tls.server.port);
    const struct origin_way way = {.ca_file = stranger.ca_file};
    tls.trial.origin = upstream_origin_by(tls.trial.pool, url, &way, &path, NULL);
    get(&other, &tls.trial, "/hello");
    assert_int_equal(other.err.kind, ERROR_TLS);
    assert_int_equal(atomic_load(&tls.server.resumed), 0);
    record_deinit(&trusting);
    record_deinit(&other);
    tls_trial_close(&tls);
    tls_peer_close(&stranger);
}

// The name resolves to loopback addresses alone: nothing is sent there.
static void test_a_name_that_leads_to_a_private_address_is_refused(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record trusting, guarded;
    struct slice path;
    char url[64];

    tls_trial_open(&tls, TLS_PEER_GOOD);
    get(&trusting, &tls.trial, "/hello"); // its connection waits in the pool, for others
    snprintf(url, sizeof(url), "https://localhost:%d", tls.server.port);
    const struct origin_way way = {.is_public = true};
    tls.trial.origin = upstream_origin_by(tls.trial.pool, url, &way, &path, NULL);
    get(&guarded, &tls.trial, "/hello");
    assert_int_equal(guarded.err.kind, ERROR_BAD_REQUEST);
    assert_non_null(strstr(guarded.err.message, "is not a public address"));
    record_deinit(&trusting);
    record_deinit(&guarded);
    tls_trial_close(&tls);
}

static void pause_once(struct record *record)
{
    upstream_pause(record->upstream);
    record->in_body = NULL;
}

static void test_large_tls_body_survives_pauses(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record record = {.in_body = pause_once};

    tls_trial_open(&tls, TLS_PEER_GOOD);
    start_get(&record, &tls.trial, "/large");
    while (!record.dones) {
        if (record.body.len && !record.in_body) {
            size_t before = record.body.len;
            trial_settle(&tls.trial);
            assert_int_equal(record.body.len, before);
            record.in_body = before < TLS_PEER_LARGE / 2 ? pause_once : record.in_body;
            upstream_resume(record.upstream);
            if (!record.in_body)
                break;
        }
        uv_run(&tls.trial.loop->uv, UV_RUN_ONCE);
    }
    record_await(&record);
    assert_string_equal(record.err.message, "");
    assert_int_equal(record.body.len, TLS_PEER_LARGE);
    assert_int_equal(upstream_pool_idle(tls.trial.pool), 1);
    record_deinit(&record);
    tls_trial_close(&tls);
}

static void test_large_tls_request_arrives_whole(void **state)
{
    (void)state;
    enum { SIZE = 8 * 1000 * 1000 };
    struct tls_trial tls;
    struct record record = {0};
    char *bytes = mem_alloc(SIZE);
    const struct slice body[] = {{bytes, 10}, {bytes + 10, 20000}, {bytes + 20010, SIZE - 20010}};

    memset(bytes, 'y', SIZE);
    tls_trial_open(&tls, TLS_PEER_GOOD);
    const struct upstream_request request = {.origin = tls.trial.origin,
                                             .method = SLICE("POST"),
                                             .path = SLICE("/length"),
                                             .body = body,
                                             .body_count = 3,
                                             .connect_ms = 5000};
    record_start_request(&record, &tls.trial, &request);
    record_await(&record);
    assert_body(&record, "8000000");
    assert_int_equal(upstream_pool_idle(tls.trial.pool), 1);
    free(bytes);
    record_deinit(&record);
    tls_trial_close(&tls);
}

// Many servers leave the goodbye out; libcurl takes that for an end too.
static void test_tls_body_delimited_by_close_ends_with_or_without_goodbye(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record bye, cut;

    tls_trial_open(&tls, TLS_PEER_GOOD);
    get(&bye, &tls.trial, "/bye");
    assert_body(&bye, "bye");
    get(&cut, &tls.trial, "/cut");
    assert_body(&cut, "bye");
    assert_false(cut.has_body_end);
    record_deinit(&bye);
    record_deinit(&cut);
    tls_trial_close(&tls);
}

static void test_cancel_closes_a_tls_connection(void **state)
{
    (void)state;
    struct tls_trial tls;
    struct record record = {0};

    tls_trial_open(&tls, TLS_PEER_GOOD);
    start_get(&record, &tls.trial, "/stall");
    while (!record.heads)
        uv_run(&tls.trial.loop->uv, UV_RUN_ONCE);
    upstream_cancel(record.upstream);
    record_await(&record);
    assert_int_equal(record.err.kind, ERROR_CANCELED);
    while (!atomic_load(&tls.server.ended)) // the server's read ends by itself
        continue;
    record_deinit(&record);
    tls_trial_close(&tls);
}

static void test_many_tls_streams_at_once(void **state)
{
    (void)state;
    enum { COUNT = 40 }; // more than one multi handle holds
    struct tls_trial tls;
    struct record records[COUNT] = {0};

    tls_trial_open(&tls, TLS_PEER_GOOD);
    for (size_t i = 0; i < COUNT; i++)
        start_get(&records[i], &tls.trial, "/hello");
    for (size_t i = 0; i < COUNT; i++) {
        record_await(&records[i]);
        assert_body(&records[i], "hello");
        record_deinit(&records[i]);
    }
    assert_int_equal(upstream_pool_idle(tls.trial.pool), COUNT);
    tls_trial_close(&tls);
}

static void test_https_goes_through_a_tunnel_of_the_proxy(void **state)
{
    (void)state;
    struct tls_peer proxy;
    struct trial trial;
    struct record record, again;
    char proxy_url[64];

    tls_peer_open(&proxy, TLS_PEER_GOOD, true);
    snprintf(proxy_url, sizeof(proxy_url), "http://user:pa%%20ss@127.0.0.1:%d", proxy.port);
    const struct upstream_settings settings = {
        .idle_per_origin = 1, .idle_time_ms = 60000, .ca_file = proxy.ca_file, .proxy = proxy_url};
    trial_open(&trial, silent, &settings);
    trial.origin = origin_of(&trial, "https", 443);
    get(&record, &trial, "/hello");
    assert_body(&record, "hello");
    assert_non_null(strstr(proxy.connect, "CONNECT localhost:443 HTTP/1.1\r\n"));
    assert_non_null(strstr(proxy.connect, "Proxy-Authorization: Basic dXNlcjpwYSBzcw==\r\n"));
    get(&again, &trial, "/hello");
    assert_true(again.is_reused);
    record_deinit(&record);
    record_deinit(&again);
    trial_close(&trial);
    tls_peer_close(&proxy);
}

static void expect_tunnel_to_fail(const struct peer_step *script, enum error_kind kind)
{
    struct loop *loop = loop_new();
    struct peer proxy;
    struct trial trial = {.loop = loop};
    struct record record = {0};
    char proxy_url[64];

    peer_open(&trial.peer, loop, silent);
    peer_open(&proxy, loop, script);
    snprintf(proxy_url, sizeof(proxy_url), "http://user:secret@127.0.0.1:%d", proxy.port);
    trial.pool = upstream_pool_new(loop, &(struct upstream_settings){.proxy = proxy_url});
    const struct upstream_request request = {.origin = origin_of(&trial, "https", 443),
                                             .method = SLICE("GET"),
                                             .path = SLICE("/"),
                                             .connect_ms = 100};
    record_start_request(&record, &trial, &request);
    record_await(&record);
    assert_int_equal(record.err.kind, kind);
    assert_non_null(strstr(record.err.message, "localhost:443"));
    assert_null(strstr(record.err.message, "secret"));
    record_deinit(&record);
    peer_close(&proxy);
    trial_close(&trial);
}

static void test_proxy_that_refuses_the_tunnel_is_a_connect_error(void **state)
{
    (void)state;
    const struct peer_step script[] = {
        PEER_DO(AWAIT_HEAD),
        PEER_SAY("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
        PEER_DO(END)};
    expect_tunnel_to_fail(script, ERROR_CONNECT);
}

static void test_proxy_that_never_answers_times_out(void **state)
{
    (void)state;
    expect_tunnel_to_fail(silent, ERROR_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_name_and_known_issuer_pass),
        cmocka_unit_test(test_only_http_1_1_is_offered),
        cmocka_unit_test(test_wrong_host_name_is_refused),
        cmocka_unit_test(test_expired_certificate_is_refused),
        cmocka_unit_test(test_unknown_issuer_is_refused),
        cmocka_unit_test(test_the_systems_certificates_do_not_know_the_test_authority),
        cmocka_unit_test(test_unreadable_certificate_file_is_a_tls_error),
        cmocka_unit_test(test_server_without_tls_is_a_tls_error),
        cmocka_unit_test(test_handshake_counts_into_the_connect_time),
        cmocka_unit_test(test_tls_connection_is_reused),
        cmocka_unit_test(test_second_tls_connection_resumes_the_session),
        cmocka_unit_test(test_session_is_not_resumed_under_another_certificate_file),
        cmocka_unit_test(test_a_name_that_leads_to_a_private_address_is_refused),
        cmocka_unit_test(test_large_tls_body_survives_pauses),
        cmocka_unit_test(test_large_tls_request_arrives_whole),
        cmocka_unit_test(test_tls_body_delimited_by_close_ends_with_or_without_goodbye),
        cmocka_unit_test(test_cancel_closes_a_tls_connection),
        cmocka_unit_test(test_many_tls_streams_at_once),
        cmocka_unit_test(test_https_goes_through_a_tunnel_of_the_proxy),
        cmocka_unit_test(test_proxy_that_refuses_the_tunnel_is_a_connect_error),
        cmocka_unit_test(test_proxy_that_never_answers_times_out),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
