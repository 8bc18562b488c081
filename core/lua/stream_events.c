#include "lua/stream_events.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/call.h"
#include "lua/call_class.h"
#include "lua/value.h"
#include "lua/vm.h"

// The lists stand on the stack behind the arguments.
enum { WHOLE_DATA = 3, WHOLE_NAMES };

static int add_event(void *owner, const struct stream_event *event)
{
    lua_State *L = owner;
    if (!event->data.data)
        return 0;
    int place = (int)lua_objlen(L, WHOLE_DATA) + 1;
    lua_pushlstring(L, event->data.data, event->data.len);
    lua_rawseti(L, WHOLE_DATA, place);
    if (!event->name.data)
        return 0;
    lua_pushlstring(L, event->name.data, event->name.len);
    lua_rawseti(L, WHOLE_NAMES, place);
    return 0;
}

// The parser's memory, so that a script may be stopped anywhere.
static int collect_parser(lua_State *L)
{
    framing_parser_deinit(lua_touserdata(L, 1));
    return 0;
}

enum framing stream_events_check_framing(lua_State *L, int index)
{
    struct slice name = value_text(L, index);
    enum framing framing = name.data ? framing_find(name) : FRAMING_SSE;
    if (framing == FRAMINGS)
        luaL_error(L, "there is no framing '%s'", name.data);
    return framing;
}

static int event_data(lua_State *L)
{
    struct slice text;

    text.data = luaL_checklstring(L, 1, &text.len);
    lua_settop(L, 2);
    enum framing framing = stream_events_check_framing(L, 2);
    lua_newtable(L);
    lua_newtable(L);
    struct framing_parser *parser = lua_newuserdata(L, sizeof(*parser));
    framing_parser_init(parser, framing, LIMIT_SSE_EVENT, add_event, L);
    lua_newtable(L);
    lua_pushcfunction(L, collect_parser);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    if (framing_parser_feed(parser, text.data, text.len) == 0)
        framing_parser_end(parser);
    lua_settop(L, WHOLE_NAMES);
    return 2;
}

static int event_frame(lua_State *L)
{
    struct slice name, payload;

    name.data = luaL_checklstring(L, 1, &name.len);
    payload.data = luaL_checklstring(L, 2, &payload.len);
    struct buf *frame = vm_scratch(vm_of(L), (size_t)2 * LIMIT_SSE_EVENT);
    if (eventstream_add(frame, lua_toboolean(L, 3) ? EVENTSTREAM_EXCEPTION : EVENTSTREAM_EVENT,
                        name, payload) != 0)
        return luaL_error(L, "an event has at most %d bytes, and a name of 65535 bytes",
                          2 * LIMIT_SSE_EVENT);
    lua_pushlstring(L, frame->data, frame->len);
    return 1;
}

static const char *const keepalive_names[] = {
    [KEEPALIVE_COMMENT] = "comment",
    [KEEPALIVE_NEWLINE] = "newline",
    [KEEPALIVE_NONE] = "none",
    NULL,
};

// A dialect names the type, in a header line of an answer.
int stream_events_set_type(lua_State *L)
{
    struct call *call = call_class_check(L, 1);
    struct slice type;

    type.data = luaL_checklstring(L, 2, &type.len);
    bool is_bad = type.len == 0;
    for (size_t i = 0; i < type.len; i++)
        is_bad |= (unsigned char)type.data[i] < ' ';
    if (is_bad)
        return luaL_error(L, "a content-type has no control characters");
    call->keepalive_form = (enum call_keepalive)luaL_checkoption(L, 3, NULL, keepalive_names);
    free(call->stream_type);
    call->stream_type = mem_dup(type.data, type.len);
    return 0;
}

void stream_events_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"event_data", event_data}, {"event_frame", event_frame}, {NULL, NULL}};
    vm_register(vm, functions);
}
