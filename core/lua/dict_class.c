#include "lua/dict_class.h"

#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"
#include "store/shared_store.h"

#define DICT_CLASS "tidegate.dict"

enum {
    KEYS_USUAL = 1000,
    KEYS_MOST = 100000,
    KEYS_BYTES = 8 * 1024 * 1024, // of one keys()
};

// A dictionary is never freed while there are workers: nothing to collect.
struct handle {
    struct dict *dict;
    bool is_safe;
};

// ---- arguments --------------------------------------------------------------------------------

static struct handle *check_handle(lua_State *L)
{
    return vm_check_class(L, 1, vm_of(L)->dict_class);
}

static struct slice check_key(lua_State *L)
{
    struct slice key = value_text(L, 2);
    if (!key.data)
        luaL_typerror(L, 2, "string");
    return key;
}

static uint64_t check_ttl(lua_State *L, int index)
{
    double seconds = luaL_optnumber(L, index, 0);
    if (!(seconds >= 0 && seconds <= 1e9))
        luaL_argerror(L, index, "a time to live is 0 (for good) to 1e9 seconds");
    return (uint64_t)ceil(seconds * 1000);
}

static struct dict_access access_of(lua_State *L, const struct handle *handle)
{
    return (struct dict_access){
        .key = check_key(L),
        .now_ms = timers_now_ms(vm_of(L)->env.timers),
        .is_safe = handle->is_safe,
    };
}

static bool read_value(lua_State *L, int index, struct dict_value *value)
{
    *value = (struct dict_value){.type = DICT_NONE};
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        value->type = DICT_NUMBER;
        value->number = lua_tonumber(L, index);
        return true;
    case LUA_TBOOLEAN:
        value->type = DICT_BOOLEAN;
        value->number = lua_toboolean(L, index);
        return true;
    case LUA_TSTRING:
        value->type = DICT_TEXT;
        value->text = value_text(L, index);
        return true;
    default:
        return false;
    }
}

static struct dict_value check_value(lua_State *L, int index)
{
    struct dict_value value;
    if (!read_value(L, index, &value))
        luaL_typerror(L, index, "string, number or boolean");
    return value;
}

static struct dict_value check_value_or_nil(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return (struct dict_value){.type = DICT_NONE};
    return check_value(L, index);
}

// ---- results ----------------------------------------------------------------------------------

static int push_failure(lua_State *L, enum dict_result result)
{
    switch (result) {
    case DICT_NO_MEMORY:
        return task_push_error(L, "too_large", "no memory: the dictionary is full (scripts.dict)");
    case DICT_TOO_LARGE:
        return task_push_error(L, "too_large",
                               "a key has at most 64 KB, a value 1 MB, both together no more than "
                               "the dictionary (scripts.dict)");
    default:
        return task_push_error(L, "bad_request",
                               "the value of this key is of another type (a list, or no number)");
    }
}

static int push_done(lua_State *L, enum dict_result result)
{
    if (result != DICT_OK && result != DICT_REFUSED && result != DICT_ABSENT)
        return push_failure(L, result);
    lua_pushboolean(L, result == DICT_OK);
    return 1;
}

// `value` borrows from the scratch buffer of the vm.
static int push_value(lua_State *L, enum dict_result result, const struct dict_value *value)
{
    if (result == DICT_ABSENT) {
        lua_pushnil(L);
        return 1;
    }
    if (result != DICT_OK)
        return push_failure(L, result);
    if (value->type == DICT_TEXT)
        lua_pushlstring(L, value->text.data, value->text.len);
    else if (value->type == DICT_BOOLEAN)
        lua_pushboolean(L, value->number != 0);
    else
        lua_pushnumber(L, value->number);
    return 1;
}

// ---- methods ----------------------------------------------------------------------------------

static int get(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value value;
    struct buf *text = vm_scratch(vm_of(L), DICT_VALUE_MAX);
    return push_value(L, dict_get(handle->dict, &access, &value, text), &value);
}

static int set(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value value = check_value(L, 3);
    access.ttl_ms = check_ttl(L, 4);
    return push_done(L, dict_set(handle->dict, &access, value));
}

