#include "http/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct step {
    struct turn_item item;
    struct turn *turn;
    int runs;
};

static struct step *step_of(struct turn_item *item)
{
    return LIST_ITEM(item, struct step, item);
}

static void run(struct turn_item *item)
{
    step_of(item)->runs++;
}

static void run_and_add(struct turn_item *item)
{
    step_of(item)->runs++;
    turn_add(step_of(item)->turn, item);
}

static void on_closed(void *owner)
{
    ++*(int *)owner;
}

static void close_all(struct loop *loop, struct turn *turn)
{
    int closed = 0;
    turn_close(turn, on_closed, &closed);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
    assert_int_equal(loop_free(loop), 0);
}

static void test_item_runs_once_and_not_at_once(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct turn turn;
    struct step step = {.runs = 0}, removed = {.runs = 0};

    turn_init(&turn, loop);
    turn_item_init(&step.item, run);
    turn_item_init(&removed.item, run);
    turn_add(&turn, &step.item);
    turn_add(&turn, &step.item);
    turn_add(&turn, &removed.item);
    turn_remove(&removed.item);
    assert_int_equal(step.runs, 0);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(step.runs, 1);
    assert_int_equal(removed.runs, 0);
    close_all(loop, &turn);
}

static void test_item_added_while_running_waits_for_the_next_turn(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct turn turn;
    struct step step = {.turn = &turn};

    turn_init(&turn, loop);
    turn_item_init(&step.item, run_and_add);
    turn_add(&turn, &step.item);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(step.runs, 1);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(step.runs, 2);
    turn_remove(&step.item);
    close_all(loop, &turn);
}

static void test_turn_closes_after_the_last_release(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct turn turn;
    int closed = 0;

    turn_init(&turn, loop);
    turn_hold(&turn);
    turn_hold(&turn);
    turn_close(&turn, on_closed, &closed);
    turn_release(&turn);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(closed, 0);
    turn_release(&turn);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
    assert_int_equal(loop_free(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_item_runs_once_and_not_at_once),
        cmocka_unit_test(test_item_added_while_running_waits_for_the_next_turn),
        cmocka_unit_test(test_turn_closes_after_the_last_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
