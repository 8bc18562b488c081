#include "lua/coroutine.h"

#include <lauxlib.h>

#include "lua/task.h"
#include "lua/vm.h"

// Who resumed `L`, a coroutine of a script; NULL when nobody knows.
static lua_State *resumer_of(const struct vm *vm, lua_State *L)
{
    if (!lua_checkstack(L, 3))
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->resumers_ref);
    lua_pushthread(L);
    lua_rawget(L, -2);
    lua_State *resumer = lua_tothread(L, -1);
    lua_pop(L, 2); // stays alive: it is not done with resuming
    return resumer;
}

bool coroutine_can_wait(const struct task *task, lua_State *L)
{
    for (; L && L != task->co; L = resumer_of(task->vm, L)) {
        if (!lua_isyieldable(L))
            return false;
    }
    return L && lua_isyieldable(L);
}

// coroutine.yield of scripts: only inside a coroutine that a script made.
static int yield(lua_State *L)
{
    const struct vm *vm = vm_of(L);

    if (vm->running && vm->running->co == L)
        return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

void coroutine_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"yield", yield}, {NULL, NULL}};
    lua_State *L = vm->L;

    lua_createtable(L, 0, 2);
    vm_register(vm, functions);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "kv");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    vm->resumers_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_setfield(L, -2, "resumers");
    lua_setfield(L, -2, "coroutines");
}
