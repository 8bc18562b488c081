// core.watch{...}: a dialect's `watch` table, compiled.
#pragma once

#include <lua.h>

#include "http/watch.h"

struct vm;

// Adds core.watch to the table on top of the stack.
void watch_class_open(struct vm *vm);

// The watch at `index`; raises for anything else. Borrowed from the Lua value.
const struct watch *watch_class_check(lua_State *L, int index);
