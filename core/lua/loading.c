#include "lua/loading.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "lua/guard.h"
#include "lua/task.h"
#include "lua/vm.h"

struct vm_preparing {
    struct vm *vm;
    struct task *task;
    void (*on_end)(void *owner, const struct error *err);
    void *owner;
    bool is_dropped;
};

// ---- which one --------------------------------------------------------------------------------

static struct vm_generation *new_vm_generation(struct generation *shared)
{
    struct vm_generation *generation = mem_alloc(sizeof(*generation));
    generation->shared = shared;
    generation->users = 1;
    return generation;
}

struct vm_generation *vm_generation_ref(struct vm_generation *generation)
{
    generation->users++;
    return generation;
}

void vm_generation_unref(struct vm_generation *generation)
{
    if (--generation->users)
        return;
    if (generation->handle)
        *generation->handle = NULL;
    generation_unref(generation->shared);
    free(generation);
}

struct vm_generation *vm_loading_generation(const struct vm *vm)
{
    return vm->building ? vm->building : vm->current;
}

void loading_begin(struct vm *vm, struct generation *generation)
{
    vm->current = new_vm_generation(generation_ref(generation));
    vm->config = generation->config;
}

void loading_end(struct vm *vm)
{
    if (vm->building)
        vm_generation_unref(vm->building);
    vm_generation_unref(vm->current);
}

// ---- errors -----------------------------------------------------------------------------------

static int with_traceback(lua_State *L)
{
    luaL_traceback(L, L, lua_tostring(L, 1) ? lua_tostring(L, 1) : "error without a message", 1);
    return 1;
}

static const char *field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); // stays alive in the table
    return text;
}

// A user's file is named with its folder, so that a terminal can open it.
static void error_in_file(const struct bundle *bundle, const char *file, const char *line,
                          const char *message, struct error *err)
{
    char *place = bundle_find(bundle, file) ? bundle_place(bundle, file) : NULL;
    error_set(err, ERROR_SCRIPT, "%s:%s: %s", place ? place : file, line ? line : "1", message);
    free(place);
}

// On top of L: the Lua side names a field of the configuration, or a file with its line.
static void read_error(const struct generation *generation, lua_State *L, struct error *err)
{
    if (!lua_istable(L, -1)) {
        error_set(err, ERROR_SCRIPT, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "unknown");
        return;
    }
    int table = lua_gettop(L);
    const char *message = field(L, table, "message");
    const char *path = field(L, table, "path");
    const char *file = field(L, table, "file");
    const char *line = field(L, table, "line");
    if (path)
        config_error_at(generation->config, path, message, err);
    else if (file)
        error_in_file(generation->bundle, file, line, message, err);
    else
        error_set(err, ERROR_SCRIPT, "%s", message ? message : "unknown");
}

// ---- the first one ----------------------------------------------------------------------------

static int take_function(struct vm *vm, const char *name)
{
    lua_getfield(vm->L, -1, name);
    return luaL_ref(vm->L, LUA_REGISTRYINDEX);
}

// The module is on top of the stack, and popped.
static void take_functions(struct vm *vm)
{
    vm->serve_ref = take_function(vm, "serve");
    vm->serve_admin_ref = take_function(vm, "serve_admin");
    vm->serve_inner_ref = take_function(vm, "serve_inner");
    vm->summary_ref = take_function(vm, "summary");
    vm->gateway_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
}

int vm_load(struct vm *vm, struct error *err)
{
    lua_State *L = vm->L;
    int top = lua_gettop(L);
    int rc = -1;

    lua_pushcfunction(L, with_traceback);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "tide.gateway");
    if (lua_pcall(L, 1, 1, top + 1) != 0) {
        read_error(vm->current->shared, L, err);
        goto out;
    }
    take_functions(vm);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->gateway_ref);
    lua_getfield(L, -1, "load");
    // stack: with_traceback, module, load
    if (lua_pcall(L, 0, 2, top + 1) != 0) {
        read_error(vm->current->shared, L, err);
        goto out;
    }
    // stack: with_traceback, module, true | nil, error
    if (lua_toboolean(L, -2))
        rc = 0;
    else
        read_error(vm->current->shared, L, err);
out:
    lua_settop(L, top);
    lua_gc(L, LUA_GCCOLLECT, 0); // most of what loading made is garbage now
    return rc;
}

// ---- further ones -----------------------------------------------------------------------------

// Calls a function of tide.gateway that cannot fail.
static void call_gateway(struct vm *vm, const char *name)
{
    lua_State *L = vm->L;
    int top = lua_gettop(L);

    lua_pushcfunction(L, with_traceback);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->gateway_ref);
    lua_getfield(L, -1, name);
    if (lua_pcall(L, 0, 0, top + 1) != 0)
        log_event(vm->env.log, LOG_ERROR, "%s: %s", name, lua_tostring(L, -1));
    lua_settop(L, top);
}

static void forget(struct vm *vm)
{
    vm_generation_unref(vm->building);
    vm->building = NULL;
}

static void on_built(void *owner, const char *error)
{
    struct vm_preparing *preparing = owner;
    struct vm *vm = preparing->vm;
    lua_State *co = preparing->task->co;
    struct error err = {ERROR_NONE, ""};

    if (error)
        error_set(&err, ERROR_SCRIPT, "%s", error);
    else if (preparing->is_dropped)
        error_set(&err, ERROR_CANCELED, "the reload was given up");
    else if (!lua_toboolean(co, 1))
        read_error(vm->building->shared, co, &err);
    vm->preparing = NULL;
    if (err.kind) {
        call_gateway(vm, "drop");
        forget(vm);
    }
    preparing->on_end(preparing->owner, err.kind ? &err : NULL);
    free(preparing);
}

void vm_prepare(struct vm *vm, struct generation *generation,
                void (*on_end)(void *owner, const struct error *err), void *owner)
{
    struct vm_preparing *preparing = mem_alloc(sizeof(*preparing));

    vm->building = new_vm_generation(generation_ref(generation));
    *preparing = (struct vm_preparing){.vm = vm, .on_end = on_end, .owner = owner};
    preparing->task = task_new(vm, on_built, preparing);
    vm->preparing = preparing;
    lua_State *co = preparing->task->co;
    lua_rawgeti(co, LUA_REGISTRYINDEX, vm->gateway_ref);
    lua_getfield(co, -1, "prepare");
    lua_remove(co, -2);
    task_run(preparing->task, 0);
}

void vm_commit(struct vm *vm)
{
    struct vm_generation *old = vm->current;

    vm->current = vm->building;
    vm->config = vm->current->shared->config;
    vm->building = NULL;
    if (vm->guard)
        guard_reload(vm->guard);
    call_gateway(vm, "commit");
    vm_generation_unref(old);
}

void vm_drop(struct vm *vm)
{
    if (vm->preparing) {
        vm->preparing->is_dropped = true;
        task_cancel(vm->preparing->task); // it waits for no more turns
    } else if (vm->building) {
        call_gateway(vm, "drop");
        forget(vm);
    }
}
