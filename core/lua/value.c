#include "lua/value.h"

#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "json/tree.h"

#define ARRAY_CLASS  "tidegate.array"
#define SECRET_CLASS "tidegate.secret"

enum { ENCODE_DEPTH = JSON_MAX_DEPTH };

static int secret_tostring(lua_State *L)
{
    lua_pushliteral(L, "***");
    return 1;
}

void value_open(lua_State *L)
{
    luaL_newmetatable(L, ARRAY_CLASS);
    lua_pop(L, 1);
    luaL_newmetatable(L, SECRET_CLASS);
    lua_pushcfunction(L, secret_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void value_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

void value_push_secret(lua_State *L, int secret)
{
    int *box = lua_newuserdata(L, sizeof(*box));
    *box = secret;
    luaL_getmetatable(L, SECRET_CLASS);
    lua_setmetatable(L, -2);
}

int value_to_secret(lua_State *L, int index)
{
    int secret = -1;
    const int *box = lua_touserdata(L, index);

    if (!box || !lua_getmetatable(L, index))
        return -1;
    luaL_getmetatable(L, SECRET_CLASS);
    if (lua_rawequal(L, -1, -2))
        secret = *box;
    lua_pop(L, 2);
    return secret;
}

void value_mark_array(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    luaL_getmetatable(L, ARRAY_CLASS);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

// ---- text to Lua ------------------------------------------------------------------------------

// What cJSON cannot hold stands in the tree as text: a number, a string with NUL, or an object with
// NUL in a name, which Lua gets as its text.
static void push_raw(lua_State *L, const char *text)
{
    struct slice raw = slice_of(text);
    struct buf decoded;

    if (*text == '{') {
        lua_pushstring(L, text);
        return;
    }
    if (*text != '"') {
        lua_pushnumber(L, strtod(text, NULL));
        return;
    }
    buf_init(&decoded, raw.len);
    json_string_decode((struct json_value){JSON_STRING, raw}, &decoded);
    lua_pushlstring(L, decoded.data ? decoded.data : "", decoded.len);
    buf_deinit(&decoded);
}

static void push_node(lua_State *L, const cJSON *node, bool secrets);

static void push_array(lua_State *L, const cJSON *node, bool secrets)
{
    int i = 0;
    lua_newtable(L);
    for (const cJSON *item = node->child; item; item = item->next) {
        push_node(L, item, secrets);
        lua_rawseti(L, -2, ++i);
    }
    value_mark_array(L, -1);
}

static bool push_object_as_secret(lua_State *L, const cJSON *node)
{
    const cJSON *only = node->child;
    if (!only || only->next || !cJSON_IsNumber(only) || strcmp(only->string, "$secret") != 0)
        return false;
    value_push_secret(L, only->valueint);
    return true;
}

static void push_object(lua_State *L, const cJSON *node, bool secrets)
{
    if (secrets && push_object_as_secret(L, node))
        return;
    lua_newtable(L);
    for (const cJSON *item = node->child; item; item = item->next) {
        lua_pushstring(L, item->string);
        push_node(L, item, secrets);
        lua_rawset(L, -3);
    }
}

// Recursion is bounded by the depth that the parser allows.
static void push_node(lua_State *L, const cJSON *node, bool secrets)
{
    luaL_checkstack(L, 4, "JSON is nested too deeply");
    switch (node->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        lua_pushboolean(L, cJSON_IsTrue(node));
        break;
    case cJSON_Number:
        lua_pushnumber(L, node->valuedouble);
        break;
    case cJSON_String:
        lua_pushstring(L, node->valuestring);
        break;
    case cJSON_Raw:
        push_raw(L, node->valuestring);
        break;
    case cJSON_Array:
        push_array(L, node, secrets);
        break;
    case cJSON_Object:
        push_object(L, node, secrets);
        break;
    default:
        value_push_null(L);
    }
}

int value_push(lua_State *L, struct slice text, int max_depth, bool secrets, struct json_error *err)
{
    cJSON *tree = json_tree_parse(text, max_depth, err);
    if (!tree)
        return -1;
    push_node(L, tree, secrets);
    cJSON_Delete(tree);
    return 0;
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
    encoder->why = "the text is too large";
    return -1;
}

static int encode_number(struct encoder *encoder, double number)
{
    char text[40];
    int len;

    if (!isfinite(number)) {
        encoder->why = "JSON has no infinity and no NaN";
        return -1;
    }
    if (number == floor(number) && fabs(number) < 1e15)
        len = snprintf(text, sizeof(text), "%.0f", number);
    else
        len = snprintf(text, sizeof(text), "%.15g", number);
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
    encoder->why = "the text is too large";
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

// Pushes a list of the table's keys, sorted, so that the same value always gives the same bytes.
static int push_sorted_keys(struct encoder *encoder, int index, size_t *count)
{
    lua_State *L = encoder->L;
    *count = 0;
    lua_newtable(L);
    int keys = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            encoder->why = "an object has a key that is not a string";
            lua_settop(L, keys - 1);
            return -1;
        }
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, (int)++*count);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, "tidegate.sort");
    lua_pushvalue(L, keys);
    lua_call(L, 1, 0);
    return 0;
}

static int encode_object(struct encoder *encoder, int index)
{
    lua_State *L = encoder->L;
    size_t count;

    if (push_sorted_keys(encoder, index, &count) != 0)
        return -1;
    int keys = lua_gettop(L);
    int rc = add(encoder, SLICE("{"));
    for (size_t i = 1; rc == 0 && i <= count; i++) {
        if (i > 1)
            rc = add(encoder, SLICE(","));
        lua_rawgeti(L, keys, (int)i);
        if (rc == 0 && (rc = encode_string(encoder, lua_gettop(L))) == 0)
            rc = add(encoder, SLICE(":"));
        lua_rawget(L, index);
        if (rc == 0)
            rc = encode_value(encoder, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_settop(L, keys - 1);
    return rc == 0 ? add(encoder, SLICE("}")) : -1;
}

static bool is_marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, ARRAY_CLASS);
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
