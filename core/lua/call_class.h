// `req`: a request as scripts see it, core.fields for its scan, and core.context.
#pragma once

#include <lua.h>

struct vm;
struct call;

// Adds core.fields and core.context to the table on top of the stack and registers the class of
// `req`.
void call_class_open(struct vm *vm);

// The call of the `req` at `index`; raises for anything else, and when it has ended.
struct call *call_class_check(lua_State *L, int index);

// Pushes a `req` for the call. What it returns is set to NULL by the caller when the call ends;
// the userdata may live on, its methods raise then.
struct call **call_class_push(lua_State *L, struct call *call);
