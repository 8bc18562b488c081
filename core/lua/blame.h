// Errors that are the script's: the message begins with the script's own line, also when the
// gateway's Lua stands between.
#pragma once

#include <lua.h>

// Raises.
int blame_raise(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
