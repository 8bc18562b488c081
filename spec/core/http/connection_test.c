#include "http/connection.h"

#include "base/limits.h"
#include "server_fixture.h"

// ---- requests on one connection ---------------------------------------------------------------

static void test_a_connection_is_kept_for_the_next_request(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    for (int i = 0; i < 3; i++) {
        client_send(&fixture, fd, "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        char *answer = client_read_until(&fixture, fd, "POST /a?b hi");
        assert_contains(answer, "HTTP/1.1 200 OK\r\nx-test: yes\r\ncontent-length: 12\r\n\r\n");
        free(answer);
    }
    assert_int_equal(server_connections(fixture.server), 1);
    close(fd);
    FIXTURE_UNTIL(&fixture, server_connections(fixture.server) == 0);
    assert_int_equal(fixture.gone, 0);
    fixture_stop(&fixture);
}

static void test_a_connection_ends_when_the_client_says_so(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
    };
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    for (int i = 0; i < 2; i++) {
        int fd = client_open(&fixture);
        client_send(&fixture, fd, heads[i]);
        char *answer = client_read_all(&fixture, fd);
        assert_contains(answer, "connection: close\r\n");
        assert_contains(answer, "GET /a ");
        free(answer);
    }
    fixture_stop(&fixture);
}

static void test_http_1_0_may_ask_to_stay(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    for (int i = 0; i < 2; i++) {
        client_send(&fixture, fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        char *answer = client_read_until(&fixture, fd, "GET /a ");
        assert_contains(answer, "connection: keep-alive\r\n");
        free(answer);
    }
    close(fd);
    fixture_stop(&fixture);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    client_send(&fixture, fd,
                "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGETGET /2 HTTP/1.1\r\n"
                "Host: a\r\n\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "1\r\nx\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                "GET /5 HTTP/1.1\r\nHost: a\r\n\r\n");
    char *answers = client_read_all(&fixture, fd);
    const char *first = strstr(answers, "POST /1 GET"), *second = strstr(answers, "GET /2 ");
    const char *third = strstr(answers, "POST /3 x"), *fourth = strstr(answers, "GET /4 ");
    assert_true(first && first < second && second < third && third < fourth);
    assert_int_equal(fixture.requests, 4);
    free(answers);
    fixture_stop(&fixture);
}

static void test_pipelined_requests_wait_for_a_late_answer(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int fd = client_open(&fixture);
    client_send(&fixture, fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHos");
    FIXTURE_UNTIL(&fixture, fixture.held);
    struct exchange *first = fixture.held;
    client_send(&fixture, fd, "t: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fixture.requests, 1);
    fixture.answers_at_once = true;
    fixture_answer(first);
    char *answers = client_read_until(&fixture, fd, "GET /3 ");
    assert_contains(answers, "GET /2 ");
    assert_int_equal(fixture.requests, 3);
    free(answers);
    close(fd);
    fixture_stop(&fixture);
}

static void test_many_pipelined_requests_do_not_deepen_the_stack(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct fixture fixture;
    struct buf many;
    fixture_start(&fixture, fixture_limits());
    buf_init(&many, SIZE_MAX / 4);
    for (int i = 0; i < COUNT; i++)
        buf_add_text(&many, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    int fd = client_open(&fixture);
    size_t sent = 0;
    struct buf in;
    bool reset;
    buf_init(&in, SIZE_MAX / 4);
    while (fixture.requests < COUNT) {
        ssize_t n = send(fd, many.data + sent, many.len - sent, MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        fixture_turn(&fixture);
        client_take(fd, &in, &reset);
        buf_clear(&in);
    }
    close(fd);
    buf_deinit(&in);
    buf_deinit(&many);
    fixture_stop(&fixture);
}

static void test_reading_stops_when_too_much_is_pipelined(void **state)
{
    (void)state;
    enum { FLOOD = 64 << 20 };
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int fd = client_open(&fixture), stuck = 0;
    client_send(&fixture, fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    FIXTURE_UNTIL(&fixture, fixture.held);
    char *junk = calloc(1, 65536);
    size_t sent = 0;
    while (sent < FLOOD && stuck < 50) { // the kernel's buffers are full, and stay so
        ssize_t n = send(fd, junk, 65536, MSG_DONTWAIT);
        stuck = n > 0 ? 0 : stuck + 1;
        sent += n > 0 ? (size_t)n : 0;
        fixture_turn(&fixture);
    }
    assert_true(sent < FLOOD);
    fixture_answer(fixture.held); // what follows is no request: 400
    char *answers = client_read_until(&fixture, fd, "HTTP/1.1 400 ");
    free(answers);
    free(junk);
    close(fd);
    fixture_stop(&fixture);
}

static void test_a_request_split_at_every_byte_is_served(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    const char *text = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for (const char *p = text; *p; p++)
        client_send_bytes(&fixture, fd, p, 1);
    free(client_read_until(&fixture, fd, "POST /a abc"));
    close(fd);
    fixture_stop(&fixture);
}

// ---- 100 Continue -----------------------------------------------------------------------------

static void test_continue_is_sent_when_the_body_is_awaited(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    client_send(&fixture, fd,
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                "Content-Length: 2\r\n\r\n");
    char *interim = client_read_until(&fixture, fd, "\r\n\r\n");
    assert_string_equal(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(&fixture, fd, "hi");
    char *answer = client_read_until(&fixture, fd, "POST / hi");
    assert_lacks(answer, " 100 ");
    free(interim);
    free(answer);
    close(fd);
    fixture_stop(&fixture);
}

static void test_continue_is_not_sent_before_a_refusal_or_behind_the_body(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    client_send(&fixture, fd,
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                "Content-Length: 2\r\n\r\nhi");
    char *answer = client_read_until(&fixture, fd, "POST / hi");
    assert_lacks(answer, " 100 ");
    free(answer);
    client_send(&fixture, fd,
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                "Content-Length: 99999999\r\n\r\n");
    answer = client_read_all(&fixture, fd);
    assert_contains(answer, "HTTP/1.1 413 ");
    assert_lacks(answer, " 100 ");
    free(answer);
    fixture_stop(&fixture);
}

// ---- refusals ---------------------------------------------------------------------------------

// Sends bytes; the one answer must have the status, be JSON, and be followed by the close.
static void assert_refused(struct fixture *fixture, const char *bytes, size_t len, int status)
{
    char line[64];
    snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", status, response_reason(status));
    int fd = client_open(fixture), before = fixture->refusals;
    client_send_bytes(fixture, fd, bytes, len);
    char *answer = client_read_all(fixture, fd);
    if (strncmp(answer, line, strlen(line)) != 0)
        fail_msg("not %d: %s", status, answer);
    assert_int_equal(count_of(answer, "HTTP/1.1 "), 1);
    assert_contains(answer, "content-type: application/json\r\n");
    assert_contains(answer, "connection: close\r\n");
    assert_contains(answer, "{\"error\":{\"message\":\"");
    assert_int_equal(fixture->refusals, before + 1);
    assert_int_equal(fixture->refused_status, status);
    assert_int_equal(fixture->requests, 0);
    free(answer);
}

static void test_refusals_are_answered_in_json_and_close(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
         415},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\nabc", 417},
    };
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(&fixture, cases[i].text, strlen(cases[i].text), cases[i].status);
    fixture_stop(&fixture);
}

static void test_enormous_heads_end_cleanly(void **state)
{
    (void)state;
    struct fixture fixture;
    struct buf text;
    fixture_start(&fixture, fixture_limits());

    buf_init(&text, SIZE_MAX / 4); // 10 000 header lines
    buf_add_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 10000; i++)
        buf_addf(&text, "X-%d: y\r\n", i);
    assert_refused(&fixture, text.data, text.len, 431);

    buf_clear(&text); // one line of 1 MiB
    buf_add_text(&text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 1 << 16; i++)
        buf_add_text(&text, "xxxxxxxxxxxxxxxx");
    assert_refused(&fixture, text.data, text.len, 431);

    buf_clear(&text); // a target of 1 MiB
    buf_add_text(&text, "GET /");
    for (int i = 0; i < 1 << 16; i++)
        buf_add_text(&text, "xxxxxxxxxxxxxxxx");
    assert_refused(&fixture, text.data, text.len, 414);
    buf_deinit(&text);
    fixture_stop(&fixture);
}

static void test_a_client_that_sends_on_still_gets_its_413(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    struct buf text;
    buf_init(&text, SIZE_MAX / 4);
    buf_addf(&text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000000\r\n\r\n%016000000d", 0);
    assert_refused(&fixture, text.data, text.len, 413);

    buf_clear(&text); // 4 MiB are the limit
    buf_addf(&text,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3fff00\r\n%0*d\r\n1000\r\n%010000000d",
             0x3fff00, 0, 0);
    assert_refused(&fixture, text.data, text.len, 413);
    buf_deinit(&text);
    fixture_stop(&fixture);
}

static void test_bodies_over_their_total_are_503_with_retry_after(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.bodies_total = 5000; // one small body counts as a block of 4096
    fixture_start(&fixture, limits);
    fixture.answers_at_once = false;
    int first = client_open(&fixture), second = client_open(&fixture);
    char bytes[1000];
    snprintf(bytes, sizeof(bytes),
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n%0600d", 0);
    client_send(&fixture, first, bytes);
    FIXTURE_UNTIL(&fixture, fixture.held);
    client_send(&fixture, second, bytes);
    char *answer = client_read_all(&fixture, second);
    assert_contains(answer, "HTTP/1.1 503 ");
    assert_contains(answer, "retry-after: 1\r\n");
    exchange_drop_body(fixture.held);
    assert_int_equal(fixture.bodies_held, 0);
    fixture_answer(fixture.held);
    free(client_read_until(&fixture, first, "200 OK"));
    free(answer);
    close(first);
    fixture_stop(&fixture);
}

// ---- time -------------------------------------------------------------------------------------

static void test_a_slow_head_is_408(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.head_time = 30;
    fixture_start(&fixture, limits);
    assert_refused(&fixture, "GET / HTTP/1.1\r\nHo", 18, 408);
    fixture_stop(&fixture);
}

static void test_a_head_that_trickles_is_408_all_the_same(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.head_time = 30;
    fixture_start(&fixture, limits);
    int fd = client_open(&fixture);
    client_send(&fixture, fd, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    while (fixture.refusals == 0)
        client_send(&fixture, fd, "x");
    char *answer = client_read_all(&fixture, fd);
    assert_contains(answer, "HTTP/1.1 408 ");
    free(answer);
    fixture_stop(&fixture);
}

static void test_a_body_that_stops_is_408(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.body_time = 30;
    fixture_start(&fixture, limits);
    const char *text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhal";
    assert_refused(&fixture, text, strlen(text), 408);
    fixture_stop(&fixture);
}

static void test_an_idle_connection_is_closed_in_silence(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.idle_time = 30;
    fixture_start(&fixture, limits);
    int unused = client_open(&fixture), used = client_open(&fixture);
    client_send(&fixture, used, "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n");
    char *nothing = client_read_all(&fixture, unused);
    assert_string_equal(nothing, "");
    char *answer = client_read_all(&fixture, used);
    assert_int_equal(count_of(answer, "HTTP/1.1"), 1);
    assert_int_equal(fixture.refusals, 0);
    free(nothing);
    free(answer);
    fixture_stop(&fixture);
}

static void test_a_running_exchange_has_no_deadline_here(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.head_time = limits.body_time = limits.idle_time = limits.write_time = 20;
    fixture_start(&fixture, limits);
    fixture.answers_at_once = false;
    int waiting = client_open(&fixture), idle = client_open(&fixture);
    client_send(&fixture, waiting, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    FIXTURE_UNTIL(&fixture, fixture.held);
    free(client_read_all(&fixture, idle)); // its deadline has passed
    assert_int_equal(fixture.gone, 0);
    fixture_answer(fixture.held);
    free(client_read_until(&fixture, waiting, "GET /a "));
    close(waiting);
    fixture_stop(&fixture);
}

// ---- memory -----------------------------------------------------------------------------------

static void test_an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct connection) <= 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_is_kept_for_the_next_request),
        cmocka_unit_test(test_a_connection_ends_when_the_client_says_so),
        cmocka_unit_test(test_http_1_0_may_ask_to_stay),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_pipelined_requests_wait_for_a_late_answer),
        cmocka_unit_test(test_many_pipelined_requests_do_not_deepen_the_stack),
        cmocka_unit_test(test_reading_stops_when_too_much_is_pipelined),
        cmocka_unit_test(test_a_request_split_at_every_byte_is_served),
        cmocka_unit_test(test_continue_is_sent_when_the_body_is_awaited),
        cmocka_unit_test(test_continue_is_not_sent_before_a_refusal_or_behind_the_body),
        cmocka_unit_test(test_refusals_are_answered_in_json_and_close),
        cmocka_unit_test(test_enormous_heads_end_cleanly),
        cmocka_unit_test(test_a_client_that_sends_on_still_gets_its_413),
        cmocka_unit_test(test_bodies_over_their_total_are_503_with_retry_after),
        cmocka_unit_test(test_a_slow_head_is_408),
        cmocka_unit_test(test_a_head_that_trickles_is_408_all_the_same),
        cmocka_unit_test(test_a_body_that_stops_is_408),
        cmocka_unit_test(test_an_idle_connection_is_closed_in_silence),
        cmocka_unit_test(test_a_running_exchange_has_no_deadline_here),
        cmocka_unit_test(test_an_idle_connection_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
