#include "lua/task.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/budget.h"
#include "lua/vm.h"

static void free_task(struct task *task)
{
    luaL_unref(task->vm->L, LUA_REGISTRYINDEX, task->co_ref);
    free(task);
}

// A coroutine that has finished can run another function; one that has failed cannot.
static void recycle(struct task *task, bool is_reusable)
{
    struct vm *vm = task->vm;

    vm->task_count--;
    budget_unref(task->budget);
    if (!is_reusable || vm->idle_count >= LIMIT_TASK_POOL) {
        free_task(task);
        return;
    }
    lua_settop(task->co, 0);
    task->next = vm->idle;
    vm->idle = task;
    vm->idle_count++;
}

static void end(struct task *task, const char *error)
{
    void (*on_end)(void *owner, const char *error) = task->on_end;
    void *owner = task->owner;

    if (on_end)
        on_end(owner, error);
    recycle(task, error == NULL);
}

static void fail(struct task *task)
{
    lua_State *co = task->co;
    const char *message = lua_tostring(co, -1);
    luaL_traceback(co, co, message ? message : "(error object is not a string)", 0);
    end(task, lua_tostring(co, -1));
}

// A script that yields by itself, outside any coroutine of its own, would never be resumed.
static void fail_to_yield(struct task *task)
{
    lua_settop(task->co, 0);
    lua_pushliteral(task->co, "attempt to yield from outside a coroutine");
    fail(task);
}

// Returns true when it has ended.
static bool resume(struct task *task)
{
    struct vm *vm = task->vm;
    struct task *outer = vm->running;

    task->is_waiting = false;
    task->cancel_wait = NULL;
    vm->running = task;
    int rc = lua_resume(task->co, task->result_count);
    vm->running = outer;
    if (rc == LUA_YIELD && task->is_waiting)
        return false;
    if (rc == LUA_YIELD)
        fail_to_yield(task);
    else if (rc == 0)
        end(task, NULL);
    else
        fail(task);
    return true;
}

static void run_ready(struct vm *vm)
{
    while (vm->ready) {
        struct task *task = vm->ready;
        vm->ready = task->next;
        if (!vm->ready)
            vm->ready_end = &vm->ready;
        resume(task);
    }
}

static struct task *new_task(struct vm *vm)
{
    struct task *task = mem_alloc(sizeof(*task));

    task->vm = vm;
    task->co = lua_newthread(vm->L);
    task->co_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    return task;
}

static struct task *take_idle(struct vm *vm)
{
    struct task *task = vm->idle;

    vm->idle = task->next;
    vm->idle_count--;
    return task;
}

struct task *task_new(struct vm *vm, void (*on_end)(void *owner, const char *error), void *owner)
{
    struct task *task = vm->idle ? take_idle(vm) : new_task(vm);

    task->next = NULL;
    task->is_canceled = task->is_waiting = false;
    task->cancel_wait = NULL;
    task->on_end = on_end;
    task->owner = owner;
    task->request = NULL;
    task->budget = NULL;
    task->parent = task->child = NULL;
    task->is_now = false;
    vm->task_count++;
    return task;
}

struct budget *task_budget(struct task *task)
{
    static const struct budget_limits limits = {{64, 32, 100}};
    if (!task->budget)
        task->budget = budget_new(&limits);
    return task->budget;
}

void task_inherit(struct task *task, struct task *from)
{
    task->budget = budget_ref(task_budget(from));
    task->is_canceled = from->is_canceled;
}

void task_run(struct task *task, int argument_count)
{
    struct vm *vm = task->vm;

    task->result_count = argument_count;
    task->cancel_wait = NULL;
    if (vm->running) {
        task->next = NULL;
        *vm->ready_end = task;
        vm->ready_end = &task->next;
        return;
    }
    resume(task);
    run_ready(vm);
}

bool task_run_inside(struct task *task, int argument_count)
{
    struct vm *vm = task->vm;

    task->result_count = argument_count;
    bool has_ended = resume(task);
    if (!vm->running)
        run_ready(vm);
    return has_ended;
}

int task_wait(struct task *task, void (*cancel_wait)(void *waiter), void *waiter)
{
    task->is_waiting = true;
    task->cancel_wait = cancel_wait;
    task->waiter = waiter;
    return lua_yield(task->co, 0);
}

void task_wake(struct task *task, int result_count)
{
    task_run(task, result_count);
}

void task_cancel(struct task *task)
{
    task->is_canceled = true;
    if (task->child && !task->is_waiting)
        task_cancel(task->child); // it runs inside a C function of this one
    if (!task->is_waiting || !task->cancel_wait)
        return;
    void (*cancel_wait)(void *waiter) = task->cancel_wait;
    task->cancel_wait = NULL;
    cancel_wait(task->waiter);
}

int task_push_error(lua_State *L, const char *kind, const char *message)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    return 2;
}

void task_free_idle(struct vm *vm)
{
    while (vm->idle)
        free_task(take_idle(vm));
}
