// Translates one answer through Lua: the `codec` of an attempt (lua/api.h).
#pragma once

#include <lua.h>

#include "http/relay.h"
#include "lua/task.h"

struct call;

struct codec {
    struct call *call;    // borrowed; NULL: there is none
    struct task stand_in; // what its functions run as
    int table;            // references in the registry
    int event;            // 0: the table has no such function
    int raw_names;        // of `decode`, a set; 0: events come as text
    bool tells;           // its functions say what an event means, or what was counted
};

// Reads what the plan has to know of the table at `index`; raises when it is none, or lacks what
// that answer needs. The type is borrowed from the table.
void codec_read(lua_State *L, int index, struct relay_plan *plan);

// Takes a reference to the table at `index`.
void codec_init(struct codec *codec, struct call *call, lua_State *L, int index);
void codec_deinit(struct codec *codec);

// As translate() of struct relay_handler; what is made goes to relay_put().
int codec_translate(struct codec *codec, struct relay *relay, enum relay_part part,
                    const struct stream_event *event, struct error *err);
