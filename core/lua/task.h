// One coroutine at work: a request, or code that it started. This is the only place that resumes
// Lua. A task that waits is resumed from the loop; a new one may run inside the C function of
// another (task_run_inside), which then waits for it.
#pragma once

#include <stdbool.h>

#include <lua.h>

#include "base/list.h"
#include "lua/guard.h"

struct budget;
struct vm;

// Something that a task began and that must not outlive it, such as an exchange with an upstream.
// Embedded in its owner.
struct task_resource {
    struct list node;
    void (*on_task_end)(struct task_resource *resource); // it has been removed from the task
};

struct task {
    struct vm *vm;
    lua_State *co; // anchored by co_ref
    int co_ref;
    struct task *next; // in vm->ready or vm->idle
    bool is_canceled;  // every further wait ends at once
    bool is_waiting;
    int result_count;      // pushed on `co`, to be what the waiting call returns
    lua_State *waiting_co; // `co`, or a coroutine of the script that runs on it
    void (*cancel_wait)(void *waiter);
    void *waiter;
    // Once, when the function has returned (error NULL, results on `co`) or failed (the traceback,
    // borrowed; the error object is on top of `co`, which takes nothing more: it may be full).
    void (*on_end)(void *owner, const char *error);
    void *owner;
    const void *request;      // the userdata of the request that it serves, or NULL
    struct budget *budget;    // shared; NULL until a script runs
    struct task *parent;      // that waits for it, or in whose C function it runs; NULL: none
    struct task *child;       // the other way round
    void *caller;             // of the C function that it runs inside (script.c)
    bool is_now;              // it may not wait
    bool is_script;           // user code: guarded while it runs
    struct list script;       // in vm->scripts
    struct guard_place place; // where the script's function begins
    enum guard_limit limit;   // that stopped it, or stops it as soon as it runs
    char *failed_at;          // owned; of a script: task_where() when it failed
    bool has_begun;
    bool has_ended;        // its function; on_end comes when its offspring has ended as well
    char *failure;         // owned; what on_end will say
    struct task *maker;    // of which it is offspring: canceled with it; NULL: none
    struct list offspring; // the tasks that it made, by `kin`
    struct list kin;
    struct list resources;
};

// A task whose coroutine is empty: push a function and its arguments on task->co, then task_run().
struct task *task_new(struct vm *vm, void (*on_end)(void *owner, const char *error), void *owner);

// The new task belongs to what the other one serves: it shares its budget, and is canceled when
// that one is already.
void task_inherit(struct task *task, struct task *from);

// The task runs user code: from now on the guard watches. Before its first run.
void task_guard(struct task *task, const struct guard_place *place);

// Writes "scripts/policies/x.lua:3: ", where the task of a script is, or was when it failed; where
// its function begins, if that is all there is to know.
enum { TASK_WHERE = LUA_IDSIZE + 16 };
void task_where(const struct task *task, char *out);

// Stops the scripts whose request let the heap grow most, of those that wait: they fail with the
// limit "memory". Returns false when there are none. Outside any task.
bool task_drop_largest(struct vm *vm);
// Makes `child` the offspring of the task that `maker` serves: it is canceled with that one, which
// does not end before it.
void task_adopt(struct task *maker, struct task *child);

// The resource goes with the task: when that ends by itself, to its maker; when it was canceled,
// has failed or has no maker, `on_task_end` is called.
void task_resource_init(struct task_resource *resource,
                        void (*on_task_end)(struct task_resource *resource));
void task_own(struct task *task, struct task_resource *resource);
void task_resource_remove(struct task_resource *resource);

// Its budget, made now if it has none. Borrowed.
struct budget *task_budget(struct task *task);

// Runs it, at once or, when called from inside another task, as soon as that one waits. The task
// may be gone when this returns.
void task_run(struct task *task, int argument_count);

// Runs it at once, from inside a C function of the running task (or of none). Returns true when it
// has ended: on_end() has been called and it is gone. False: it waits and is resumed from the loop.
bool task_run_inside(struct task *task, int argument_count);

// Stands in for `served` where trusted code runs for it at once, outside of its coroutine: what
// scripts begin there belongs to `served`. Only for task_call(); no more than the memory is needed.
void task_stand_in(struct task *task, struct task *served);

// lua_pcall() on vm->L: the function and its arguments are on top. Nothing in it may wait. Tasks
// that it has made ready run with task_run_ready().
int task_call(struct task *stand_in, int argument_count, int result_count);

// Runs what is ready, unless Lua code is on the C stack, which will do so.
void task_run_ready(struct vm *vm);

// For a C function that waits: `return task_wait(...)`. The task is what script_check_wait()
// returned. Someone calls task_wake() later.
// `cancel_wait` (may be NULL) is called when the task is canceled; it must lead to a wake.
int task_wait(struct task *task, void (*cancel_wait)(void *waiter), void *waiter);

// Ends the wait; `result_count` values have been pushed on task->co.
void task_wake(struct task *task, int result_count);

// Asks it and its offspring to end: the wait that each is in, and all further ones, fail with kind
// canceled. It may be gone when this returns.
void task_cancel(struct task *task);

// Pushes nil and an error table { kind, message }; returns 2.
int task_push_error(lua_State *L, const char *kind, const char *message);

// Frees the finished coroutines that are kept for reuse.
void task_free_idle(struct vm *vm);
