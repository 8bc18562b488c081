#include "lua/document_class.h"

#include <math.h>

#include <lauxlib.h>

#include "json/document.h"
#include "lua/call.h"
#include "lua/call_body.h"
#include "lua/call_class.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

#define DOCUMENT_CLASS "tidegate.document"

// Its environment table keeps the userdata of the request, which `call` points into.
struct view {
    struct call **call;
};

// A path as arguments, from index 2 on.
struct path {
    struct document_path path;
    struct document_step steps[DOCUMENT_STEPS];
};

// ---- arguments --------------------------------------------------------------------------------

static struct call *check_call(lua_State *L, int index)
{
    struct view *view = vm_check_class(L, index, vm_of(L)->document_class);
    if (!*view->call)
        luaL_error(L, "this request has ended");
    return *view->call;
}

static struct document *check_document(lua_State *L, struct call *call)
{
    struct json_error err;
    struct document *document = call_document(call, &err);
    if (!document)
        luaL_error(L, "the body of the request cannot be read: %s", err.message);
    return document;
}

static struct document_step check_step(lua_State *L, int index)
{
    struct document_step step = {.name = value_text(L, index)};
    double position = lua_tonumber(L, index);

    if (step.name.data)
        return step;
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_typerror(L, index, "name or position");
    if (position == 0 || position != floor(position) || fabs(position) > 1e9)
        luaL_argerror(L, index, "positions are whole numbers from 1 on (-1 is the last)");
    step.position = (long)position;
    return step;
}

// The arguments from index 2 to `last`.
static void check_path(lua_State *L, int last, struct path *path)
{
    path->path = (struct document_path){path->steps, 0};
    if (last - 1 > DOCUMENT_STEPS)
        luaL_error(L, "a path has at most %d steps", DOCUMENT_STEPS);
    for (int i = 2; i <= last; i++)
        path->steps[path->path.count++] = check_step(L, i);
    if (path->path.count && !path->steps[0].name.data)
        luaL_argerror(L, 2, "a path begins with a name: the body is an object");
}

// ---- values -----------------------------------------------------------------------------------

static void push_node(lua_State *L, const cJSON *node);

static void push_container(lua_State *L, const cJSON *node)
{
    bool is_array = (node->type & 0xFF) == cJSON_Array;
    int i = 0;

    luaL_checkstack(L, 6, "JSON is nested too deeply");
    lua_newtable(L);
    for (const cJSON *item = node->child; item; item = item->next) {
        if (!is_array)
            lua_pushstring(L, item->string);
        push_node(L, item);
        if (is_array)
            lua_rawseti(L, -2, ++i);
        else
            lua_rawset(L, -3);
    }
    if (is_array)
        value_mark_array(L, lua_gettop(L));
}

static void push_raw(lua_State *L, struct slice raw)
{
    struct json_error ignored; // it has been read before
    if (value_push(L, raw, JSON_DEPTH_CAP, NULL, &ignored) != 0)
        lua_pushnil(L);
}

// Recursion is bounded by the depth of the document.
static void push_node(lua_State *L, const cJSON *node)
{
    switch (node->type & 0xFF) {
    case cJSON_False:
    case cJSON_True:
        lua_pushboolean(L, (node->type & 0xFF) == cJSON_True);
        break;
    case cJSON_Number:
        lua_pushnumber(L, node->valuedouble);
        break;
    case cJSON_String:
        lua_pushstring(L, node->valuestring);
        break;
    case cJSON_Raw:
        push_raw(L, slice_of(node->valuestring));
        break;
    case cJSON_Array:
    case cJSON_Object:
        push_container(L, node);
        break;
    default:
        value_push_null(L);
    }
}

static void push_value(lua_State *L, const struct document_value *value)
{
    if (value->node)
        push_node(L, value->node);
    else
        push_raw(L, value->raw);
}

