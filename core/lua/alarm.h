// core.alarm (described in api.h): a function of the gateway's Lua that runs later, as a task that
// serves no request. tide.timer is made of them.
#pragma once

struct vm;

// Adds it to the table on top of the stack.
void alarm_open(struct vm *vm);

// Before the end: no alarm goes off any more, the tasks of those that did are canceled, and further
// ones are refused.
void alarm_stop_all(struct vm *vm);
