#include "lua/summary.h"

#include <ctype.h>
#include <string.h>

#include <lauxlib.h>

#include "lua/value.h"

enum { SUMMARY_VALUES = 12, HELD_VALUES = 3 };

static void push_json(lua_State *L, struct slice text, int depth)
{
    struct json_error ignored;
    if (!text.data || value_push(L, text, depth, NULL, &ignored) != 0)
        lua_pushnil(L);
}

static void push_lower(lua_State *L, struct slice text)
{
    luaL_Buffer lower;
    luaL_buffinit(L, &lower);
    for (size_t i = 0; i < text.len; i++)
        luaL_addchar(&lower, (char)tolower((unsigned char)text.data[i]));
    luaL_pushresult(&lower);
}

void summary_push_headers(lua_State *L, const struct headers *headers)
{
    lua_newtable(L);
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        push_lower(L, header.name);
        lua_pushlstring(L, header.value.data, header.value.len);
        lua_rawset(L, -3);
    }
}

// The table is on top of the stack.
static void add_line(lua_State *L, struct slice name, struct slice value)
{
    push_lower(L, name);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    bool is_known = !lua_isnil(L, -1);
    lua_pop(L, 1);
    while (value.len && value.data[0] == ' ')
        value = (struct slice){value.data + 1, value.len - 1};
    lua_pushlstring(L, value.data, value.len);
    if (is_known)
        lua_pop(L, 2);
    else
        lua_rawset(L, -3);
}

void summary_push_lines(lua_State *L, struct slice lines)
{
    const char *at = lines.data, *end = lines.data + lines.len;

    lua_newtable(L);
    while (at < end) {
        const char *stop = memchr(at, '\r', (size_t)(end - at));
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (!stop || !colon || colon > stop)
            break;
        add_line(L, (struct slice){at, (size_t)(colon - at)},
                 (struct slice){colon + 1, (size_t)(stop - colon - 1)});
        at = stop + 2;
    }
}

void summary_push_usage(lua_State *L, const struct usage_counts *usage)
{
    lua_createtable(L, 0, USAGE_KINDS);
    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        if (usage->of[kind] < 0)
            continue;
        lua_pushnumber(L, (double)usage->of[kind]);
        lua_setfield(L, -2, usage_kind_name((enum usage_kind)kind));
    }
}

void summary_push_cost(lua_State *L, long long nano)
{
    if (nano < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, (double)nano / 1e9);
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
        summary_push_headers(L, report->headers);
        lua_pushlstring(L, report->body.data ? report->body.data : "", report->body.len);
    } else if (report->is_held) {
        summary_push_lines(L, report->forward);
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
    if (!report->is_held)
        return SUMMARY_VALUES;
    lua_pushboolean(L, 1);
    summary_push_usage(L, facts->usage);
    summary_push_cost(L, facts->cost);
    return SUMMARY_VALUES + HELD_VALUES;
}

int summary_push_canceled(lua_State *L)
{
    static const struct error gone = {ERROR_CANCELED, "the client has gone"};
    struct relay_report report = {.phase = RELAY_CONNECT, .error = &gone};
    struct summary_facts facts = {.report = &report, .json_depth = 1};

    return summary_push(L, &facts);
}
