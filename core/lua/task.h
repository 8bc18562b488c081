// One coroutine at work: a request, or code that it started. This is the only place that resumes
// Lua. A task that waits is resumed from the loop, never from inside another task.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct vm;

struct task {
    struct vm *vm;
    lua_State *co; // anchored by co_ref
    int co_ref;
    struct task *next; // in vm->ready or vm->idle
    bool is_canceled;  // every further wait ends at once
    bool is_waiting;
    int result_count; // pushed on `co`, to be what the waiting call returns
    void (*cancel_wait)(void *waiter);
    void *waiter;
    // Once, when the function has returned (error NULL) or failed (traceback, borrowed).
    void (*on_end)(void *owner, const char *error);
    void *owner;
    const void *request; // the userdata of the request that it serves, or NULL
};

// A task whose coroutine is empty: push a function and its arguments on task->co, then task_run().
struct task *task_new(struct vm *vm, void (*on_end)(void *owner, const char *error), void *owner);

// Runs it, at once or, when called from inside another task, as soon as that one waits. The task
// may be gone when this returns.
void task_run(struct task *task, int argument_count);

// For a C function that waits: `return task_wait(...)`. Someone calls task_wake() later.
// `cancel_wait` (may be NULL) is called when the task is canceled; it must lead to a wake.
int task_wait(struct task *task, void (*cancel_wait)(void *waiter), void *waiter);

// Ends the wait; `result_count` values have been pushed on task->co.
void task_wake(struct task *task, int result_count);

// Asks it to end: the wait that it is in, and all further ones, fail with kind canceled.
void task_cancel(struct task *task);

// Pushes nil and an error table { kind, message }; returns 2.
int task_push_error(lua_State *L, const char *kind, const char *message);

// Frees the finished coroutines that are kept for reuse.
void task_free_idle(struct vm *vm);
