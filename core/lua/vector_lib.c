#include "lua/vector_lib.h"

#include <lauxlib.h>

#include "json/floats.h"
#include "json/items.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

enum { TEXT_LIMIT = 1 << 22 }; // of one vector: LIMIT_VECTOR numbers fit in

// JSON text, or a raw value that has one. It stays on the stack.
static struct slice check_json(lua_State *L, int index)
{
    if (lua_istable(L, index) && value_mark_of(L, index) == VALUE_RAW) {
        lua_getfield(L, index, "raw");
        lua_replace(L, index);
    }
    struct slice text = value_text(L, index);
    if (!text.data)
        luaL_typerror(L, index, "JSON text");
    return text;
}

static int push_problem(lua_State *L, const struct json_error *err)
{
    return task_push_error(L, "bad_request",
                           lua_pushfstring(L, "%s, at byte %d", err->message, (int)err->offset));
}

struct item_list {
    lua_State *L;
    int index, count;
};

// Arrays and objects keep their text; what they hold is nobody's business yet.
static void add_item(void *owner, struct json_value item)
{
    struct item_list *list = owner;
    struct json_error ignored;

    if (item.type == JSON_ARRAY || item.type == JSON_OBJECT)
        value_push_raw(list->L, item.raw);
    else if (value_push(list->L, item.raw, 1, NULL, &ignored) != 0)
        return;
    lua_rawseti(list->L, list->index, ++list->count);
}

static int items(lua_State *L)
{
    struct slice text = check_json(L, 1);
    struct json_error err;

    lua_settop(L, 1);
    lua_newtable(L);
    struct item_list list = {L, 2, 0};
    luaL_checkstack(L, 8, "too many items");
    if (json_items(text, JSON_MAX_DEPTH, add_item, &list, &err) != 0)
        return push_problem(L, &err);
    return 1;
}

typedef int (*conversion)(struct slice from, struct buf *out, struct json_error *err);

static int convert(lua_State *L, conversion make)
{
    struct slice text = check_json(L, 1);
    struct buf *out = vm_scratch(vm_of(L), TEXT_LIMIT);
    struct json_error err;

    if (make(text, out, &err) != 0)
        return push_problem(L, &err);
    lua_pushlstring(L, out->data ? out->data : "", out->len);
    return 1;
}

static int floats_from_text(lua_State *L)
{
    return convert(L, floats_to_base64);
}

static int text_from_base64(lua_State *L)
{
    return convert(L, floats_from_base64);
}

static int check_vector(lua_State *L)
{
    bool is_base64 = lua_toboolean(L, 2);
    struct slice text = check_json(L, 1);
    struct json_error err;

    if ((is_base64 ? floats_check_base64 : floats_check)(text, &err) != 0)
        return push_problem(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

void vector_lib_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"items", items},
        {"check_vector", check_vector},
        {"floats_to_base64", floats_from_text},
        {"base64_to_floats", text_from_base64},
        {NULL, NULL},
    };

    vm_register(vm, functions);
}
