#include "lua/event_hook.h"

#include <lauxlib.h>

#include "base/limits.h"
#include "lua/call.h"
#include "lua/guard.h"
#include "lua/value.h"
#include "lua/vm.h"

void event_hook_init(struct event_hook *hook, struct call *call, enum framing framing, lua_State *L)
{
    hook->framing = framing;
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

static enum relay_verdict change(const struct event_hook *hook, const struct stream_event *event,
                                 struct slice data, struct buf *instead, struct error *err)
{
    if (data.len <= instead->limit / 2 &&
        framing_add_event(instead, hook->framing, event->name, data) == 0)
        return RELAY_CHANGED;
    error_set(err, ERROR_SCRIPT, "on_event made an event that is too large");
    return RELAY_REFUSED;
}

// The function's two results are on top of the stack.
static enum relay_verdict read_verdict(const struct event_hook *hook,
                                       const struct stream_event *event, struct buf *instead,
                                       struct error *err)
{
    lua_State *L = hook->call->vm->L;
    struct slice text = value_text(L, -2);

    if (text.data)
        return change(hook, event, text, instead, err);
    if (lua_isnil(L, -2))
        return RELAY_AS_IT_IS;
    if (!lua_toboolean(L, -2))
        return RELAY_DROPPED;
    error_set(err, ERROR_SCRIPT, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "refused");
    return RELAY_REFUSED;
}

static enum relay_verdict run(struct event_hook *hook, const struct stream_event *event,
                              struct buf *instead, struct error *err)
{
    lua_State *L = hook->call->vm->L;

    luaL_checkstack(L, 4, "too many hooks");
    lua_rawgeti(L, LUA_REGISTRYINDEX, hook->ref);
    lua_pushlstring(L, event->data.data, event->data.len);
    if (task_call(&hook->stand_in, 1, 2) == 0)
        return read_verdict(hook, event, instead, err);
    const char *what = lua_tostring(L, -1);
    log_event(hook->call->vm->env.log, LOG_ERROR,
              "an event could not be taken through on_event: %s", what ? what : "no message");
    error_set(err, ERROR_SCRIPT, "on_event failed");
    return RELAY_REFUSED;
}

enum relay_verdict event_hook_run(struct event_hook *hook, const struct stream_event *event,
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
