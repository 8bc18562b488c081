#include "lua/gate_class.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "lua/script.h"
#include "lua/task.h"
#include "lua/vm.h"

#define GATE_CLASS "tidegate.gate"

// A waiting task has it on its stack, so it outlives them.
struct gate {
    struct list waiting;
    bool is_open;
};

struct gate_wait {
    struct list node;
    struct task *task;
};

static struct gate *check_gate(lua_State *L)
{
    return vm_check_class(L, 1, vm_of(L)->gate_class);
}

static struct task *end(struct gate_wait *wait)
{
    struct task *task = wait->task;
    list_remove(&wait->node);
    free(wait);
    return task;
}

static void on_canceled(void *owner)
{
    struct task *task = end(owner);
    task_wake(task, task_push_error(task->co, "canceled", "canceled"));
}

static int wait_at(lua_State *L)
{
    struct gate *gate = check_gate(L);
    struct task *task = script_check_wait(L);

    if (task->is_canceled)
        return task_push_error(L, "canceled", "canceled");
    if (gate->is_open) {
        lua_pushboolean(L, 1);
        return 1;
    }
    struct gate_wait *wait = mem_alloc(sizeof(*wait));
    wait->task = task;
    list_add_back(&gate->waiting, &wait->node);
    return task_wait(task, on_canceled, wait);
}

static int open_for_all(lua_State *L)
{
    struct gate *gate = check_gate(L);

    gate->is_open = true;
    // None of them runs before this has returned.
    for (struct list *node = gate->waiting.next, *next; node != &gate->waiting; node = next) {
        next = node->next;
        struct task *task = end(LIST_ITEM(node, struct gate_wait, node));
        lua_pushboolean(task->co, 1);
        task_wake(task, 1);
    }
    return 0;
}

static int new_gate(lua_State *L)
{
    struct gate *gate = lua_newuserdata(L, sizeof(*gate));

    list_init(&gate->waiting);
    gate->is_open = false;
    luaL_getmetatable(L, GATE_CLASS);
    lua_setmetatable(L, -2);
    return 1;
}

void gate_class_open(struct vm *vm)
{
    static const luaL_Reg methods[] = {{"wait", wait_at}, {"open", open_for_all}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"gate", new_gate}, {NULL, NULL}};

    vm->gate_class = vm_register_class(vm, GATE_CLASS, methods);
    lua_pop(vm->L, 1);
    vm_register(vm, functions);
}
