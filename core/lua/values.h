// Small things that scripts ask C for: fresh clocks, chance, the environment, lines of the log.
#pragma once

struct vm;

// Adds core.fresh_now, core.rand, core.uuid4, core.env, core.text_length and core.note to the table
// on top of the stack.
void values_open(struct vm *vm);
