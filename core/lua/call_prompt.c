#include "lua/call_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "config/config.h"
#include "json/estimate.h"
#include "json/items.h"
#include "json/tokenizer.h"
#include "lua/call.h"
#include "lua/call_class.h"

// Where the arguments stand: positions of the last scan.
enum { MESSAGES = 2, PROMPT, INPUT, TOOLS, IMAGES, MOST_NEW, MOST_OLD, SYSTEM };

enum { NUMBER_LEN = 32 }; // a longer text is no sensible number of tokens

static struct json_value field_at(lua_State *L, const struct call *call, int argument)
{
    lua_Integer i = luaL_checkinteger(L, argument);
    if (i < 1 || (size_t)i > call->scan_count)
        return (struct json_value){.type = JSON_ABSENT};
    return call->scan[i - 1].value;
}

// All zero when it is not there.
static struct json_estimate estimate(lua_State *L, const struct call *call, int argument)
{
    struct json_value value = field_at(L, call, argument);
    if (value.type == JSON_ABSENT)
        return (struct json_estimate){0};
    return json_estimate(value.raw);
}

// What stands in place of messages.
static struct json_estimate estimate_prompt(lua_State *L, const struct call *call)
{
    struct json_estimate prompt = estimate(L, call, PROMPT), input = estimate(L, call, INPUT);
    return (struct json_estimate){
        .tokens = prompt.tokens + input.tokens,
        .has_images =
            prompt.has_images || input.has_images || estimate(L, call, IMAGES).elements > 0,
        .has_audio = prompt.has_audio || input.has_audio,
    };
}

static void push_number(lua_State *L, const struct call *call)
{
    struct json_value value = field_at(L, call, MOST_NEW);
    char text[NUMBER_LEN];

    if (value.type != JSON_NUMBER)
        value = field_at(L, call, MOST_OLD);
    if (value.type != JSON_NUMBER || value.raw.len >= sizeof(text)) {
        lua_pushnil(L);
        return;
    }
    memcpy(text, value.raw.data, value.raw.len);
    text[value.raw.len] = '\0';
    lua_pushnumber(L, strtod(text, NULL));
}

// What an array begins with.
static char first_byte(struct slice array)
{
    const char *end = array.data + array.len;
    const char *p = tokenizer_after_space(array.data + 1, end);
    if (p < end)
        return *p;
    return ']';
}

int call_prompt_count(lua_State *L)
{
    const struct call *call = call_class_check(L, 1);
    struct json_value value = field_at(L, call, 2);
    size_t most = call_config(call)->limits.inputs;

    if (value.type != JSON_ARRAY) {
        lua_pushnil(L);
        return 1;
    }
    char first = first_byte(value.raw);
    bool is_number = first == '-' || (first >= '0' && first <= '9'); // one list of tokens
    lua_pushnumber(L, is_number ? 1 : (lua_Number)json_count_items(value.raw, most));
    lua_pushnumber(L, (lua_Number)most);
    lua_pushboolean(L, is_number || first == '[');
    return 3;
}

int call_prompt_look(lua_State *L)
{
    const struct call *call = call_class_check(L, 1);
    bool has_messages = field_at(L, call, MESSAGES).type != JSON_ABSENT;
    struct json_estimate said =
        has_messages ? estimate(L, call, MESSAGES) : estimate_prompt(L, call);
    struct json_estimate tools = estimate(L, call, TOOLS);

    lua_pushnumber(L, ceil(said.tokens + tools.tokens + estimate(L, call, SYSTEM).tokens));
    push_number(L, call);
    lua_pushinteger(L, (lua_Integer)said.elements);
    lua_pushboolean(L, tools.elements > 0);
    lua_pushboolean(L, said.has_images);
    lua_pushboolean(L, said.has_audio);
    return 6;
}
