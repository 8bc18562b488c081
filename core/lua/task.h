// One coroutine at work: a request, or code that it started. This is the only place that resumes
// Lua. A task that waits is resumed from the loop; a new one may run inside the C function of
// another (task_run_inside), which then waits for it.
#pragma once

#include <stdbool.h>

#include <lua.h>

struct budget;
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
    // Once, when the function has returned (error NULL, results on `co`) or failed (the traceback,
    // borrowed, on top of the error object).
    void (*on_end)(void *owner, const char *error);
    void *owner;
    const void *request;   // the userdata of the request that it serves, or NULL
    struct budget *budget; // shared; NULL until a script runs
    struct task *parent;   // that waits for it, or in whose C function it runs; NULL: none
    struct task *child;    // the other way round
    void *caller;          // of the C function that it runs inside (script.c)
    bool is_now;           // it may not wait
};

// A task whose coroutine is empty: push a function and its arguments on task->co, then task_run().
struct task *task_new(struct vm *vm, void (*on_end)(void *owner, const char *error), void *owner);

// The new task belongs to what the other one serves: it shares its budget, and is canceled when
// that one is already.
void task_inherit(struct task *task, struct task *from);

// Its budget, made now if it has none. Borrowed.
struct budget *task_budget(struct task *task);

// Runs it, at once or, when called from inside another task, as soon as that one waits. The task
// may be gone when this returns.
void task_run(struct task *task, int argument_count);

// Runs it at once, from inside a C function of the running task (or of none). Returns true when it
// has ended: on_end() has been called and it is gone. False: it waits and is resumed from the loop.
bool task_run_inside(struct task *task, int argument_count);

// For a C function that waits: `return task_wait(...)`. The task is what script_check_wait()
// returned. Someone calls task_wake() later.
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
