#include "lua/blame.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#define OWN_LIBRARY "@scripts/tide/"

// The innermost function that is neither C nor the gateway's.
static bool find_script(lua_State *L, lua_Debug *frame)
{
    for (int level = 1; lua_getstack(L, level, frame); level++) {
        if (lua_getinfo(L, "Sl", frame) && frame->currentline > 0 &&
            strncmp(frame->source, OWN_LIBRARY, sizeof(OWN_LIBRARY) - 1) != 0)
            return true;
    }
    return false;
}

int blame_raise(lua_State *L, const char *format, ...)
{
    char text[300];
    lua_Debug frame;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (find_script(L, &frame))
        lua_pushfstring(L, "%s:%d: %s", frame.short_src, frame.currentline, text);
    else
        lua_pushstring(L, text);
    lua_error(L);
    abort(); // never reached: the declaration of lua_error() does not say so
}
