// Several tasks awaited together: core.all, core.race and core.any (described in api.h).
#pragma once

struct vm;

// Adds them to the table on top of the stack.
void gather_open(struct vm *vm);
