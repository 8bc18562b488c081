#include "lua/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lua/scripted.h"
#include "lua/task.h"

static void turn_until_noted(struct scripted *scripted)
{
    while (!*scripted->trace)
        scripted_turn(scripted);
}

static void test_an_alarm_goes_off_after_whoever_set_it(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "core.alarm(0.002, function() core.sleep(0.001) note('rang') end)");
    assert_int_equal(scripted->fixture.vm->task_count, 0);
    turn_until_noted(scripted);
    assert_string_equal(scripted->trace, "rang ");
}

static void test_a_canceled_alarm_never_goes_off(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "local a = core.alarm(0.001, function() note('rang') end)"
                           " a:cancel() a:cancel() core.sleep(0.01)");
    assert_string_equal(scripted->trace, "");
}

static void test_a_failing_alarm_harms_nothing(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted, "core.alarm(0.001, function() error('x') end)"
                           " core.alarm(0.002, function() note('rang') end) core.sleep(0.01)");
    assert_string_equal(scripted->trace, "rang ");
}

static void test_the_end_stops_pending_ones_and_cancels_running_ones(void **state)
{
    struct scripted *scripted = *state;
    struct vm *vm = scripted->fixture.vm;

    scripted_run(scripted, "for _ = 1, 3 do core.alarm(3600, function() note('rang') end) end"
                           " for _ = 1, 2 do core.alarm(0, function() note('on')"
                           "   note(select(2, core.sleep(3600)).kind) end) end core.sleep(0.005)");
    assert_int_equal(vm->task_count, 2);
    alarm_stop_all(vm);
    assert_int_equal(vm->task_count, 0);
    assert_string_equal(scripted->trace, "on on canceled canceled ");
    lua_fixture_check(&scripted->fixture, "local none, err = core.alarm(0, function() end)"
                                          " assert(none == nil and err.kind == 'canceled')");
}

static void test_a_timer_of_a_script_runs_again_and_again(void **state)
{
    struct scripted *scripted = *state;
    scripted_run(scripted,
                 "local script, h = { path = 'x.lua' } require('tide.timers').start_script(script)"
                 " local t = {} require('tide.api_tasks')(t, script)"
                 " local left = 3"
                 " h = t.timer.every(0.01, function() core.sleep(0.001) note(left)"
                 "   left = left - 1 if left == 0 then h:cancel() end end)"
                 " while left > 0 do core.sleep(0.01) end core.sleep(0.03)");
    assert_string_equal(scripted->trace, "3 2 1 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED(test_an_alarm_goes_off_after_whoever_set_it),
        SCRIPTED(test_a_canceled_alarm_never_goes_off),
        SCRIPTED(test_a_failing_alarm_harms_nothing),
        SCRIPTED(test_the_end_stops_pending_ones_and_cancels_running_ones),
        SCRIPTED(test_a_timer_of_a_script_runs_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
