#include "lua/call_class.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "lua/attempt.h"
#include "lua/call.h"
#include "lua/call_access.h"
#include "lua/call_body.h"
#include "lua/call_prompt.h"
#include "lua/call_signature.h"
#include "lua/document_class.h"
#include "lua/inner_call.h"
#include "lua/stream_events.h"
#include "lua/summary.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

#define CALL_CLASS   "tidegate.request"
#define FIELDS_CLASS "tidegate.fields"

enum { FIELDS_MAX = 48 };

// Compiled core.fields: the names are borrowed from Lua strings that the uservalue table anchors.
struct fields {
    size_t count;
    struct slice names[FIELDS_MAX];
};

static struct call *check_call(lua_State *L)
{
    const struct vm *vm = vm_of(L);
    struct call **handle = lua_touserdata(L, 1);
    // Nearly always the running task's own request: then its class needs no look.
    if (!handle || !vm->running || vm->running->request != handle)
        handle = vm_check_class(L, 1, vm->request_class);
    if (!*handle)
        luaL_error(L, "this request has ended");
    return *handle;
}

struct call *call_class_check(lua_State *L, int index)
{
    struct call **handle = vm_check_class(L, index, vm_of(L)->request_class);
    if (!*handle)
        luaL_error(L, "this request has ended");
    return *handle;
}

struct call **call_class_push(lua_State *L, struct call *call)
{
    struct call **handle = lua_newuserdata(L, sizeof(struct call *));
    *handle = call;
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->vm->request_class_ref);
    lua_setmetatable(L, -2);
    return handle;
}

static int push_slice(lua_State *L, struct slice text)
{
    if (text.data)
        lua_pushlstring(L, text.data, text.len);
    else
        lua_pushnil(L);
    return 1;
}

// ---- what the client sent ---------------------------------------------------------------------

static int get_method(lua_State *L)
{
    return push_slice(L, exchange_request(check_call(L)->exchange)->method);
}

static int get_path(lua_State *L)
{
    return push_slice(L, exchange_request(check_call(L)->exchange)->path);
}

static int get_query(lua_State *L)
{
    return push_slice(L, exchange_request(check_call(L)->exchange)->query);
}

static int get_header(lua_State *L)
{
    struct call *call = check_call(L);
    struct slice name;
    name.data = luaL_checklstring(L, 2, &name.len);
    return push_slice(L, headers_find(exchange_request(call->exchange)->headers, name));
}

static int get_peer(lua_State *L)
{
    lua_pushstring(L, exchange_peer(check_call(L)->exchange));
    return 1;
}

// The address of "127.0.0.1:5000" or "[::1]:5000".
static int get_ip(lua_State *L)
{
    struct slice peer = slice_of(exchange_peer(check_call(L)->exchange));
    const char *end = strrchr(peer.data, ':');
    size_t len = end ? (size_t)(end - peer.data) : peer.len;
    bool has_brackets = len > 2 && peer.data[0] == '[';

    return push_slice(L, has_brackets ? (struct slice){peer.data + 1, len - 2}
                                      : (struct slice){peer.data, len});
}

static int get_id(lua_State *L)
{
    lua_pushlstring(L, check_call(L)->id, CALL_ID_LEN);
    return 1;
}

static int get_body(lua_State *L)
{
    return push_slice(L, call_body(check_call(L)));
}

static int holds(lua_State *L)
{
    struct slice body = call_body(check_call(L));
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);

    lua_pushboolean(L, body.len && memmem(body.data, body.len, text, len) != NULL);
    return 1;
}

static int get_size(lua_State *L)
{
    lua_pushnumber(L, (double)call_body(check_call(L)).len);
    return 1;
}

static int is_started(lua_State *L)
{
    lua_pushboolean(L, exchange_is_started(check_call(L)->exchange));
    return 1;
}

static int is_gone(lua_State *L)
{
    lua_pushboolean(L, exchange_is_gone(check_call(L)->exchange));
    return 1;
}

// ---- scanning the body ------------------------------------------------------------------------

