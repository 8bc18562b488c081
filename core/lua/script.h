// Calls of user code from trusted Lua: core.run and core.run_now (described in api.h).
#pragma once

#include <lua.h>

struct vm;
struct task;

// Adds both to the table on top of the stack.
void script_open(struct vm *vm);

// For a C function that is about to wait: the running task. Raises where nothing may wait (while a
// file is being loaded, below core.run_now, in a comparison of table.sort), so call it before
// anything that must be undone.
struct task *script_check_wait(lua_State *L);
