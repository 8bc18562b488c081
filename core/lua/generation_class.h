// core.generation(): the generation that is being loaded, as Lua holds it (described in api.h).
#pragma once

#include <lua.h>

struct config;
struct vm;

// Adds core.generation to the table on top of the stack.
void generation_class_open(struct vm *vm);

// Pushes the configuration document as a table.
void generation_class_push_config(lua_State *L, const struct config *config);
