#include "lua/offspring.h"

#include <lauxlib.h>

#include "lua/blame.h"
#include "lua/budget.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

bool offspring_is_loading(const struct vm *vm)
{
    const struct task *task = vm->running;
    return !task || (task->is_now && !task->parent);
}

struct task *offspring_maker(lua_State *L, const char *what)
{
    if (offspring_is_loading(vm_of(L)))
        blame_raise(L, "%s cannot be used while the script is being loaded", what);
    return vm_of(L)->running;
}

bool offspring_reserve(struct task *maker, int count)
{
    struct budget *budget = task_budget(maker);

    for (int i = 0; i < count; i++) {
        if (budget_take(budget, BUDGET_TASKS))
            continue;
        while (i-- > 0)
            budget_give(budget, BUDGET_TASKS);
        return false;
    }
    return true;
}

struct task *offspring_start(lua_State *L, int argument_count,
                             void (*on_end)(void *owner, const char *error), void *owner)
{
    struct vm *vm = vm_of(L);
    struct task *maker = vm->running;
    struct guard *guard = vm_guard(vm);
    struct guard_place place = script_place(L, -1 - argument_count);
    bool was_limited = guard_pause(guard);
    struct task *task = task_new(vm, on_end, owner);

    task_inherit(task, maker);
    task_adopt(maker, task);
    task_guard(task, &place);
    task->request = maker->request;
    lua_checkstack(task->co, argument_count + 1);
    lua_xmove(L, task->co, argument_count + 1);
    task_run(task, argument_count);
    guard_resume(guard, was_limited);
    return task;
}

int offspring_end(struct task *task, const char *error)
{
    budget_give(task->budget, BUDGET_TASKS);
    if (!error)
        return lua_gettop(task->co);
    script_push_error(task->vm->L, task, error);
    return -1;
}
