#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_an_unused_loop_is_freed(void **state)
{
    (void)state;
    assert_int_equal(loop_free(loop_new()), 0);
}

static void test_free_counts_handles_that_are_still_open(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    uv_timer_t first, second;
    uv_timer_init(&loop->uv, &first);
    uv_timer_init(&loop->uv, &second);
    assert_int_equal(loop_free(loop), 2);

    uv_close((uv_handle_t *)&first, NULL);
    uv_close((uv_handle_t *)&second, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(loop_free(loop), 0);
}

static void test_the_read_buffer_is_lent_to_every_handle(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    uv_timer_t timer;
    uv_buf_t buf;
    uv_timer_init(&loop->uv, &timer);
    loop_lend_buf((uv_handle_t *)&timer, 100, &buf);
    assert_ptr_equal(buf.base, loop->read_buf);
    assert_int_equal(buf.len, LIMIT_READ_BUFFER);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(loop_free(loop), 0);
}

static void test_time_is_that_of_the_turn(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    uint64_t before = loop_now_ms(loop);
    assert_int_equal(loop_now_ms(loop), before);
    uv_update_time(&loop->uv);
    assert_true(loop_now_ms(loop) >= before);
    assert_int_equal(loop_free(loop), 0);
}

static void test_writing_to_a_closed_pipe_is_an_error_and_no_signal(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    close(fds[1]);
    assert_int_equal(loop_free(loop), 0);
}

struct worker {
    struct loop *loop;
    struct turn_wait wait;
    uv_async_t other;
    char order[16];
};

static void note(struct worker *worker, char what)
{
    worker->order[strlen(worker->order)] = what;
}

// Work of three pieces; each makes something else ready.
static void on_piece(void *owner)
{
    struct worker *worker = owner;

    note(worker, 'p');
    uv_async_send(&worker->other);
    if (strlen(worker->order) < 5)
        loop_wait_turn(worker->loop, &worker->wait);
}

static void on_other(uv_async_t *other)
{
    note(other->data, 'o');
}

static void test_long_work_gives_way_between_its_pieces(void **state)
{
    (void)state;
    struct worker worker = {.loop = loop_new()};

    worker.wait = (struct turn_wait){.on_turn = on_piece, .owner = &worker};
    worker.other.data = &worker;
    uv_async_init(&worker.loop->uv, &worker.other, on_other);
    loop_wait_turn(worker.loop, &worker.wait);
    assert_string_equal(worker.order, "");
    while (strlen(worker.order) < 6)
        uv_run(&worker.loop->uv, UV_RUN_ONCE);
    assert_string_equal(worker.order, "popopo");
    loop_stop_wait(&worker.wait);
    loop_wait_turn(worker.loop, &worker.wait);
    loop_stop_wait(&worker.wait);
    uv_run(&worker.loop->uv, UV_RUN_NOWAIT);
    assert_string_equal(worker.order, "popopo");
    uv_close((uv_handle_t *)&worker.other, NULL);
    uv_run(&worker.loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(loop_free(worker.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unused_loop_is_freed),
        cmocka_unit_test(test_free_counts_handles_that_are_still_open),
        cmocka_unit_test(test_the_read_buffer_is_lent_to_every_handle),
        cmocka_unit_test(test_time_is_that_of_the_turn),
        cmocka_unit_test(test_writing_to_a_closed_pipe_is_an_error_and_no_signal),
        cmocka_unit_test(test_long_work_gives_way_between_its_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