static int push_failure(lua_State *L, enum document_result result)
{
    if (result == DOCUMENT_TOO_LARGE)
        return task_push_error(L, "too_large",
                               "the body would be, or is, too large or nested too deeply to be "
                               "changed there (limits.body, limits.json_depth)");
    return task_push_error(L, "bad_request",
                           "the path leads into something that is no object, or behind the end of "
                           "an array");
}

// ---- reading ----------------------------------------------------------------------------------

static int get_table(lua_State *L)
{
    struct call *call = check_call(L, 1);
    check_document(L, call);
    push_raw(L, call_body(call));
    return 1;
}

static int get(lua_State *L)
{
    struct path path;
    struct document_value value;
    int top = lua_gettop(L);

    if (top < 2)
        return get_table(L);
    check_path(L, top, &path);
    struct document *document = check_document(L, check_call(L, 1));
    enum document_result result = document_get(document, path.path, &value);
    if (result == DOCUMENT_TOO_LARGE)
        return push_failure(L, result);
    if (result == DOCUMENT_OK)
        push_value(L, &value);
    else
        lua_pushnil(L);
    return 1;
}

static int get_length(lua_State *L)
{
    struct path path;
    size_t length = 0;

    check_path(L, lua_gettop(L), &path);
    struct document *document = check_document(L, check_call(L, 1));
    enum document_result result = document_length(document, path.path, &length);
    if (result == DOCUMENT_TOO_LARGE)
        return push_failure(L, result);
    if (result == DOCUMENT_OK)
        lua_pushnumber(L, (double)length);
    else
        lua_pushnil(L);
    return 1;
}

static int get_raw(lua_State *L)
{
    struct path path;
    struct document_value value;
    struct call *call = check_call(L, 1);

    check_path(L, lua_gettop(L), &path);
    if (!path.path.count) {
        struct slice body = call_body(call);
        lua_pushlstring(L, body.data ? body.data : "", body.len);
        return 1;
    }
    enum document_result result = document_get(check_document(L, call), path.path, &value);
    if (result == DOCUMENT_TOO_LARGE)
        return push_failure(L, result);
    lua_pushnil(L);
    if (result != DOCUMENT_OK)
        return 1;
    struct buf *text = vm_scratch(vm_of(L), SIZE_MAX / 2);
    document_print_value(&value, text);
    lua_pushlstring(L, text->data, text->len);
    return 1;
}

// ---- each -------------------------------------------------------------------------------------

enum upvalue { // the first is the vm
    UPVALUE_VIEW = 2,
    UPVALUE_CURSOR,
    UPVALUE_PATH, // the steps, one by one
};

static int next_item(lua_State *L)
{
    struct path path = {.path = {path.steps, 0}};
    struct document_cursor *cursor = lua_touserdata(L, lua_upvalueindex(UPVALUE_CURSOR));
    struct document_value value;
    struct slice name;

    struct document *document = check_document(L, check_call(L, lua_upvalueindex(UPVALUE_VIEW)));
    for (int i = UPVALUE_PATH; !lua_isnone(L, lua_upvalueindex(i)); i++)
        path.steps[path.path.count++] = check_step(L, lua_upvalueindex(i));
    if (document_next(document, path.path, cursor, &name, &value) != DOCUMENT_OK)
        return 0;
    if (name.data)
        lua_pushlstring(L, name.data, name.len);
    else
        lua_pushnumber(L, (double)cursor->index);
    push_value(L, &value);
    return 2;
}

static int each(lua_State *L)
{
    struct path path;
    int top = lua_gettop(L);

    check_call(L, 1);
    check_path(L, top, &path);
    lua_pushlightuserdata(L, vm_of(L));
    lua_pushvalue(L, 1);
    struct document_cursor *cursor = lua_newuserdata(L, sizeof(*cursor));
    *cursor = (struct document_cursor){.index = 0};
    for (int i = 2; i <= top; i++)
        lua_pushvalue(L, i);
    lua_pushcclosure(L, next_item, UPVALUE_CURSOR + top - 1);
    return 1;
}

