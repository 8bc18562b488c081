#include "loop/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MS = 1000 * 1000, BUSY_NS = 5 * MS, WAIT_MS = 50 };

// A loop whose turns are noted.
struct course {
    struct loop *loop;
    struct pace pace;
    uint64_t turns, longest_ns, sum_ns;
    uv_pipe_t stream;
    uv_timer_t timer;
    int other_end; // of the stream
};

static void note_turn(void *owner, uint64_t ns)
{
    struct course *course = owner;
    course->turns++;
    course->sum_ns += ns;
    if (ns > course->longest_ns)
        course->longest_ns = ns;
}

static int begin(void **state)
{
    static struct course course;
    int fds[2];

    course = (struct course){.loop = loop_new()};
    pace_open(&course.pace, course.loop, note_turn, &course);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return -1;
    course.other_end = fds[1];
    uv_pipe_init(&course.loop->uv, &course.stream, 0);
    uv_pipe_open(&course.stream, fds[0]);
    course.stream.data = &course;
    uv_timer_init(&course.loop->uv, &course.timer);
    course.timer.data = &course;
    *state = &course;
    return 0;
}

// Nothing of it is left when the loop has ended.
static int end(void **state)
{
    struct course *course = *state;
    pace_close(&course->pace);
    uv_close((uv_handle_t *)&course->stream, NULL);
    uv_close((uv_handle_t *)&course->timer, NULL);
    uv_run(&course->loop->uv, UV_RUN_DEFAULT);
    close(course->other_end);
    return loop_free(course->loop);
}

static void be_busy(void)
{
    uint64_t until = uv_hrtime() + BUSY_NS;
    while (uv_hrtime() < until)
        ;
}

static void on_busy_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct course *course = stream->data;
    (void)buf;
    assert_true(count > 0);
    be_busy();
    uv_stop(&course->loop->uv);
}

static void on_busy_timer(uv_timer_t *timer)
{
    struct course *course = timer->data;
    be_busy();
    uv_stop(&course->loop->uv);
}

static void stop(uv_timer_t *timer)
{
    struct course *course = timer->data;
    uv_stop(&course->loop->uv);
}

// A turn is told at its end, which comes as the loop is about to wait again.
static void finish_turn(struct course *course)
{
    uv_timer_start(&course->timer, stop, 0, 0);
    uv_run(&course->loop->uv, UV_RUN_DEFAULT);
}

static void test_a_turn_lasts_as_long_as_the_callbacks_of_its_sockets(void **state)
{
    struct course *course = *state;
    assert_int_equal(write(course->other_end, "x", 1), 1);
    uv_read_start((uv_stream_t *)&course->stream, loop_lend_buf, on_busy_read);
    uv_run(&course->loop->uv, UV_RUN_DEFAULT);
    finish_turn(course);
    assert_true(course->longest_ns >= BUSY_NS);
}

static void test_a_turn_lasts_as_long_as_its_timers(void **state)
{
    struct course *course = *state;
    uv_timer_start(&course->timer, on_busy_timer, 1, 0);
    uv_run(&course->loop->uv, UV_RUN_DEFAULT);
    finish_turn(course);
    assert_true(course->longest_ns >= BUSY_NS);
}

static void test_waiting_for_events_is_no_part_of_a_turn(void **state)
{
    struct course *course = *state;
    uint64_t began = uv_hrtime();
    uv_update_time(&course->loop->uv); // a timer counts from the loop's time, which may be old
    uv_timer_start(&course->timer, stop, WAIT_MS, 0);
    uv_run(&course->loop->uv, UV_RUN_DEFAULT);
    finish_turn(course);
    uint64_t waited = (uint64_t)(WAIT_MS - 1) * MS; // libuv counts whole milliseconds
    assert_true(course->turns > 0);
    assert_true(course->sum_ns + waited <= uv_hrtime() - began);
}

static void test_nothing_is_told_before_the_first_wait(void **state)
{
    struct course *course = *state;
    uv_run(&course->loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(course->turns, 0);
    uv_run(&course->loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(course->turns, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_turn_lasts_as_long_as_the_callbacks_of_its_sockets,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_a_turn_lasts_as_long_as_its_timers, begin, end),
        cmocka_unit_test_setup_teardown(test_waiting_for_events_is_no_part_of_a_turn, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_is_told_before_the_first_wait, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
