#include "lua/script.h"

#include <string.h>

#include <lauxlib.h>

#include "base/slice.h"
#include "lua/blame.h"
#include "lua/coroutine.h"
#include "lua/task.h"
#include "lua/vm.h"

// ---- what went wrong --------------------------------------------------------------------------

struct place {
    struct slice file;
    int line;           // 0: unknown
    const char *reason; // the message without the place
};

// Finds what "scripts/policies/x.lua:3: text" begins with.
static struct place place_of(const char *message)
{
    struct place place = {.reason = message};

    for (const char *colon = strchr(message, ':'); colon; colon = strchr(colon + 1, ':')) {
        const char *at = colon + 1;
        int line = 0;
        while (*at >= '0' && *at <= '9' && line < 10000000)
            line = line * 10 + (*at++ - '0');
        if (at > colon + 1 && at[0] == ':' && at[1] == ' ')
            return (struct place){{message, (size_t)(colon - message)}, line, at + 2};
        if (*at == '\n')
            break;
    }
    return place;
}

// Pushes the text of the error object on top of the stack; what it is when it has none.
static void push_message(lua_State *L)
{
    int object = lua_gettop(L);

    lua_pushvalue(L, object);
    if (lua_istable(L, object)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, object);
        lua_remove(L, -2);
    }
    if (lua_isstring(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushfstring(L, "the error object is a %s value", luaL_typename(L, object));
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (!text)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

// Pushes an error with its place: that of its message, else where the task is or was.
static void push_facts(lua_State *L, const struct task *child, const char *message)
{
    struct place place = place_of(message);
    char where[TASK_WHERE];

    lua_createtable(L, 0, 8);
    set_text(L, "kind", "script");
    set_text(L, "message", message);
    set_text(L, "reason", place.reason);
    if (!place.line) {
        task_where(child, where);
        place = place_of(where);
    }
    lua_pushlstring(L, place.file.data, place.file.len);
    lua_setfield(L, -2, "file");
    lua_pushinteger(L, place.line);
    lua_setfield(L, -2, "line");
}

// The limit that an error stands for; NULL for none. The error object is at `object`.
static const char *limit_of(lua_State *L, int object, const char *message)
{
    const char *reason = place_of(message).reason;

    if (strncmp(reason, "stack overflow", 14) == 0)
        return "stack";
    if (strcmp(reason, "not enough memory") == 0)
        return "memory";
    if (strncmp(reason, "the pattern took more than", 26) == 0)
        return "steps";
    if (!lua_istable(L, object))
        return NULL;
    lua_pushliteral(L, "limit");
    lua_rawget(L, object);
    const char *limit = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1); // stays alive in the table
    return limit;
}

// What the guard stopped says so itself: a script may have caught its error and raised another.
static void push_stopped(lua_State *L, const struct task *child)
{
    char what[GUARD_TEXT];
    guard_describe(child->vm->guard, child->limit, what);
    lua_pushfstring(L, "%s%s", child->failed_at, what);
}

void script_push_error(lua_State *L, struct task *child, const char *traceback)
{
    if (child->limit)
        push_stopped(L, child);
    else
        lua_xmove(child->co, L, 1);
    int object = lua_gettop(L);
    push_message(L);
    const char *message = lua_tostring(L, -1);
    push_facts(L, child, message);
    set_text(L, "traceback", traceback);
    set_text(L, "limit",
             child->limit ? guard_limit_name(child->limit) : limit_of(L, object, message));
    if (lua_istable(L, object)) {
        lua_pushvalue(L, object);
        lua_setfield(L, -2, "cause");
    }
    lua_replace(L, object);
    lua_settop(L, object);
}

// ---- calls ------------------------------------------------------------------------------------

#define WAITS_AT_ONCE "cannot wait here: the gateway needs the result of this function at once"

// A function of a script: the task's owner while the C function of its caller is on the stack.
struct run {
    lua_State *L; // of the caller
    int result_count;
};

// Hands the results over to the caller's stack and returns how many values that makes.
static int hand_over(struct task *child, lua_State *L, const char *error)
{
    int count = error ? 1 : lua_gettop(child->co);

    lua_pushboolean(L, !error);
    if (error) {
        script_push_error(L, child, error);
    } else {
        lua_checkstack(L, count);
        lua_xmove(child->co, L, count);
    }
    return count + 1;
}

static void on_end_inside(void *owner, const char *error)
{
    struct task *child = owner;
    struct run *run = child->caller;

    if (child->parent)
        child->parent->child = NULL;
    run->result_count = hand_over(child, run->L, error);
}

static void on_end_later(void *owner, const char *error)
{
    struct task *child = owner;
    struct task *parent = child->parent;

    parent->child = NULL;
    task_wake(parent, hand_over(child, parent->co, error));
}

static void on_parent_canceled(void *owner)
{
    task_cancel(owner);
}

// Nobody takes the results of a function that was given up.
static void on_end_alone(void *owner, const char *error)
{
    (void)owner;
    (void)error;
}

static int wait_for(lua_State *L, struct task *child)
{
    struct task *parent = child->parent;

    parent->waiting_co = L;
    child->on_end = on_end_later;
    if (parent->is_canceled)
        task_cancel(child);
    return task_wait(parent, on_parent_canceled, child);
}

// It waits where that is not allowed, past script_check_wait(): give it up.
static int refuse_to_wait(lua_State *L, struct task *child)
{
    lua_pushboolean(L, 0);
    push_facts(L, child, WAITS_AT_ONCE);
    if (child->parent)
        child->parent->child = NULL;
    child->parent = NULL;
    child->request = NULL;
    child->on_end = on_end_alone;
    task_cancel(child);
    return 2;
}

struct guard_place script_place(lua_State *L, int index)
{
    lua_Debug function;

    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &function);
    return (struct guard_place){function.source, function.linedefined};
}

