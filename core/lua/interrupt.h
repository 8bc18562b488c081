// The way out of C functions that take as long as a script likes.
#pragma once

#include <lua.h>

enum { INTERRUPT_EVERY = 4096 }; // elements between two looks: some hundred microseconds

// The guard stops a script with a hook, which fires between two instructions of Lua: a C function
// has to look whether it is set, and lets it raise its error at the line that called.
void interrupt_raise(lua_State *L);

static inline void interrupt_check(lua_State *L)
{
    if (lua_gethookmask(L))
        interrupt_raise(L);
}
