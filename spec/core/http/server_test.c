#include "http/server.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "server_fixture.h"

#define GET "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

// ---- binding ----------------------------------------------------------------------------------

static void test_a_port_in_use_is_an_error_with_its_address(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error err;
    char expected[100];
    int port;
    fixture_start(&fixture, fixture_limits());
    snprintf(expected, sizeof(expected), "cannot listen on 127.0.0.1:%d: address already in use",
             fixture.port);
    assert_int_equal(server_bind("127.0.0.1", fixture.port, true, &port, &err), -1);
    assert_string_equal(err.message, expected);
    fixture_stop(&fixture);
}

static void test_without_the_probe_a_port_is_shared(void **state)
{
    (void)state;
    struct fixture fixture;
    struct error err;
    int port = 0;
    fixture_start(&fixture, fixture_limits());
    int fd = server_bind("127.0.0.1", fixture.port, false, &port, &err);
    assert_true(fd >= 0);
    assert_int_equal(port, fixture.port);
    close(fd);
    fixture_stop(&fixture);
}

static void test_names_and_brackets_are_understood(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "[::1]", "::1", ""};
    for (int i = 0; i < 4; i++) {
        struct error err = {0};
        int port = 0;
        int fd = server_bind(hosts[i], 0, true, &port, &err);
        if (fd < 0 && strstr(err.message, "cannot assign")) // a machine without IPv6
            continue;
        assert_true(fd >= 0);
        assert_true(port > 0);
        close(fd);
    }
}

static void test_an_address_that_is_not_ours_is_an_error(void **state)
{
    (void)state;
    struct error err;
    int port;
    assert_int_equal(server_bind("192.0.2.1", 0, true, &port, &err), -1);
    assert_contains(err.message, "cannot listen on 192.0.2.1:0: ");
    assert_int_equal(server_bind("not an address", 80, true, &port, &err), -1);
    assert_contains(err.message, "cannot listen on not an address:80: ");
}

static void test_a_descriptor_that_cannot_listen_is_an_error(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct loop *loop = loop_new();
    struct error err;
    int fd = open("/dev/null", O_RDONLY);
    assert_null(server_new(loop, fd, &limits, &fixture_handler, NULL, &err));
    assert_contains(err.message, "cannot listen");
    assert_int_equal(fcntl(fd, F_GETFD), -1); // taken, and closed
    assert_int_equal(loop_free(loop), 0);
}

// ---- accepting --------------------------------------------------------------------------------

static void test_connections_over_the_limit_wait_for_their_turn(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    int fds[5];
    limits.connections = 2;
    fixture_start(&fixture, limits);
    for (int i = 0; i < 5; i++) {
        fds[i] = client_open(&fixture);
        send(fds[i], GET, sizeof(GET) - 1, 0);
    }
    for (int i = 0; i < 5; i++) {
        free(client_read_until(&fixture, fds[i], "GET /a "));
        assert_true(server_connections(fixture.server) <= 2);
        close(fds[i]);
    }
    FIXTURE_UNTIL(&fixture, server_connections(fixture.server) == 0);
    assert_int_equal(fixture.requests, 5);
    fixture_stop(&fixture);
}

static void test_running_out_of_descriptors_pauses_the_accepting(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rlimit saved, none;
    fixture_start(&fixture, fixture_limits());
    int fd = client_open(&fixture);
    send(fd, GET, sizeof(GET) - 1, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    none = saved;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uv_run(&fixture.loop->uv, UV_RUN_ONCE); // the accept that fails
    assert_int_equal(server_connections(fixture.server), 0);
    assert_int_equal(uv_run(&fixture.loop->uv, UV_RUN_NOWAIT), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
    free(client_read_until(&fixture, fd, "GET /a "));
    close(fd);
    fixture_stop(&fixture);
}

static void test_many_connections_are_served_together(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct fixture fixture;
    int fds[COUNT];
    fixture_start(&fixture, fixture_limits());
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_open(&fixture);
        send(fds[i], GET, sizeof(GET) - 1, 0);
    }
    for (int i = 0; i < COUNT; i++)
        free(client_read_until(&fixture, fds[i], "GET /a "));
    assert_int_equal(server_connections(fixture.server), COUNT);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    FIXTURE_UNTIL(&fixture, server_connections(fixture.server) == 0);
    fixture_stop(&fixture);
}

static void test_a_server_without_connections_lets_the_loop_sleep(void **state)
{
    (void)state;
    struct server_limits limits = fixture_limits();
    struct fixture fixture;
    limits.idle_time = 20;
    fixture_start(&fixture, limits);
    free(client_read_all(&fixture, client_open(&fixture)));
    FIXTURE_UNTIL(&fixture, uv_backend_timeout(&fixture.loop->uv) == -1);
    fixture_stop(&fixture);
}

// ---- draining ---------------------------------------------------------------------------------

static void finish(struct fixture *fixture)
{
    FIXTURE_UNTIL(fixture, fixture->is_drained);
    server_free(fixture->server);
    assert_int_equal(loop_free(fixture->loop), 0);
}

static void test_an_idle_server_drains_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    int idle = client_open(&fixture);
    client_send(&fixture, idle, GET);
    free(client_read_until(&fixture, idle, "GET /a "));
    server_drain(fixture.server, fixture_on_drained);
    assert_false(fixture.is_drained); // never from inside the call
    free(client_read_all(&fixture, idle));
    finish(&fixture);
}

