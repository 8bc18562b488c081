#include "lua/price_class.h"

#include <lauxlib.h>

#include "lua/vm.h"

#define PRICE_CLASS "tidegate.price"

const struct price *price_class_check(lua_State *L, int index)
{
    return lua_isnil(L, index) ? NULL : vm_check_class(L, index, vm_of(L)->price_class);
}

// The table at `index` says what of a token costs what.
static void read_tier(lua_State *L, int index, struct price_tier *tier)
{
    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        lua_getfield(L, index, usage_kind_name((enum usage_kind)kind));
        tier->of[kind] = lua_isnumber(L, -1) ? price_per_token(lua_tonumber(L, -1)) : -1;
        lua_pop(L, 1);
    }
}

static void read_tiers(lua_State *L, struct price *price)
{
    int list = lua_gettop(L);
    int count = lua_istable(L, list) ? (int)lua_objlen(L, list) : 0;

    if (count >= PRICE_TIERS)
        luaL_error(L, "a price has at most %d tiers", PRICE_TIERS - 1);
    for (int i = 1; i <= count; i++) {
        struct price_tier *tier = &price->tiers[price->count];
        lua_rawgeti(L, list, i);
        luaL_checktype(L, -1, LUA_TTABLE);
        read_tier(L, lua_gettop(L), tier);
        lua_getfield(L, -1, "above");
        tier->above = (long long)luaL_checknumber(L, -1);
        if (tier->above <= tier[-1].above)
            luaL_error(L, "the tiers of a price go upwards");
        price->count++;
        lua_pop(L, 2);
    }
}

static int new_price(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct price *price = lua_newuserdata(L, sizeof(*price));
    *price = (struct price){.count = 1};
    price->tiers[0].above = -1;
    luaL_getmetatable(L, PRICE_CLASS);
    lua_setmetatable(L, -2);
    read_tier(L, 1, &price->tiers[0]);
    lua_getfield(L, 1, "tiers");
    read_tiers(L, price);
    lua_pop(L, 1);
    return 1;
}

// price:cost(input, output, cached, cache_write, reasoning)
static int get_cost(lua_State *L)
{
    const struct price *price = luaL_checkudata(L, 1, PRICE_CLASS);
    struct usage_counts counts = usage_unknown();

    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        if (!lua_isnoneornil(L, 2 + kind))
            counts.of[kind] = (long long)luaL_checknumber(L, 2 + kind);
    }
    long long nano = price_cost(price, &counts);
    if (nano < 0)
        return 0;
    lua_pushnumber(L, (double)nano);
    return 1;
}

void price_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"cost", get_cost}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"price", new_price}, {NULL, NULL}};
    vm->price_class = vm_register_class(vm, PRICE_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