static int add(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value value = check_value(L, 3);
    access.ttl_ms = check_ttl(L, 4);
    return push_done(L, dict_add(handle->dict, &access, value));
}

static int increment(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    double by = luaL_optnumber(L, 3, 1), initial = luaL_optnumber(L, 4, 0), sum = 0;
    access.ttl_ms = check_ttl(L, 5);
    enum dict_result result = dict_increment(handle->dict, &access, by, initial, &sum);
    if (result != DICT_OK)
        return push_failure(L, result);
    lua_pushnumber(L, sum);
    return 1;
}

static int swap(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value old = check_value_or_nil(L, 3), value = check_value_or_nil(L, 4);
    return push_done(L, dict_swap(handle->dict, &access, old, value));
}

static int delete (lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    return push_done(L, dict_delete(handle->dict, &access));
}

static int ttl(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    uint64_t left_ms = 0;
    if (dict_ttl(handle->dict, &access, &left_ms) != DICT_OK)
        lua_pushnil(L);
    else
        lua_pushnumber(L, left_ms == UINT64_MAX ? HUGE_VAL : (double)left_ms / 1e3);
    return 1;
}

static int expire(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    luaL_checkany(L, 3);
    access.ttl_ms = check_ttl(L, 3);
    return push_done(L, dict_expire(handle->dict, &access));
}

static int push(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value value = check_value(L, 3);
    size_t count = 0;
    access.ttl_ms = check_ttl(L, 4);
    enum dict_result result = dict_push(handle->dict, &access, value, &count);
    if (result != DICT_OK)
        return push_failure(L, result);
    lua_pushnumber(L, (double)count);
    return 1;
}

static int pop(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct dict_access access = access_of(L, handle);
    struct dict_value value;
    struct buf *text = vm_scratch(vm_of(L), DICT_VALUE_MAX);
    return push_value(L, dict_pop(handle->dict, &access, &value, text), &value);
}

static int keys(lua_State *L)
{
    const struct handle *handle = check_handle(L);
    struct vm *vm = vm_of(L);
    double most = luaL_optnumber(L, 2, KEYS_USUAL);
    if (!(most >= 1 && most <= KEYS_MOST))
        return luaL_argerror(L, 2, "1 to 100000 keys are listed at once");
    struct buf *list = vm_scratch(vm, KEYS_BYTES);
    uint64_t now_ms = timers_now_ms(vm->env.timers);
    size_t count = dict_keys(handle->dict, now_ms, (size_t)most, list);
    const char *at = list->data;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        uint32_t len;
        memcpy(&len, at, sizeof(len));
        lua_pushlstring(L, at + sizeof(len), len);
        lua_rawseti(L, -2, (int)i);
        at += sizeof(len) + len;
    }
    value_mark_array(L, lua_gettop(L));
    return 1;
}

// ---- class ------------------------------------------------------------------------------------

static bool read_options(lua_State *L)
{
    if (lua_isnoneornil(L, 2))
        return false;
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (!slice_equal(value_text(L, -2), SLICE("safe")) || !lua_isboolean(L, -1))
            luaL_argerror(L, 2, "the only option is safe = true or false");
    }
    lua_getfield(L, 2, "safe");
    return lua_toboolean(L, -1);
}

static int new_dict(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct error err;
    struct slice name = value_text(L, 1);

    if (!name.data)
        return luaL_typerror(L, 1, "string");
    bool is_safe = read_options(L);
    struct dict *dict = shared_store_dict(vm->env.store, name, vm->config->scripts.dict, &err);
    if (!dict)
        return luaL_error(L, "tide.dict: %s", err.message);
    struct handle *handle = lua_newuserdata(L, sizeof(*handle));
    *handle = (struct handle){dict, is_safe};
    luaL_getmetatable(L, DICT_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

void dict_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"get", get},    {"set", set},    {"add", add},   {"incr", increment},
        {"cas", swap},   {"del", delete}, {"ttl", ttl},   {"expire", expire},
        {"lpush", push}, {"rpop", pop},   {"keys", keys}, {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"dict", new_dict}, {NULL, NULL}};

    vm->dict_class = vm_register_class(vm, DICT_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
