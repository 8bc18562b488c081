#include "lua/reload.h"

#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "lua/call.h"
#include "lua/loading.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/value.h"
#include "lua/vm.h"

struct waiter {
    struct reload_request request;
    struct task *task; // NULL: gone before the answer came
};

static void push_failure(lua_State *L, const struct reload_failure *failure)
{
    lua_createtable(L, 0, 4);
    lua_pushnumber(L, failure->time);
    lua_setfield(L, -2, "time");
    lua_pushstring(L, failure->file);
    lua_setfield(L, -2, "file");
    lua_pushinteger(L, failure->line);
    lua_setfield(L, -2, "line");
    lua_pushstring(L, failure->message);
    lua_setfield(L, -2, "message");
}

static void on_answer(void *owner)
{
    struct waiter *waiter = owner;
    struct task *task = waiter->task;
    const struct reload_request *request = &waiter->request;
    int count = 1;

    if (task && request->failure.time > 0) {
        lua_pushnil(task->co);
        push_failure(task->co, &request->failure);
        count = 2;
    } else if (task) {
        lua_pushnumber(task->co, request->generation);
    }
    free(waiter);
    if (task)
        task_wake(task, count);
}

static void on_canceled(void *owner)
{
    struct waiter *waiter = owner;
    struct task *task = waiter->task;
    waiter->task = NULL;
    task_wake(task, task_push_error(task->co, "canceled", "the client has gone"));
}

static int push_refusal(lua_State *L)
{
    const struct reload_failure failure = {.line = 1, .message = "nothing is reloaded any more"};
    lua_pushnil(L);
    push_failure(L, &failure);
    return 2;
}

static int reload(lua_State *L)
{
    struct vm *vm = vm_of(L);
    struct task *task = script_check_wait(L);
    const struct reloader *reloader = vm->env.reloader;

    if (!reloader || task->is_canceled)
        return push_refusal(L);
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->task = task;
    waiter->request.home = vm->env.mailbox;
    waiter->request.answered = (struct letter){.open = on_answer, .owner = waiter};
    if (!reloader->ask(reloader->owner, &waiter->request)) {
        free(waiter);
        return push_refusal(L);
    }
    return task_wait(task, on_canceled, waiter);
}

static int last_failure(lua_State *L)
{
    const struct reloader *reloader = vm_of(L)->env.reloader;
    struct reload_failure failure = {.time = 0};

    if (reloader)
        reloader->read_failure(reloader->owner, &failure);
    if (failure.time > 0)
        push_failure(L, &failure);
    else
        value_push_null(L);
    return 1;
}

// Of the request that is running, if one is: it may be older than what is in force.
static unsigned generation_of(const struct vm *vm)
{
    struct call *const *handle = vm->running ? vm->running->request : NULL;
    const struct vm_generation *generation =
        handle && *handle ? (*handle)->generation : vm->current;
    return generation->shared->number;
}

static int report_bad_script(lua_State *L)
{
    struct vm *vm = vm_of(L);
    const struct reloader *reloader = vm->env.reloader;
    const char *path = luaL_checkstring(L, 1);

    if (!reloader)
        return 0;
    struct reload_report *report = mem_alloc(sizeof(*report));
    report->generation = generation_of(vm);
    snprintf(report->path, sizeof(report->path), "%s", path);
    if (!reloader->report(reloader->owner, report))
        free(report);
    return 0;
}

void reload_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"reload", reload},
        {"last_failure", last_failure},
        {"report_bad_script", report_bad_script},
        {NULL, NULL},
    };
    vm_register(vm, functions);
}
