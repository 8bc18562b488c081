#include "lua/codec.h"

#include <string.h>

#include <lauxlib.h>

#include "lua/call.h"
#include "lua/guard.h"
#include "lua/summary.h"
#include "lua/value.h"
#include "lua/vm.h"

enum { RESULTS = 4 };

static const char *const part_names[] = {
    [RELAY_EVENT] = "event",
    [RELAY_FINISH] = "finish",
    [RELAY_BODY] = "body",
    [RELAY_WHOLE] = "document",
};

static bool has_function(lua_State *L, int index, enum relay_part part)
{
    lua_getfield(L, index, part_names[part]);
    bool is_there = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return is_there;
}

static bool flag(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool is_set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_set;
}

void codec_read(lua_State *L, int index, struct relay_plan *plan)
{
    enum relay_part needed = plan->is_stream ? RELAY_EVENT : RELAY_BODY;

    luaL_checktype(L, index, LUA_TTABLE);
    if (!has_function(L, index, needed))
        luaL_error(L, "the codec has no function '%s'", part_names[needed]);
    plan->translates = true;
    plan->filters = false;
    plan->makes_streams = has_function(L, index, RELAY_WHOLE);
    lua_getfield(L, index, "comments");
    plan->lacks_comments = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    plan->is_told = flag(L, index, "tells");
    plan->ends_with_bytes = flag(L, index, "ends");
    plan->keeps_headers = flag(L, index, "headers");
    lua_getfield(L, index, "type");
    plan->type = value_text(L, -1);
    if (!plan->type.len || memchr(plan->type.data, '\n', plan->type.len))
        luaL_error(L, "the codec has no type");
    lua_pop(L, 2);
}

void codec_init(struct codec *codec, struct call *call, lua_State *L, int index)
{
    task_stand_in(&codec->stand_in, call->task);
    lua_pushvalue(L, index);
    codec->table = luaL_ref(L, LUA_REGISTRYINDEX);
    codec->tells = flag(L, index, "tells") || flag(L, index, "counts");
    lua_getfield(L, index, part_names[RELAY_EVENT]);
    codec->event = lua_isfunction(L, -1) ? luaL_ref(L, LUA_REGISTRYINDEX) : 0;
    if (!codec->event)
        lua_pop(L, 1);
    lua_getfield(L, index, "decode");
    codec->raw_names = lua_istable(L, -1) ? luaL_ref(L, LUA_REGISTRYINDEX) : 0;
    if (!codec->raw_names)
        lua_pop(L, 1);
    codec->call = call;
}

void codec_deinit(struct codec *codec)
{
    if (!codec->call)
        return;
    lua_State *L = codec->call->vm->L;
    luaL_unref(L, LUA_REGISTRYINDEX, codec->table);
    if (codec->event)
        luaL_unref(L, LUA_REGISTRYINDEX, codec->event);
    if (codec->raw_names)
        luaL_unref(L, LUA_REGISTRYINDEX, codec->raw_names);
    codec->call = NULL;
}

// Pushes the function of that part, or nil.
static void push_function(struct codec *codec, lua_State *L, enum relay_part part)
{
    if (part == RELAY_EVENT) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, codec->event);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, codec->table);
    lua_getfield(L, -1, part_names[part]);
    lua_remove(L, -2);
}

// What is no JSON stays text.
static void push_data(const struct codec *codec, lua_State *L, enum relay_part part,
                      struct slice data)
{
    struct json_error ignored;

    if (part == RELAY_EVENT && codec->raw_names) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, codec->raw_names);
        int names = lua_gettop(L);
        int rc = value_push_some(L, data, JSON_MAX_DEPTH, names, &ignored);
        lua_remove(L, names);
        if (rc == 0)
            return;
    }
    lua_pushlstring(L, data.data, data.len);
}

static int push_arguments(const struct codec *codec, lua_State *L, const struct relay *relay,
                          enum relay_part part, const struct stream_event *event)
{
    if (part == RELAY_FINISH)
        return 0;
    push_data(codec, L, part, event->data);
    const struct headers *headers = part == RELAY_BODY ? relay_headers(relay) : NULL;
    if (headers) {
        summary_push_headers(L, headers);
        return 2;
    }
    if (!event->name.data)
        return 1;
    lua_pushlstring(L, event->name.data, event->name.len);
    return 2;
}

