#include "lua/producer.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

#define OUT_CLASS "tidegate.out"

struct producer {
    struct vm *vm;
    struct relay *relay;      // NULL once it has got its end
    struct task *task;        // NULL once it has ended
    struct producer **handle; // what `out` points through
    struct timer end_timer;   // carries the end out of whatever call caused it
    struct task *writer;      // waits in out:write(); NULL: none
    bool is_paused, has_head, is_ended;
    struct error error;
};

static void wake_writer(struct producer *producer)
{
    struct task *writer = producer->writer;
    if (!writer)
        return;
    producer->writer = NULL;
    lua_pushboolean(writer->co, 1);
    task_wake(writer, 1);
}

static void release(struct producer *producer)
{
    if (producer->relay || producer->task)
        return;
    timer_stop(producer->vm->env.timers, &producer->end_timer);
    if (producer->handle)
        *producer->handle = NULL;
    wake_writer(producer); // a task that the adapter's own had started
    free(producer);
}

static void tell_end(void *owner)
{
    struct producer *producer = owner;
    struct relay *relay = producer->relay;

    producer->relay = NULL;
    relay_on_end(relay, producer->error.kind ? &producer->error : NULL);
    release(producer);
}

static void end_later(struct producer *producer)
{
    if (producer->is_ended || !producer->relay)
        return;
    producer->is_ended = true;
    timer_start(producer->vm->env.timers, &producer->end_timer, 0);
}

static void on_task_end(void *owner, const char *error)
{
    struct producer *producer = owner;

    producer->task = NULL;
    if (error && !producer->error.kind) {
        log_event(producer->vm->env.log, LOG_ERROR, "an adapter failed: %s", error);
        error_set(&producer->error, ERROR_SCRIPT, "the adapter failed");
    }
    end_later(producer);
    release(producer);
}

// ---- out --------------------------------------------------------------------------------------

static struct producer *check_out(lua_State *L)
{
    struct producer **handle = luaL_checkudata(L, 1, OUT_CLASS);
    if (!*handle)
        luaL_error(L, "this answer has ended");
    return *handle;
}

static bool is_open(const struct producer *producer)
{
    return producer->relay && !producer->is_ended;
}

static void add_header(struct headers *headers, struct slice name, struct slice value)
{
    headers_add_name(headers, name.data, name.len);
    headers_add_value(headers, value.data, value.len);
    headers_end_field(headers);
}

static int out_head(lua_State *L)
{
    struct producer *producer = check_out(L);
    int status = (int)luaL_checkinteger(L, 2);
    struct headers headers;

    if (producer->has_head)
        return luaL_error(L, "out:head() was called twice");
    producer->has_head = true;
    headers_init(&headers, LIMIT_RESPONSE_HEAD, LIMIT_RESPONSE_HEADERS);
    lua_pushnil(L);
    while (lua_istable(L, 3) && lua_next(L, 3)) {
        struct slice name, value;
        lua_pushvalue(L, -2); // converting a key in place would confuse lua_next
        name.data = lua_tolstring(L, -1, &name.len);
        value.data = lua_tolstring(L, -2, &value.len);
        if (name.data && value.data)
            add_header(&headers, name, value);
        lua_pop(L, 2);
    }
    if (is_open(producer))
        relay_on_head(producer->relay, status, &headers);
    headers_deinit(&headers);
    return 0;
}

static void on_write_canceled(void *owner)
{
    wake_writer(owner);
}

static int out_write(lua_State *L)
{
    struct producer *producer = check_out(L);
    struct task *task = script_check_wait(L);
    struct slice bytes;

    bytes.data = luaL_checklstring(L, 2, &bytes.len);
    if (!producer->has_head)
        return luaL_error(L, "out:head() comes before out:write()");
    if (!is_open(producer) || task->is_canceled || producer->writer)
        return task_push_error(L, "canceled", "nobody reads this answer any more");
    relay_on_body(producer->relay, bytes.data, bytes.len, false);
    relay_on_wake_end(producer->relay);
    if (!producer->is_paused) {
        lua_pushboolean(L, 1);
        return 1;
    }
    producer->writer = task;
    return task_wait(task, on_write_canceled, producer);
}

static int out_cut(lua_State *L)
{
    static const char *const names[] = {"protocol", "connect", NULL};
    static const enum error_kind kinds[] = {ERROR_PROTOCOL, ERROR_CONNECT};
    struct producer *producer = check_out(L);
    enum error_kind kind = kinds[luaL_checkoption(L, 2, "protocol", names)];
    if (!producer->error.kind)
        error_set(&producer->error, kind, "the answer was cut");
    end_later(producer);
    return 0;
}

static int out_gc(lua_State *L)
{
    struct producer **handle = luaL_checkudata(L, 1, OUT_CLASS);
    if (*handle)
        (*handle)->handle = NULL;
    return 0;
}

void producer_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {
        {"head", out_head}, {"write", out_write}, {"cut", out_cut}, {"__gc", out_gc}, {NULL, NULL}};
    vm_register_class(vm, OUT_CLASS, methods);
    lua_pop(vm->L, 1);
}

// ---- life -------------------------------------------------------------------------------------

struct producer *producer_start(struct vm *vm, lua_State *L, int index, struct relay *relay)
{
    struct producer *producer = mem_alloc(sizeof(*producer));

    producer->vm = vm;
    producer->relay = relay;
    producer->end_timer = (struct timer){.on_due = tell_end, .owner = producer};
    producer->task = task_new(vm, on_task_end, producer);
    lua_State *co = producer->task->co;
    lua_pushvalue(L, index);
    lua_xmove(L, co, 1);
    producer->handle = lua_newuserdata(co, sizeof(struct producer *));
    *producer->handle = producer;
    luaL_getmetatable(co, OUT_CLASS);
    lua_setmetatable(co, -2);
    task_run(producer->task, 1);
    return producer;
}

void producer_pause(struct producer *producer)
{
    producer->is_paused = true;
}

void producer_resume(struct producer *producer)
{
    producer->is_paused = false;
    wake_writer(producer);
}

void producer_cancel(struct producer *producer)
{
    if (!producer->error.kind)
        error_set(&producer->error, ERROR_CANCELED, "canceled");
    end_later(producer);
    if (producer->task)
        task_cancel(producer->task);
}