static int new_fields(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = lua_objlen(L, 1);
    if (count > FIELDS_MAX)
        return luaL_error(L, "at most %d fields can be scanned at once", FIELDS_MAX);
    struct fields *fields = lua_newuserdata(L, sizeof(*fields));
    fields->count = count;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        fields->names[i].data = luaL_checklstring(L, -1, &fields->names[i].len);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfenv(L, -2); // anchors the names
    luaL_getmetatable(L, FIELDS_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

static int push_bad_request(lua_State *L, const char *format, const char *what, size_t offset)
{
    lua_pushboolean(L, 0);
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "bad_request");
    lua_setfield(L, -2, "kind");
    lua_pushfstring(L, format, what, (int)offset);
    lua_setfield(L, -2, "message");
    return 2;
}

// Two of these make the request mean different things to different readers.
static const char *repeated_field(const struct call *call)
{
    for (size_t i = 0; i < call->scan_count; i++) {
        const struct json_field *field = &call->scan[i];
        if (field->count > 1 && slice_equal(field->name, SLICE("model")))
            return "model";
        if (field->count > 1 && slice_equal(field->name, SLICE("stream")))
            return "stream";
    }
    return NULL;
}

enum { DECODE_MAX = 256 }; // larger arrays and objects are told by `true`, see req:raw()

static void push_scanned(lua_State *L, struct json_value value, int max_depth)
{
    struct json_error ignored;
    bool is_container = value.type == JSON_ARRAY || value.type == JSON_OBJECT;

    if (is_container && value.raw.len > DECODE_MAX)
        lua_pushboolean(L, 1);
    else if (value.type == JSON_ABSENT || value_push(L, value.raw, max_depth, NULL, &ignored) != 0)
        lua_pushnil(L);
}

static void prepare_scan(struct call *call, const struct fields *fields)
{
    if (call->scan_count != fields->count) {
        free(call->scan);
        call->scan = mem_alloc(fields->count * sizeof(*call->scan) + 1);
        call->scan_count = fields->count;
    }
    for (size_t i = 0; i < fields->count; i++)
        call->scan[i] = (struct json_field){.name = fields->names[i]};
}

static int scan(lua_State *L)
{
    struct call *call = check_call(L);
    const struct fields *fields = vm_check_class(L, 2, vm_of(L)->fields_class);
    struct slice body = call_body(call);
    int max_depth = (int)call_config(call)->limits.json_depth;
    struct json_error err;

    if (!body.len)
        return push_bad_request(L, "the request has no body", "", 0);
    prepare_scan(call, fields);
    if (json_scan(body, call->scan, call->scan_count, max_depth, &err) != 0)
        return push_bad_request(L, "the body is not valid JSON: %s at byte %d", err.message,
                                err.offset);
    const char *repeated = repeated_field(call);
    if (repeated)
        return push_bad_request(L, "the body has '%s' more than once", repeated, 0);
    luaL_checkstack(L, (int)fields->count + 4, "too many fields");
    lua_pushboolean(L, 1);
    for (size_t i = 0; i < fields->count; i++)
        push_scanned(L, call->scan[i].value, max_depth);
    return (int)fields->count + 1;
}

static int get_raw(lua_State *L)
{
    struct call *call = check_call(L);
    int i = (int)luaL_checkinteger(L, 2);
    size_t most = (size_t)luaL_optinteger(L, 3, INT32_MAX);
    if (i < 1 || (size_t)i > call->scan_count || call->scan[i - 1].value.type == JSON_ABSENT)
        lua_pushnil(L);
    else {
        struct slice raw = call->scan[i - 1].value.raw;
        push_slice(L, (struct slice){raw.data, raw.len < most ? raw.len : most});
    }
    return 1;
}

// ---- answering --------------------------------------------------------------------------------

static bool has_control_byte(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < ' ')
            return true;
    }
    return false;
}

static void add_header_line(lua_State *L, struct buf *headers, struct slice name,
                            struct slice value)
{
    if (!name.len || has_control_byte(name) || has_control_byte(value))
        luaL_error(L, "a header must have a name, and no control characters");
    if (buf_add_slice(headers, name) != 0 || buf_add_text(headers, ": ") != 0 ||
        buf_add_slice(headers, value) != 0 || buf_add_text(headers, "\r\n") != 0)
        luaL_error(L, "the headers of the answer are larger than %d bytes", LIMIT_RESPONSE_HEAD);
}

static int set_header(lua_State *L)
{
    struct call *call = check_call(L);
    struct slice name, value;
    name.data = luaL_checklstring(L, 2, &name.len);
    value.data = luaL_checklstring(L, 3, &value.len);
    add_header_line(L, &call->headers, name, value);
    return 0;
}

static int get_hold_limit(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)call_config(check_call(L))->limits.hold);
    return 1;
}

// The headers table at `index`, as lines kept in the call, which also owns them if this raises.
static void read_reply_headers(lua_State *L, int index, struct call *call)
{
    lua_pushnil(L);
    while (lua_istable(L, index) && lua_next(L, index)) {
        struct slice name, value;
        name.data = luaL_checklstring(L, -2, &name.len);
        value.data = luaL_checklstring(L, -1, &value.len);
        add_header_line(L, &call->headers, name, value);
        lua_pop(L, 1);
    }
}

