// core.usage(places, reasoning_excluded, cache_excluded): how a provider writes its token counts,
// compiled.
#pragma once

#include <lua.h>

#include "http/usage.h"

struct vm;

// Adds core.usage to the table on top of the stack.
void usage_class_open(struct vm *vm);

// The usage at `index`, NULL for nil; raises for anything else. Borrowed from the Lua value.
const struct usage *usage_class_check(lua_State *L, int index);
