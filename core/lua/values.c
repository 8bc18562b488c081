#include "lua/values.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "lua/budget.h"
#include "lua/call.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

// ---- clock, chance, environment ---------------------------------------------------------------

static int fresh_now(lua_State *L)
{
    lua_pushnumber(L, (double)clock_monotonic_ns() / 1e9);
    return 1;
}

// 53 random bits are all that a double holds.
static double next_fraction(struct vm *vm)
{
    return (double)(vm_random(vm) >> 11) / 9007199254740992.0;
}

static int random_number(lua_State *L)
{
    struct vm *vm = vm_of(L);
    if (lua_isnoneornil(L, 1)) {
        lua_pushnumber(L, next_fraction(vm));
        return 1;
    }
    double most = luaL_checknumber(L, 1);
    if (!(most >= 1 && most <= 9007199254740992.0 && most == floor(most)))
        return luaL_argerror(L, 1, "a whole number from 1 to 2^53");
    lua_pushnumber(L, 1 + floor(next_fraction(vm) * most));
    return 1;
}

// RFC 9562, version 4: random bits that nobody can guess.
static int uuid4(lua_State *L)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[16];
    char text[36], *to = text;

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort();
    bytes[6] = (unsigned char)(0x40 | (bytes[6] & 0x0F));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    lua_pushlstring(L, text, sizeof(text));
    return 1;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)

// Bytes that continue a character are 10xxxxxx: all others begin one. Most of them go by eights.
static int text_length(lua_State *L)
{
    size_t len, i = 0, inside = 0;
    const char *text = luaL_checklstring(L, 1, &len);

    for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
        uint64_t bytes;
        memcpy(&bytes, text + i, sizeof(bytes));
        uint64_t marks = (bytes & ~(bytes << 1)) >> 7 & EACH_BYTE;
        inside += marks * EACH_BYTE >> 56; // their sum
    }
    for (; i < len; i++)
        inside += ((unsigned char)text[i] & 0xC0) == 0x80;
    lua_pushnumber(L, (double)(len - inside));
    return 1;
}

static int env(lua_State *L)
{
    lua_pushstring(L, config_env(vm_of(L)->config, luaL_checkstring(L, 1)));
    return 1;
}

// ---- the log ----------------------------------------------------------------------------------

// The text of the value at `index` is put in its place on the stack, where it stays alive.
static struct log_field read_field(lua_State *L, int index)
{
    struct log_field field = {.is_bare = false};
    double number = lua_tonumber(L, index);
    const char *why;

    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        field.is_bare = isfinite(number);
        lua_tostring(L, index); // turns the value on the stack into text
        break;
    case LUA_TBOOLEAN:
        field.is_bare = true;
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        lua_replace(L, index);
        break;
    case LUA_TTABLE: {
        struct buf *json = vm_scratch(vm_of(L), LIMIT_SCRIPT_LOG_FIELD);
        if (value_encode(L, index, json, &why) == 0)
            lua_pushlstring(L, json->data, json->len);
        else
            lua_pushfstring(L, "(%s)", why);
        lua_replace(L, index);
        break;
    }
    case LUA_TSTRING:
        break;
    default:
        lua_pushstring(L, value_to_secret(L, index).data ? "***" : luaL_typename(L, index));
        lua_replace(L, index);
    }
    field.text = value_text(L, index);
    return field;
}

// By name, so that the same call always gives the same line.
static void insert_field(struct log_field *fields, size_t count, struct log_field field)
{
    size_t at = count;
    for (; at > 0; at--) {
        struct slice a = fields[at - 1].name, b = field.name;
        int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
        if (order < 0 || (order == 0 && a.len <= b.len))
            break;
        fields[at] = fields[at - 1];
    }
    fields[at] = field;
}

// Leaves the texts of the fields on the stack.
static size_t read_fields(lua_State *L, int table, struct log_field *fields)
{
    size_t count = 0;

    luaL_checkstack(L, LOG_FIELDS + 8, "too many fields");
    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (count == LOG_FIELDS || lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "the fields of a log line are at most %d, with names", LOG_FIELDS);
        int value = lua_gettop(L);
        struct log_field field = read_field(L, value);
        field.name = value_text(L, value - 1);
        insert_field(fields, count++, field);
        lua_pushvalue(L, value - 1); // the key goes on top again, the value's text stays below
        lua_remove(L, value - 1);
    }
    return count;
}

// Takes one of the lines that the running request's scripts have. *is_last: the limit is reached.
static bool take_line(struct vm *vm, bool *is_last)
{
    struct budget *budget = vm->running ? vm->running->budget : NULL;
    bool is_taken = budget_take(budget, BUDGET_LOG_LINES);

    *is_last = is_taken && budget &&
               budget_used(budget, BUDGET_LOG_LINES) >= vm->config->scripts.log_lines;
    return is_taken;
}

static struct slice running_id(const struct vm *vm)
{
    struct call *const *handle = vm->running ? vm->running->request : NULL;
    if (!handle || !*handle)
        return (struct slice){NULL, 0};
    return (struct slice){(*handle)->id, CALL_ID_LEN};
}

// core.note(level, script, generation, message, fields)
static int note(lua_State *L)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    struct vm *vm = vm_of(L);
    enum log_level level = (enum log_level)luaL_checkoption(L, 1, NULL, names);
    struct log_field fields[LOG_FIELDS];
    bool is_last;
    struct log_note line = {
        .message = value_text(L, 4),
        .script = value_text(L, 2),
        .request_id = running_id(vm),
        .generation = (uint64_t)luaL_optnumber(L, 3, 0),
        .fields = fields,
    };

    if (!line.message.data)
        return luaL_typerror(L, 4, "string");
    if (!lua_isnoneornil(L, 5))
        luaL_checktype(L, 5, LUA_TTABLE);
    if (!log_wants(vm->env.log, level) || !take_line(vm, &is_last))
        return 0;
    lua_settop(L, 5);
    if (lua_istable(L, 5))
        line.field_count = read_fields(L, 5, fields);
    log_note(vm->env.log, level, &line);
    if (is_last) {
        line.message = SLICE("that was the last line: more of this request are dropped "
                             "(scripts.log_lines)");
        line.field_count = 0;
        log_note(vm->env.log, LOG_WARN, &line);
    }
    return 0;
}

void values_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"fresh_now", fresh_now}, {"rand", random_number},      {"uuid4", uuid4}, {"env", env},
        {"note", note},           {"text_length", text_length}, {NULL, NULL},
    };
    vm_register(vm, functions);
}
