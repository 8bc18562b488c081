// core.background: trusted code that goes on when the request that began it has ended.
#pragma once

struct vm;

// Adds it to the table on top of the stack.
void background_open(struct vm *vm);

// Cancels what still runs, so that the program can end.
void background_cancel_all(struct vm *vm);
