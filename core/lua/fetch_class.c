#include "lua/fetch_class.h"

#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "http/url.h"
#include "lua/budget.h"
#include "lua/fetch.h"
#include "lua/header_text.h"
#include "lua/script.h"
#include "lua/value.h"
#include "lua/vm.h"

#define FETCH_CLASS "tidegate.fetch"

// ---- which server a URL asks ------------------------------------------------------------------

// "https://host:443": the text by which origins are granted.
static int url_origin(lua_State *L)
{
    struct url url;
    struct error err;
    char text[300];
    size_t len = 0;

    if (url_parse(&url, luaL_checkstring(L, 1), &err) != 0)
        return task_push_error(L, error_kind_name(err.kind), err.message);
    bool is_https = slice_equal_nocase(url.scheme, SLICE("https"));
    if (!is_https && !slice_equal_nocase(url.scheme, SLICE("http")))
        return task_push_error(L, "bad_request", "the URL must begin with http:// or https://");
    if (url.userinfo.data)
        return task_push_error(L, "bad_request", "the URL must not hold a user or password");
    for (; len < url.host.len; len++) {
        char c = url.host.data[len];
        text[len] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    text[len] = '\0';
    bool is_ipv6 = strchr(text, ':') != NULL;
    lua_pushfstring(L, is_ipv6 ? "%s://[%s]:%d" : "%s://%s:%d", is_https ? "https" : "http", text,
                    url.port   ? url.port
                    : is_https ? 443
                               : 80);
    return 1;
}

// ---- starting ---------------------------------------------------------------------------------

// The Lua side passes the options one by one.
enum option {
    OPTION_URL = 1,
    OPTION_METHOD,
    OPTION_HEADERS, // { "name", value, ... }
    OPTION_BODY,
    OPTION_CONNECT,
    OPTION_HEAD,
    OPTION_IDLE,
    OPTION_TOTAL,
    OPTION_MAX_BODY,
    OPTION_STREAM,
    OPTION_IS_PUBLIC,
};

static uint32_t ms_at(lua_State *L, int index)
{
    double ms = lua_tonumber(L, index) * 1000;
    if (!(ms > 0))
        return 0;
    return ms < 1 ? 1 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void read_headers(lua_State *L, struct fetch *fetch)
{
    int count = (int)lua_objlen(L, OPTION_HEADERS);

    for (int i = 1; i < count; i += 2) {
        lua_rawgeti(L, OPTION_HEADERS, i);
        lua_rawgeti(L, OPTION_HEADERS, i + 1);
        header_text_add_line(L, lua_gettop(L) - 1, &fetch->lines);
        lua_pop(L, 2);
    }
}

// Methods are upper-case texts that outlive the exchange.
static struct slice read_method(lua_State *L)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", NULL};
    return slice_of(methods[luaL_checkoption(L, OPTION_METHOD, "GET", methods)]);
}

// Its environment keeps the request's body, which is written in place.
static struct fetch *push_fetch(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct fetch **handle = lua_newuserdata(L, sizeof(struct fetch *));

    *handle = NULL;
    luaL_getmetatable(L, FETCH_CLASS);
    lua_setmetatable(L, -2);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, OPTION_BODY);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    return *handle = fetch_new(vm);
}

static void read_options(lua_State *L, struct fetch *fetch)
{
    fetch->request.method = read_method(L);
    fetch->request.connect_ms = ms_at(L, OPTION_CONNECT);
    fetch->head_ms = ms_at(L, OPTION_HEAD);
    fetch->idle_ms = ms_at(L, OPTION_IDLE);
    fetch->total_ms = ms_at(L, OPTION_TOTAL);
    fetch->max_body = (size_t)lua_tonumber(L, OPTION_MAX_BODY);
    fetch->is_stream = lua_toboolean(L, OPTION_STREAM);
    fetch->body = value_text(L, OPTION_BODY);
    read_headers(L, fetch);
}

static int new_fetch(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct task *task = script_check_wait(L);
    struct slice path;
    struct error err;

    lua_settop(L, OPTION_IS_PUBLIC);
    const char *url = luaL_checkstring(L, OPTION_URL);
    luaL_checktype(L, OPTION_HEADERS, LUA_TTABLE);
    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    struct fetch *fetch = push_fetch(L); // whatever raises from here on, __gc frees it
    read_options(L, fetch);
    const struct origin_way way = {.is_public = lua_toboolean(L, OPTION_IS_PUBLIC)};
    fetch->request.origin = upstream_origin_by(vm->env.upstreams, url, &way, &path, &err);
    if (!fetch->request.origin)
        return task_push_error(L, error_kind_name(err.kind), err.message);
    buf_add_slice(&fetch->path, path); // fits: url_parse() has looked at the length
    struct budget *budget = task_budget(task);
    if (!budget_take(budget, BUDGET_CALLS))
        return budget_push_error(L, budget, BUDGET_CALLS);
    fetch_start(fetch, task);
    return 1;
}

// ---- the exchange -----------------------------------------------------------------------------

static struct fetch *check_fetch(lua_State *L)
{
    struct fetch **handle = vm_check_class(L, 1, vm_of(L)->fetch_class);
    return *handle;
}

