// core.gate (described in api.h): where tasks wait until somebody says that they may go on.
#pragma once

struct vm;

// Adds it to the table on top of the stack.
void gate_class_open(struct vm *vm);
