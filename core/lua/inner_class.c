#include "lua/inner_class.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "http/inner.h"
#include "http/sse.h"
#include "lua/budget.h"
#include "lua/call.h"
#include "lua/call_class.h"
#include "lua/inner_call.h"
#include "lua/script.h"
#include "lua/summary.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

#define INNER_CLASS "tidegate.inner"

// The userdata. It owns everything, so that a script may be stopped anywhere.
struct reader {
    struct vm *vm;
    struct inner *inner; // NULL: not begun
    struct task *waiter; // the task in pause()
    struct inner_facts facts;
    struct buf body; // for wait()
    bool is_too_large;
    bool has_parser;
    struct sse_parser parser;
    struct buf events;  // data of events, each behind its length
    size_t event_at;    // of the next one
    bool is_bad_stream; // an event passed its limit
};

static struct reader *check_reader(lua_State *L)
{
    struct reader *reader = vm_check_class(L, 1, vm_of(L)->inner_class);
    if (!reader->inner)
        luaL_error(L, "this inner request was not begun");
    return reader;
}

// The call that still serves it, or NULL.
static struct call *call_of(const struct reader *reader)
{
    struct exchange *exchange = reader->inner ? inner_exchange(reader->inner) : NULL;
    return exchange ? exchange_data(exchange) : NULL;
}

static int collect(lua_State *L)
{
    struct reader *reader = lua_touserdata(L, 1);
    struct call *call = call_of(reader);

    if (call)
        inner_call_forget_facts(call);
    if (reader->inner)
        inner_free(reader->inner);
    reader->inner = NULL;
    inner_facts_deinit(&reader->facts);
    buf_deinit(&reader->body);
    buf_deinit(&reader->events);
    if (reader->has_parser)
        sse_parser_deinit(&reader->parser);
    reader->has_parser = false;
    return 0;
}

// ---- waiting ----------------------------------------------------------------------------------

static void on_news(void *owner)
{
    struct reader *reader = owner;
    struct task *task = reader->waiter;
    if (!task)
        return;
    reader->waiter = NULL;
    lua_pushboolean(task->co, 1);
    task_wake(task, 1);
}

static void on_wait_canceled(void *owner)
{
    struct reader *reader = owner;
    struct task *task = reader->waiter;
    reader->waiter = NULL;
    inner_cancel(reader->inner);
    task_wake(task, task_push_error(task->co, "canceled", "the client has gone"));
}

// Waits for news of the answer: true, or nil and an error.
static int pause_for_news(lua_State *L)
{
    struct task *running = script_check_wait(L);
    struct reader *reader = check_reader(L);

    if (reader->waiter)
        return luaL_error(L, "this inner request is already being waited for");
    if (running->is_canceled) {
        inner_cancel(reader->inner);
        return task_push_error(L, "canceled", "the client has gone");
    }
    reader->waiter = running;
    return task_wait(running, on_wait_canceled, reader);
}

// ---- looking ----------------------------------------------------------------------------------

// nil and why there is no whole answer. The first value tells the wrapper that the wait is over.
static int push_end(lua_State *L, struct reader *reader)
{
    const char *kind = reader->facts.kind;

    lua_pushboolean(L, 1);
    if (reader->is_too_large)
        return 1 + task_push_error(L, "too_large", "the answer is larger than limits.hold");
    if (reader->is_bad_stream)
        return 1 + task_push_error(L, "protocol", "an event of the stream is too large");
    if (inner_progress(reader->inner) == INNER_CANCELED)
        return 1 + task_push_error(L, "canceled", "the inner request was canceled");
    return 1 + task_push_error(L, kind ? kind : "protocol",
                               reader->facts.message ? reader->facts.message
                                                     : "the answer broke off before its end");
}

