#include "lua/event_hook.h"

#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "lua/call.h"
#include "lua/guard.h"
#include "lua/value.h"
#include "lua/vm.h"

void event_hook_init(struct event_hook *hook, struct call *call, lua_State *L)
{
    hook->call = call;
    task_stand_in(&hook->stand_in, call->task);
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

static enum relay_verdict change(const struct sse_event *event, struct slice data,
                                 struct buf *instead, struct error *err)
{
    if (data.len > instead->limit / 2) {
        error_set(err, ERROR_SCRIPT, "on_event made an event that is too large");
        return RELAY_REFUSED;
    }
    if (event->name.data) {
        buf_add_text(instead, "event: ");
        buf_add_slice(instead, event->name);
        buf_add_text(instead, "\n");
    }
    add_data(instead, data);
    buf_add_text(instead, "\n");
    return RELAY_CHANGED;
}

// The function's two results are on top of the stack.
static enum relay_verdict read_verdict(lua_State *L, const struct sse_event *event,
                                       struct buf *instead, struct error *err)
{
    struct slice text = value_text(L, -2);

    if (text.data)
        return change(event, text, instead, err);
    if (lua_isnil(L, -2))
        return RELAY_AS_IT_IS;
    if (!lua_toboolean(L, -2))
        return RELAY_DROPPED;
    error_set(err, ERROR_SCRIPT, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "refused");
    return RELAY_REFUSED;
}

static enum relay_verdict run(struct event_hook *hook, const struct sse_event *event,
                              struct buf *instead, struct error *err)
{
    lua_State *L = hook->call->vm->L;

    luaL_checkstack(L, 4, "too many hooks");
    lua_rawgeti(L, LUA_REGISTRYINDEX, hook->ref);
    lua_pushlstring(L, event->data.data, event->data.len);
    if (task_call(&hook->stand_in, 1, 2) == 0)
        return read_verdict(L, event, instead, err);
    const char *what = lua_tostring(L, -1);
    log_event(hook->call->vm->env.log, LOG_ERROR,
              "an event could not be taken through on_event: %s", what ? what : "no message");
    error_set(err, ERROR_SCRIPT, "on_event failed");
    return RELAY_REFUSED;
}

enum relay_verdict event_hook_run(struct event_hook *hook, const struct sse_event *event,
                                  struct buf *instead, struct error *err)
{
    struct vm *vm = hook->call->vm;
    int top = lua_gettop(vm->L);
    bool was_limited = vm->guard && guard_pause(vm->guard);
    struct guard *guard = vm->guard;
    enum relay_verdict verdict = run(hook, event, instead, err);

    lua_settop(vm->L, top);
    if (guard)
        guard_resume(guard, was_limited);
    task_run_ready(vm);
    return verdict;
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
