#include "lua/loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "lua/fixture.h"

struct trial {
    struct lua_fixture fixture;
    atomic_size_t alive; // of the generations made here
    int ended;
    struct error err;
};

static struct trial trial;
static char folder[] = "/tmp/tidegate-loading-XXXXXX";

static int set_up(void **state)
{
    struct error err;
    (void)state;
    memset(&trial, 0, sizeof(trial));
    lua_fixture_open(&trial.fixture);
    if (vm_load(trial.fixture.vm, &err) != 0)
        fail_msg("%s", err.message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lua_fixture_close(&trial.fixture);
    assert_int_equal(trial.alive, 0);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir("/") | rmdir(folder);
}

// A generation with this gateway.lua; the test has a reference.
static struct generation *make(unsigned number, const char *text)
{
    struct error err;
    FILE *file = fopen("gateway.lua", "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    struct bundle *bundle = bundle_read(NULL, &err);
    unlink("gateway.lua"); // the next fixture begins without one
    struct config *config = config_load_bundle(bundle, NULL, &err);
    assert_non_null(config);
    return generation_new(number, config, bundle, &trial.alive);
}

static void on_end(void *owner, const struct error *err)
{
    (void)owner;
    trial.ended++;
    trial.err = err ? *err : (struct error){ERROR_NONE, ""};
}

static void prepare(struct generation *generation)
{
    trial.ended = 0;
    vm_prepare(trial.fixture.vm, generation, on_end, NULL);
}

static void turn_until_ended(void)
{
    while (!trial.ended)
        lua_fixture_turn(&trial.fixture);
    assert_int_equal(trial.ended, 1);
}

static unsigned current_number(void)
{
    lua_State *L = trial.fixture.vm->L;
    assert_int_equal(luaL_dostring(L, "return require('tide.current').gen.number"), 0);
    unsigned number = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    assert_int_equal(trial.fixture.vm->current->shared->number, number);
    assert_ptr_equal(trial.fixture.vm->config, trial.fixture.vm->current->shared->config);
    return number;
}

static void test_what_is_prepared_serves_when_it_is_committed(void **state)
{
    (void)state;
    struct generation *second = make(2, "return { stream = { keepalive = 7 } }");
    prepare(second);
    turn_until_ended();
    assert_int_equal(trial.err.kind, ERROR_NONE);
    assert_int_equal(current_number(), 1);
    vm_commit(trial.fixture.vm);
    assert_int_equal(current_number(), 2);
    assert_int_equal(trial.fixture.vm->config->keepalive_ms, 7000);
    generation_unref(second);
}

static void test_building_gives_way_to_other_work(void **state)
{
    (void)state;
    struct generation *second =
        make(2, "local providers = {}\n"
                "for i = 1, 60 do\n"
                "  providers['p' .. i] = { extends = 'openai', base_url = 'http://127.0.0.1:1' }\n"
                "end\n"
                "return { providers = providers }");
    int turns = 0;
    prepare(second);
    for (; !trial.ended; turns++)
        lua_fixture_turn(&trial.fixture);
    assert_true(turns > 10);
    vm_drop(trial.fixture.vm);
    generation_unref(second);
}

static void test_what_does_not_load_is_told_and_leaves_no_trace(void **state)
{
    (void)state;
    struct generation *second = make(2, "return {\n models = {\n  a = 'none/x',\n } }");
    prepare(second);
    turn_until_ended();
    assert_string_equal(trial.err.message, "gateway.lua:3: unknown provider 'none'");
    assert_int_equal(current_number(), 1);
    assert_null(trial.fixture.vm->building);
    generation_unref(second);
    assert_int_equal(trial.alive, 0);
}

static void test_what_is_dropped_is_gone_prepared_or_not(void **state)
{
    (void)state;
    struct generation *second = make(2, "return {}");
    prepare(second);
    assert_int_equal(trial.ended, 0);
    vm_drop(trial.fixture.vm);
    assert_int_equal(trial.ended, 1);
    assert_int_equal(trial.err.kind, ERROR_CANCELED);
    prepare(second);
    turn_until_ended();
    vm_drop(trial.fixture.vm);
    assert_int_equal(trial.ended, 1);
    vm_drop(trial.fixture.vm);
    assert_int_equal(current_number(), 1);
    generation_unref(second);
    assert_int_equal(trial.alive, 0);
}

static void commit(unsigned number)
{
    struct generation *next = make(number, "return {}");
    prepare(next);
    turn_until_ended();
    vm_commit(trial.fixture.vm);
    generation_unref(next);
}

static void test_a_generation_lives_as_long_as_somebody_holds_it_and_no_longer(void **state)
{
    (void)state;
    struct vm *vm = trial.fixture.vm;
    commit(2);
    struct vm_generation *held = vm_generation_ref(vm->current);
    commit(3);
    assert_int_equal(trial.alive, 2);
    assert_int_equal(held->shared->number, 2);
    vm_generation_unref(held);
    assert_int_equal(trial.alive, 1); // although nothing has been collected
    for (unsigned number = 4; number < 40; number++)
        commit(number);
    assert_int_equal(trial.alive, 1);
}

static void test_lua_cannot_use_a_generation_that_has_gone(void **state)
{
    (void)state;
    lua_State *L = trial.fixture.vm->L;
    commit(2);
    assert_int_equal(luaL_dostring(L, "old = require('tide.current').gen.source"), 0);
    assert_int_equal(luaL_dostring(L, "return old:number()"), 0);
    commit(3);
    assert_int_not_equal(luaL_dostring(L, "return old:number()"), 0);
    assert_non_null(strstr(lua_tostring(L, -1), "no request uses this generation any more"));
    lua_settop(L, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_prepared_serves_when_it_is_committed),
        TEST(building_gives_way_to_other_work),
        TEST(what_does_not_load_is_told_and_leaves_no_trace),
        TEST(what_is_dropped_is_gone_prepared_or_not),
        TEST(a_generation_lives_as_long_as_somebody_holds_it_and_no_longer),
        TEST(lua_cannot_use_a_generation_that_has_gone),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
