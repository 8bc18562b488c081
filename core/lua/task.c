#include "lua/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "lua/budget.h"
#include "lua/vm.h"

static void free_task(struct task *task)
{
    luaL_unref(task->vm->L, LUA_REGISTRYINDEX, task->co_ref);
    free(task);
}

// A coroutine that has finished can run another function; one that has failed cannot.
static void recycle(struct task *task, bool is_reusable)
{
    struct vm *vm = task->vm;

    vm->task_count--;
    list_remove(&task->script);
    budget_unref(task->budget);
    free(task->failed_at);
    if (!is_reusable || vm->idle_count >= LIMIT_TASK_POOL) {
        free_task(task);
        return;
    }
    lua_settop(task->co, 0);
    task->next = vm->idle;
    vm->idle = task;
    vm->idle_count++;
}

// Hooks of scripts are calls, not tasks of their own: what they begin belongs to the task that they
// are called for.
static struct task *served_by(struct task *task)
{
    while (task->parent)
        task = task->parent;
    return task;
}

static void settle_resources(struct task *task)
{
    bool is_kept = task->maker && !task->is_canceled && !task->failure;

    while (!list_is_empty(&task->resources)) {
        struct task_resource *resource =
            LIST_ITEM(task->resources.next, struct task_resource, node);
        list_remove(&resource->node);
        if (is_kept)
            list_add_back(&task->maker->resources, &resource->node);
        else
            resource->on_task_end(resource);
    }
}

// Nothing that on_end wakes runs before the task is gone.
static void finish(struct task *task)
{
    struct vm *vm = task->vm;
    struct task *maker = task->maker;
    bool was_holding = vm->is_holding;

    vm->is_holding = true;
    list_remove(&task->kin);
    char *failure = task->failure;
    if (task->on_end)
        task->on_end(task->owner, failure);
    recycle(task, failure == NULL);
    free(failure);
    if (maker && maker->has_ended && list_is_empty(&maker->offspring))
        finish(maker);
    vm->is_holding = was_holding;
}

static void cancel_all(struct task *task);

// Takes `failure`, NULL: it has returned.
static void end(struct task *task, char *failure)
{
    struct vm *vm = task->vm;
    bool was_holding = vm->is_holding;

    task->failure = failure;
    task->has_ended = true;
    vm->is_holding = true;
    settle_resources(task);
    for (struct list *node = task->offspring.next; node != &task->offspring; node = node->next)
        cancel_all(LIST_ITEM(node, struct task, kin));
    vm->is_holding = was_holding;
    if (list_is_empty(&task->offspring))
        finish(task);
}

void task_where(const struct task *task, char *out)
{
    const char *source = task->place.source + strspn(task->place.source, "@=");
    int line = task->place.line > 0 ? task->place.line : 1;
    lua_Debug frame;

    if (task->failed_at) {
        snprintf(out, TASK_WHERE, "%s", task->failed_at);
        return;
    }
    for (int level = 0; lua_getstack(task->co, level, &frame); level++) {
        if (lua_getinfo(task->co, "Sl", &frame) && frame.currentline > 0) {
            source = frame.short_src;
            line = frame.currentline;
            break;
        }
    }
    snprintf(out, TASK_WHERE, "%.*s:%d: ", LUA_IDSIZE, source, line);
}

static void note_where(struct task *task)
{
    const char *stopped_at = guard_stopped_at(task->vm->guard);
    char where[TASK_WHERE];

    if (task->limit && *stopped_at)
        snprintf(where, sizeof(where), "%s", stopped_at);
    else
        task_where(task, where);
    task->failed_at = mem_dup(where, strlen(where));
}

// The coroutine's own stack may be full, so nothing is put on it.
static void fail(struct task *task)
{
    lua_State *L = task->vm->L;
    const char *message = lua_tostring(task->co, -1);

    if (task->is_script)
        note_where(task);
    if (task->limit)
        message = NULL; // what the guard stopped it with means nothing
    else if (!message)
        message = "(error object is not a string)";
    luaL_traceback(L, task->co, message, 0);
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    char *traceback = mem_dup(text, len);
    lua_pop(L, 1);
    end(task, traceback);
}

