// What a request's body asks of a model, for scripts: methods of `req`, described in api.h.
#pragma once

#include <lua.h>

int call_prompt_look(lua_State *L);
int call_prompt_count(lua_State *L);
