// The body of a request as a document, for scripts: what req:document() gives.
#pragma once

#include <lua.h>

struct vm;
struct call;

// Registers the class.
void document_class_open(struct vm *vm);

// The C half of req:document(): pushes a view of the body of the call whose `req` stands at index
// 1, or nil and an error. The view may live on; its methods raise once the request has ended.
int document_class_push(lua_State *L, struct call *call);
