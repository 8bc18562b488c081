// A task that runs a test's Lua text, and what it notes on its way.
#pragma once

#include "lua/fixture.h"

struct task;

struct scripted {
    struct lua_fixture fixture;
    char trace[400]; // what the text noted with note(value), in order, each with a space behind
    int ended;
    char error[600];   // of the task, with its traceback
    struct task *task; // NULL: has ended
    struct timer tick;
};

// For cmocka_unit_test_setup_teardown(): *state is the struct. The end fails the test when a handle
// or task is left.
int scripted_set_up(void **state);
int scripted_tear_down(void **state);

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

#define SCRIPTED(test) cmocka_unit_test_setup_teardown(test, scripted_set_up, scripted_tear_down)
