#include "lua/limit_class.h"

#include <math.h>

#include <lauxlib.h>

#include "lua/call.h"
#include "lua/holds.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"
#include "store/shared_store.h"

#define LIMIT_CLASS "tidegate.limit"

enum { WINDOW_LONGEST = 7 * 86400 }; // seconds

// ---- taking -----------------------------------------------------------------------------------

static struct limiter *check_limiter(lua_State *L)
{
    struct limiter **handle = vm_check_class(L, 1, vm_of(L)->limit_class);
    return *handle;
}

static struct slice check_key(lua_State *L)
{
    struct slice key = value_text(L, 2);
    if (!key.data)
        luaL_typerror(L, 2, "string");
    if (key.len > LIMITER_KEY_MAX)
        luaL_argerror(L, 2, "a key of a limit has at most 512 bytes");
    return key;
}

static double check_amount(lua_State *L, bool may_be_negative)
{
    double amount = luaL_optnumber(L, 3, 1);
    if (!isfinite(amount) || (!may_be_negative && amount <= 0))
        luaL_argerror(L, 3, "an amount is a number above 0");
    return amount;
}

// Where what the running request holds is noted.
static struct hold **check_holds(lua_State *L)
{
    const struct task *running = vm_of(L)->running;
    struct call *const *handle = running ? running->request : NULL;
    if (handle && *handle)
        return &(*handle)->holds;
    luaL_error(L, "a limit of concurrency can be taken only while a request is served");
    return NULL;
}

static int take(lua_State *L)
{
    struct limiter *limiter = check_limiter(L);
    struct slice key = check_key(L);
    double amount = check_amount(L, false), wait_s = 0;
    bool is_held = limiter_kind(limiter) == LIMITER_CONCURRENCY;
    struct hold **holds = is_held ? check_holds(L) : NULL;
    uint64_t now_ms = timers_now_ms(vm_of(L)->env.timers);
    enum limiter_result result = limiter_take(limiter, key, amount, now_ms, &wait_s);

    if (result == LIMITER_FULL)
        return task_push_error(L, "too_large", "this limit counts 65536 keys already, all busy");
    if (result == LIMITER_OK && is_held)
        holds_add(holds, limiter, key, amount);
    lua_pushboolean(L, result == LIMITER_OK);
    lua_pushnumber(L, wait_s);
    return 2;
}

static int refund(lua_State *L)
{
    struct limiter *limiter = check_limiter(L);
    struct slice key = check_key(L);
    bool is_held = limiter_kind(limiter) == LIMITER_CONCURRENCY;
    double amount = check_amount(L, !is_held);

    // Only what the request holds itself: nothing is given back twice.
    if (is_held)
        amount = holds_remove(check_holds(L), limiter, key, amount);
    limiter_refund(limiter, key, amount, timers_now_ms(vm_of(L)->env.timers));
    return 0;
}

// ---- making -----------------------------------------------------------------------------------

// `name` must be there and a number above 0.
static double check_field(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    double number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    lua_pop(L, 1);
    if (!(number > 0 && number < 1e15))
        luaL_error(L, "the limit '%s' needs %s, a number above 0", lua_tostring(L, 1), name);
    return number;
}

// Refuses fields that are neither `first` nor `second` (may be NULL).
static void check_names(lua_State *L, const char *first, const char *second)
{
    if (lua_type(L, 1) != LUA_TSTRING)
        luaL_typerror(L, 1, "string");
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        struct slice name = value_text(L, -2);
        if (!slice_equal(name, slice_of(first)) &&
            (!second || !slice_equal(name, slice_of(second))))
            luaL_error(L, "the limit '%s' has no field '%s'", lua_tostring(L, 1),
                       name.data ? name.data : "[...]");
    }
}

static int push_limiter(lua_State *L, const struct limiter_terms *terms)
{
    struct error err;
    struct limiter *limiter =
        shared_store_limiter(vm_of(L)->env.store, value_text(L, 1), terms, &err);

    if (!limiter)
        return luaL_error(L, "tide.limit: %s", err.message);
    struct limiter **handle = lua_newuserdata(L, sizeof(struct limiter *));
    *handle = limiter;
    luaL_getmetatable(L, LIMIT_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

static int new_bucket(lua_State *L)
{
    check_names(L, "rate", "burst");
    double rate = check_field(L, "rate"), burst = rate;
    lua_getfield(L, 2, "burst");
    if (!lua_isnil(L, -1))
        burst = check_field(L, "burst");
    return push_limiter(L, &(struct limiter_terms){LIMITER_BUCKET, burst, rate / 1000, 0});
}

static int new_window(lua_State *L)
{
    check_names(L, "limit", "per");
    double most = check_field(L, "limit"), per = check_field(L, "per");
    if (per > WINDOW_LONGEST)
        return luaL_error(L, "the limit '%s': per is at most %d seconds", lua_tostring(L, 1),
                          WINDOW_LONGEST);
    uint64_t window_ms = (uint64_t)ceil(per * 1000);
    return push_limiter(L, &(struct limiter_terms){LIMITER_WINDOW, most, 0, window_ms});
}

static int new_concurrency(lua_State *L)
{
    check_names(L, "max", NULL);
    return push_limiter(L,
                        &(struct limiter_terms){LIMITER_CONCURRENCY, check_field(L, "max"), 0, 0});
}

void limit_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"take", take}, {"refund", refund}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"bucket", new_bucket},
                                         {"window", new_window},
                                         {"concurrency", new_concurrency},
                                         {NULL, NULL}};

    vm->limit_class = vm_register_class(vm, LIMIT_CLASS, methods);
    lua_pop(vm->L, 1);
    lua_newtable(vm->L);
    vm_register(vm, functions);
    lua_setfield(vm->L, -2, "limit");
}
