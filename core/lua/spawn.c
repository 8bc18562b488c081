#include "lua/spawn.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "lua/blame.h"
#include "lua/budget.h"
#include "lua/gather.h"
#include "lua/offspring.h"
#include "lua/pause.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

#define CHILD_CLASS "tidegate.child"

// The Lua value; the registry keeps it while the task runs, its environment is then the list of
// results.
struct child {
    struct vm *vm;
    struct task *task; // NULL: has ended
    int ref;
    struct list waiters;
    int result_count;
    bool has_failed, is_canceled;
    bool is_told; // somebody has got the error
};

struct waiter {
    struct list node; // in child->waiters
    struct child *child;
    struct task *task;
    struct timer timer; // not running: no limit
};

// ---- the end of a task ------------------------------------------------------------------------

// Pushes `true, results...` or `false, err` on `to`; the child is at `index` of `from`. Returns
// their number.
static int push_outcome(lua_State *from, int index, lua_State *to)
{
    struct child *child = lua_touserdata(from, index);
    int count = child->result_count;

    child->is_told = true;
    if (!lua_checkstack(to, count + 4) || !lua_checkstack(from, 4))
        return task_push_error(to, "script", "too many results");
    lua_pushboolean(to, !child->has_failed);
    lua_getfenv(from, index);
    lua_xmove(from, to, 1);
    int list = lua_gettop(to);
    for (int i = 1; i <= count; i++)
        lua_rawgeti(to, list, i);
    lua_remove(to, list);
    return count + 1;
}

// Its task is to be woken.
static struct task *free_waiter(struct waiter *waiter)
{
    struct task *task = waiter->task;

    timer_stop(task->vm->env.timers, &waiter->timer);
    list_remove(&waiter->node);
    free(waiter);
    return task;
}

// The list of results, or with the error alone, on top of vm->L. Stack: ..., error if it failed.
static void push_list(struct child *child, lua_State *co, int count)
{
    lua_State *L = child->vm->L;

    child->has_failed = count < 0 || child->is_canceled;
    if (child->is_canceled) {
        task_push_error(L, "canceled", "the task was canceled");
        count = -1;
    }
    child->result_count = count < 0 ? 1 : count;
    lua_createtable(L, child->result_count, 0);
    if (count < 0) {
        lua_pushvalue(L, -2);
        lua_rawseti(L, -2, 1);
    }
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(co, i);
        lua_xmove(co, L, 1);
        lua_rawseti(L, -2, i);
    }
}

static void on_child_end(void *owner, const char *error)
{
    struct child *child = owner;
    lua_State *L = child->vm->L;
    int top = lua_gettop(L);
    struct task *task = child->task;

    luaL_checkstack(L, 8, "for results");
    luaL_checkstack(task->co, 4, "for results");
    lua_rawgeti(L, LUA_REGISTRYINDEX, child->ref);
    push_list(child, task->co, offspring_end(task, error));
    lua_setfenv(L, top + 1);
    lua_settop(L, top + 1);
    child->task = NULL;
    for (struct list *node = child->waiters.next, *next; node != &child->waiters; node = next) {
        next = node->next; // nothing runs before all of them are woken
        struct task *woken = free_waiter(LIST_ITEM(node, struct waiter, node));
        task_wake(woken, push_outcome(L, top + 1, woken->co));
    }
    lua_settop(L, top);
    luaL_unref(L, LUA_REGISTRYINDEX, child->ref);
}

// ---- what scripts call ------------------------------------------------------------------------

static struct child *check_child(lua_State *L)
{
    return vm_check_class(L, 1, vm_of(L)->child_class);
}

static int spawn(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct task *maker = offspring_maker(L, "tide.spawn");

    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_checkstack(L, 4, "too many arguments");
    if (!offspring_reserve(maker, 1))
        return budget_push_error(L, task_budget(maker), BUDGET_TASKS);
    bool was_limited = guard_pause(vm_guard(vm));
    struct child *child = lua_newuserdata(L, sizeof(*child));
    *child = (struct child){.vm = vm};
    list_init(&child->waiters);
    luaL_getmetatable(L, CHILD_CLASS);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_insert(L, 1);
    child->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    // stack: child, function, arguments
    child->task = offspring_start(L, lua_gettop(L) - 2, on_child_end, child);
    guard_resume(vm->guard, was_limited);
    return 1;
}

static void on_wait_canceled(void *owner)
{
    struct task *task = free_waiter(owner);
    task_wake(task, task_push_error(task->co, "canceled", "canceled"));
}

static void on_wait_timeout(void *owner)
{
    struct task *task = free_waiter(owner);
    task_wake(task, task_push_error(task->co, "timeout", "the task has not ended in time"));
}

static int wait(lua_State *L)
{
    struct child *child = check_child(L);
    struct task *task = script_check_wait(L);
    double seconds = luaL_optnumber(L, 2, -1);

    if (!child->task)
        return push_outcome(L, 1, L);
    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    if (child->task == task)
        return blame_raise(L, "a task cannot wait for itself");
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->child = child;
    waiter->task = task;
    waiter->timer = (struct timer){.on_due = on_wait_timeout, .owner = waiter};
    list_add_back(&child->waiters, &waiter->node);
    if (seconds >= 0)
        timer_start(task->vm->env.timers, &waiter->timer, pause_ms(seconds));
    return task_wait(task, on_wait_canceled, waiter);
}

static int cancel(lua_State *L)
{
    struct child *child = check_child(L);

    if (child->task) {
        child->is_canceled = child->is_told = true;
        task_cancel(child->task);
    }
    return 0;
}

// A failure that nobody asked for is not to pass unheard.
static int collect(lua_State *L)
{
    const struct child *child = check_child(L);

    if (!child->has_failed || child->is_told)
        return 0;
    lua_getfenv(L, 1);
    lua_rawgeti(L, -1, 1);
    lua_getfield(L, -1, "message");
    log_event(child->vm->env.log, LOG_ERROR, "a task of a script failed: %s",
              lua_isstring(L, -1) ? lua_tostring(L, -1) : "unknown");
    return 0;
}

static int is_loading(lua_State *L)
{
    lua_pushboolean(L, offspring_is_loading(vm_of(L)));
    return 1;
}

void spawn_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"spawn", spawn}, {"is_loading", is_loading}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"wait", wait}, {"cancel", cancel}, {"__gc", collect}, {NULL, NULL}};

    vm->child_class = vm_register_class(vm, CHILD_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
    gather_open(vm);
}
