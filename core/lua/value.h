// JSON text <-> Lua values, keeping null and the empty array apart from nil and the empty object.
//
// null is core.null (a light userdata); arrays carry a metatable that marks them. An object
// {"$secret": n} becomes a secret value (only when `secrets` is asked for).
#pragma once

#include <stdbool.h>

#include <lua.h>

#include "base/buf.h"
#include "json/json.h"

// Creates the marking metatables of this state. Called once.
void value_open(lua_State *L);

// Decodes and pushes the value. Returns 0; -1 pushes nothing and fills `err`.
int value_push(lua_State *L, struct slice text, int max_depth, bool secrets,
               struct json_error *err);

// The string at `index`, borrowed from Lua; NULL data when there is none (numbers are not
// converted).
struct slice value_text(lua_State *L, int index);

void value_push_null(lua_State *L);

// Marks the table at `index` as an array.
void value_mark_array(lua_State *L, int index);

// Appends the value at `index` as JSON, keys sorted. Returns 0, or -1 with a static `*why`.
int value_encode(lua_State *L, int index, struct buf *out, const char **why);

// A secret is a userdata holding its index in config->secrets.
void value_push_secret(lua_State *L, int secret);
int value_to_secret(lua_State *L, int index); // -1: not a secret
