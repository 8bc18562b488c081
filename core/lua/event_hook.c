#include "lua/event_hook.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "lua/call.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

// One event on its way through the function.
struct run {
    struct vm *vm;
    lua_State *co;
    struct slice name; // of the event; NULL data: none
    struct buf *instead;
    struct error *err;
    enum relay_verdict verdict;
};

void event_hook_init(struct event_hook *hook, struct call *call, lua_State *L)
{
    hook->call = call;
    hook->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void event_hook_deinit(struct event_hook *hook)
{
    if (hook->ref)
        luaL_unref(hook->call->vm->L, LUA_REGISTRYINDEX, hook->ref);
    hook->ref = 0;
}

// Data of more than one line is as many fields.
static void add_data(struct buf *out, struct slice text)
{
    const char *at = text.data, *end = text.data + text.len;
    for (;;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        buf_add_text(out, "data: ");
        buf_add(out, at, (size_t)(stop - at));
        buf_add_text(out, "\n");
        if (stop == end)
            return;
        at = stop + 1;
    }
}

static enum relay_verdict change(struct run *run, struct slice data)
{
    if (data.len > run->instead->limit / 2) {
        error_set(run->err, ERROR_SCRIPT, "on_event made an event that is too large");
        return RELAY_REFUSED;
    }
    if (run->name.data) {
        buf_add_text(run->instead, "event: ");
        buf_add_slice(run->instead, run->name);
        buf_add_text(run->instead, "\n");
    }
    add_data(run->instead, data);
    buf_add_text(run->instead, "\n");
    return RELAY_CHANGED;
}

// What the function has returned stands on the stack from 1.
static enum relay_verdict read_verdict(struct run *run)
{
    lua_State *co = run->co;
    struct slice text = value_text(co, 1);

    if (text.data)
        return change(run, text);
    if (lua_isnoneornil(co, 1))
        return RELAY_AS_IT_IS;
    if (!lua_toboolean(co, 1))
        return RELAY_DROPPED;
    error_set(run->err, ERROR_SCRIPT, "%s", lua_isstring(co, 2) ? lua_tostring(co, 2) : "refused");
    return RELAY_REFUSED;
}

static void on_end(void *owner, const char *error)
{
    struct run *run = owner;

    if (!error) {
        run->verdict = read_verdict(run);
        return;
    }
    log_event(run->vm->env.log, LOG_ERROR, "an event could not be taken through on_event: %s",
              error);
    error_set(run->err, ERROR_SCRIPT, "on_event failed");
}

enum relay_verdict event_hook_run(struct event_hook *hook, const struct sse_event *event,
                                  struct buf *instead, struct error *err)
{
    struct vm *vm = hook->call->vm;
    struct run run = {
        .vm = vm, .name = event->name, .instead = instead, .err = err, .verdict = RELAY_REFUSED};
    struct task *task = task_new(vm, on_end, &run);

    run.co = task->co;
    task->is_now = true;
    task->request = hook->call->handle;
    task_inherit(task, hook->call->task);
    lua_rawgeti(task->co, LUA_REGISTRYINDEX, hook->ref);
    lua_pushlstring(task->co, event->data.data, event->data.len);
    if (!task_run_inside(task, 1))
        abort(); // is_now: nothing below it may wait
    return run.verdict;
}

// ---- whole streams ----------------------------------------------------------------------------

static int add_event(void *owner, const struct sse_event *event)
{
    lua_State *L = owner;
    if (!event->data.data)
        return 0;
    lua_pushlstring(L, event->data.data, event->data.len);
    lua_rawseti(L, 2, (int)lua_objlen(L, 2) + 1);
    return 0;
}

// The parser's memory, so that a script may be stopped anywhere.
static int collect_parser(lua_State *L)
{
    sse_parser_deinit(lua_touserdata(L, 1));
    return 0;
}

static int event_data(lua_State *L)
{
    struct slice text;

    text.data = luaL_checklstring(L, 1, &text.len);
    lua_settop(L, 1);
    lua_newtable(L);
    struct sse_parser *parser = lua_newuserdata(L, sizeof(*parser));
    sse_parser_init(parser, LIMIT_SSE_EVENT, add_event, L);
    lua_newtable(L);
    lua_pushcfunction(L, collect_parser);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    if (sse_parser_feed(parser, text.data, text.len) == 0)
        sse_parser_end(parser);
    lua_settop(L, 2);
    return 1;
}

void event_hook_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"event_data", event_data}, {NULL, NULL}};
    vm_register(vm, functions);
}