// What has come joins the body, so that the answer does not stop for a reader that wants all of it.
static void take_body(struct reader *reader)
{
    if (!reader->is_too_large && buf_add_slice(&reader->body, inner_bytes(reader->inner)) != 0) {
        reader->is_too_large = true;
        inner_cancel(reader->inner);
    }
    inner_consume(reader->inner);
}

// done, status, headers, body.
static int look_for_all(lua_State *L)
{
    struct reader *reader = check_reader(L);

    take_body(reader);
    enum inner_progress progress = inner_progress(reader->inner);
    if (progress == INNER_RUNNING)
        return 0;
    if (progress != INNER_WHOLE)
        return push_end(L, reader);
    lua_pushboolean(L, 1);
    lua_pushinteger(L, inner_status(reader->inner));
    summary_push_lines(L, inner_headers(reader->inner));
    lua_pushlstring(L, reader->body.data ? reader->body.data : "", reader->body.len);
    return 4;
}

// done, status, headers, once the head has come.
static int look_for_head(lua_State *L)
{
    struct reader *reader = check_reader(L);
    int status = inner_status(reader->inner);

    if (!status && inner_progress(reader->inner) == INNER_RUNNING)
        return 0;
    if (!status)
        return push_end(L, reader);
    lua_pushboolean(L, 1);
    lua_pushinteger(L, status);
    summary_push_lines(L, inner_headers(reader->inner));
    return 3;
}

static int push_last(lua_State *L, struct reader *reader)
{
    enum inner_progress progress = inner_progress(reader->inner);
    if (progress == INNER_RUNNING)
        return 0;
    if (progress != INNER_WHOLE || reader->is_bad_stream)
        return push_end(L, reader);
    lua_pushboolean(L, 1);
    return 1;
}

// done, piece | nil.
static int look_for_piece(lua_State *L)
{
    struct reader *reader = check_reader(L);
    struct slice bytes = inner_bytes(reader->inner);

    if (!bytes.len)
        return push_last(L, reader);
    lua_pushboolean(L, 1);
    lua_pushlstring(L, bytes.data, bytes.len);
    inner_consume(reader->inner);
    return 2;
}

static int on_event(void *owner, const struct stream_event *event)
{
    struct reader *reader = owner;
    if (!event->data.data)
        return 0;
    buf_add(&reader->events, &event->data.len, sizeof(event->data.len));
    buf_add_slice(&reader->events, event->data);
    return 0;
}

// Takes the next events out of the bytes, when the last of those before has been read.
static void take_events(struct reader *reader)
{
    struct slice bytes = inner_bytes(reader->inner);

    buf_clear(&reader->events);
    reader->event_at = 0;
    if (!reader->has_parser)
        sse_parser_init(&reader->parser, LIMIT_SSE_EVENT, on_event, reader);
    reader->has_parser = true;
    if (sse_parser_feed(&reader->parser, bytes.data, bytes.len) != 0) {
        reader->is_bad_stream = true;
        inner_cancel(reader->inner);
    }
    inner_consume(reader->inner);
}

// done, data of an event | nil.
static int look_for_event(lua_State *L)
{
    struct reader *reader = check_reader(L);
    size_t len;

    if (reader->event_at == reader->events.len)
        take_events(reader);
    if (reader->event_at == reader->events.len)
        return push_last(L, reader);
    memcpy(&len, reader->events.data + reader->event_at, sizeof(len));
    reader->event_at += sizeof(len);
    lua_pushboolean(L, 1);
    lua_pushlstring(L, reader->events.data + reader->event_at, len);
    reader->event_at += len;
    return 2;
}

// ---- the rest of its methods ------------------------------------------------------------------