static enum error_kind kind_of(struct slice name)
{
    for (int kind = ERROR_NONE + 1; kind <= ERROR_SCRIPT; kind++) {
        if (name.data && slice_equal(name, slice_of(error_kind_name((enum error_kind)kind))))
            return (enum error_kind)kind;
    }
    return ERROR_PROTOCOL;
}

static const char no_reason[] = "the answer of the provider could not be translated";

static int fail(const struct codec *codec, enum relay_part part, const char *what,
                struct error *err)
{
    log_event(codec->call->vm->env.log, LOG_ERROR, "request %s: the codec's %s failed: %s",
              codec->call->id, part_names[part], what);
    return error_set(err, ERROR_PROTOCOL, "%s", no_reason);
}

// Behind the text: whether there was content, whether it finishes, and JSON text of the usage.
static void tell(lua_State *L, struct relay *relay, int first)
{
    struct relay_told told = {
        .content = lua_toboolean(L, first + 1),
        .finish = lua_toboolean(L, first + 2),
        .usage = value_text(L, first + 3),
    };
    relay_tell(relay, &told);
}

// Several texts, one after the other. The list is emptied: the codec may use it again.
static void put_list(lua_State *L, struct relay *relay, enum relay_part part, int list)
{
    int count = (int)lua_objlen(L, list);

    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, list, i);
        struct slice text = value_text(L, -1);
        if (text.len)
            relay_put(relay, part, text);
        lua_pop(L, 1);
    }
    for (int i = count; i > 0; i--) {
        lua_pushnil(L);
        lua_rawseti(L, list, i);
    }
}

// What the function has returned, or its error, stands on the stack from `first`.
static int take(struct codec *codec, struct relay *relay, enum relay_part part, int first,
                struct error *err)
{
    lua_State *L = codec->call->vm->L;
    struct slice text = value_text(L, first);

    bool is_list = !text.data && lua_istable(L, first);
    bool is_stream = part == RELAY_EVENT || part == RELAY_FINISH;

    if (codec->tells && (text.data || is_list || lua_isnil(L, first)))
        tell(L, relay, first);
    if (text.data) {
        if (text.len || part == RELAY_BODY || part == RELAY_WHOLE)
            relay_put(relay, part, text);
        return 0;
    }
    if (is_list && is_stream)
        put_list(L, relay, part, first);
    if (is_stream && (is_list || lua_isnil(L, first)))
        return 0;
    if (lua_isboolean(L, first) && !lua_toboolean(L, first)) {
        const char *message = value_text(L, first + 2).data;
        return error_set(err, kind_of(value_text(L, first + 1)), "%s",
                         message ? message : no_reason);
    }
    return fail(codec, part, "it returned no text", err);
}

static int run(struct codec *codec, struct relay *relay, enum relay_part part,
               const struct stream_event *event, struct error *err)
{
    lua_State *L = codec->call->vm->L;
    int top = lua_gettop(L);

    luaL_checkstack(L, RESULTS + 6, "too many codecs");
    push_function(codec, L, part);
    if (part == RELAY_FINISH && lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }
    int rc;
    if (task_call(&codec->stand_in, push_arguments(codec, L, relay, part, event), RESULTS) == 0) {
        rc = take(codec, relay, part, top + 1, err);
    } else {
        const char *what = lua_tostring(L, -1);
        rc = fail(codec, part, what ? what : "it raised something that is no text", err);
    }
    lua_settop(L, top);
    return rc;
}

// A script may be what has the provider's bytes written (a mock in a test): its limits are not
// those of the gateway's own code.
int codec_translate(struct codec *codec, struct relay *relay, enum relay_part part,
                    const struct stream_event *event, struct error *err)
{
    struct vm *vm = codec->call->vm;
    struct guard *guard = vm->guard;
    bool was_limited = guard && guard_pause(guard);
    int rc = run(codec, relay, part, event, err);

    if (guard)
        guard_resume(guard, was_limited);
    task_run_ready(vm);
    return rc;
}
