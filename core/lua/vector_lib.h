// Embeddings as Lua handles them: the text of vectors, which is never a table of numbers.
#pragma once

struct vm;

// Adds core.items, core.floats_to_base64, core.base64_to_floats and core.check_vector to the table
// on top of the stack.
void vector_lib_open(struct vm *vm);