static int reply(lua_State *L)
{
    struct call *call = check_call(L);
    int status = (int)luaL_checkinteger(L, 2);
    struct slice body = {"", 0};

    if (!lua_isnoneornil(L, 3))
        body.data = luaL_checklstring(L, 3, &body.len);
    if (call->is_ended || exchange_is_started(call->exchange))
        return luaL_error(L, "the answer has already begun");
    lua_settop(L, 4);
    if (lua_istable(L, 4))
        read_reply_headers(L, 4, call);
    call_reply(call, status, (struct slice){NULL, 0}, body);
    return 0;
}

static int fail_stream(lua_State *L)
{
    struct call *call = check_call(L);
    struct slice text;
    text.data = luaL_optlstring(L, 2, NULL, &text.len);
    if (call->is_ended)
        return 0;
    if (text.data)
        call_end_stream(call, text);
    else
        call_break_off(call);
    return 0;
}

// An inner request has no more time than the one that asked for it.
static int set_deadline(lua_State *L)
{
    struct call *call = check_call(L);
    double seconds = luaL_checknumber(L, 2);
    uint64_t now_ms = timers_now_ms(call->vm->env.timers);
    uint64_t from_ms = call->scripts_at_ms ? call->scripts_at_ms : now_ms;
    uint64_t latest_ms = call->inner ? call->inner->latest_ms : 0;

    call->total_at_ms = from_ms + (uint64_t)(seconds * 1000);
    if (latest_ms && call->total_at_ms > latest_ms)
        call->total_at_ms = latest_ms;
    if (call->scripts_at_ms)
        call_limit_waits(call);
    bool is_left = call->total_at_ms > now_ms;
    lua_pushnumber(L, is_left ? (double)(call->total_at_ms - now_ms) / 1000 : 0);
    return 1;
}

static int begin_scripts(lua_State *L)
{
    check_call(L)->scripts_at_ms = timers_now_ms(vm_of(L)->env.timers);
    return set_deadline(L);
}

// What core.context() gives to everything that runs for this request.
static int set_context(lua_State *L)
{
    struct call *call = check_call(L);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (call->context_ref)
        luaL_unref(L, LUA_REGISTRYINDEX, call->context_ref);
    call->context_ref = 0;
    call->context_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int get_depth(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)inner_call_depth(check_call(L)));
    return 1;
}

static int attempt(lua_State *L)
{
    return attempt_start(L, check_call(L));
}

static int release(lua_State *L)
{
    struct call *call = check_call(L);
    if (!call->held)
        return luaL_error(L, "no answer is held");
    if (!attempt_release(call))
        return task_push_error(L, "canceled", "the client has gone");
    lua_pushboolean(L, 1);
    return 1;
}

static int discard(lua_State *L)
{
    struct call *call = check_call(L);
    const char *outcome = luaL_optstring(L, 2, error_kind_name(ERROR_REJECTED));
    if (!call->held)
        return luaL_error(L, "no answer is held");
    attempt_discard(call, outcome);
    return 0;
}

// ---- the record -------------------------------------------------------------------------------

// The fields of req:record(fields), one by one.
static int record_values(lua_State *L)
{
    struct call *call = check_call(L);
    struct call_record record = {
        .outcome = value_text(L, 2),
        .client = value_text(L, 3),
        .model = value_text(L, 4),
        .metric_model = value_text(L, 5),
        .target = value_text(L, 6),
        .kind = value_text(L, 7),
        .message = value_text(L, 8),
        .is_answer = lua_toboolean(L, 9),
    };
    if (!record.metric_model.data)
        record.metric_model = SLICE("other");
    if (!record.outcome.data)
        return luaL_error(L, "req:record() needs an outcome");
    call_record(call, &record);
    return 0;
}

// ---- of the running task -----------------------------------------------------------------------

static int get_context(lua_State *L)
{
    const struct task *running = vm_of(L)->running;
    struct call *const *handle = running ? running->request : NULL;

    if (handle && *handle && (*handle)->context_ref)
        lua_rawgeti(L, LUA_REGISTRYINDEX, (*handle)->context_ref);
    else
        lua_pushnil(L);
    return 1;
}

static void push_seconds(lua_State *L, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns > from_ns)
        lua_pushnumber(L, (double)(to_ns - from_ns) / 1e9);
    else
        lua_pushnil(L);
}

