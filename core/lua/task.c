#include "lua/task.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
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
    if (!message)
        message = "(error object is not a string)";
    luaL_traceback(co, co, message, 0);
    end(task, lua_tostring(co, -1));
}

static void resume(struct task *task)
{
    struct vm *vm = task->vm;
    int count = task->result_count;

    task->is_waiting = false;
    task->cancel_wait = NULL;
    vm->running = task;
    int rc = lua_resume(task->co, count);
    vm->running = NULL;
    if (rc == LUA_YIELD)
        return;
    if (rc == 0)
        end(task, NULL);
    else
        fail(task);
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
    vm->task_count++;
    return task;
}

void task_run(struct task *task, int argument_count)
{
    struct vm *vm = task->vm;

    task->result_count = argument_count;
    if (vm->running) {
        task->next = NULL;
        *vm->ready_end = task;
        vm->ready_end = &task->next;
        return;
    }
    resume(task);
    run_ready(vm);
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
