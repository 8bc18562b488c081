#include "config/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>

#include "base/mem.h"
#include "config/suggest.h"

enum { HOOK_STEPS = 1000 * 1000, MAX_GLOBALS = 64 };

struct evaluation {
    struct config *config;
    struct slice source;
    struct field *table;
    size_t field_count;
    int hooks;            // counts of HOOK_STEPS instructions
    lua_Alloc allocate;   // LuaJIT's own
    void *allocate_owner; // borrowed
    size_t memory;
};

// Libraries that are left out of `base`: what loads code, reads files, or breaks strictness.
static const char *const removed[] = {
    "dofile",   "loadfile",       "load",   "loadstring", "getfenv",   "setfenv", "require",
    "newproxy", "collectgarbage", "module", "gcinfo",     "coroutine", "print",
};

static void *allocate(void *owner, void *memory, size_t old_size, size_t size)
{
    struct evaluation *evaluation = owner;
    size_t held = memory ? old_size : 0;

    if (size > held && size - held > EVALUATE_MEMORY - evaluation->memory)
        return NULL;
    void *result = evaluation->allocate(evaluation->allocate_owner, memory, old_size, size);
    if (result || size == 0)
        evaluation->memory += size - held;
    return result;
}

static struct evaluation *evaluation_of(lua_State *L)
{
    void *owner = NULL;
    lua_getallocf(L, &owner);
    return owner;
}

static void on_steps(lua_State *L, lua_Debug *activation)
{
    struct evaluation *evaluation = evaluation_of(L);

    if (++evaluation->hooks < EVALUATE_STEPS / HOOK_STEPS)
        return;
    // From now on at every instruction, so that a pcall() does not outlive it.
    lua_sethook(L, on_steps, LUA_MASKCOUNT, 1);
    // luaL_error() would name the caller's line: a hook is no function of its own.
    lua_getinfo(L, "l", activation);
    lua_pushfstring(L, ":%d: gateway.lua did not end", activation->currentline);
    lua_error(L);
}

#define NOT_SET "secret %s is not set: set it in the environment or in .env"

// The rest is looked at all the same, with a value that is none.
static int tell_missing(lua_State *L, struct config *config, const char *name)
{
    luaL_where(L, 1); // ":line: "
    const char *text = lua_pushfstring(L, "%s%s" NOT_SET, config->file, lua_tostring(L, -1), name);
    buf_add(config->problems, text, strlen(text) + 1);
    config->is_broken = true;
    lua_pop(L, 2);
    return config_fake_secret(config, name);
}

// secret "NAME" -> an opaque value that holds the index of the secret
static int lua_secret(lua_State *L)
{
    struct config *config = evaluation_of(L)->config;
    const char *name = luaL_checkstring(L, 1);
    int index = config_env_secret(config, name);

    if (index < 0 && !config->problems)
        return luaL_error(L, NOT_SET, name);
    if (index < 0)
        index = tell_missing(L, config, name);
    int *secret = lua_newuserdata(L, sizeof(*secret));
    *secret = index;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

static int refuse_joining(lua_State *L)
{
    return luaL_error(L, "a secret cannot be joined with text");
}

// env("NAME", default) -> string, default or nil
static int lua_env(lua_State *L)
{
    const char *value = config_env(evaluation_of(L)->config, luaL_checkstring(L, 1));

    if (value)
        lua_pushstring(L, value);
    else
        lua_settop(L, 2);
    return 1;
}

// __index of the globals: (globals, name)
static int refuse_global(lua_State *L)
{
    const char *names[MAX_GLOBALS];
    size_t count = 0;
    const char *wrong = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

    lua_pushnil(L);
    while (count < MAX_GLOBALS && lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            names[count++] = lua_tostring(L, -1);
    }
    if (strcmp(wrong, "tide") == 0)
        return luaL_error(L, "unknown name 'tide': settings are a plain table, return { ... }");
    const char *near = suggest_name(wrong, names, count);
    if (near)
        return luaL_error(L, "unknown name '%s', did you mean '%s'?", wrong, near);
    return luaL_error(L, "unknown name '%s'", wrong);
}

static void open_library(lua_State *L, lua_CFunction open, const char *name)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

static void make_globals(lua_State *L)
{
    open_library(L, luaopen_base, "");
    open_library(L, luaopen_string, LUA_STRLIBNAME);
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    open_library(L, luaopen_bit, LUA_BITLIBNAME);
    for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    lua_getglobal(L, "string");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);

    lua_newtable(L); // stack: metatable of secrets
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, refuse_joining);
    lua_setfield(L, -2, "__concat");
    lua_pushcclosure(L, lua_secret, 1);
    lua_setglobal(L, "secret");
    lua_pushcfunction(L, lua_env);
    lua_setglobal(L, "env");

    lua_newtable(L); // stack: metatable of the globals
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, LUA_GLOBALSINDEX);
}

