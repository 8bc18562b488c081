#include "http/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_ENDS = 8 };

struct bench {
    struct loop *loop;
    struct turn turn;
    struct pool pool;
    struct origin origins[2];
    int ends[MAX_ENDS]; // our ends of the connections
    int end_count;
};

static void ignore_closed(void *owner)
{
    (void)owner;
}

static void bench_open(struct bench *bench, size_t per_origin, uint32_t idle_ms)
{
    *bench = (struct bench){.loop = loop_new()};
    turn_init(&bench->turn, bench->loop);
    pool_init(&bench->pool, &bench->turn, per_origin, idle_ms);
    list_init(&bench->origins[0].idle);
    list_init(&bench->origins[1].idle);
}

static void bench_close(struct bench *bench)
{
    pool_close(&bench->pool);
    turn_close(&bench->turn, ignore_closed, NULL);
    uv_run(&bench->loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(bench->pool.count, 0);
    assert_int_equal(loop_free(bench->loop), 0);
    for (int i = 0; i < bench->end_count; i++)
        close(bench->ends[i]);
}

static struct transport *put(struct bench *bench, int origin)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct transport *transport = transport_plain_new(&bench->turn, fds[0]);
    assert_non_null(transport);
    bench->ends[bench->end_count++] = fds[1];
    pool_put(&bench->pool, &bench->origins[origin], transport);
    return transport;
}

// Whether the pool's side of the connection has been closed.
static bool is_cut(const struct bench *bench, int end)
{
    char byte;
    return recv(bench->ends[end], &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_last_one_in_is_the_first_one_out(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    struct transport *first = put(&bench, 0), *second = put(&bench, 0);
    assert_int_equal(bench.pool.count, 2);
    assert_ptr_equal(pool_take(&bench.origins[0]), second);
    assert_ptr_equal(pool_take(&bench.origins[0]), first);
    assert_null(pool_take(&bench.origins[0]));
    assert_int_equal(bench.pool.count, 0);
    transport_close(first);
    transport_close(second);
    bench_close(&bench);
}

static void test_origins_do_not_share_connections(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    put(&bench, 0);
    assert_null(pool_take(&bench.origins[1]));
    bench_close(&bench);
}

static void test_one_too_many_pushes_out_the_longest_idle_of_its_origin(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 2, 60000);
    for (int i = 0; i < 3; i++)
        put(&bench, 0);
    put(&bench, 1);
    assert_int_equal(bench.pool.count, 3);
    assert_true(is_cut(&bench, 0));
    assert_false(is_cut(&bench, 1));
    assert_false(is_cut(&bench, 3));
    bench_close(&bench);
}

static void test_pool_for_none_closes_at_once(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 0, 60000);
    put(&bench, 0);
    assert_int_equal(bench.pool.count, 0);
    assert_true(is_cut(&bench, 0));
    bench_close(&bench);
}

static void test_idle_time_closes_the_old_and_keeps_the_young(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 40);
    put(&bench, 0);
    uint64_t begun = loop_now_ms(bench.loop);
    while (bench.pool.count)
        uv_run(&bench.loop->uv, UV_RUN_ONCE);
    assert_true(loop_now_ms(bench.loop) - begun >= 40);
    assert_true(is_cut(&bench, 0));
    put(&bench, 0);
    uv_run(&bench.loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(bench.pool.count, 1);
    while (bench.pool.count) // the timer starts again for later ones
        uv_run(&bench.loop->uv, UV_RUN_ONCE);
    bench_close(&bench);
}

static void test_connection_closed_by_the_other_side_leaves(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    put(&bench, 0);
    put(&bench, 0);
    shutdown(bench.ends[1], SHUT_WR);
    while (bench.pool.count == 2)
        uv_run(&bench.loop->uv, UV_RUN_ONCE);
    assert_true(is_cut(&bench, 1));
    assert_false(is_cut(&bench, 0));
    assert_int_equal(bench.origins[0].idle_count, 1);
    bench_close(&bench);
}

static void test_connection_on_which_bytes_arrive_leaves(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    put(&bench, 0);
    assert_int_equal(send(bench.ends[0], "x", 1, 0), 1);
    while (bench.pool.count)
        uv_run(&bench.loop->uv, UV_RUN_ONCE);
    bench_close(&bench);
}

static void test_closed_pool_keeps_nothing(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    put(&bench, 0);
    turn_hold(&bench.turn);
    pool_close(&bench.pool);
    assert_int_equal(bench.pool.count, 0);
    put(&bench, 0);
    assert_int_equal(bench.pool.count, 0);
    turn_release(&bench.turn);
    turn_close(&bench.turn, ignore_closed, NULL);
    uv_run(&bench.loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(loop_free(bench.loop), 0);
    close(bench.ends[0]);
    close(bench.ends[1]);
}

static void test_forgetting_an_origin_closes_its_connections_alone(void **state)
{
    (void)state;
    struct bench bench;

    bench_open(&bench, 4, 60000);
    put(&bench, 0);
    put(&bench, 0);
    struct transport *other = put(&bench, 1);
    pool_forget(&bench.origins[0]);
    assert_int_equal(bench.pool.count, 1);
    assert_true(is_cut(&bench, 0));
    assert_true(is_cut(&bench, 1));
    assert_ptr_equal(pool_take(&bench.origins[1]), other);
    transport_close(other);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgetting_an_origin_closes_its_connections_alone),
        cmocka_unit_test(test_last_one_in_is_the_first_one_out),
        cmocka_unit_test(test_origins_do_not_share_connections),
        cmocka_unit_test(test_one_too_many_pushes_out_the_longest_idle_of_its_origin),
        cmocka_unit_test(test_pool_for_none_closes_at_once),
        cmocka_unit_test(test_idle_time_closes_the_old_and_keeps_the_young),
        cmocka_unit_test(test_connection_closed_by_the_other_side_leaves),
        cmocka_unit_test(test_connection_on_which_bytes_arrive_leaves),
        cmocka_unit_test(test_closed_pool_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
