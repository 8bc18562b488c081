#include "lua/interrupt.h"

void interrupt_raise(lua_State *L)
{
    lua_Hook hook = lua_gethook(L);
    lua_Debug frame;

    for (int level = 1; hook && lua_getstack(L, level, &frame); level++) {
        if (lua_getinfo(L, "Sl", &frame) && frame.currentline > 0) {
            hook(L, &frame);
            return;
        }
    }
}