static void fail_with(struct task *task, const char *message)
{
    lua_settop(task->co, 0);
    lua_pushstring(task->co, message);
    fail(task);
}

static int resume_script(struct task *task)
{
    struct guard *guard = task->vm->guard;
    struct guard_slice slice;

    guard_enter(guard, &slice, task_budget(task), &task->place, task->limit);
    int rc = lua_resume(task->co, task->result_count);
    task->limit = guard_leave(guard, &slice, rc);
    return rc;
}

// Returns true when it has ended.
static bool resume(struct task *task)
{
    struct vm *vm = task->vm;
    struct task *outer = vm->running;

    if (task->maker && task->is_canceled && !task->has_begun) {
        lua_settop(task->co, 0); // nobody wants it any more
        end(task, NULL);
        return true;
    }
    task->has_begun = true;
    task->is_waiting = false;
    task->cancel_wait = NULL;
    task->waiting_co = task->co;
    vm->running = task;
    int rc = task->is_script ? resume_script(task) : lua_resume(task->co, task->result_count);
    vm->running = outer;
    if (rc == LUA_YIELD && task->is_waiting)
        return false;
    if (rc == LUA_YIELD) // by itself, outside any coroutine of its own: nobody would resume it
        fail_with(task, "attempt to yield from outside a coroutine");
    else if (rc == 0 && task->limit) // its last call caught what stopped it
        fail_with(task, "stopped");
    else if (rc == 0)
        end(task, NULL);
    else
        fail(task);
    return true;
}

static void run_ready(struct vm *vm)
{
    while (vm->ready) {
        struct task *task = vm->ready;
        vm->ready = task->next;
        if (!vm->ready)
            vm->ready_end = &vm->ready;
        resume(task);
    }
}

static struct task *new_task(struct vm *vm)
{
    struct task *task = mem_alloc(sizeof(*task));

    list_init(&task->script);
    task->vm = vm;
    task->co = lua_newthread(vm->L);
    task->co_ref = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    return task;
}

static struct task *take_idle(struct vm *vm)
{
    struct task *task = vm->idle;

    vm->idle = task->next;
    vm->idle_count--;
    return task;
}

struct task *task_new(struct vm *vm, void (*on_end)(void *owner, const char *error), void *owner)
{
    struct task *task = vm->idle ? take_idle(vm) : new_task(vm);

    task->next = NULL;
    task->is_canceled = task->is_waiting = false;
    task->cancel_wait = NULL;
    task->on_end = on_end;
    task->owner = owner;
    task->request = NULL;
    task->budget = NULL;
    task->parent = task->child = NULL;
    task->is_now = task->is_script = false;
    task->limit = GUARD_NONE;
    task->maker = NULL;
    task->has_begun = task->has_ended = false;
    task->failure = task->failed_at = NULL;
    list_init(&task->offspring);
    list_init(&task->kin);
    list_init(&task->resources);
    vm->task_count++;
    return task;
}

struct budget *task_budget(struct task *task)
{
    const struct config_scripts *scripts = &task->vm->config->scripts;
    struct budget_limits limits = {{
        [BUDGET_TASKS] = scripts->tasks,
        [BUDGET_CALLS] = scripts->calls,
        [BUDGET_LOG_LINES] = scripts->log_lines,
    }};
    if (!task->budget)
        task->budget = budget_new(&limits);
    return task->budget;
}

void task_guard(struct task *task, const struct guard_place *place)
{
    struct vm *vm = task->vm;

    task->is_script = true;
    task->place = *place;
    list_add_back(&vm->scripts, &task->script);
}

void task_inherit(struct task *task, struct task *from)
{
    task->budget = budget_ref(task_budget(from));
    task->is_canceled = from->is_canceled;
}

void task_adopt(struct task *maker, struct task *child)
{
    child->maker = served_by(maker);
    list_add_back(&child->maker->offspring, &child->kin);
}

void task_resource_init(struct task_resource *resource,
                        void (*on_task_end)(struct task_resource *resource))
{
    list_init(&resource->node);
    resource->on_task_end = on_task_end;
}

void task_own(struct task *task, struct task_resource *resource)
{
    list_add_back(&served_by(task)->resources, &resource->node);
}

void task_resource_remove(struct task_resource *resource)
{
    list_remove(&resource->node);
}

