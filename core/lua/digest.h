// core.hash and core.base64: digests and their texts.
#pragma once

struct vm;

// Adds core.hash and core.base64 to the table on top of the stack.
void digest_open(struct vm *vm);
