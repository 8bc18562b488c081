#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/upstream.h"
#include "trial.h"

static const struct peer_step hello[] = {
    PEER_DO(AWAIT), PEER_SAY("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), PEER_DO(AGAIN)};

static void ignore_closed(void *owner)
{
    (void)owner;
}

// The peer plays the proxy.
static void open_behind_proxy(struct trial *trial, const char *user)
{
    const struct upstream_settings settings = {.idle_per_origin = 4, .idle_time_ms = 60000};
    char url[64];
    struct slice path;

    memset(trial, 0, sizeof(*trial));
    trial->loop = loop_new();
    peer_open(&trial->peer, trial->loop, hello);
    snprintf(url, sizeof(url), "http://%s127.0.0.1:%d", user, trial->peer.port);
    setenv("http_proxy", url, 1);
    setenv("no_proxy", "other.test", 1);
    trial->pool = upstream_pool_new(trial->loop, &settings);
    trial->origin = upstream_origin(trial->pool, "http://api.test:8080/v1", &path, NULL);
    assert_non_null(trial->origin);
}

static void test_plain_request_through_a_proxy_has_absolute_form(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;

    open_behind_proxy(&trial, "");
    record_get(&record, &trial);
    assert_int_equal(record.status, 200);
    assert_string_equal(trial.peer.received.data, "GET http://api.test:8080/path HTTP/1.1\r\n"
                                                  "Host: api.test:8080\r\n"
                                                  "Accept: */*\r\n\r\n");
    record_deinit(&record);
    trial_close(&trial);
}

static void test_user_and_password_go_to_the_proxy_as_basic(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;

    open_behind_proxy(&trial, "Aladdin:open%20sesame@");
    record_get(&record, &trial);
    assert_non_null(strstr(trial.peer.received.data,
                           "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    record_deinit(&record);
    trial_close(&trial);
}

static void test_proxied_connection_is_reused_for_its_origin_only(void **state)
{
    (void)state;
    struct trial trial;
    struct record first, second, third;
    struct slice path;

    open_behind_proxy(&trial, "");
    record_get(&first, &trial);
    record_get(&second, &trial);
    assert_true(second.is_reused);
    trial.origin = upstream_origin(trial.pool, "http://api.test:8081", &path, NULL);
    record_get(&third, &trial);
    assert_false(third.is_reused);
    record_deinit(&first);
    record_deinit(&second);
    record_deinit(&third);
    trial_close(&trial);
}

static void test_exempt_host_is_connected_directly(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;
    struct slice path;
    char url[64];

    open_behind_proxy(&trial, "");
    setenv("no_proxy", "127.0.0.1", 1);
    struct upstream_pool *proxied = trial.pool;
    trial.pool = upstream_pool_new(
        trial.loop, &(struct upstream_settings){.idle_per_origin = 1, .idle_time_ms = 60000});
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", trial.peer.port);
    trial.origin = upstream_origin(trial.pool, url, &path, NULL);
    record_get(&record, &trial);
    assert_non_null(strstr(trial.peer.received.data, "GET /path HTTP/1.1\r\n"));
    record_deinit(&record);
    upstream_pool_close(proxied, ignore_closed, NULL);
    trial_close(&trial);
    upstream_pool_free(proxied);
}

static void test_dead_proxy_is_named_without_its_password(void **state)
{
    (void)state;
    struct trial trial;
    struct record record;
    char wanted[160];

    open_behind_proxy(&trial, "user:secret@");
    int port = trial.peer.port;
    peer_close(&trial.peer);
    trial_settle(&trial);
    record_get(&record, &trial);
    snprintf(wanted, sizeof(wanted),
             "cannot connect to api.test:8080 through the proxy 127.0.0.1:%d: connection refused",
             port);
    assert_int_equal(record.err.kind, ERROR_CONNECT);
    assert_string_equal(record.err.message, wanted);
    record_deinit(&record);
    peer_open(&trial.peer, trial.loop, hello); // for trial_close()
    trial_close(&trial);
}

static int clear_environment(void **state)
{
    (void)state;
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_plain_request_through_a_proxy_has_absolute_form,
                                  clear_environment),
        cmocka_unit_test_teardown(test_user_and_password_go_to_the_proxy_as_basic,
                                  clear_environment),
        cmocka_unit_test_teardown(test_proxied_connection_is_reused_for_its_origin_only,
                                  clear_environment),
        cmocka_unit_test_teardown(test_exempt_host_is_connected_directly, clear_environment),
        cmocka_unit_test_teardown(test_dead_proxy_is_named_without_its_password, clear_environment),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
