// JSON text <-> Lua values, keeping null and the empty array apart from nil and the empty object.
//
// null is core.null (a light userdata); arrays carry a metatable that marks them. An object
// {"$secret": n} becomes the secret value of that index (only when `secrets` is given).
//
// A raw value is a table { raw = JSON text } with a marking metatable: an object or array that was
// not taken apart, so that it is written again with the same bytes.
#pragma once

#include <lua.h>

#include "base/buf.h"
#include "config/config.h"
#include "json/json.h"

// Creates the marking metatables of this state. Called once.
void value_open(lua_State *L);

// Decodes and pushes the value. Returns 0; -1 pushes nothing and fills `err`.
int value_push(lua_State *L, struct slice text, int max_depth, const struct config *secrets,
               struct json_error *err);

// The same, but of members whose name is in the set at the stack index `raw_names` (0: none)
// objects and arrays become raw values, at any depth.
int value_push_some(lua_State *L, struct slice text, int max_depth, int raw_names,
                    struct json_error *err);

// Pushes a raw value. The text must be valid JSON.
void value_push_raw(lua_State *L, struct slice text);

// Pushes a raw value of what may be no JSON. Returns 0; -1 pushes nothing and fills `err`.
int value_push_checked_raw(lua_State *L, struct slice text, struct json_error *err);

// The string at `index`, borrowed from Lua; NULL data when there is none (numbers are not
// converted).
struct slice value_text(lua_State *L, int index);

void value_push_null(lua_State *L);

// Marks the table at `index` as an array.
void value_mark_array(lua_State *L, int index);

enum value_mark {
    VALUE_PLAIN,
    VALUE_ARRAY,
    VALUE_RAW,
};

enum value_mark value_mark_of(lua_State *L, int index);

// Appends the value at `index` as JSON, keys sorted. Returns 0, or -1 with a static `*why`, which
// is value_too_large when `out` has reached its limit.
extern const char value_too_large[];
int value_encode(lua_State *L, int index, struct buf *out, const char **why);

// A secret is a userdata with a copy of the text, which no Lua can read: it means the same in every
// generation.
void value_push_secret(lua_State *L, struct slice text);

// Its text, borrowed from Lua; NULL data for anything else.
struct slice value_to_secret(lua_State *L, int index);
