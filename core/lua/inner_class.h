// core.inner: a request to the gateway itself, and the reader of its answer.
#pragma once

struct vm;

// Adds core.inner to the table on top of the stack and registers its class.
void inner_class_open(struct vm *vm);
