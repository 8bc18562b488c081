#include "lua/table_lib.h"

#include <stdint.h>

#include <lauxlib.h>

#include "lua/interrupt.h"
#include "lua/text.h"
#include "lua/vm.h"

static int check_int(lua_State *L, int index)
{
    double number = luaL_checknumber(L, index);
    luaL_argcheck(L, number > INT32_MIN && number < INT32_MAX, index, "number out of range");
    return (int)number;
}

static int opt_int(lua_State *L, int index, size_t otherwise)
{
    return lua_isnoneornil(L, index) ? (int)otherwise : check_int(L, index);
}

static void check_each(lua_State *L, int i)
{
    if (i % INTERRUPT_EVERY == 0)
        interrupt_check(L);
}

// Pushes what the standard function makes of a range. Its errors are raised anew, so that they
// name the line of the script.
static void concat_range(lua_State *L, int first, int last)
{
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, first);
    lua_pushinteger(L, last);
    int rc = lua_pcall(L, 4, 1, 0);
    if (rc == LUA_ERRRUN)
        luaL_error(L, "%s", lua_tostring(L, -1));
    else if (rc != 0)
        lua_error(L);
}

static int concat(lua_State *L)
{
    struct text out;
    size_t len;

    luaL_checktype(L, 1, LUA_TTABLE);
    const char *separator = luaL_optlstring(L, 2, "", &len);
    int first = opt_int(L, 3, 1), last = opt_int(L, 4, lua_objlen(L, 1));
    lua_settop(L, 2);
    if ((long long)last - first < INTERRUPT_EVERY) {
        concat_range(L, first, last);
        return 1;
    }
    text_init(&out, L, 16 * (size_t)INTERRUPT_EVERY);
    for (; last - first >= INTERRUPT_EVERY; first += INTERRUPT_EVERY) {
        concat_range(L, first, first + INTERRUPT_EVERY - 1);
        text_add_value(&out);
        text_add(&out, separator, len);
        interrupt_check(L);
    }
    concat_range(L, first, last);
    text_add_value(&out);
    text_push(&out);
    return 1;
}

static int insert(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int count = lua_gettop(L), i = (int)lua_objlen(L, 1) + 1;

    if (count != 2) {
        if (count != 3)
            return luaL_error(L, "wrong number of arguments to 'insert'");
        int position = check_int(L, 2);
        for (; i > position; i--) {
            check_each(L, i);
            lua_rawgeti(L, 1, i - 1);
            lua_rawseti(L, 1, i);
        }
        i = position;
    }
    lua_rawseti(L, 1, i);
    return 0;
}

// Of the element at `from` to place `to` of the table at index 5.
static void move_one(lua_State *L, int from, double to)
{
    check_each(L, from);
    lua_pushnumber(L, to);
    lua_pushinteger(L, from);
    lua_gettable(L, 1);
    lua_settable(L, 5);
}

static int move(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int first = check_int(L, 2), last = check_int(L, 3), to = check_int(L, 4);
    double offset = (double)to - first;

    if (lua_isnoneornil(L, 5)) {
        lua_settop(L, 4);
        lua_pushvalue(L, 1);
    }
    luaL_checktype(L, 5, LUA_TTABLE);
    lua_settop(L, 5);
    if (to > last || to <= first || !lua_rawequal(L, 1, 5)) {
        for (int i = first; i <= last; i++)
            move_one(L, i, i + offset);
    } else {
        for (int i = last; i >= first; i--)
            move_one(L, i, i + offset);
    }
    return 1;
}

// ---- sort -------------------------------------------------------------------------------------

static int is_less(lua_State *L)
{
    interrupt_check(L);
    lua_pushboolean(L, lua_lessthan(L, 1, 2));
    return 1;
}

// Instead of a function in C, which would be compared with till the end.
static int is_less_by_c(lua_State *L)
{
    interrupt_check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

// The standard function does it, with a comparison that can be stopped.
static int sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_pushcfunction(L, is_less);
        lua_replace(L, 2);
    } else if (lua_iscfunction(L, 2)) {
        lua_pushcclosure(L, is_less_by_c, 1);
    } else {
        luaL_checktype(L, 2, LUA_TFUNCTION);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 2, 0);
    return 0;
}

// ---- the table --------------------------------------------------------------------------------

// The standard function of the same name is the second upvalue.
// stack: safe, standard
static void add_with_standard(struct vm *vm, const char *name, lua_CFunction function)
{
    lua_pushlightuserdata(vm->L, vm);
    lua_getfield(vm->L, -2, name);
    lua_pushcclosure(vm->L, function, 2);
    lua_setfield(vm->L, -3, name);
}

void table_lib_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"concat", concat},
        {"insert", insert},
        {"move", move},
        {NULL, NULL},
    };
    static const char *const standard[] = {"getn", "maxn", "remove"};
    lua_State *L = vm->L;

    lua_newtable(L);
    vm_register(vm, functions);
    lua_getglobal(L, "table");
    // stack: safe, standard
    for (size_t i = 0; i < sizeof(standard) / sizeof(*standard); i++) {
        lua_getfield(L, -1, standard[i]);
        lua_setfield(L, -3, standard[i]);
    }
    add_with_standard(vm, "concat", concat);
    add_with_standard(vm, "sort", sort);
    lua_pop(L, 1);
    lua_setfield(L, -2, "safe_table");
}
