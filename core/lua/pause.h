// core.sleep and core.yield (described in api.h).
#pragma once

#include <stdint.h>

struct vm;

// Adds them to the table on top of the stack.
void pause_open(struct vm *vm);

// Seconds of a script as milliseconds, at least one of them for more than nothing; 0 for nothing,
// for negative numbers and for NaN.
uint64_t pause_ms(double seconds);
