#include "lua/background.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/task.h"
#include "lua/vm.h"

struct background {
    struct task *task;
    struct list node; // in vm->background
};

static void on_end(void *owner, const char *error)
{
    struct background *background = owner;
    struct vm *vm = background->task->vm;

    if (error)
        log_event(vm->env.log, LOG_ERROR, "in the background: %s", error);
    vm->background_count--;
    list_remove(&background->node);
    free(background);
}

// stack: function, arguments...
static int start(lua_State *L)
{
    struct vm *vm = vm_of(L);
    int count = lua_gettop(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (count >= LUAI_MAXCSTACK / 2)
        return luaL_error(L, "too many arguments");
    if (vm->background_count >= LIMIT_BACKGROUND)
        return task_push_error(L, "overloaded", "too many functions run in the background");
    struct background *background = mem_alloc(sizeof(*background));
    background->task = task_new(vm, on_end, background);
    list_add_back(&vm->background, &background->node);
    vm->background_count++;
    lua_checkstack(background->task->co, count);
    lua_xmove(L, background->task->co, count);
    task_run(background->task, count - 1);
    lua_pushboolean(L, 1);
    return 1;
}

void background_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {{"background", start}, {NULL, NULL}};
    vm_register(vm, functions);
}

static struct task *first_uncanceled(const struct vm *vm)
{
    for (struct list *node = vm->background.next; node != &vm->background; node = node->next) {
        struct task *task = LIST_ITEM(node, struct background, node)->task;
        if (!task->is_canceled)
            return task;
    }
    return NULL;
}

// Any of them may end while one is canceled, so the walk begins anew each time.
void background_cancel_all(struct vm *vm)
{
    struct task *task;
    while ((task = first_uncanceled(vm)))
        task_cancel(task);
}
