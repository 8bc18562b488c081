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

// Both for cmocka_unit_test_setup_teardown(): *state is the fixture.
int lua_fixture_set_up(void **state);
int lua_fixture_tear_down(void **state);

// Runs the text as a function of a new task; its first result is stored by test(value) calls.
// Fails the test when it does not compile. `on_end` as in task_new().
struct task *lua_fixture_run(struct lua_fixture *fixture, const char *text,
                             void (*on_end)(void *owner, const char *error), void *owner);

// Runs the text at once, outside any task, with a local `core`; fails the test when it raises.
void lua_fixture_check(struct lua_fixture *fixture, const char *text);

// The same after a prelude in one line (lines count from the text), which has a local
// `fails(message, f, ...)` too: that the call raises that message.
void lua_fixture_check_after(struct lua_fixture *fixture, const char *prelude, const char *text);

// Turns the loop once, without waiting.
void lua_fixture_turn(struct lua_fixture *fixture);

#define LUA_FIXTURE(test) \
    cmocka_unit_test_setup_teardown(test, lua_fixture_set_up, lua_fixture_tear_down)
