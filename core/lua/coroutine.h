// Coroutines that scripts make, so that what is inside them may wait. What scripts see of it is in
// scripts/tide/coroutines.lua.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct vm;
struct task;

// Adds `coroutines`, a table, to the one on top of the stack: what tide.coroutines is made of.
void coroutine_open(struct vm *vm);

// Whether the task can wait in the code that runs on `L`: there is nothing between that and the
// task's own coroutine that cannot be suspended, such as the comparison of a table.sort.
bool coroutine_can_wait(const struct task *task, lua_State *L);
