#include "lua/alarm.h"

#include <lauxlib.h>

#include "base/list.h"
#include "lua/pause.h"
#include "lua/task.h"
#include "lua/vm.h"

#define ALARM_CLASS "tidegate.alarm"

// The Lua value; the registry keeps it until the function has ended. Its environment holds that.
struct alarm {
    struct list node; // in vm->alarms
    struct vm *vm;
    struct timer timer;
    struct task *task; // NULL: does not run
    int ref;
};

static void release(struct alarm *alarm)
{
    timer_stop(alarm->vm->env.timers, &alarm->timer);
    list_remove(&alarm->node);
    luaL_unref(alarm->vm->L, LUA_REGISTRYINDEX, alarm->ref);
    alarm->ref = LUA_NOREF;
}

static void on_task_end(void *owner, const char *error)
{
    struct alarm *alarm = owner;

    if (error)
        log_event(alarm->vm->env.log, LOG_ERROR, "a timer failed: %s", error);
    alarm->task = NULL;
    release(alarm);
}

static void on_due(void *owner)
{
    struct alarm *alarm = owner;
    struct task *task = task_new(alarm->vm, on_task_end, alarm);
    lua_State *co = task->co;

    alarm->task = task;
    lua_rawgeti(co, LUA_REGISTRYINDEX, alarm->ref);
    lua_getfenv(co, -1);
    lua_rawgeti(co, -1, 1);
    lua_replace(co, 1);
    lua_settop(co, 1);
    task_run(task, 0);
}

static int new_alarm(lua_State *L)
{
    struct vm *vm = vm_of(L);
    double seconds = luaL_checknumber(L, 1);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (vm->is_draining)
        return task_push_error(L, "canceled", "the gateway is about to end");
    struct alarm *alarm = lua_newuserdata(L, sizeof(*alarm));
    *alarm = (struct alarm){.vm = vm};
    alarm->timer = (struct timer){.on_due = on_due, .owner = alarm};
    list_init(&alarm->node);
    luaL_getmetatable(L, ALARM_CLASS);
    lua_setmetatable(L, -2);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    lua_pushvalue(L, -1);
    alarm->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    list_add_back(&vm->alarms, &alarm->node);
    timer_start(vm->env.timers, &alarm->timer, pause_ms(seconds));
    return 1;
}

static int cancel(lua_State *L)
{
    struct alarm *alarm = vm_check_class(L, 1, vm_of(L)->alarm_class);

    if (!alarm->task && alarm->ref != LUA_NOREF)
        release(alarm);
    return 0;
}

void alarm_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"alarm", new_alarm}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"cancel", cancel}, {NULL, NULL}};

    vm->alarm_class = vm_register_class(vm, ALARM_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
    lua_pushinteger(vm->L, (lua_Integer)vm->env.worker);
    lua_setfield(vm->L, -2, "worker");
}

// One that is still to be stopped, or NULL.
static struct alarm *next_to_stop(struct vm *vm)
{
    for (struct list *node = vm->alarms.next; node != &vm->alarms; node = node->next) {
        struct alarm *alarm = LIST_ITEM(node, struct alarm, node);
        if (!alarm->task || !alarm->task->is_canceled)
            return alarm;
    }
    return NULL;
}

void alarm_stop_all(struct vm *vm)
{
    struct alarm *alarm;

    vm->is_draining = true;
    while ((alarm = next_to_stop(vm))) {
        if (alarm->task)
            task_cancel(alarm->task);
        else
            release(alarm);
    }
}
