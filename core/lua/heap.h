// Gives the kernel back what Lua's allocator holds but does not use.
#pragma once

#include <stddef.h>

#include <lua.h>

// The allocator returns whole segments only, and one live object keeps a segment of megabytes: so
// the holes between live objects are taken, emptied and put back. `limit_bytes`: how much the
// state has ever held. Takes about a millisecond for each ten megabytes.
void heap_release(lua_State *L, size_t limit_bytes);
