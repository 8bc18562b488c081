#include "lua/gate_class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/scripted.h"
#include "lua/task.h"

static void test_all_who_wait_go_on_when_it_opens(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "gate = core.gate() note('a') assert(gate:wait()) note('A')");
    scripted_start_trusted(scripted, "note('b') assert(gate:wait()) note('B')");
    assert_string_equal(scripted->trace, "a b ");
    scripted_start_trusted(scripted, "gate:open() note('open')");
    while (scripted->ended < 3)
        scripted_turn(scripted);
    assert_string_equal(scripted->trace, "a b open A B ");
}

static void test_nobody_waits_at_an_open_one(void **state)
{
    struct scripted *scripted = *state;
    scripted_start_trusted(scripted, "local gate = core.gate() gate:open() gate:open()"
                                     " assert(gate:wait()) note('on')");
    scripted_await(scripted);
    assert_string_equal(scripted->trace, "on ");
}

static void test_a_canceled_task_leaves_it(void **state)
{
    struct scripted *scripted = *state;
    struct task *task = scripted_start_trusted(
        scripted, "gate = core.gate() local ok, err = gate:wait() note(err.kind)"
                  " ok, err = gate:wait() note(err.kind)");
    task_cancel(task);
    scripted_start_trusted(scripted, "gate:open() note('open')");
    while (scripted->ended < 2)
        scripted_turn(scripted);
    assert_string_equal(scripted->trace, "canceled canceled open ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED_TRUSTED(test_all_who_wait_go_on_when_it_opens),
        SCRIPTED_TRUSTED(test_nobody_waits_at_an_open_one),
        SCRIPTED_TRUSTED(test_a_canceled_task_leaves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