static int collect(lua_State *L)
{
    struct fetch **handle = vm_check_class(L, 1, vm_of(L)->fetch_class);
    if (*handle)
        fetch_release(*handle);
    *handle = NULL;
    return 0;
}

static int await(lua_State *L)
{
    static const char *const names[] = {"head", "bytes", "end", NULL};
    static const enum fetch_want wants[] = {FETCH_HEAD, FETCH_BYTES, FETCH_END};
    return fetch_await(L, check_fetch(L), wants[luaL_checkoption(L, 2, NULL, names)]);
}

static int get_status(lua_State *L)
{
    lua_pushinteger(L, check_fetch(L)->status);
    return 1;
}

static int is_ended(lua_State *L)
{
    lua_pushboolean(L, check_fetch(L)->is_ended);
    return 1;
}

static int get_failure(lua_State *L)
{
    const struct fetch *fetch = check_fetch(L);
    if (!fetch->error.kind)
        return 0;
    task_push_error(L, error_kind_name(fetch->error.kind), fetch->error.message);
    return 1;
}

static void push_lower(lua_State *L, struct slice name)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        luaL_addchar(&text, (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
    }
    luaL_pushresult(&text);
}

// A name that came more than once has its values joined by a comma (RFC 9110 section 5.3).
static int get_headers(lua_State *L)
{
    const struct headers *headers = &check_fetch(L)->headers;

    lua_createtable(L, 0, (int)headers->count);
    int table = lua_gettop(L);
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers_at(headers, i);
        push_lower(L, header.name);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        if (!lua_isnil(L, -1))
            lua_pushliteral(L, ", ");
        lua_pushlstring(L, header.value.data, header.value.len);
        if (lua_gettop(L) > table + 3)
            lua_concat(L, 3);
        else
            lua_remove(L, -2);
        // stack: ..., table, name, value
        lua_rawset(L, table);
    }
    return 1;
}

// Up to `most` bytes; nothing when there are none.
static int take(lua_State *L)
{
    struct fetch *fetch = check_fetch(L);
    size_t most = lua_isnoneornil(L, 2) ? SIZE_MAX : (size_t)luaL_checkinteger(L, 2);
    struct slice piece = fetch_take(fetch, most);
    if (!piece.len)
        return 0;
    lua_pushlstring(L, piece.data, piece.len);
    return 1;
}

// ---- events and lines -------------------------------------------------------------------------

static void push_item(lua_State *L, const struct fetch *fetch, const struct fetch_item *item)
{
    if (fetch->split.form == FETCH_EVENTS) {
        lua_createtable(L, 0, 2);
        if (item->name.data)
            lua_pushlstring(L, item->name.data, item->name.len);
        else
            lua_pushliteral(L, "message");
        lua_setfield(L, -2, "event");
    }
    lua_pushlstring(L, item->data.data, item->data.len);
    if (fetch->split.form == FETCH_EVENTS)
        lua_setfield(L, -2, "data");
}

// Looks for items in what has come. Returns 0, or -1 over a limit.
static int split_more(struct fetch *fetch)
{
    while (!fetch_split_has_items(&fetch->split)) {
        struct slice piece = fetch_take(fetch, FETCH_BATCH_BYTES);
        if (piece.len && fetch_split_feed(&fetch->split, piece) != 0)
            return -1;
        if (!piece.len)
            return fetch->is_ended && !fetch->error.kind ? fetch_split_end(&fetch->split) : 0;
    }
    return 0;
}

// fetch:items("events" | "lines"): the next ones as a list, or nothing when none has come.
static int take_items(lua_State *L)
{
    static const char *const names[] = {"events", "lines", NULL};
    static const enum fetch_form forms[] = {FETCH_EVENTS, FETCH_LINES};
    struct fetch *fetch = check_fetch(L);
    enum fetch_form form = forms[luaL_checkoption(L, 2, NULL, names)];
    struct fetch_item item;
    size_t bytes = 0;
    int count = 0;

    if (fetch->split.form == FETCH_WHOLE)
        fetch_split_init(&fetch->split, form);
    if (split_more(fetch) != 0) {
        fetch_fail(fetch, ERROR_TOO_LARGE, "an event or line of the answer is larger than 16 MB");
        return 0;
    }
    while (count < FETCH_BATCH_ITEMS && bytes < FETCH_BATCH_BYTES &&
           fetch_split_take(&fetch->split, &item)) {
        if (count == 0)
            lua_createtable(L, FETCH_BATCH_ITEMS, 0);
        push_item(L, fetch, &item);
        lua_rawseti(L, -2, ++count);
        bytes += item.data.len;
    }
    return count > 0;
}

static int close_fetch(lua_State *L)
{
    fetch_cancel(check_fetch(L));
    return 0;
}

void fetch_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"await", await},       {"status", get_status}, {"headers", get_headers},
        {"take", take},         {"items", take_items},  {"failure", get_failure},
        {"close", close_fetch}, {"is_ended", is_ended}, {"__gc", collect},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"fetch", new_fetch}, {"url_origin", url_origin}, {NULL, NULL}};

    vm->fetch_class = vm_register_class(vm, FETCH_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
