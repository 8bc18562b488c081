#include "lua/gather.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/blame.h"
#include "lua/budget.h"
#include "lua/offspring.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

enum gather_mode { GATHER_ALL, GATHER_RACE, GATHER_ANY };

static const char *const names[] = {"tide.all", "tide.race", "tide.any"};

struct entry {
    struct gather *gather;
    struct task *task; // NULL: has ended
    int index;         // from 1
};

// RUNNING -> DECIDED, when the outcome is known and the other tasks are to go -> answered, when
// they have gone or had their time: `waiter` is NULL then. Freed with the last task.
struct gather {
    struct vm *vm;
    struct task *waiter;
    enum gather_mode mode;
    bool is_decided, is_failure, is_canceled;
    int count, running;
    int list_ref;     // results, or what failed, by position; `error` of a failure
    int result_count; // of the one that decided
    struct timer grace;
    struct entry entries[];
};

static void release(struct gather *gather)
{
    if (gather->waiter || gather->running)
        return;
    luaL_unref(gather->vm->L, LUA_REGISTRYINDEX, gather->list_ref);
    free(gather);
}

// ---- the outcome ------------------------------------------------------------------------------

// Pushes it on the waiter's stack; returns the number of values.
static int push_outcome(struct gather *gather, lua_State *to)
{
    if (gather->is_canceled)
        return task_push_error(to, "canceled", "canceled");
    int count = gather->is_failure ? 2 : gather->result_count;
    if (!lua_checkstack(to, count + 4))
        return task_push_error(to, "script", "too many results");
    lua_rawgeti(to, LUA_REGISTRYINDEX, gather->list_ref);
    int list = lua_gettop(to);
    if (gather->is_failure) {
        lua_pushnil(to);
        lua_getfield(to, list, "error");
    }
    for (int i = 1; i <= count && !gather->is_failure; i++)
        lua_rawgeti(to, list, i);
    lua_remove(to, list);
    return count;
}

static void answer(struct gather *gather)
{
    struct task *task = gather->waiter;

    if (!task)
        return;
    timer_stop(gather->vm->env.timers, &gather->grace);
    gather->waiter = NULL;
    task_wake(task, push_outcome(gather, task->co));
}

static void on_grace_over(void *owner)
{
    answer(owner);
}

// The others have no more to say. They are given a moment to go.
static void decide(struct gather *gather, bool is_failure)
{
    gather->is_decided = true;
    gather->is_failure = is_failure;
    if (!gather->running)
        return;
    timer_start(gather->vm->env.timers, &gather->grace, LIMIT_TASK_GRACE_MS);
    for (int i = 0; i < gather->count; i++) {
        if (gather->entries[i].task)
            task_cancel(gather->entries[i].task);
    }
}

static void on_canceled(void *owner)
{
    struct gather *gather = owner;
    gather->is_canceled = true;
    decide(gather, true);
    if (!gather->running)
        answer(gather);
}

// ---- one of them has ended --------------------------------------------------------------------
// On vm->L: the list, and on top of it the error value of a failure.

static void fail(struct gather *gather)
{
    lua_setfield(gather->vm->L, -2, "error");
    decide(gather, true);
}

static void take_results(struct gather *gather, lua_State *co, int count)
{
    lua_State *L = gather->vm->L;

    for (int i = 1; i <= count; i++) {
        lua_pushvalue(co, i);
        lua_xmove(co, L, 1);
        lua_rawseti(L, -2, i);
    }
    gather->result_count = count;
    decide(gather, false);
}

static void push_field(lua_State *L, const char *name, const char *otherwise)
{
    if (lua_istable(L, -1)) {
        lua_pushstring(L, name);
        lua_rawget(L, -2); // the script's table may have a metatable
    } else {
        lua_pushvalue(L, -1);
    }
    if (!lua_isstring(L, -1)) {
        lua_pop(L, 1);
        lua_pushstring(L, otherwise);
    }
}

// Pushes { kind = of the first, message =, causes = { err, ... } }. The list is on top.
static void push_causes(struct gather *gather)
{
    lua_State *L = gather->vm->L;
    int list = lua_gettop(L);

    lua_createtable(L, 0, 3);
    lua_rawgeti(L, list, 1);
    push_field(L, "message", "it failed");
    lua_pushfstring(L, "all %d failed, the first with: %s", gather->count, lua_tostring(L, -1));
    lua_setfield(L, -4, "message");
    lua_pop(L, 1);
    if (lua_istable(L, -1)) {
        push_field(L, "kind", "script");
        lua_setfield(L, -3, "kind");
    } else {
        lua_pushliteral(L, "script");
        lua_setfield(L, -3, "kind");
    }
    lua_pop(L, 1);
    // stack: list, error
    lua_createtable(L, gather->count, 0);
    for (int i = 1; i <= gather->count; i++) {
        lua_rawgeti(L, list, i);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "causes");
}