static int cancel(lua_State *L)
{
    inner_cancel(check_reader(L)->inner);
    return 0;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (!text)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

// What the gateway would have logged, once the request has ended; nil before.
static int get_facts(lua_State *L)
{
    const struct inner_facts *facts = &check_reader(L)->facts;

    if (!facts->is_recorded)
        return 0;
    lua_createtable(L, 0, 7);
    set_text(L, "outcome", facts->outcome);
    set_text(L, "kind", facts->kind);
    set_text(L, "message", facts->message);
    set_text(L, "target", facts->target);
    summary_push_usage(L, &facts->usage);
    lua_setfield(L, -2, "usage");
    summary_push_cost(L, facts->cost.nano);
    lua_setfield(L, -2, "cost");
    lua_pushboolean(L, facts->cost.is_unknown);
    lua_setfield(L, -2, "cost_unknown");
    return 1;
}

// ---- starting ---------------------------------------------------------------------------------

static void serving_side_gone(struct exchange *exchange)
{
    struct call *call = exchange_data(exchange);
    if (call)
        call_on_gone(call);
}

static void serving_side_drained(struct exchange *exchange)
{
    struct call *call = exchange_data(exchange);
    if (call)
        call_on_drain(call);
}

static const struct inner_handler inner_handler = {
    .on_gone = serving_side_gone,
    .on_drain = serving_side_drained,
    .on_news = on_news,
};

// The options stand one by one on the stack, as for req:attempt().
enum option {
    OPTION_PATH = 1,
    OPTION_BODY,
    OPTION_HEADERS,
    OPTION_PARENT,
    OPTION_DISCARD,
    OPTION_METHOD,
    OPTION_AS_CLIENT,
    OPTION_CONTEXT, // on top, see call_start_inner()
};

// The parent asked for, or the request of the running task.
static struct call *find_parent(lua_State *L, struct vm *vm)
{
    struct call *const *handle = vm->running ? vm->running->request : NULL;
    if (!lua_isnil(L, OPTION_PARENT))
        return call_class_check(L, OPTION_PARENT);
    return handle ? *handle : NULL;
}

static void add_headers(lua_State *L, struct inner *inner)
{
    if (!lua_istable(L, OPTION_HEADERS))
        return;
    lua_pushnil(L);
    while (lua_next(L, OPTION_HEADERS)) {
        struct slice name = value_text(L, -2), value = value_text(L, -1);
        if (!name.data || !value.data)
            luaL_error(L, "a header of an inner request has a name and a value, both texts");
        if (inner_add_header(inner, name, value) != 0)
            luaL_error(L, "the headers of an inner request are too large");
        lua_pop(L, 1);
    }
}

static struct reader *push_reader(lua_State *L, struct vm *vm)
{
    struct reader *reader = lua_newuserdata(L, sizeof(*reader));
    memset(reader, 0, sizeof(*reader));
    reader->vm = vm;
    buf_init(&reader->body, vm->config->limits.hold);
    buf_init(&reader->events, SIZE_MAX / 4);
    luaL_getmetatable(L, INNER_CLASS);
    lua_setmetatable(L, -2);
    return reader;
}

static const char *refusal(const struct vm *vm, const struct call *parent, bool is_detached,
                           unsigned depth)
{
    if (parent && !is_detached && exchange_is_gone(parent->exchange))
        return "canceled";
    if (depth > (parent ? call_config(parent) : vm->config)->scripts.depth)
        return "script";
    if (is_detached && vm->detached_count >= LIMIT_DETACHED)
        return "overloaded";
    return NULL;
}

static int push_refusal(lua_State *L, const char *kind)
{
    if (kind[0] == 'c')
        return task_push_error(L, kind, "the client has gone");
    if (kind[0] == 's')
        return task_push_error(L, kind,
                               "requests that ask for requests are nested deeper than "
                               "scripts.depth");
    return task_push_error(L, kind, "too many copies of requests are running");
}

static int new_inner(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct task *running = script_check_wait(L);
    struct inner_request request = {.query = {NULL, 0}};

    lua_settop(L, OPTION_CONTEXT);
    request.method.data = luaL_optlstring(L, OPTION_METHOD, "POST", &request.method.len);
    request.path.data = luaL_checklstring(L, OPTION_PATH, &request.path.len);
    request.body.data = luaL_checklstring(L, OPTION_BODY, &request.body.len);
    bool is_detached = lua_toboolean(L, OPTION_DISCARD);
    bool is_client = lua_toboolean(L, OPTION_AS_CLIENT);
    struct call *parent = is_client ? NULL : find_parent(L, vm);
    unsigned depth = parent ? inner_call_depth(parent) + 1 : !is_client;
    const char *refused = refusal(vm, parent, is_detached, depth);
    if (refused && is_detached)
        inner_call_count_detached(vm, SLICE("dropped"));
    if (refused)
        return push_refusal(L, refused);
    if (!is_detached && !is_client && !budget_take(running->budget, BUDGET_CALLS))
        return budget_push_error(L, running->budget, BUDGET_CALLS);
    struct reader *reader = push_reader(L, vm);
    struct inner *inner =
        inner_new(&request, &inner_handler, reader, upstream_pool_turn(vm->env.upstreams));
    reader->inner = inner;
    add_headers(L, inner);
    lua_pushvalue(L, OPTION_BODY);
    struct inner_asked asked = {
        .parent = parent,
        .is_detached = is_detached,
        .is_client = is_client,
        .body_ref = luaL_ref(L, LUA_REGISTRYINDEX),
        .depth = depth,
        .facts = is_detached ? NULL : &reader->facts,
    };
    if (is_detached)
        reader->inner = NULL;
    lua_pushvalue(L, OPTION_CONTEXT);
    call_start_inner(vm, inner_serve(inner), &asked, L);
    if (!is_detached)
        return 1;
    inner_discard(inner);
    lua_pushboolean(L, 1);
    return 1;
}

// Waiting is a loop: only Lua code can go on after a wait.
static const char wrappers[] =
    "local new, pause, look_for_all, look_for_head, look_for_piece, look_for_event = ...\n"
    "local function awaiting(look)\n"
    "  return function(inner)\n"
    "    while true do\n"
    "      local done, a, b, c = look(inner)\n"
    "      if done then return a, b, c end\n"
    "      local ok, err = pause(inner)\n"
    "      if not ok then return nil, err end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local function wrapped_new(o)\n"
    "  return new(o.path, o.body, o.headers, o.parent, o.discard, o.method,\n"
    "    o.as_client, o.context)\n"
    "end\n"
    "return wrapped_new, awaiting(look_for_all), awaiting(look_for_head),\n"
    "  awaiting(look_for_piece), awaiting(look_for_event)\n";

static void push_wrappers(struct vm *vm)
{
    static const luaL_Reg raw[] = {
        {"new", new_inner},
        {"pause", pause_for_news},
        {"all", look_for_all},
        {"head", look_for_head},
        {"piece", look_for_piece},
        {"event", look_for_event},
        {NULL, NULL},
    };
    lua_State *L = vm->L;

    lua_newtable(L);
    int table = lua_gettop(L);
    vm_register(vm, raw);
    if (luaL_loadbuffer(L, wrappers, sizeof(wrappers) - 1, "=inner") != 0)
        lua_error(L);
    for (const luaL_Reg *function = raw; function->name; function++)
        lua_getfield(L, table, function->name);
    lua_call(L, 6, 5);
    lua_remove(L, table);
}

void inner_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"cancel", cancel}, {"facts", get_facts}, {"__gc", collect}, {NULL, NULL}};
    static const char *const waiting[] = {"event", "read", "head", "wait"};
    lua_State *L = vm->L;
    int core = lua_gettop(L);

    vm->inner_class = vm_register_class(vm, INNER_CLASS, methods);
    int class = lua_gettop(L);
    push_wrappers(vm);
    for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
        lua_setfield(L, class, waiting[i]);
    lua_setfield(L, core, "inner");
    lua_pop(L, 1);
}
