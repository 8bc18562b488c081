// core.dict: shared dictionaries as scripts see them.
#pragma once

struct vm;

// Adds core.dict to the table on top of the stack.
void dict_class_open(struct vm *vm);
