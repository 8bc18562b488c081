// core.limit: rates and concurrency as scripts see them.
#pragma once

struct vm;

// Adds core.limit to the table on top of the stack.
void limit_class_open(struct vm *vm);
