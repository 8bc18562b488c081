#include "lua/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <openssl/crypto.h>

#include "json/tokenizer.h"

#define SECRET_CLASS "tidegate.secret"

enum {
    ENCODE_DEPTH = JSON_MAX_DEPTH,
    EXACT_DIGITS = 15, // decimal integers of so many digits are doubles, unchanged
    SMALL = 256,       // bytes of text that need no memory of their own
    GUESS = 4,         // items of a table that is made before they are counted
};

const char value_too_large[] = "the text is too large";

#define EXACT_LIMIT 1e15

// Its address names the metatable that marks arrays in the registry: found without hashing a text.
static const char array_class[] = "tidegate.array";

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

static void push_array_class(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)array_class);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

void value_open(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)array_class);
    lua_newtable(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
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
    push_array_class(L);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

// ---- text to Lua ------------------------------------------------------------------------------

// Lua raises errors through this code (out of memory), so that it owns nothing outside of Lua.
struct decoder {
    struct tokenizer in;
    lua_State *L;
    int array_class;              // stack index of the metatable
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
            if (!push_value(decoder))
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

int value_push(lua_State *L, struct slice text, int max_depth, const struct config *secrets,
               struct json_error *err)
{
    struct decoder decoder = {.L = L, .array_class = lua_gettop(L) + 1, .secrets = secrets};
    tokenizer_init(&decoder.in, text, max_depth);
    tokenizer_space(&decoder.in);
    char first = tokenizer_peek(&decoder.in);
    bool is_table = first == '[' || first == '{';
    luaL_checkstack(L, 4, "too many values");
    if (is_table)
        push_array_class(L);
    if (push_value(&decoder) && tokenizer_end(&decoder.in)) {
        if (is_table)
            lua_remove(L, decoder.array_class);
        return 0;
    }
    lua_settop(L, decoder.array_class - 1);
    return tokenizer_error(&decoder.in, err);
}

// ---- Lua to text ------------------------------------------------------------------------------

struct encoder {
    lua_State *L;
    struct buf *out;
    const char *why;
    int depth;
};

static int encode_value(struct encoder *encoder, int index);

static int add(struct encoder *encoder, struct slice text)
{
    if (buf_add_slice(encoder->out, text) == 0)
        return 0;
    encoder->why = value_too_large;
    return -1;
}

static int encode_integer(struct encoder *encoder, double number)
{
    char text[1 + BUF_DIGITS] = "-";
    bool is_negative = signbit(number);
    size_t len = buf_print_number(text + 1, (unsigned long long)fabs(number));
    return add(encoder, (struct slice){text + !is_negative, len + is_negative});
}

static int encode_number(struct encoder *encoder, double number)
{
    char text[40];

    if (!isfinite(number)) {
        encoder->why = "JSON has no infinity and no NaN";
        return -1;
    }
    if (fabs(number) < EXACT_LIMIT && number == (double)(long long)number)
        return encode_integer(encoder, number);
    int len = snprintf(text, sizeof(text), "%.15g", number);
    if (strtod(text, NULL) != number)
        len = snprintf(text, sizeof(text), "%.17g", number);
    return add(encoder, (struct slice){text, (size_t)len});
}

static int encode_string(struct encoder *encoder, int index)
{
    struct slice text;
    text.data = lua_tolstring(encoder->L, index, &text.len);
    if (json_string_encode(encoder->out, text) == 0)
        return 0;
    encoder->why = value_too_large;
    return -1;
}

static int encode_array(struct encoder *encoder, int index, size_t count)
{
    int rc = add(encoder, SLICE("["));
    for (size_t i = 1; rc == 0 && i <= count; i++) {
        if (i > 1)
            rc = add(encoder, SLICE(","));
        lua_rawgeti(encoder->L, index, (int)i);
        if (rc == 0)
            rc = encode_value(encoder, lua_gettop(encoder->L));
        lua_pop(encoder->L, 1);
    }
    return rc == 0 ? add(encoder, SLICE("]")) : -1;
}

static int compare_keys(const void *left, const void *right)
{
    const struct slice *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

// Pushes nothing. Returns -1 for a key that is not a string.
static long count_keys(lua_State *L, int index)
{
    long count = 0;
    for (lua_pushnil(L); lua_next(L, index); count++) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            return -1;
        }
    }
    return count;
}

// The keys in order, so that the same value always gives the same bytes. They are borrowed from the
// table, which nobody changes meanwhile.
static void sort_keys(lua_State *L, int index, struct slice *keys)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, index); count++) {
        lua_pop(L, 1);
        keys[count].data = lua_tolstring(L, -1, &keys[count].len);
    }
    if (count > 1)
        qsort(keys, count, sizeof(*keys), compare_keys);
}

static int encode_member(struct encoder *encoder, int index, struct slice key)
{
    lua_State *L = encoder->L;
    if (json_string_encode(encoder->out, key) != 0 || buf_add(encoder->out, ":", 1) != 0) {
        encoder->why = value_too_large;
        return -1;
    }
    lua_pushlstring(L, key.data, key.len);
    lua_rawget(L, index);
    int rc = encode_value(encoder, lua_gettop(L));
    lua_pop(L, 1);
    return rc;
}

static int encode_object(struct encoder *encoder, int index)
{
    lua_State *L = encoder->L;
    long count = count_keys(L, index);

    if (count < 0) {
        encoder->why = "an object has a key that is not a string";
        return -1;
    }
    struct slice *keys = lua_newuserdata(L, sizeof(*keys) * (size_t)count + 1);
    sort_keys(L, index, keys);
    int rc = add(encoder, SLICE("{"));
    for (long i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            rc = add(encoder, SLICE(","));
        if (rc == 0)
            rc = encode_member(encoder, index, keys[i]);
    }
    lua_pop(L, 1);
    return rc == 0 ? add(encoder, SLICE("}")) : -1;
}

static bool is_marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    push_array_class(L);
    bool is_array = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is_array;
}

static int encode_table(struct encoder *encoder, int index)
{
    size_t count = lua_objlen(encoder->L, index);

    if (++encoder->depth > ENCODE_DEPTH) {
        encoder->why = "the value is nested too deeply";
        return -1;
    }
    luaL_checkstack(encoder->L, 8, "value is nested too deeply");
    int rc = count || is_marked_array(encoder->L, index) ? encode_array(encoder, index, count)
                                                         : encode_object(encoder, index);
    encoder->depth--;
    return rc;
}

// Recursion is bounded by ENCODE_DEPTH.
static int encode_value(struct encoder *encoder, int index)
{
    lua_State *L = encoder->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return add(encoder, SLICE("null"));
    case LUA_TBOOLEAN:
        return add(encoder, lua_toboolean(L, index) ? SLICE("true") : SLICE("false"));
    case LUA_TNUMBER:
        return encode_number(encoder, lua_tonumber(L, index));
    case LUA_TSTRING:
        return encode_string(encoder, index);
    case LUA_TTABLE:
        return encode_table(encoder, index);
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, index))
            return add(encoder, SLICE("null"));
        break;
    default:
        break;
    }
    encoder->why = "a function, thread, secret or other userdata has no JSON form";
    return -1;
}

int value_encode(lua_State *L, int index, struct buf *out, const char **why)
{
    struct encoder encoder = {.L = L, .out = out};
    if (index < 0)
        index = lua_gettop(L) + 1 + index;
    int rc = encode_value(&encoder, index);
    *why = encoder.why;
    return rc;
}
