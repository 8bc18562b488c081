#include "lua/pause.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

#define LONGEST_MS 4e12 // a century

struct pause {
    struct task *task;
    struct timer timer;
    struct turn_wait soon; // instead of the timer, for the next turn
};

uint64_t pause_ms(double seconds)
{
    double ms = seconds * 1e3;
    if (!(ms > 0))
        return 0;
    if (ms > LONGEST_MS)
        return (uint64_t)LONGEST_MS;
    return ms < 1 ? 1 : (uint64_t)ms;
}

static struct task *end(struct pause *pause)
{
    struct task *task = pause->task;
    timer_stop(task->vm->env.timers, &pause->timer);
    loop_stop_wait(&pause->soon);
    free(pause);
    return task;
}

static void on_due(void *owner)
{
    struct task *task = end(owner);
    lua_pushboolean(task->co, 1);
    task_wake(task, 1);
}

static void on_canceled(void *owner)
{
    struct task *task = end(owner);
    task_wake(task, task_push_error(task->co, "canceled", "canceled"));
}

static int pause_for(lua_State *L, uint64_t ms)
{
    struct task *task = script_check_wait(L);

    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    struct pause *pause = mem_alloc(sizeof(*pause));
    pause->task = task;
    pause->timer = (struct timer){.on_due = on_due, .owner = pause};
    pause->soon = (struct turn_wait){.on_turn = on_due, .owner = pause};
    if (ms)
        timer_start(task->vm->env.timers, &pause->timer, ms);
    else
        loop_wait_turn(task->vm->env.loop, &pause->soon);
    return task_wait(task, on_canceled, pause);
}

static int sleep_for(lua_State *L)
{
    return pause_for(L, pause_ms(luaL_checknumber(L, 1)));
}

static int yield(lua_State *L)
{
    return pause_for(L, 0);
}

void pause_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"sleep", sleep_for}, {"yield", yield}, {NULL, NULL}};
    vm_register(vm, functions);
}