static void test_running_exchanges_finish_and_say_close(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int running = client_open(&fixture), halfway = client_open(&fixture);
    client_send(&fixture, running, GET);
    client_send(&fixture, halfway, "GET /b HTTP/1.1\r\nHo");
    FIXTURE_UNTIL(&fixture, fixture.held && server_connections(fixture.server) == 2);
    for (int i = 0; i < 10; i++) // the half head has been read
        fixture_turn(&fixture);
    server_drain(fixture.server, fixture_on_drained);
    fixture.answers_at_once = true;
    client_send(&fixture, halfway, "st: a\r\n\r\n");
    char *answer = client_read_all(&fixture, halfway);
    assert_contains(answer, "connection: close\r\n");
    assert_contains(answer, "GET /b ");
    free(answer);
    assert_false(fixture.is_drained);
    fixture_answer(fixture.held);
    answer = client_read_all(&fixture, running);
    assert_contains(answer, "connection: close\r\n");
    assert_contains(answer, "GET /a ");
    free(answer);
    finish(&fixture);
}

static void test_a_stream_that_began_before_the_drain_ends_its_connection(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int fd = client_open(&fixture);
    client_send(&fixture, fd, GET);
    FIXTURE_UNTIL(&fixture, fixture.held);
    exchange_start(fixture.held, 200, SLICE(""));
    exchange_write(fixture.held, SLICE("a"));
    exchange_flush(fixture.held);
    server_drain(fixture.server, fixture_on_drained);
    fixture_turn(&fixture);
    exchange_write(fixture.held, SLICE("b"));
    exchange_end(fixture.held);
    exchange_release(fixture.held);
    char *answer = client_read_all(&fixture, fd);
    assert_contains(answer, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    free(answer);
    finish(&fixture);
}

static void test_no_connection_is_accepted_while_draining(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int fd = client_open(&fixture);
    client_send(&fixture, fd, GET);
    FIXTURE_UNTIL(&fixture, fixture.held);
    server_drain(fixture.server, fixture_on_drained);
    fixture_turn(&fixture);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fixture.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof(address)), -1);
    close(late);
    fixture_answer(fixture.held);
    free(client_read_all(&fixture, fd));
    finish(&fixture);
}

static void test_abort_tells_running_exchanges_and_waits_for_their_release(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, fixture_limits());
    fixture.answers_at_once = false;
    int running = client_open(&fixture), reading = client_open(&fixture);
    client_send(&fixture, running, GET);
    client_send(&fixture, reading, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
    FIXTURE_UNTIL(&fixture, fixture.held && server_connections(fixture.server) == 2);
    server_drain(fixture.server, fixture_on_drained);
    server_abort(fixture.server);
    assert_int_equal(fixture.gone, 0);
    FIXTURE_UNTIL(&fixture, fixture.gone && server_connections(fixture.server) == 1);
    assert_false(fixture.is_drained);
    exchange_release(fixture.held);
    finish(&fixture);
    assert_int_equal(fixture.gone, 1);
    assert_int_equal(fixture.bodies_held, 0);
    close(running);
    close(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_port_in_use_is_an_error_with_its_address),
        cmocka_unit_test(test_without_the_probe_a_port_is_shared),
        cmocka_unit_test(test_names_and_brackets_are_understood),
        cmocka_unit_test(test_an_address_that_is_not_ours_is_an_error),
        cmocka_unit_test(test_a_descriptor_that_cannot_listen_is_an_error),
        cmocka_unit_test(test_connections_over_the_limit_wait_for_their_turn),
        cmocka_unit_test(test_running_out_of_descriptors_pauses_the_accepting),
        cmocka_unit_test(test_many_connections_are_served_together),
        cmocka_unit_test(test_a_server_without_connections_lets_the_loop_sleep),
        cmocka_unit_test(test_an_idle_server_drains_at_once),
        cmocka_unit_test(test_running_exchanges_finish_and_say_close),
        cmocka_unit_test(test_a_stream_that_began_before_the_drain_ends_its_connection),
        cmocka_unit_test(test_no_connection_is_accepted_while_draining),
        cmocka_unit_test(test_abort_tells_running_exchanges_and_waits_for_their_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
