// Calls of user code from trusted Lua: core.run and core.run_now (described in api.h).
#pragma once

#include <lua.h>

#include "lua/guard.h"

struct vm;
struct task;

// Adds both to the table on top of the stack.
void script_open(struct vm *vm);

// Pushes on `L` what core.run returns for a failure: to be called from the on_end of a task, with
// its traceback.
void script_push_error(lua_State *L, struct task *child, const char *traceback);

// Where the Lua function at `index` begins. Borrowed from it.
struct guard_place script_place(lua_State *L, int index);

// For a C function that is about to wait: the running task. Raises where nothing may wait (while a
// file is being loaded, below core.run_now, inside of a C function), so call it before anything
// that must be undone.
struct task *script_check_wait(lua_State *L);
