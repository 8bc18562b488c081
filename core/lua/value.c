#include "lua/value.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <openssl/crypto.h>

#include "json/tokenizer.h"

#define SECRET_CLASS "tidegate.secret"

enum {
    EXACT_DIGITS = 15, // decimal integers of so many digits are doubles, unchanged
    SMALL = 256,       // bytes of text that need no memory of their own
    GUESS = 4,         // items of a table that is made before they are counted
};

// Their addresses name the marking metatables in the registry: found without hashing a text.
static const char array_class[] = "tidegate.array", raw_class[] = "tidegate.raw";

struct secret {
    size_t len;
    char text[];
};

static int secret_tostring(lua_State *L)
{
    lua_pushliteral(L, "***");
    return 1;
}

static int secret_concat(lua_State *L)
{
    return luaL_error(L, "a secret cannot become part of a text");
}

static int secret_gc(lua_State *L)
{
    struct secret *secret = lua_touserdata(L, 1);
    OPENSSL_cleanse(secret->text, secret->len);
    return 0;
}

static void push_class(lua_State *L, const char *class)
{
    lua_pushlightuserdata(L, (void *)class);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

static void open_class(lua_State *L, const char *class)
{
    lua_pushlightuserdata(L, (void *)class);
    lua_newtable(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void value_open(lua_State *L)
{
    open_class(L, array_class);
    open_class(L, raw_class);
    luaL_newmetatable(L, SECRET_CLASS);
    lua_pushcfunction(L, secret_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, secret_concat);
    lua_setfield(L, -2, "__concat");
    lua_pushcfunction(L, secret_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

struct slice value_text(lua_State *L, int index)
{
    struct slice text = {NULL, 0};
    if (lua_type(L, index) == LUA_TSTRING)
        text.data = lua_tolstring(L, index, &text.len);
    return text;
}

void value_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

void value_push_secret(lua_State *L, struct slice text)
{
    struct secret *secret = lua_newuserdata(L, sizeof(*secret) + text.len);
    secret->len = text.len;
    if (text.len)
        memcpy(secret->text, text.data, text.len);
    luaL_getmetatable(L, SECRET_CLASS);
    lua_setmetatable(L, -2);
}

struct slice value_to_secret(lua_State *L, int index)
{
    struct slice text = {NULL, 0};
    const struct secret *secret = lua_touserdata(L, index);

    if (!secret || !lua_getmetatable(L, index))
        return text;
    luaL_getmetatable(L, SECRET_CLASS);
    if (lua_rawequal(L, -1, -2))
        text = (struct slice){secret->text, secret->len};
    lua_pop(L, 2);
    return text;
}

void value_mark_array(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    push_class(L, array_class);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

void value_push_raw(lua_State *L, struct slice text)
{
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, text.data, text.len);
    lua_setfield(L, -2, "raw");
    push_class(L, raw_class);
    lua_setmetatable(L, -2);
}

enum value_mark value_mark_of(lua_State *L, int index)
{
    enum value_mark mark = VALUE_PLAIN;
    if (!lua_getmetatable(L, index))
        return mark;
    push_class(L, array_class);
    push_class(L, raw_class);
    if (lua_rawequal(L, -3, -2))
        mark = VALUE_ARRAY;
    else if (lua_rawequal(L, -3, -1))
        mark = VALUE_RAW;
    lua_pop(L, 3);
    return mark;
}

// ---- text to Lua ------------------------------------------------------------------------------

// Lua raises errors through this code (out of memory), so that it owns nothing outside of Lua.
struct decoder {
    struct tokenizer in;
    lua_State *L;
    int array_class;              // stack index of the metatable
    int raw_names;                // stack index of a set; 0: all is decoded
    const struct config *secrets; // NULL: none are made
};

// Room for `len` bytes and a NUL: `small`, or memory of Lua's on top of the stack.
static char *take_room(lua_State *L, char small[SMALL], size_t len)
{
    return len < SMALL ? small : lua_newuserdata(L, len + 1);
}

static void push_escaped(lua_State *L, struct json_value string)
{
    char small[SMALL];
    size_t len = string.raw.len - 2;
    char *room = take_room(L, small, len);
    struct buf plain = {.data = room, .cap = len + 1, .limit = len};
    json_string_decode(string, &plain); // fits: an escape is longer than what it stands for
    lua_pushlstring(L, room, plain.len);
    if (room != small)
        lua_remove(L, -2);
}

static void push_string(struct decoder *decoder, struct json_value string)
{
    if (decoder->in.is_escaped)
        push_escaped(decoder->L, string);
    else
        lua_pushlstring(decoder->L, string.raw.data + 1, string.raw.len - 2);
}

// False for numbers with an exponent or more than 15 digits. Digits and power of ten are exact
// doubles, so that their quotient is rounded once, as strtod() does.
static bool read_short_number(struct slice raw, double *number)
{
    static const double powers[EXACT_DIGITS] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    bool is_negative = *raw.data == '-';
    const char *first = raw.data + is_negative, *end = raw.data + raw.len, *point = end - 1;
    long long digits = 0;
    if (end - first > EXACT_DIGITS)
        return false;
    for (const char *p = first; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            digits = digits * 10 + (*p - '0');
        else if (*p == '.')
            point = p;
        else
            return false;
    }
    *number = (double)digits / powers[end - 1 - point];
    if (is_negative)
        *number = -*number; // after the conversion: -0 is a number too
    return true;
}

static double read_long_number(lua_State *L, struct slice raw)
{
    char small[SMALL];
    char *room = take_room(L, small, raw.len);
    memcpy(room, raw.data, raw.len);
    room[raw.len] = '\0';
    double number = strtod(room, NULL);
    if (room != small)
        lua_pop(L, 1);
    return number;
}

static void push_number(lua_State *L, struct slice raw)
{
    double number;
    lua_pushnumber(L, read_short_number(raw, &number) ? number : read_long_number(L, raw));
}

static bool push_value(struct decoder *decoder);

static bool push_array(struct decoder *decoder)
{
    int i = 0;
    bool has_items = tokenizer_open(&decoder->in, ']');
    lua_createtable(decoder->L, has_items ? GUESS : 0, 0);
    if (has_items) {
        do {
            if (!push_value(decoder))
                return false;
            lua_rawseti(decoder->L, -2, ++i);
        } while (tokenizer_more(&decoder->in, ']'));
    }
    lua_pushvalue(decoder->L, decoder->array_class);
    lua_setmetatable(decoder->L, -2);
    return !decoder->in.message;
}

// A whole number that surely fits an int, or -1.
static int read_index(struct slice raw)
{
    int index = 0;
    if (raw.len > 9)
        return -1;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return -1;
        index = index * 10 + (raw.data[i] - '0');
    }
    return index;
}

// The n of an object that is {"$secret": n} and nothing else, or -1. Larger values are not read:
// each level of a nest of such objects would read all that is inside it.
static int read_secret(struct tokenizer *in)
{
    struct json_value key, value;
    if (!tokenizer_open(in, '}') || !tokenizer_key(in, &key) ||
        !tokenizer_string_is(in, &key, SLICE("$secret")))
        return -1;
    char first = tokenizer_peek(in);
    if (first < '0' || first > '9' || !tokenizer_value(in, &value))
        return -1;
    return tokenizer_more(in, '}') || in->message ? -1 : read_index(value.raw);
}

static bool push_object_as_secret(struct decoder *decoder)
{
    struct tokenizer ahead = decoder->in;
    int secret = read_secret(&ahead);
    if (secret < 0 || (size_t)secret >= decoder->secrets->secret_count)
        return false;
    decoder->in = ahead;
    value_push_secret(decoder->L, slice_of(decoder->secrets->secrets[secret].value));
    return true;
}

// The name of a member is on top of the stack, its value comes next.
static bool is_kept_raw(struct decoder *decoder)
{
    char first = tokenizer_peek(&decoder->in);
    if (first != '{' && first != '[')
        return false;
    lua_pushvalue(decoder->L, -1);
    lua_rawget(decoder->L, decoder->raw_names);
    bool is_kept = lua_toboolean(decoder->L, -1);
    lua_pop(decoder->L, 1);
    return is_kept;
}

static bool push_member(struct decoder *decoder)
{
    struct json_value value;
    if (!decoder->raw_names || !is_kept_raw(decoder))
        return push_value(decoder);
    if (!tokenizer_value(&decoder->in, &value))
        return false;
    value_push_raw(decoder->L, value.raw);
    return true;
}

static bool push_object(struct decoder *decoder)
{
    struct json_value key;
    if (decoder->secrets && push_object_as_secret(decoder))
        return true;
    bool has_members = tokenizer_open(&decoder->in, '}');
    lua_createtable(decoder->L, 0, has_members ? GUESS : 0);
    if (has_members) {
        do {
            if (!tokenizer_key(&decoder->in, &key))
                return false;
            push_string(decoder, key);
            if (!push_member(decoder))
                return false;
            lua_rawset(decoder->L, -3);
        } while (tokenizer_more(&decoder->in, '}'));
    }
    return !decoder->in.message;
}

static void push_scalar(struct decoder *decoder, struct json_value value)
{
    switch (value.type) {
    case JSON_STRING:
        push_string(decoder, value);
        break;
    case JSON_NUMBER:
        push_number(decoder->L, value.raw);
        break;
    case JSON_NULL:
        value_push_null(decoder->L);
        break;
    default:
        lua_pushboolean(decoder->L, value.type == JSON_TRUE);
    }
}

// What is on the stack after a failure is the caller's to drop. Recursion is bounded by the depth
// of the tokenizer.
static bool push_value(struct decoder *decoder)
{
    struct json_value value;
    char c = tokenizer_peek(&decoder->in);
    if (c == '[' || c == '{') {
        luaL_checkstack(decoder->L, 5, "JSON is nested too deeply");
        return c == '[' ? push_array(decoder) : push_object(decoder);
    }
    if (!tokenizer_value(&decoder->in, &value))
        return false;
    push_scalar(decoder, value);
    return true;
}

static int push_document(struct decoder *decoder, struct json_error *err)
{
    lua_State *L = decoder->L;
    tokenizer_space(&decoder->in);
    char first = tokenizer_peek(&decoder->in);
    bool is_table = first == '[' || first == '{';
    decoder->array_class = lua_gettop(L) + 1;
    luaL_checkstack(L, 4, "too many values");
    if (is_table)
        push_class(L, array_class);
    if (push_value(decoder) && tokenizer_end(&decoder->in)) {
        if (is_table)
            lua_remove(L, decoder->array_class);
        return 0;
    }
    lua_settop(L, decoder->array_class - 1);
    return tokenizer_error(&decoder->in, err);
}

int value_push(lua_State *L, struct slice text, int max_depth, const struct config *secrets,
               struct json_error *err)
{
    struct decoder decoder = {.L = L, .secrets = secrets};
    tokenizer_init(&decoder.in, text, max_depth);
    return push_document(&decoder, err);
}

int value_push_some(lua_State *L, struct slice text, int max_depth, int raw_names,
                    struct json_error *err)
{
    struct decoder decoder = {.L = L, .raw_names = raw_names};
    tokenizer_init(&decoder.in, text, max_depth);
    return push_document(&decoder, err);
}

int value_push_checked_raw(lua_State *L, struct slice text, struct json_error *err)
{
    struct tokenizer in;
    struct json_value value;
    tokenizer_init(&in, text, JSON_MAX_DEPTH);
    tokenizer_space(&in);
    if (!tokenizer_value(&in, &value) || !tokenizer_end(&in))
        return tokenizer_error(&in, err);
    value_push_raw(L, value.raw);
    return 0;
}
