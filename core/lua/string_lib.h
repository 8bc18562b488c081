// The functions of `string` that scripts get: those of the standard library, but none that a script
// can make run for ever. Described in api.h.
#pragma once

struct vm;

// Adds "safe_string" to the table on top of the stack and makes it what methods of strings are
// looked up in, for trusted code too. getmetatable("") is false from then on.
void string_lib_open(struct vm *vm);
