// Tasks that run a test's Lua text, and what it notes on its way.
#pragma once

#include "lua/fixture.h"

struct task;

enum { SCRIPTED_WAITS = 16 };

struct scripted {
    struct lua_fixture fixture;
    char trace[1000]; // what the text noted with note(...), in order, each with a space behind
    int ended;
    char error[600];                      // of the task, with its traceback
    struct task *task;                    // NULL: has ended
    struct task *waiting[SCRIPTED_WAITS]; // by wait(), in order, from the beginning when it is full
    int waits;
    bool is_stubborn; // wait() goes on when it is canceled
    struct timer tick;
};

// For cmocka_unit_test_setup_teardown(): *state is the struct. The end fails the test when a handle
// or task is left.
int scripted_set_up(void **state);
int scripted_tear_down(void **state);

// The same for tests of what runs scripts: the text is trusted and has globals `core`, `run`,
// `run_now`, `note`, `wait()`, which returns what it is woken with, `text(source, name)`, a
// function loaded as the loader does it: interpreted, and `try(source, ...)`, which runs one and
// notes `fine` or the limit, file and line of its error.
int scripted_set_up_trusted(void **state);

// Starts the text after scripted_set_up_trusted(), beside what runs already.
struct task *scripted_start_trusted(struct scripted *scripted, const char *text);

// Makes a function of scripts; scripted_of() in it is the struct, its first upvalue the vm.
void scripted_define(struct scripted *scripted, const char *name, lua_CFunction function);
struct scripted *scripted_of(lua_State *L);

// The task that was the last to call wait(), which fails the test when none has.
struct task *scripted_waiting(const struct scripted *scripted);

// For task_wait(): wakes the task with an error of the kind canceled.
void scripted_cancel_wait(void *task);

// Starts the text, as x.lua, with globals `core`, `note` and `tide` (what scripts have of tasks,
// timers and HTTP).
void scripted_start(struct scripted *scripted, const char *text);

// Turns the loop once: until something happens, or for a moment, as what was awaited may have
// happened before the loop waits.
void scripted_turn(struct scripted *scripted);

// Turns the loop until the task has ended, which may not have failed.
void scripted_await(struct scripted *scripted);

// Both.
void scripted_run(struct scripted *scripted, const char *text);

#define SCRIPTED_TRUSTED(test) \
    cmocka_unit_test_setup_teardown(test, scripted_set_up_trusted, scripted_tear_down)
#define SCRIPTED(test) cmocka_unit_test_setup_teardown(test, scripted_set_up, scripted_tear_down)
