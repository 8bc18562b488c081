#include "lua/generation_class.h"

#include <lauxlib.h>

#include "lua/loading.h"
#include "lua/value.h"
#include "lua/vm.h"

#define GENERATION_CLASS "tidegate.generation"

// The userdata holds nothing: garbage that is not collected yet would keep the bytes of generations
// that nobody uses.
static const struct generation *check(lua_State *L)
{
    struct vm_generation **box = vm_check_class(L, 1, vm_of(L)->generation_class);
    if (*box)
        return (*box)->shared;
    luaL_error(L, "no request uses this generation any more");
    return NULL;
}

static int collect(lua_State *L)
{
    struct vm_generation **box = luaL_checkudata(L, 1, GENERATION_CLASS);
    if (*box)
        (*box)->handle = NULL;
    *box = NULL;
    return 0;
}

static int current(lua_State *L)
{
    struct vm_generation *generation = vm_loading_generation(vm_of(L));
    struct vm_generation **box = lua_newuserdata(L, sizeof(void *));
    *box = NULL;
    luaL_getmetatable(L, GENERATION_CLASS);
    lua_setmetatable(L, -2);
    if (generation->handle)
        return luaL_error(L, "core.generation() is there once for each generation");
    *box = generation;
    generation->handle = box;
    return 1;
}

static int number(lua_State *L)
{
    lua_pushnumber(L, check(L)->number);
    return 1;
}

void generation_class_push_config(lua_State *L, const struct config *config)
{
    struct slice document = {config->document, config->document_len};
    struct json_error err;

    if (value_push(L, document, JSON_MAX_DEPTH, config, &err) != 0)
        luaL_error(L, "the configuration document is not JSON: %s", err.message);
}

static int push_config(lua_State *L)
{
    generation_class_push_config(L, check(L)->config);
    return 1;
}

static void add_hash(lua_State *L, const struct bundle_file *file)
{
    lua_pushlstring(L, file ? (const char *)file->hash : "", file ? BUNDLE_HASH : 0);
}

// The command line and the environment are the same for every generation.
static int settings(lua_State *L)
{
    const struct bundle *bundle = check(L)->bundle;
    add_hash(L, bundle_config(bundle));
    lua_pushliteral(L, "/");
    add_hash(L, bundle_find(bundle, ".env"));
    lua_concat(L, 3);
    return 1;
}

static int needs_client(lua_State *L)
{
    lua_pushboolean(L, check(L)->config->client_count > 0);
    return 1;
}

// .env is left out: it holds secrets, and short ones could be guessed from its hash.
static int files(lua_State *L)
{
    const struct bundle *bundle = check(L)->bundle;
    char text[2 * BUNDLE_HASH + 1];
    int count = 0;

    lua_newtable(L);
    for (size_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        if (file->is_test || file->path[0] == '.')
            continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, file->path);
        lua_setfield(L, -2, "path");
        bundle_hash_text(file->hash, text);
        lua_pushstring(L, text);
        lua_setfield(L, -2, "sha256");
        lua_rawseti(L, -2, ++count);
    }
    value_mark_array(L, -1);
    return 1;
}

void generation_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"number", number},
        {"settings", settings},
        {"config", push_config},
        {"needs_client", needs_client},
        {"files", files},
        {"__gc", collect},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"generation", current}, {NULL, NULL}};
    vm->generation_class = vm_register_class(vm, GENERATION_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
