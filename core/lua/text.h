// Text that a C function of Lua puts together. It is in Lua's memory, so that it counts for the
// limits of scripts, and nothing is left behind when an error is raised meanwhile.
#pragma once

#include <stddef.h>

#include <lua.h>

struct text {
    lua_State *L;
    char *data;
    size_t len, cap;
    size_t expected;
    int anchor; // stack index
    char inside[512];
};

// Pushes one value that has to stay on the stack until the text is no longer used. `expected`: a
// guess at its length, for the case that it does not fit into the struct.
void text_init(struct text *text, lua_State *L, size_t expected);

void text_add(struct text *text, const char *data, size_t len);

// Takes the string or number on top of the stack.
void text_add_value(struct text *text);

void text_push(const struct text *text);
