#include "lua/mock_upstream.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>

#include "base/file.h"
#include "config/config.h"
#include "lua/producer.h"
#include "lua/vm.h"

enum { FIXTURE_LIMIT = 16 * 1024 * 1024, NAMES_LIMIT = 1024 * 1024 };

bool mock_upstream_is_on(const struct vm *vm)
{
    return vm->mock_ref != LUA_NOREF;
}

static int set_mock(lua_State *L)
{
    struct vm *vm = vm_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, vm->mock_ref);
    vm->mock_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

// Beside the configuration and nowhere else.
static const char *push_place(lua_State *L, const char *path)
{
    if (*path == '/' || strstr(path, ".."))
        luaL_error(L, "a fixture is a file beside the test or below it, not %s", path);
    return lua_pushfstring(L, "%s/%s", vm_of(L)->config->folder, path);
}

static int read_fixture(lua_State *L)
{
    const char *place = push_place(L, luaL_checkstring(L, 1));
    struct error err;
    struct buf text;

    buf_init(&text, FIXTURE_LIMIT);
    int rc = file_read(place, &text, &err);
    if (rc == 0)
        lua_pushlstring(L, text.data ? text.data : "", text.len);
    buf_deinit(&text);
    if (rc == 0)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, err.message);
    return 2;
}

static void add_name(const char *place, const char *name, struct buf *names)
{
    struct stat found;
    size_t before = names->len;

    bool is_file = buf_addf(names, "%s/%s", place, name) == 0 &&
                   stat(names->data + before, &found) == 0 && S_ISREG(found.st_mode);
    names->len = before;
    if (is_file && name[0] != '.')
        buf_add(names, name, strlen(name) + 1);
}

// What a name that cannot be pushed would leave behind belongs to the state.
static int list_fixtures(lua_State *L)
{
    struct buf *names = vm_scratch(vm_of(L), NAMES_LIMIT);
    const char *place = push_place(L, luaL_checkstring(L, 1));
    DIR *folder = opendir(place);

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        add_name(place, entry->d_name, names);
    if (folder)
        closedir(folder);
    lua_newtable(L);
    for (size_t at = 0, i = 1; at < names->len; at += strlen(names->data + at) + 1, i++) {
        lua_pushstring(L, names->data + at);
        lua_rawseti(L, -2, (int)i);
    }
    return 1;
}

void mock_upstream_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"mock_upstreams", set_mock},
                                         {"fixture", read_fixture},
                                         {"fixtures", list_fixtures},
                                         {NULL, NULL}};
    vm_register(vm, functions);
}

// ---- what would have been sent ----------------------------------------------------------------

static void set_text(lua_State *L, const char *name, struct slice text)
{
    lua_pushlstring(L, text.len ? text.data : "", text.len);
    lua_setfield(L, -2, name);
}

// "Name: value" as a field of the table on top of the stack, without secrets.
static void add_header(struct vm *vm, lua_State *L, struct slice line)
{
    const char *colon = memchr(line.data, ':', line.len);
    struct buf clean;

    if (!colon)
        return;
    size_t name_len = (size_t)(colon - line.data);
    const char *value = colon + 1 + (name_len + 1 < line.len && colon[1] == ' ');
    buf_init(&clean, SIZE_MAX / 2);
    log_redact(vm->env.log, (struct slice){value, (size_t)(line.data + line.len - value)}, &clean);
    lua_pushlstring(L, line.data, name_len);
    lua_pushlstring(L, clean.len ? clean.data : "", clean.len);
    buf_deinit(&clean);
    lua_rawset(L, -3);
}

static void push_headers(struct vm *vm, lua_State *L, struct slice lines)
{
    lua_newtable(L);
    while (lines.len) {
        const char *end = memchr(lines.data, '\r', lines.len);
        size_t len = end ? (size_t)(end - lines.data) : lines.len;
        add_header(vm, L, (struct slice){lines.data, len});
        size_t used = len + 2 < lines.len ? len + 2 : lines.len;
        lines = (struct slice){lines.data + used, lines.len - used};
    }
}

static void push_body(lua_State *L, const struct upstream_request *request)
{
    luaL_Buffer body;

    luaL_buffinit(L, &body);
    for (size_t i = 0; i < request->body_count; i++)
        luaL_addlstring(&body, request->body[i].data, request->body[i].len);
    luaL_pushresult(&body);
}

void mock_upstream_push_sent(struct vm *vm, lua_State *L, const struct upstream_request *request,
                             struct slice target)
{
    lua_newtable(L);
    set_text(L, "target", target);
    set_text(L, "method", request->method);
    set_text(L, "path", request->path);
    push_headers(vm, L, request->headers);
    lua_setfield(L, -2, "headers");
    push_body(L, request);
    lua_setfield(L, -2, "body");
}

struct producer *mock_upstream_start(struct vm *vm, lua_State *L,
                                     const struct upstream_request *request, struct slice target,
                                     struct relay *relay)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->mock_ref);
    mock_upstream_push_sent(vm, L, request, target);
    lua_call(L, 1, 1);
    struct producer *producer = producer_start(vm, L, lua_gettop(L), relay);
    lua_pop(L, 1);
    return producer;
}
