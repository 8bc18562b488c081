// What tide.http is made of, for trusted Lua: core.fetch and core.url_origin (described in api.h).
#pragma once

struct vm;

// Adds both to the table on top of the stack.
void fetch_class_open(struct vm *vm);
