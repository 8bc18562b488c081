#include "lua/summary.h"

#include <ctype.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "lua/value.h"

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_bool(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_json(lua_State *L, const char *name, struct slice text, int depth)
{
    struct json_error ignored;
    if (!text.data || value_push(L, text, depth, false, &ignored) != 0)
        return;
    lua_setfield(L, -2, name);
}

static void set_headers(lua_State *L, const struct headers *headers)
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
    lua_setfield(L, -2, "headers");
}

static void set_failure(lua_State *L, const struct relay_report *report)
{
    if (!report->error.kind)
        return;
    set_text(L, "kind", error_kind_name(report->error.kind));
    set_text(L, "message", report->error.message);
    set_text(L, "phase", relay_phase_name(report->phase));
}

void summary_push(lua_State *L, const struct summary_facts *facts)
{
    const struct relay_report *report = facts->report;

    lua_createtable(L, 0, 8);
    set_bool(L, "committed", report->is_committed);
    set_bool(L, "complete", report->is_complete);
    set_bool(L, "error_sent", report->is_error_sent);
    if (report->status)
        set_number(L, "status", report->status);
    set_failure(L, report);
    set_json(L, "usage", report->usage, facts->json_depth);
    set_json(L, "error", report->provider_error, facts->json_depth);
    if (report->headers) {
        set_headers(L, report->headers);
        lua_pushlstring(L, report->body.data ? report->body.data : "", report->body.len);
        lua_setfield(L, -2, "body");
    }
    set_bool(L, "reused", facts->was_reused);
    set_bool(L, "heard", facts->was_heard);
    if (report->first_content_ns)
        set_number(L, "ttft", (double)(report->first_content_ns - facts->started_ns) / 1e9);
    set_number(L, "seconds", (double)(clock_monotonic_ns() - facts->started_ns) / 1e9);
}

int summary_push_canceled(lua_State *L)
{
    lua_createtable(L, 0, 4);
    set_bool(L, "committed", false);
    set_text(L, "kind", "canceled");
    set_text(L, "message", "the client has gone");
    set_text(L, "phase", "connect");
    return 1;
}
