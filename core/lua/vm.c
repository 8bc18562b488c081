#include "lua/vm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/mem.h"
#include "lua/api.h"
#include "lua/guard.h"
#include "lua/loading.h"
#include "lua/sources.h"
#include "lua/tape.h"
#include "lua/task.h"
#include "lua/value.h"

struct vm *vm_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

void vm_register(struct vm *vm, const luaL_Reg *functions)
{
    for (; functions->name; functions++) {
        lua_pushlightuserdata(vm->L, vm);
        lua_pushcclosure(vm->L, functions->func, 1);
        lua_setfield(vm->L, -2, functions->name);
    }
}

const void *vm_register_class(struct vm *vm, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(vm->L, name);
    lua_pushvalue(vm->L, -1);
    lua_setfield(vm->L, -2, "__index");
    lua_pushboolean(vm->L, 0);
    lua_setfield(vm->L, -2, "__metatable");
    vm_register(vm, methods);
    return lua_topointer(vm->L, -1);
}

void *vm_check_class(lua_State *L, int index, const void *class)
{
    void *object = lua_touserdata(L, index);
    const void *found = NULL;

    if (object && lua_getmetatable(L, index)) {
        found = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    if (found != class)
        luaL_error(L, "argument %d is not the right kind of value (a %s)", index,
                   luaL_typename(L, index));
    return object;
}

// splitmix64: ids must not repeat, nobody may rely on their being secret.
unsigned long long vm_random(struct vm *vm)
{
    unsigned long long z = (vm->random += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

enum { SCRATCH_KEPT = 64 * 1024 };

struct buf *vm_scratch(struct vm *vm, size_t limit)
{
    if (vm->scratch.cap > SCRATCH_KEPT)
        buf_deinit(&vm->scratch);
    buf_clear(&vm->scratch);
    vm->scratch.limit = limit;
    return &vm->scratch;
}

void vm_random_hex(struct vm *vm, char *out, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        unsigned long long bits = vm_random(vm);
        for (int digit = 0; digit < 16; digit++, bits >>= 4)
            *out++ = digits[bits & 15];
    }
    *out = '\0';
}

// "tide.x" is scripts/tide/x.lua, "dialects.x.y" adapters/dialects/x/y.lua. Pushes the path; NULL
// for other names.
static const char *push_path(lua_State *L, const char *name)
{
    static const char tide[] = "tide.", dialects[] = "dialects.";

    if (strncmp(name, tide, sizeof(tide) - 1) == 0)
        return lua_pushfstring(L, "scripts/tide/%s.lua", name + sizeof(tide) - 1);
    if (strncmp(name, dialects, sizeof(dialects) - 1) != 0)
        return NULL;
    name = luaL_gsub(L, name + sizeof(dialects) - 1, ".", "/");
    return lua_pushfstring(L, "adapters/dialects/%s.lua", name);
}

// Files of the program itself: what it is made of cannot be replaced from outside.
static int search_own(lua_State *L)
{
    const char *path = push_path(L, luaL_checkstring(L, 1));
    if (!path)
        return 0;
    const struct embedded_file *file = sources_find_embedded(path);
    if (!file) {
        lua_pushfstring(L, "\n\tno file '%s' in the program", path);
        return 1;
    }
    lua_pushfstring(L, "@%s", path);
    if (luaL_loadbuffer(L, file->text, file->len, lua_tostring(L, -1)) != 0)
        return lua_error(L);
    return 1;
}

static void open_libraries(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {"", luaopen_base},
        {LUA_LOADLIBNAME, luaopen_package},
        {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string},
        {LUA_MATHLIBNAME, luaopen_math},
        {LUA_BITLIBNAME, luaopen_bit},
        {LUA_JITLIBNAME, luaopen_jit},
        {NULL, NULL},
    };
    for (const luaL_Reg *library = libraries; library->name; library++) {
        lua_pushcfunction(L, library->func);
        lua_pushstring(L, library->name);
        lua_call(L, 1, 0);
    }
}

static void set_searcher(struct vm *vm)
{
    lua_State *L = vm->L;
    lua_getglobal(L, "package");
    lua_createtable(L, 1, 0);
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, search_own, 1);
    lua_rawseti(L, -2, 1);
    lua_setfield(L, -2, "loaders");
    lua_pop(L, 1);
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort");
    lua_setfield(L, LUA_REGISTRYINDEX, "tidegate.sort");
    lua_pop(L, 1);
}

// Back-offs of different workers must not beat in time.
static void seed_random(struct vm *vm)
{
    lua_getglobal(vm->L, "math");
    lua_getfield(vm->L, -1, "randomseed");
    lua_pushnumber(vm->L, (double)(vm_random(vm) >> 12));
    lua_call(vm->L, 1, 0);
    lua_pop(vm->L, 1);
}

static int on_panic(lua_State *L)
{
    fprintf(stderr, "tidegate: Lua failed outside any task: %s\n", lua_tostring(L, -1));
    abort();
}

struct vm *vm_new(const struct vm_env *env)
{
    struct vm *vm = mem_alloc(sizeof(*vm));

    vm->env = *env;
    vm->ready_end = &vm->ready;
    list_init(&vm->scripts);
    vm->gateway_ref = vm->serve_ref = vm->serve_admin_ref = vm->serve_inner_ref = vm->summary_ref =
        LUA_NOREF;
    vm->mock_ref = LUA_NOREF;
    list_init(&vm->loose_inner);
    buf_init(&vm->scratch, 0);
    list_init(&vm->background);
    list_init(&vm->alarms);
    if (getrandom(&vm->random, sizeof(vm->random), 0) != sizeof(vm->random))
        abort();
    vm->L = luaL_newstate();
    if (!vm->L)
        abort();
    lua_atpanic(vm->L, on_panic);
    open_libraries(vm->L);
    value_open(vm->L);
    set_searcher(vm);
    seed_random(vm);
    loading_begin(vm, env->generation);
    api_open(vm);
    return vm;
}

struct guard *vm_guard(struct vm *vm)
{
    if (!vm->guard)
        vm->guard = guard_new(vm);
    return vm->guard;
}

bool vm_is_over_memory(const struct vm *vm)
{
    return vm->guard && guard_is_over_memory(vm->guard);
}

void vm_stop(struct vm *vm)
{
    if (vm->guard)
        guard_stop(vm->guard);
}

void vm_free(struct vm *vm)
{
    task_free_idle(vm);
    if (vm->guard)
        guard_free(vm->guard);
    lua_close(vm->L);
    tape_free(vm->tape);
    loading_end(vm);
    buf_deinit(&vm->scratch);
    free(vm);
}

static size_t count_of(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    size_t count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
    lua_pop(L, 1);
    return count;
}

static void add_counts(struct buf *out, size_t providers, size_t models)
{
    buf_addf(out, "%zu provider%s, %zu model%s", providers, providers == 1 ? "" : "s", models,
             models == 1 ? "" : "s");
}

void vm_summary(struct vm *vm, struct buf *out)
{
    lua_State *L = vm->L;
    int top = lua_gettop(L);

    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->summary_ref);
    if (lua_pcall(L, 0, 1, 0) == 0 && lua_istable(L, -1))
        add_counts(out, count_of(L, "providers"), count_of(L, "models"));
    lua_settop(L, top);
}