static char *copy_text(lua_State *L, int index, const char *what)
{
    size_t len = 0;
    const char *text = lua_tolstring(L, index, &len);

    if (memchr(text, '\0', len))
        luaL_error(L, "%s with a NUL byte: \"%s\"", what, text);
    return mem_dup(text, len);
}

// The key at `index` becomes a position or a name.
static void read_key(lua_State *L, int index, struct field *field)
{
    double number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;

    if (number >= 1 && number <= EVALUATE_FIELDS && number == floor(number)) {
        field->position = (size_t)number;
    } else if (lua_type(L, index) == LUA_TSTRING) {
        field->name = copy_text(L, index, "a field's name");
    } else {
        luaL_error(L, "a field has a name or a position 1, 2, 3 ..., not this %s",
                   luaL_typename(L, index));
    }
}

static void read_value(lua_State *L, struct field *field, int depth);

// stack: ..., table. `field` is whole at every step: an error in Lua leaves it fit for
// field_deinit().
static void read_table(lua_State *L, struct field *field, int depth)
{
    struct evaluation *evaluation = evaluation_of(L);
    size_t count = 0;

    luaL_checkstack(L, 4, "tables");
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count++;
    evaluation->field_count += count;
    if (depth == EVALUATE_DEPTH || evaluation->field_count > EVALUATE_FIELDS)
        luaL_error(L, "the returned table is too large: at most %d levels and %d fields",
                   EVALUATE_DEPTH, EVALUATE_FIELDS);
    field->type = FIELD_TABLE;
    field->items = mem_alloc((count + 1) * sizeof(*field->items));
    field->count = count;
    struct field *item = field->items;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        read_key(L, -2, item);
        read_value(L, item++, depth + 1);
    }
    field_sort(field);
}

// stack: ..., value
static void read_value(lua_State *L, struct field *field, int depth)
{
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        field->type = FIELD_BOOLEAN;
        field->boolean = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        field->type = FIELD_NUMBER;
        field->number = lua_tonumber(L, -1);
        break;
    case LUA_TSTRING:
        field->type = FIELD_STRING;
        field->text = copy_text(L, -1, "a string");
        break;
    case LUA_TUSERDATA: // only lua_secret() makes any
        field->type = FIELD_SECRET;
        field->secret = (size_t) * (const int *)lua_touserdata(L, -1);
        break;
    case LUA_TTABLE:
        read_table(L, field, depth);
        break;
    default: {
        const char *type = luaL_typename(L, -1);
        field->text = mem_alloc(strlen(type) + 3);
        memcpy(field->text, "a ", 2);
        memcpy(field->text + 2, type, strlen(type));
    }
    }
}

// Everything that may raise runs below one protected call.
static int run(lua_State *L)
{
    struct evaluation *evaluation = lua_touserdata(L, 1);

    make_globals(L);
    lua_settop(L, 0);
    // The chunk has an empty name: messages then begin with ":line:", and the file is put in front.
    int rc = luaL_loadbufferx(L, evaluation->source.len ? evaluation->source.data : "",
                              evaluation->source.len, "=", "t");
    if (rc != 0)
        return lua_error(L);
    lua_sethook(L, on_steps, LUA_MASKCOUNT, HOOK_STEPS);
    lua_call(L, 0, 1);
    lua_sethook(L, NULL, 0, 0);
    if (!lua_istable(L, -1))
        return luaL_error(L, "the file must return a table, not %s", luaL_typename(L, -1));
    read_table(L, evaluation->table, 0);
    return 0;
}

static void describe_failure(lua_State *L, const struct evaluation *evaluation, struct error *err)
{
    const char *message = lua_tostring(L, -1);
    const char *file = evaluation->config->file;

    if (!message)
        error_set(err, ERROR_SCRIPT, "%s:1: an error that is no text", file);
    else if (*message == ':')
        error_set(err, ERROR_SCRIPT, "%s%s", file, message);
    else
        error_set(err, ERROR_SCRIPT, "%s:1: %s", file, message);
}

int evaluate_source(struct config *config, struct slice source, struct field *table,
                    struct error *err)
{
    struct evaluation evaluation = {.config = config, .source = source, .table = table};
    lua_State *L = luaL_newstate();

    if (!L)
        return error_set(err, ERROR_SCRIPT, "%s:1: no memory for Lua", config->file);
    evaluation.allocate = lua_getallocf(L, &evaluation.allocate_owner);
    lua_setallocf(L, allocate, &evaluation);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    int rc = lua_cpcall(L, run, &evaluation);
    if (rc != 0)
        describe_failure(L, &evaluation, err);
    lua_sethook(L, NULL, 0, 0);
    // LuaJIT frees its arena whole only when the state closes with its own allocator.
    lua_setallocf(L, evaluation.allocate, evaluation.allocate_owner);
    lua_close(L);
    return rc == 0 ? 0 : -1;
}