// The error value is on top of the list.
static void take_failure(struct gather *gather, const struct entry *entry)
{
    if (gather->mode != GATHER_ANY) {
        fail(gather);
        return;
    }
    lua_rawseti(gather->vm->L, -2, entry->index);
    if (gather->running)
        return;
    push_causes(gather);
    fail(gather);
}

static void take_success(struct gather *gather, const struct entry *entry, lua_State *co, int count)
{
    lua_State *L = gather->vm->L;

    if (gather->mode != GATHER_ALL) {
        take_results(gather, co, count);
        return;
    }
    if (count > 0) {
        lua_pushvalue(co, 1);
        lua_xmove(co, L, 1);
        lua_rawseti(L, -2, entry->index);
    }
    gather->result_count = gather->count;
    if (!gather->running)
        decide(gather, false);
}

// A function fails by raising, or by returning nil and an error. Pushes the error.
static bool is_failure(struct gather *gather, lua_State *co, int count)
{
    if (count < 0)
        return true;
    if (count < 2 || !lua_isnil(co, 1) || lua_isnil(co, 2))
        return false;
    lua_pushvalue(co, 2);
    lua_xmove(co, gather->vm->L, 1);
    return true;
}

static void on_entry_end(void *owner, const char *error)
{
    struct entry *entry = owner;
    struct gather *gather = entry->gather;
    lua_State *L = gather->vm->L, *co = entry->task->co;
    int top = lua_gettop(L);

    luaL_checkstack(L, 12, "for results");
    luaL_checkstack(co, 4, "for results");
    lua_rawgeti(L, LUA_REGISTRYINDEX, gather->list_ref);
    int count = offspring_end(entry->task, error);
    entry->task = NULL;
    gather->running--;
    if (!gather->is_decided) {
        if (is_failure(gather, co, count))
            take_failure(gather, entry);
        else
            take_success(gather, entry, co, count);
    }
    lua_settop(L, top);
    if (gather->is_decided && !gather->running)
        answer(gather);
    release(gather);
}

// ---- what scripts call ------------------------------------------------------------------------

static void check_list(lua_State *L, const char *name, int count, enum gather_mode mode)
{
    if (count == 0 && mode != GATHER_ALL)
        blame_raise(L, "%s needs a list with at least one function", name);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        if (!lua_isfunction(L, -1))
            blame_raise(L, "%s needs a list of functions; entry %d is a %s", name, i,
                        luaL_typename(L, -1));
        lua_pop(L, 1);
    }
}

static struct gather *new_gather(lua_State *L, struct task *waiter, enum gather_mode mode,
                                 int count)
{
    lua_createtable(L, count, 0);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct gather *gather = mem_alloc(sizeof(*gather) + (size_t)count * sizeof(gather->entries[0]));

    gather->vm = waiter->vm;
    gather->waiter = waiter;
    gather->mode = mode;
    gather->count = count;
    gather->list_ref = ref;
    gather->grace = (struct timer){.on_due = on_grace_over, .owner = gather};
    return gather;
}

static int gather_functions(lua_State *L, enum gather_mode mode)
{
    const char *name = names[mode];

    if (!lua_istable(L, 1))
        return blame_raise(L, "%s needs a list of functions", name);
    int count = (int)lua_objlen(L, 1);
    luaL_checkstack(L, 4, "too many values");
    check_list(L, name, count, mode);
    struct task *task = script_check_wait(L);
    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    if (count == 0)
        return 0;
    if (!offspring_reserve(task, count)) // all of them, or none runs
        return budget_push_error(L, task_budget(task), BUDGET_TASKS);
    bool was_limited = guard_pause(vm_guard(task->vm));
    struct gather *gather = new_gather(L, task, mode, count);
    for (int i = 0; i < count; i++) {
        struct entry *entry = &gather->entries[i];
        *entry = (struct entry){.gather = gather, .index = i + 1};
        lua_rawgeti(L, 1, i + 1);
        entry->task = offspring_start(L, 0, on_entry_end, entry);
        gather->running++;
    }
    guard_resume(task->vm->guard, was_limited);
    return task_wait(task, on_canceled, gather);
}

static int all(lua_State *L)
{
    return gather_functions(L, GATHER_ALL);
}

static int race(lua_State *L)
{
    return gather_functions(L, GATHER_RACE);
}

static int any(lua_State *L)
{
    return gather_functions(L, GATHER_ANY);
}

void gather_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"all", all}, {"race", race}, {"any", any}, {NULL, NULL}};
    vm_register(vm, functions);
}