// A task for the function and the arguments that are all there is on the stack.
static struct task *new_child(lua_State *L, bool is_now)
{
    struct vm *vm = vm_of(L);
    struct task *parent = vm->running;
    struct task *child = task_new(vm, on_end_inside, NULL);
    int count = lua_gettop(L);

    child->owner = child;
    child->is_now = is_now || !parent || parent->is_now || !coroutine_can_wait(parent, L);
    if (parent) {
        task_inherit(child, parent);
        child->request = parent->request; // it outlives the child: the parent holds it
        child->parent = parent;
        parent->child = child;
    }
    lua_checkstack(child->co, count);
    lua_xmove(L, child->co, count);
    return child;
}

enum run_kind { RUN, RUN_NOW, RUN_SHIPPED };

static int run_function(lua_State *L, enum run_kind kind)
{
    struct vm *vm = vm_of(L);
    int count = lua_gettop(L) - 1;
    struct run run = {.L = L};

    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct guard *guard = kind == RUN_SHIPPED ? vm->guard : vm_guard(vm);
    if (count >= LUAI_MAXCSTACK / 2)
        return luaL_error(L, "too many arguments");
    if (guard && !guard_has_stack(guard))
        return luaL_error(L, "stack overflow: scripts call each other too deep");
    struct guard_place place = script_place(L, 1);
    bool was_limited = guard && guard_pause(guard);
    struct task *child = new_child(L, kind != RUN);
    child->caller = &run;
    child->place = place;
    if (kind != RUN_SHIPPED)
        task_guard(child, &place);
    bool has_ended = task_run_inside(child, count);
    if (!has_ended && child->is_now)
        run.result_count = refuse_to_wait(L, child);
    else if (!has_ended)
        run.result_count = wait_for(L, child);
    if (guard)
        guard_resume(guard, was_limited);
    return run.result_count;
}

static int run(lua_State *L)
{
    return run_function(L, RUN);
}

static int run_now(lua_State *L)
{
    return run_function(L, RUN_NOW);
}

static int run_shipped(lua_State *L)
{
    return run_function(L, RUN_SHIPPED);
}

static const char *why_not_wait(lua_State *L, const struct task *task)
{
    if (!task || (task->is_now && !task->parent))
        return "cannot wait while the script is being loaded";
    if (task->is_now)
        return WAITS_AT_ONCE;
    if (!coroutine_can_wait(task, L))
        return "cannot wait here: inside a function that table.sort, string.gsub or the like calls";
    return NULL;
}

struct task *script_check_wait(lua_State *L)
{
    struct task *task = vm_of(L)->running;
    const char *problem = why_not_wait(L, task);

    if (problem)
        blame_raise(L, "%s", problem);
    task->waiting_co = L;
    return task;
}

// For whoever lets coroutines of scripts wait: see api.h.
static int check_stack(lua_State *L)
{
    const struct guard *guard = vm_of(L)->guard;
    if (guard && !guard_has_stack(guard))
        luaL_error(L, "stack overflow: coroutines nest too deep");
    return 0;
}

void script_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"run", run},
                                         {"run_now", run_now},
                                         {"run_shipped", run_shipped},
                                         {"check_stack", check_stack},
                                         {NULL, NULL}};
    vm_register(vm, functions);
    lua_pushlightuserdata(vm->L, vm);
    lua_setfield(vm->L, -2, "wait_mark");
}
