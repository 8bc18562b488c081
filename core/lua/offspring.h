// One task made by another, running a function of a script.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct task;
struct vm;

// Whether no task runs for a request or timer: a file is being loaded.
bool offspring_is_loading(const struct vm *vm);

// The task that the functions of this file may make others for. Raises where there is none: while a
// script is being loaded. `what` is the function's name, for the message.
struct task *offspring_maker(lua_State *L, const char *what);

// Whether the budget allows so many tasks more; they are taken from it.
bool offspring_reserve(struct task *maker, int count);

// Makes a task that was reserved, for the function and the arguments on top of L, which are popped;
// it runs as soon as the running one waits. `on_end` as in task_new().
struct task *offspring_start(lua_State *L, int argument_count,
                             void (*on_end)(void *owner, const char *error), void *owner);

// For on_end: how many results there are on task->co, or -1 when the function failed; then the
// error value is pushed on vm->L.
int offspring_end(struct task *task, const char *error);
