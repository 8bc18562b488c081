// core.price(prices): what the tokens of a model cost, compiled.
#pragma once

#include <lua.h>

#include "http/price.h"

struct vm;

// Adds core.price to the table on top of the stack.
void price_class_open(struct vm *vm);

// The price at `index`, NULL for nil; raises for anything else. Borrowed from the Lua value.
const struct price *price_class_check(lua_State *L, int index);
