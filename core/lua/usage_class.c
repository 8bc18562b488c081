#include "lua/usage_class.h"

#include <lauxlib.h>

#include "lua/vm.h"

#define USAGE_CLASS "tidegate.usage"

const struct usage *usage_class_check(lua_State *L, int index)
{
    if (lua_isnil(L, index))
        return NULL;
    struct usage **box = vm_check_class(L, index, vm_of(L)->usage_class);
    return *box;
}

static int collect(lua_State *L)
{
    struct usage **box = luaL_checkudata(L, 1, USAGE_CLASS);
    usage_free(*box);
    *box = NULL;
    return 0;
}

enum { MORE_INPUT = USAGE_KINDS, TOTAL, BILLED_INPUT, BILLED_OUTPUT, PLACES };

static const char *name_of(int kind)
{
    static const char *const others[] = {"input_more", "total", "billed_input", "billed_output"};
    return kind < USAGE_KINDS ? usage_kind_name((enum usage_kind)kind) : others[kind - USAGE_KINDS];
}

static int add_place(struct usage *usage, int kind, const char *path, struct error *err)
{
    if (kind == MORE_INPUT)
        return usage_add_more_input(usage, path, err);
    if (kind == TOTAL)
        return usage_add_total(usage, path, err);
    if (kind >= BILLED_INPUT)
        return usage_add_billed(usage, (enum usage_kind)(kind - BILLED_INPUT), path, err);
    return usage_add(usage, (enum usage_kind)kind, path, err);
}

// The list of paths of one kind, on top of the stack.
static void add_places(lua_State *L, struct usage *usage, int kind)
{
    struct error err;
    int list = lua_gettop(L);
    int count = lua_istable(L, list) ? (int)lua_objlen(L, list) : 0;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, list, i);
        if (add_place(usage, kind, luaL_checkstring(L, -1), &err) != 0)
            luaL_error(L, "usage: %s", err.message);
        lua_pop(L, 1);
    }
}

static int new_usage(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct usage_excluded excluded = {.reasoning = lua_toboolean(L, 2),
                                      .cached = lua_toboolean(L, 3)};
    struct usage **box = lua_newuserdata(L, sizeof(struct usage *));
    *box = usage_new(excluded);
    luaL_getmetatable(L, USAGE_CLASS);
    lua_setmetatable(L, -2);
    for (int kind = 0; kind < PLACES; kind++) {
        lua_getfield(L, 1, name_of(kind));
        add_places(L, *box, kind);
        lua_pop(L, 1);
    }
    return 1;
}

void usage_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"__gc", collect}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"usage", new_usage}, {NULL, NULL}};
    vm->usage_class = vm_register_class(vm, USAGE_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