// What the record says, for scripts that want to know how it ended.
static int get_facts(lua_State *L)
{
    const struct call *call = check_call(L);
    uint64_t ready_ns = exchange_request(call->exchange)->ready_ns;

    if (call->status)
        lua_pushinteger(L, call->status);
    else
        lua_pushnil(L);
    push_seconds(L, ready_ns, clock_monotonic_ns());
    push_seconds(L, ready_ns, call->first_content_ns);
    push_slice(L, call->attempts.len ? buf_slice(&call->attempts) : SLICE(""));
    for (int kind = 0; kind < USAGE_KINDS; kind++) {
        if (call->usage.of[kind] >= 0)
            lua_pushnumber(L, (double)call->usage.of[kind]);
        else
            lua_pushnil(L);
    }
    summary_push_cost(L, call->cost.nano);
    lua_pushboolean(L, call->cost.is_unknown);
    return 4 + USAGE_KINDS + 2;
}

// ---- class ------------------------------------------------------------------------------------

// Tables are taken apart and put together in Lua, where a field costs a tenth of what it costs from
// C. A committed answer that broke off ends with an error event in the client's dialect, or as a
// broken one where it is no stream: only Lua code can go on after a wait.
static const char wrappers[] =
    "local attempt, record_values, fail_stream, redact = ...\n"
    "local none = {}\n"
    "local complete_answer = { committed = true, complete = true }\n"
    "local function words_of(err)\n"
    "  local words = type(err) == 'table' and err.message or err\n"
    "  return type(words) == 'string' and words ~= '' and redact(words) or nil\n"
    "end\n"
    "local function wrapped_attempt(req, o, extra)\n"
    "  local t = o.timeout or none\n"
    "  local committed, complete, error_sent, kind, message, phase, status, headers, body,\n"
    "    err, reused, heard, held, usage, cost = attempt(req, o.label, o.target, o.watch, o.stream, o.hide_usage,\n"
    "      o.choices, o.add_terminal, t.connect, t.first_token, t.head, t.idle, o.endpoint,\n"
    "      o.serve, o.edits, o.body, o.fresh, o.usage, o.framing, o.price, extra)\n"
    "  if complete then return complete_answer end\n"
    "  if committed then\n"
    "    if err ~= nil and not error_sent then message = words_of(err) or message end\n"
    "    local write = extra and extra.codec and extra.codec.error_event or o.error_event\n"
    "    fail_stream(req, error_sent and '' or write and write(kind, message, req:id()))\n"
    "  end\n"
    "  return { committed = committed, complete = complete, kind = kind, message = message,\n"
    "    phase = phase, status = status, headers = headers, body = body, error = err,\n"
    "    reused = reused, heard = heard, held = held, usage = usage,\n"
    "    cost = cost }\n"
    "end\n"
    "local function wrapped_record(req, r)\n"
    "  return record_values(req, r.outcome, r.client, r.model, r.metric_model, r.target, r.kind,\n"
    "    r.message, false)\n"
    "end\n"
    "return wrapped_attempt, wrapped_record\n";

// The class table is on top of the stack, the one of functions below it.
static void wrap_methods(lua_State *L)
{
    int class = lua_gettop(L);
    if (luaL_loadbuffer(L, wrappers, sizeof(wrappers) - 1, "=req") != 0)
        lua_error(L);
    lua_getfield(L, class, "attempt");
    lua_getfield(L, class, "record_values");
    lua_getfield(L, class, "fail_stream");
    lua_getfield(L, class - 1, "redact");
    lua_call(L, 4, 2);
    lua_setfield(L, class, "record");
    lua_setfield(L, class, "attempt");
}

void call_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"method", get_method},
        {"path", get_path},
        {"query", get_query},
        {"header", get_header},
        {"peer", get_peer},
        {"ip", get_ip},
        {"id", get_id},
        {"find_client", call_access_find_client},
        {"verify_signature", call_signature_verify},
        {"is_admin", call_access_is_admin},
        {"body", get_body},
        {"holds", holds},
        {"size", get_size},
        {"is_started", is_started},
        {"is_gone", is_gone},
        {"scan", scan},
        {"raw", get_raw},
        {"prompt", call_prompt_look},
        {"count", call_prompt_count},
        {"set_header", set_header},
        {"set_stream_type", stream_events_set_type},
        {"hold_limit", get_hold_limit},
        {"reply", reply},
        {"fail_stream", fail_stream},
        {"deadline", set_deadline},
        {"begin_scripts", begin_scripts},
        {"set_context", set_context},
        {"depth", get_depth},
        {"attempt", attempt},
        {"release", release},
        {"discard", discard},
        {"record_values", record_values},
        {"facts", get_facts},
        {NULL, NULL},
    };
    static const luaL_Reg fields_methods[] = {{NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"fields", new_fields},
        {"context", get_context},
        {NULL, NULL},
    };

    vm->request_class = vm_register_class(vm, CALL_CLASS, methods);
    document_class_add_methods(vm);
    wrap_methods(vm->L);
    vm->request_class_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    vm->fields_class = vm_register_class(vm, FIELDS_CLASS, fields_methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
