#include "lua/watch_class.h"

#include <string.h>

#include <lauxlib.h>

#include "lua/vm.h"

#define WATCH_CLASS "tidegate.watch"

const struct watch *watch_class_check(lua_State *L, int index)
{
    struct watch **box = vm_check_class(L, index, vm_of(L)->watch_class);
    return *box;
}

static int collect(lua_State *L)
{
    struct watch **box = luaL_checkudata(L, 1, WATCH_CLASS);
    watch_free(*box);
    *box = NULL;
    return 0;
}

static const char *rule_field(lua_State *L, int rule, const char *name)
{
    lua_getfield(L, rule, name);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); // stays alive in the rule
    return text;
}

static bool is_true(lua_State *L, int rule, const char *name)
{
    lua_getfield(L, rule, name);
    bool result = lua_type(L, -1) == LUA_TBOOLEAN && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

static void add_rule(lua_State *L, struct watch *watch, enum watch_role role, int index)
{
    struct watch_rule rule = {.role = role};
    struct error err;

    if (lua_type(L, index) == LUA_TSTRING) {
        rule.path = lua_tostring(L, index);
    } else if (lua_istable(L, index)) {
        rule.path = rule_field(L, index, "path");
        rule.equals = rule_field(L, index, "equals");
        rule.unless = rule_field(L, index, "unless");
        rule.is_true = is_true(L, index, "equals");
        rule.event = rule_field(L, index, "event");
        rule.data = rule_field(L, index, "data");
    }
    if (watch_add(watch, &rule, &err) != 0)
        luaL_error(L, "watch: %s", err.message);
}

static bool is_rule_list(lua_State *L, int index)
{
    return lua_istable(L, index) && lua_objlen(L, index) > 0;
}

static void add_role(lua_State *L, struct watch *watch, enum watch_role role, const char *name)
{
    lua_getfield(L, 1, name);
    int rules = lua_gettop(L);
    if (is_rule_list(L, rules)) {
        int count = (int)lua_objlen(L, rules);
        for (int i = 1; i <= count; i++) {
            lua_rawgeti(L, rules, i);
            add_rule(L, watch, role, lua_gettop(L));
            lua_pop(L, 1);
        }
    } else if (!lua_isnil(L, rules)) {
        add_rule(L, watch, role, rules);
    }
    lua_pop(L, 1);
}

static int role_of(const char *name, const char *const *roles)
{
    for (int i = 0; i < WATCH_ROLES; i++) {
        if (strcmp(name, roles[i]) == 0)
            return i;
    }
    return -1;
}

static int new_watch(lua_State *L)
{
    static const char *const roles[WATCH_ROLES] = {
        [WATCH_CONTENT] = "content",   [WATCH_FINISH] = "finish", [WATCH_USAGE] = "usage",
        [WATCH_TERMINAL] = "terminal", [WATCH_ERROR] = "error",   [WATCH_CHOICES] = "choices",
        [WATCH_INDEX] = "index",
    };

    luaL_checktype(L, 1, LUA_TTABLE);
    bool passes_early = lua_toboolean(L, 2);
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING || role_of(lua_tostring(L, -1), roles) < 0)
            return luaL_error(L, "watch: unknown field '%s'", lua_tostring(L, -1));
    }
    struct watch **box = lua_newuserdata(L, sizeof(struct watch *));
    *box = watch_new();
    luaL_getmetatable(L, WATCH_CLASS);
    lua_setmetatable(L, -2);
    if (passes_early)
        watch_set_passes_early(*box);
    for (int role = 0; role < WATCH_ROLES; role++)
        add_role(L, *box, (enum watch_role)role, roles[role]);
    return 1;
}

void watch_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"__gc", collect}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"watch", new_watch}, {NULL, NULL}};
    vm->watch_class = vm_register_class(vm, WATCH_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
