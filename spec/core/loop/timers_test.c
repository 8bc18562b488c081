#include "loop/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct timers *timers;
    int order[64];
    size_t fired;
};

struct item {
    struct fixture *fixture;
    struct timer timer;
    int id;
};

static void on_due(void *owner)
{
    struct item *item = owner;
    item->fixture->order[item->fixture->fired++] = item->id;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.loop = loop_new()};
    fixture.timers = timers_new(fixture.loop);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    timers_close(fixture->timers);
    uv_run(&fixture->loop->uv, UV_RUN_DEFAULT);
    return loop_free(fixture->loop);
}

static void start(struct fixture *fixture, struct item *item, int id, uint64_t delay_ms)
{
    *item = (struct item){.fixture = fixture, .id = id};
    item->timer = (struct timer){.on_due = on_due, .owner = item};
    timer_start(fixture->timers, &item->timer, delay_ms);
}

static void run_until(struct fixture *fixture, size_t fired)
{
    while (fixture->fired < fired)
        uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
}

static void test_timers_fire_in_order_of_their_deadlines(void **state)
{
    struct fixture *fixture = *state;
    struct item items[20];

    for (int i = 0; i < 20; i++)
        start(fixture, &items[i], i, (uint64_t)((i * 7) % 20) * 2);
    run_until(fixture, 20);
    for (size_t i = 1; i < 20; i++) {
        uint64_t before = items[fixture->order[i - 1]].timer.due_ms;
        assert_true(before <= items[fixture->order[i]].timer.due_ms);
    }
}

static void test_a_stopped_timer_never_fires(void **state)
{
    struct fixture *fixture = *state;
    struct item items[10];

    for (int i = 0; i < 10; i++)
        start(fixture, &items[i], i, (uint64_t)i);
    for (int i = 0; i < 10; i += 2)
        timer_stop(fixture->timers, &items[i].timer);
    run_until(fixture, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(fixture->order[i] % 2, 1);
    assert_false(timer_is_running(&items[0].timer));
}

static void test_starting_again_moves_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct item early, late;

    start(fixture, &early, 1, 1);
    start(fixture, &late, 2, 5);
    timer_start(fixture->timers, &early.timer, 20);
    run_until(fixture, 2);
    assert_int_equal(fixture->order[0], 2);
    assert_int_equal(fixture->order[1], 1);
}

static void test_stopping_twice_is_harmless(void **state)
{
    struct fixture *fixture = *state;
    struct item item;

    start(fixture, &item, 1, 1);
    timer_stop(fixture->timers, &item.timer);
    timer_stop(fixture->timers, &item.timer);
    assert_false(timer_is_running(&item.timer));
}

static void restart_once(void *owner)
{
    struct item *item = owner;
    if (++item->fixture->fired < 3)
        timer_start(item->fixture->timers, &item->timer, 0);
}

static void test_a_timer_may_start_itself_again(void **state)
{
    struct fixture *fixture = *state;
    struct item item = {.fixture = fixture};

    item.timer = (struct timer){.on_due = restart_once, .owner = &item};
    timer_start(fixture->timers, &item.timer, 0);
    run_until(fixture, 3);
    assert_int_equal(fixture->fired, 3);
}

static void test_virtual_time_moves_only_in_steps_and_nothing_waits(void **state)
{
    struct fixture *fixture = *state;
    struct item hour, day;

    timers_set_virtual(fixture->timers);
    uint64_t wall_us = timers_wall_us(fixture->timers);
    start(fixture, &day, 2, 86400 * 1000);
    start(fixture, &hour, 1, 3600 * 1000);
    uv_run(&fixture->loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(timers_now_ms(fixture->timers), 0);
    assert_false(timers_step(fixture->timers, 3600 * 1000 - 1));
    assert_int_equal(fixture->fired, 0);
    assert_true(timers_step(fixture->timers, UINT64_MAX));
    assert_int_equal(fixture->fired, 1);
    assert_int_equal(fixture->order[0], 1);
    assert_int_equal(timers_now_ms(fixture->timers), 3600 * 1000);
    assert_true(timers_step(fixture->timers, UINT64_MAX));
    assert_int_equal(timers_now_ms(fixture->timers), 86400 * 1000);
    assert_int_equal(timers_wall_us(fixture->timers) - wall_us, 86400ull * 1000000);
    assert_false(timers_step(fixture->timers, UINT64_MAX));
}

static void test_virtual_time_runs_all_that_is_due_at_once_in_one_step(void **state)
{
    struct fixture *fixture = *state;
    struct item items[3];

    timers_set_virtual(fixture->timers);
    for (int i = 0; i < 3; i++)
        start(fixture, &items[i], i, i < 2 ? 5 : 6);
    assert_true(timers_step(fixture->timers, UINT64_MAX));
    assert_int_equal(fixture->fired, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_fire_in_order_of_their_deadlines, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_stopped_timer_never_fires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starting_again_moves_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopping_twice_is_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_may_start_itself_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_virtual_time_moves_only_in_steps_and_nothing_waits,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_virtual_time_runs_all_that_is_due_at_once_in_one_step,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