void task_stand_in(struct task *task, struct task *served)
{
    *task = (struct task){
        .vm = served->vm,
        .co = served->vm->L,
        .request = served->request,
        .budget = task_budget(served),
        .parent = served,
        .is_now = true,
    };
    list_init(&task->script);
    list_init(&task->offspring);
    list_init(&task->kin);
    list_init(&task->resources);
}

int task_call(struct task *stand_in, int argument_count, int result_count)
{
    struct vm *vm = stand_in->vm;
    struct task *outer = vm->running;

    stand_in->is_canceled = stand_in->parent->is_canceled;
    vm->running = stand_in;
    int rc = lua_pcall(vm->L, argument_count, result_count, 0);
    vm->running = outer;
    return rc;
}

void task_run_ready(struct vm *vm)
{
    if (vm->ready && !vm->running && !vm->is_holding)
        run_ready(vm);
}

void task_run(struct task *task, int argument_count)
{
    struct vm *vm = task->vm;

    task->result_count = argument_count;
    task->cancel_wait = NULL;
    if (vm->running || vm->is_holding) {
        task->next = NULL;
        *vm->ready_end = task;
        vm->ready_end = &task->next;
        return;
    }
    resume(task);
    run_ready(vm);
}

bool task_run_inside(struct task *task, int argument_count)
{
    struct vm *vm = task->vm;

    task->result_count = argument_count;
    bool has_ended = resume(task);
    if (!vm->running)
        run_ready(vm);
    return has_ended;
}

int task_wait(struct task *task, void (*cancel_wait)(void *waiter), void *waiter)
{
    task->is_waiting = true;
    task->cancel_wait = cancel_wait;
    task->waiter = waiter;
    if (task->waiting_co == task->co)
        return lua_yield(task->co, 0);
    lua_pushlightuserdata(task->waiting_co, task->vm); // core.wait_mark
    return lua_yield(task->waiting_co, 1);
}

void task_wake(struct task *task, int result_count)
{
    task_run(task, result_count);
}

static void cancel_all(struct task *task)
{
    task->is_canceled = true;
    for (struct list *node = task->offspring.next; node != &task->offspring; node = node->next)
        cancel_all(LIST_ITEM(node, struct task, kin));
    if (task->child && !task->is_waiting)
        cancel_all(task->child); // it runs inside a C function of this one
    if (!task->is_waiting || !task->cancel_wait)
        return;
    void (*cancel_wait)(void *waiter) = task->cancel_wait;
    task->cancel_wait = NULL;
    cancel_wait(task->waiter);
}

// None of them goes on before all know.
void task_cancel(struct task *task)
{
    struct vm *vm = task->vm;
    bool was_holding = vm->is_holding;

    vm->is_holding = true;
    cancel_all(task);
    vm->is_holding = was_holding;
    if (!vm->running && !was_holding)
        run_ready(vm);
}

static struct budget *find_largest(struct vm *vm)
{
    struct budget *largest = NULL;

    for (struct list *node = vm->scripts.next; node != &vm->scripts; node = node->next) {
        struct task *task = LIST_ITEM(node, struct task, script);
        if (!task->is_waiting || task->limit)
            continue;
        if (!largest || budget_growth(task->budget) > budget_growth(largest))
            largest = task->budget;
    }
    return largest;
}

static struct task *find_waiting(struct vm *vm, const struct budget *budget)
{
    for (struct list *node = vm->scripts.next; node != &vm->scripts; node = node->next) {
        struct task *task = LIST_ITEM(node, struct task, script);
        if (task->is_waiting && !task->limit && task->budget == budget)
            return task;
    }
    return NULL;
}

bool task_drop_largest(struct vm *vm)
{
    struct budget *largest = budget_ref(find_largest(vm));
    struct task *task;

    if (!largest)
        return false;
    // From the beginning each time: whatever ends, or begins, while one is canceled.
    while ((task = find_waiting(vm, largest))) {
        task->limit = GUARD_MEMORY;
        task_cancel(task);
    }
    budget_unref(largest);
    return true;
}

int task_push_error(lua_State *L, const char *kind, const char *message)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    return 2;
}

void task_free_idle(struct vm *vm)
{
    while (vm->idle)
        free_task(take_idle(vm));
}
