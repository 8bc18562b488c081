// The functions of `table` that scripts get: those of the standard library, but each can be
// stopped. Described in api.h.
#pragma once

struct vm;

// Adds "safe_table" to the table on top of the stack.
void table_lib_open(struct vm *vm);
