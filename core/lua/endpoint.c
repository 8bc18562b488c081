#include "lua/endpoint.h"

#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "http/url.h"
#include "lua/header_text.h"
#include "lua/signer.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

#define ENDPOINT_CLASS "tidegate.endpoint"

enum { PATH_LIMIT = LIMIT_URI };

struct endpoint *endpoint_check(lua_State *L, int index)
{
    return vm_check_class(L, index, vm_of(L)->endpoint_class);
}

static int collect(lua_State *L)
{
    struct endpoint *endpoint = endpoint_check(L, 1);
    if (endpoint->origin)
        upstream_origin_unref(vm_of(L)->env.upstreams, endpoint->origin);
    buf_deinit(&endpoint->path);
    buf_deinit(&endpoint->query);
    buf_deinit(&endpoint->headers);
    return 0;
}

// { "name", part, part ... } on top of the stack.
static void add_header(lua_State *L, struct endpoint *endpoint)
{
    int header = lua_gettop(L);
    int count = (int)lua_objlen(L, header);

    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, header, i);
        header_text_add_part(L, -1, &endpoint->headers);
        lua_pop(L, 1);
        if (i == 1)
            buf_add_text(&endpoint->headers, ": ");
    }
    buf_add_text(&endpoint->headers, "\r\n");
}

static void read_headers(lua_State *L, struct endpoint *endpoint)
{
    lua_getfield(L, 1, "headers");
    int headers = lua_gettop(L);
    int count = lua_istable(L, headers) ? (int)lua_objlen(L, headers) : 0;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, headers, i);
        add_header(L, endpoint);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

// secret_query = { "name", text or secret } becomes "name=value", percent-encoded.
static void read_query(lua_State *L, struct endpoint *endpoint)
{
    lua_getfield(L, 1, "secret_query");
    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        struct slice name = value_text(L, -2), value = value_to_secret(L, -1);
        if (!value.data)
            value = value_text(L, -1);
        if (!name.data || !value.data)
            luaL_error(L, "secret_query needs a name and a value");
        if (url_encode(name, &endpoint->query) != 0 || buf_add_text(&endpoint->query, "=") != 0 ||
            url_encode(value, &endpoint->query) != 0)
            luaL_error(L, "the query is longer than %d bytes", PATH_LIMIT);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

int endpoint_add_query(const struct endpoint *endpoint, struct buf *path)
{
    if (!endpoint->query.len)
        return 0;
    bool has_query = memchr(path->data, '?', path->len) != NULL;
    return buf_add_text(path, has_query ? "&" : "?") == 0 &&
                   buf_add_slice(path, buf_slice(&endpoint->query)) == 0
               ? 0
               : -1;
}

// The environment of the endpoint, which is on top of the stack, keeps the signer.
static void read_signer(lua_State *L, struct endpoint *endpoint)
{
    lua_getfield(L, 1, "signer");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    endpoint->signer = signer_check(L, -1);
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
}

static const char *text_field(lua_State *L, const char *name, const char *otherwise)
{
    lua_getfield(L, 1, name);
    const char *text = lua_isnil(L, -1) ? otherwise : luaL_checkstring(L, -1);
    lua_pop(L, 1); // stays alive in the options
    return text;
}

// `proxy = false` means none.
static struct origin *find_origin(lua_State *L, struct vm *vm, struct slice *path,
                                  struct error *err)
{
    struct origin_way way = {.ca_file = text_field(L, "ca_file", NULL)};
    const char *url = text_field(L, "url", "");

    lua_getfield(L, 1, "proxy");
    way.proxy = lua_isboolean(L, -1) && !lua_toboolean(L, -1) ? "" : lua_tostring(L, -1);
    lua_pop(L, 1); // stays alive in the options
    return upstream_origin_by(vm->env.upstreams, url, &way, path, err);
}

static int new_endpoint(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct slice base;
    struct error err;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *path = text_field(L, "path", "");
    const char *method = text_field(L, "method", "POST");
    struct endpoint *endpoint = lua_newuserdata(L, sizeof(*endpoint));
    *endpoint = (struct endpoint){.origin = NULL}; // whatever raises below, __gc frees
    buf_init(&endpoint->path, PATH_LIMIT);
    buf_init(&endpoint->query, PATH_LIMIT);
    buf_init(&endpoint->headers, LIMIT_ENDPOINT_HEADERS);
    luaL_getmetatable(L, ENDPOINT_CLASS);
    lua_setmetatable(L, -2);
    // stack: options, endpoint
    endpoint->origin = find_origin(L, vm, &base, &err);
    if (!endpoint->origin)
        return task_push_error(L, error_kind_name(err.kind), err.message);
    if (strlen(method) >= sizeof(endpoint->method))
        return luaL_error(L, "no such method: %s", method);
    memcpy(endpoint->method, method, strlen(method));
    while (base.len && base.data[base.len - 1] == '/')
        base.len--;
    read_query(L, endpoint);
    if (buf_add_slice(&endpoint->path, base) != 0 || buf_add_text(&endpoint->path, path) != 0 ||
        endpoint_add_query(endpoint, &endpoint->path) != 0)
        return luaL_error(L, "the path is longer than %d bytes", PATH_LIMIT);
    read_headers(L, endpoint);
    read_signer(L, endpoint);
    lua_settop(L, 2);
    return 1;
}

void endpoint_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"__gc", collect}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"endpoint", new_endpoint}, {NULL, NULL}};
    vm->endpoint_class = vm_register_class(vm, ENDPOINT_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
