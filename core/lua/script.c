#include "lua/script.h"

#include <string.h>

#include <lauxlib.h>

#include "base/slice.h"
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

// The line that the failed coroutine was at: for errors that do not say it themselves.
static bool find_line(lua_State *co, lua_Debug *frame)
{
    for (int level = 0; lua_getstack(co, level, frame); level++) {
        if (lua_getinfo(co, "Sl", frame) && frame->currentline > 0)
            return true;
    }
    return false;
}

// Pushes the text of the error object at `index`; what it is when it has none.
static void push_message(lua_State *co, int index)
{
    lua_pushvalue(co, index);
    if (lua_istable(co, index)) {
        lua_pushliteral(co, "message");
        lua_rawget(co, index);
        lua_remove(co, -2);
    }
    if (lua_isstring(co, -1))
        return;
    lua_pop(co, 1);
    lua_pushfstring(co, "the error object is a %s value", luaL_typename(co, index));
}

static const char *limit_of(lua_State *co, int index, const char *reason)
{
    if (strncmp(reason, "stack overflow", 14) == 0)
        return "stack";
    if (strcmp(reason, "not enough memory") == 0)
        return "memory";
    if (!lua_istable(co, index))
        return NULL;
    lua_pushliteral(co, "limit");
    lua_rawget(co, index);
    const char *limit = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1) : NULL;
    lua_pop(co, 1); // stays alive in the table
    return limit;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (!text)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

// Pushes an error with its place: that of its message, else the line that `co` was at.
static void push_facts(lua_State *L, lua_State *co, const char *message)
{
    struct place place = place_of(message);
    lua_Debug frame;

    lua_createtable(L, 0, 8);
    set_text(L, "kind", "script");
    set_text(L, "message", message);
    set_text(L, "reason", place.reason);
    if (!place.line && find_line(co, &frame)) {
        place.file = slice_of(frame.short_src);
        place.line = frame.currentline;
    }
    if (!place.line)
        return;
    lua_pushlstring(L, place.file.data, place.file.len);
    lua_setfield(L, -2, "file");
    lua_pushinteger(L, place.line);
    lua_setfield(L, -2, "line");
}

// Pushes the error on `L`. The stack of `co` ends with the error object and the traceback.
static void push_error(lua_State *L, lua_State *co)
{
    int object = lua_gettop(co) - 1;

    lua_checkstack(co, 4);
    push_message(co, object);
    const char *message = lua_tostring(co, -1);
    push_facts(L, co, message);
    set_text(L, "limit", limit_of(co, object, place_of(message).reason));
    set_text(L, "traceback", lua_tostring(co, object + 1));
    if (lua_istable(co, object)) {
        lua_pushvalue(co, object);
        lua_xmove(co, L, 1);
        lua_setfield(L, -2, "cause");
    }
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
    lua_State *co = child->co;

    if (error) {
        luaL_checkstack(L, 8, "for an error");
        lua_pushboolean(L, 0);
        push_error(L, co);
        return 2;
    }
    int count = lua_gettop(co);
    luaL_checkstack(L, count + 1, "for results");
    lua_pushboolean(L, 1);
    lua_xmove(co, L, count);
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

static int wait_for(struct task *child)
{
    struct task *parent = child->parent;

    child->on_end = on_end_later;
    if (parent->is_canceled)
        task_cancel(child);
    return task_wait(parent, on_parent_canceled, child);
}

// It waits where that is not allowed, past script_check_wait(): give it up.
static int refuse_to_wait(lua_State *L, struct task *child)
{
    lua_pushboolean(L, 0);
    push_facts(L, child->co, WAITS_AT_ONCE);
    if (child->parent)
        child->parent->child = NULL;
    child->parent = NULL;
    child->request = NULL;
    child->on_end = on_end_alone;
    task_cancel(child);
    return 2;
}

static int run_function(lua_State *L, bool is_now)
{
    struct vm *vm = vm_of(L);
    struct task *parent = vm->running;
    int count = lua_gettop(L) - 1;
    struct run run = {.L = L};

    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (count >= LUAI_MAXCSTACK / 2)
        return luaL_error(L, "too many arguments");
    struct task *child = task_new(vm, on_end_inside, NULL);
    child->owner = child;
    child->caller = &run;
    child->is_now = is_now || !parent || parent->is_now;
    if (parent) {
        task_inherit(child, parent);
        child->request = parent->request; // it outlives the child: the parent holds it
        child->parent = parent;
        parent->child = child;
    }
    lua_checkstack(child->co, count + 1);
    lua_xmove(L, child->co, count + 1);
    if (task_run_inside(child, count))
        return run.result_count;
    return child->is_now ? refuse_to_wait(L, child) : wait_for(child);
}

static int run(lua_State *L)
{
    return run_function(L, false);
}

static int run_now(lua_State *L)
{
    return run_function(L, true);
}

struct task *script_check_wait(lua_State *L)
{
    struct task *task = vm_of(L)->running;

    if (!task || (task->is_now && !task->parent))
        luaL_error(L, "cannot wait while the script is being loaded");
    if (task->is_now)
        luaL_error(L, WAITS_AT_ONCE);
    return task;
}

void script_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"run", run}, {"run_now", run_now}, {NULL, NULL}};
    vm_register(vm, functions);
}
