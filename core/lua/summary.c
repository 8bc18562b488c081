#include "lua/summary.h"

#include <ctype.h>

#include <lauxlib.h>

#include "lua/value.h"

enum { SUMMARY_VALUES = 12 };

static void push_json(lua_State *L, struct slice text, int depth)
{
    struct json_error ignored;
    if (!text.data || value_push(L, text, depth, NULL, &ignored) != 0)
        lua_pushnil(L);
}

static void push_headers(lua_State *L, const struct headers *headers)
{
    lua_newtable(L);
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        luaL_Buffer name;
        luaL_buffinit(L, &name);
        for (size_t c = 0; c < header.name.len; c++)
            luaL_addchar(&name, (char)tolower((unsigned char)header.name.data[c]));
        luaL_pushresult(&name);
        lua_pushlstring(L, header.value.data, header.value.len);
        lua_rawset(L, -3);
    }
}

static void push_failure(lua_State *L, const struct relay_report *report)
{
    if (report->error) {
        lua_pushstring(L, error_kind_name(report->error->kind));
        lua_pushstring(L, report->error->message);
        lua_pushstring(L, relay_phase_name(report->phase));
    } else {
        lua_settop(L, lua_gettop(L) + 3);
    }
}

static void push_answer(lua_State *L, const struct relay_report *report)
{
    if (report->status)
        lua_pushinteger(L, report->status);
    else
        lua_pushnil(L);
    if (report->headers) {
        push_headers(L, report->headers);
        lua_pushlstring(L, report->body.data ? report->body.data : "", report->body.len);
    } else {
        lua_settop(L, lua_gettop(L) + 2);
    }
}

int summary_push(lua_State *L, const struct summary_facts *facts)
{
    const struct relay_report *report = facts->report;

    lua_checkstack(L, SUMMARY_VALUES + 8);
    lua_pushboolean(L, report->is_committed);
    lua_pushboolean(L, report->is_complete);
    if (report->is_complete)
        return 2;
    lua_pushboolean(L, report->is_error_sent);
    push_failure(L, report);
    push_answer(L, report);
    push_json(L, report->provider_error, facts->json_depth);
    lua_pushboolean(L, facts->was_reused);
    lua_pushboolean(L, facts->was_heard);
    return SUMMARY_VALUES;
}

int summary_push_canceled(lua_State *L)
{
    static const struct error gone = {ERROR_CANCELED, "the client has gone"};
    struct relay_report report = {.phase = RELAY_CONNECT, .error = &gone};
    struct summary_facts facts = {.report = &report, .json_depth = 1};

    return summary_push(L, &facts);
}
