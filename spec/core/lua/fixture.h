// A Lua state with everything that it stands on, for tests of core/lua/.
#pragma once

#include "lua/vm.h"

struct lua_fixture {
    struct vm_env env;
    struct vm *vm;
};

void lua_fixture_open(struct lua_fixture *fixture);

// Ends the loop and fails the test when a handle or task is left.
void lua_fixture_close(struct lua_fixture *fixture);

// Runs the text as a function of a new task; its first result is stored by test(value) calls.
// Fails the test when it does not compile. `on_end` as in task_new().
struct task *lua_fixture_run(struct lua_fixture *fixture, const char *text,
                             void (*on_end)(void *owner, const char *error), void *owner);

// Runs the text at once, outside any task, with a local `core`; fails the test when it raises.
void lua_fixture_check(struct lua_fixture *fixture, const char *text);

// Turns the loop once, without waiting.
void lua_fixture_turn(struct lua_fixture *fixture);