// ---- changing ---------------------------------------------------------------------------------

static struct call *check_changeable(lua_State *L)
{
    struct call *call = check_call(L, 1);
    if (!call_may_change_body(call))
        luaL_error(L, "the body cannot be changed any more: it is on its way to a provider");
    return call;
}

// A change that might pass the limit is looked at with the exact size.
static bool has_room(lua_State *L, struct call *call, size_t more)
{
    size_t most = call_config(call)->limits.body;

    if (document_bound(check_document(L, call)) + more <= most)
        return true;
    call_body(call);
    return document_bound(check_document(L, call)) + more <= most;
}

static int set(lua_State *L)
{
    struct path path;
    const char *why;
    struct call *call = check_changeable(L);
    int top = lua_gettop(L);

    if (top < 3 || lua_isnil(L, top))
        return luaL_error(L, "set() needs a path and a value; del() removes");
    check_path(L, top - 1, &path);
    struct buf *json = vm_scratch(call->vm, call_config(call)->limits.body);
    int rc = value_encode(L, top, json, &why);
    if (rc != 0 && why != value_too_large)
        return luaL_error(L, "cannot write this as JSON: %s", why);
    enum document_result result = DOCUMENT_TOO_LARGE;
    if (rc == 0 && has_room(L, call, json->len))
        result = document_set(check_document(L, call), path.path, buf_slice(json));
    if (result != DOCUMENT_OK)
        return push_failure(L, result);
    lua_pushboolean(L, 1);
    return 1;
}

static int delete (lua_State *L)
{
    struct path path;
    struct call *call = check_changeable(L);
    int top = lua_gettop(L);

    if (top < 2)
        return luaL_error(L, "del() needs a path");
    check_path(L, top, &path);
    enum document_result result = document_delete(check_document(L, call), path.path);
    if (result == DOCUMENT_TOO_LARGE)
        return push_failure(L, result);
    lua_pushboolean(L, result == DOCUMENT_OK);
    return 1;
}

// ---- methods of the request - -------------------------------------------------------------------

static int get_document(lua_State *L)
{
    struct call *call = call_class_check(L, 1);
    struct json_error err;

    if (!call_document(call, &err)) {
        lua_pushfstring(L, "the body is no JSON object: %s at byte %d", err.message,
                        (int)err.offset);
        return task_push_error(L, "bad_request", lua_tostring(L, -1));
    }
    struct view *view = lua_newuserdata(L, sizeof(*view));
    view->call = call->handle;
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    luaL_getmetatable(L, DOCUMENT_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

static int needs_scan(lua_State *L)
{
    lua_pushboolean(L, call_is_rewritten(call_class_check(L, 1)));
    return 1;
}

static int replace_body(lua_State *L)
{
    struct call *call = call_class_check(L, 1);
    struct error err;
    struct slice text;

    text.data = luaL_checklstring(L, 2, &text.len);
    if (!call_may_change_body(call))
        return luaL_error(L, "the body cannot be changed any more: it is on its way to a provider");
    if (call_replace_body(call, text, &err) != 0)
        return task_push_error(L, error_kind_name(err.kind), err.message);
    lua_pushboolean(L, 1);
    return 1;
}

// ---- class ------------------------------------------------------------------------------------

void document_class_add_methods(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"document", get_document},
        {"replace_body", replace_body},
        {"needs_scan", needs_scan},
        {NULL, NULL},
    };
    vm_register(vm, methods);
}

void document_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"get", get},   {"set", set},         {"del", delete},  {"len", get_length},
        {"each", each}, {"table", get_table}, {"raw", get_raw}, {NULL, NULL},
    };
    vm->document_class = vm_register_class(vm, DOCUMENT_CLASS, methods);
    lua_pop(vm->L, 1);
}
