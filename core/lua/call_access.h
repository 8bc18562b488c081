// Who asks, by the keys of the request's own generation: methods of `req`, described in api.h.
#pragma once

#include <lua.h>

int call_access_find_client(lua_State *L);
int call_access_is_admin(lua_State *L);
