// Header lines that Lua code asks for, secrets included, as the bytes of a request's head.
#pragma once

#include <lua.h>

#include "base/buf.h"

// Appends the text, number or secret at `index`. Raises for anything else, for control characters
// (a line break inside a value would be a header of its own) and over the limit of `lines`.
void header_text_add_part(lua_State *L, int index, struct buf *lines);

// Appends "name: value\r\n": the name is at `index`, which may not be relative, the value behind
// it. Raises likewise, and for a name that is no token (RFC 9110 section 5.6.2).
void header_text_add_line(lua_State *L, int index, struct buf *lines);
