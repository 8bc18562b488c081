#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "lua/value.h"

enum {
    ENCODE_DEPTH = JSON_MAX_DEPTH,
    FEW_KEYS = 16, // of an object: they need no memory of their own
};

#define EXACT_LIMIT 1e15 // below it a whole number has one way to be written

const char value_too_large[] = "the text is too large";

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

static void sort_few(struct slice *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct slice key = keys[i];
        size_t at = i;
        for (; at > 0 && compare_keys(&key, &keys[at - 1]) < 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
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
    if (count > FEW_KEYS)
        qsort(keys, count, sizeof(*keys), compare_keys);
    else
        sort_few(keys, count);
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
    struct slice few[FEW_KEYS], *keys = few;
    int top = lua_gettop(L);
    if (count > FEW_KEYS)
        keys = lua_newuserdata(L, sizeof(*keys) * (size_t)count);
    sort_keys(L, index, keys);
    int rc = add(encoder, SLICE("{"));
    for (long i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            rc = add(encoder, SLICE(","));
        if (rc == 0)
            rc = encode_member(encoder, index, keys[i]);
    }
    lua_settop(L, top);
    return rc == 0 ? add(encoder, SLICE("}")) : -1;
}

static int encode_raw(struct encoder *encoder, int index)
{
    lua_pushliteral(encoder->L, "raw");
    lua_rawget(encoder->L, index);
    struct slice text = value_text(encoder->L, -1);
    int rc = text.data ? add(encoder, text) : -1;
    if (!text.data)
        encoder->why = "a raw value has lost its text";
    lua_pop(encoder->L, 1);
    return rc;
}

// A table without items: an object, unless it is marked.
static int encode_marked(struct encoder *encoder, int index)
{
    switch (value_mark_of(encoder->L, index)) {
    case VALUE_ARRAY:
        return encode_array(encoder, index, 0);
    case VALUE_RAW:
        return encode_raw(encoder, index);
    default:
        return encode_object(encoder, index);
    }
}

static int encode_table(struct encoder *encoder, int index)
{
    size_t count = lua_objlen(encoder->L, index);

    if (++encoder->depth > ENCODE_DEPTH) {
        encoder->why = "the value is nested too deeply";
        return -1;
    }
    luaL_checkstack(encoder->L, 8, "value is nested too deeply");
    int rc = count ? encode_array(encoder, index, count) : encode_marked(encoder, index);
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
