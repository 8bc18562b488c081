#include "lua/heap.h"

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
#include <lualib.h>

// Thirty megabytes, of which one string in a thousand lives on between the dead ones.
static const char rush[] =
    "local dead = {}\n"
    "kept = {}\n"
    "for i = 1, 100000 do\n"
    "  dead[i] = ('%06d'):format(i):rep(50)\n"
    "  if i % 1000 == 0 then kept[#kept + 1] = ('%05d'):format(i):rep(50) end\n"
    "end";
static const char check[] = "for i = 1, 100 do\n"
                            "  assert(kept[i] == ('%05d'):format(i * 1000):rep(50))\n"
                            "end";
static const size_t HELD_BYTES = 40u << 20;

static lua_State *after_a_rush(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, rush), 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    return L;
}

static size_t resident_bytes(void)
{
    size_t total, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &total, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_the_holes_of_a_rush_go_back_to_the_kernel(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); // the sanitizer's own memory stays
#endif
    size_t before = resident_bytes();
    lua_State *L = after_a_rush();
    size_t held = resident_bytes();
    heap_release(L, HELD_BYTES);
    size_t after = resident_bytes();

    assert_true(held > before + (16u << 20)); // else the test shows nothing
    assert_true(after < held);
    assert_true(after - before < (held - before) / 4);
    lua_close(L);
}

static void test_what_lives_is_untouched_and_the_heap_is_usable(void **state)
{
    (void)state;
    lua_State *L = after_a_rush();
    for (int i = 0; i < 3; i++) {
        heap_release(L, HELD_BYTES);
        assert_int_equal(luaL_dostring(L, check), 0);
        assert_int_equal(luaL_dostring(L, rush), 0);
        lua_gc(L, LUA_GCCOLLECT, 0);
    }
    lua_close(L);
}

struct counted {
    lua_Alloc alloc;
    void *ud;
    size_t taken, given;
};

static void *count(void *owner, void *block, size_t old_size, size_t size)
{
    struct counted *counted = owner;
    counted->taken += size;
    counted->given += block ? old_size : 0;
    return counted->alloc(counted->ud, block, old_size, size);
}

static void test_all_that_is_taken_is_put_back(void **state)
{
    (void)state;
    struct counted counted = {0};
    lua_State *L = luaL_newstate();
    counted.alloc = lua_getallocf(L, &counted.ud);
    lua_setallocf(L, count, &counted);
    heap_release(L, 4u << 20);
    assert_true(counted.taken >= 4u << 20);
    assert_int_equal(counted.taken, counted.given);
    lua_setallocf(L, counted.alloc, counted.ud);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_holes_of_a_rush_go_back_to_the_kernel),
        cmocka_unit_test(test_what_lives_is_untouched_and_the_heap_is_usable),
        cmocka_unit_test(test_all_that_is_taken_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
