// One Lua state and what it stands on. It never leaves its worker's thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "config/config.h"
#include "http/upstream.h"
#include "loop/loop.h"
#include "loop/timers.h"
#include "metrics/names.h"

struct generation;
struct mailbox;
struct reloader;
struct task;
struct shared_store;
struct vm_generation;

// What a VM is built on. Everything is borrowed and outlives it; of the generation that it begins
// with it takes a reference.
struct vm_env {
    struct loop *loop;
    struct timers *timers;
    struct upstream_pool *upstreams;
    struct generation *generation;
    const struct reloader *reloader; // NULL: nothing is reloaded here
    struct mailbox *mailbox;         // of this loop; NULL without a reloader
    struct log *log;
    struct log *bodies; // of log.bodies; NULL: requests are not kept
    struct metric_names *names;
    struct shared_store *store;
    unsigned worker; // its number, from 0
};

struct vm {
    struct vm_env env;
    lua_State *L;
    const struct config *config;    // of the committed generation; a request has its call's
    struct vm_generation *current;  // the committed one, which new requests get
    struct vm_generation *building; // being loaded, or prepared; NULL: none. Shared
    struct vm_preparing *preparing; // its loading, while that goes on
    struct task *running;           // whose Lua code is on the C stack now; NULL: none
    struct task *ready;             // to resume when the running one has yielded, first come first
    struct task **ready_end;
    bool is_holding;   // none of them is resumed now
    struct task *idle; // finished ones whose coroutine can be used again
    size_t idle_count;
    size_t task_count;   // started and not ended
    struct list scripts; // tasks that run user code
    struct guard *guard; // NULL until the first of them
    const void *generation_class;
    const void *request_class, *fields_class, *endpoint_class, *watch_class, *usage_class;
    const void *signer_class;
    int request_class_ref;                                        // its metatable
    int gateway_ref;                                              // the module tide.gateway
    int serve_ref, serve_admin_ref, serve_inner_ref, summary_ref; // of it
    struct list loose_inner;                                      // inner requests without a parent
    int resumers_ref;      // who resumed a coroutine of a script
    size_t detached_count; // those of them that were detached
    const void *inner_class;
    int mock_ref;           // what answers instead of providers, see mock_upstream.h
    struct tape *tape;      // owned; NULL unless exchanges are recorded
    struct list background; // functions that core.background started
    size_t background_count;
    const void *price_class;
    const void *fetch_class, *child_class, *alarm_class, *gate_class;
    struct list alarms;        // running ones, and those whose function runs
    bool is_draining;          // no more of them
    unsigned long long random; // state of the id generator
    const void *dict_class, *limit_class, *metric_class, *document_class;
    struct buf scratch; // see vm_scratch()
};

// A state with the trusted libraries, "core" and the searcher for tide.* modules.
struct vm *vm_new(const struct vm_env *env);
void vm_free(struct vm *vm);

// Stops what the state does by itself as time goes by. Before its timers are closed.
void vm_stop(struct vm *vm);

// The guard of user code, made now if there is none.
struct guard *vm_guard(struct vm *vm);

// True while the memory of scripts allows no further request.
bool vm_is_over_memory(const struct vm *vm);

// Appends one line for people: how many providers and models there are.
void vm_summary(struct vm *vm, struct buf *out);

// The vm whose C function is running (each has it as first upvalue).
struct vm *vm_of(lua_State *L);

// Registers functions into the table on top of the stack, with the vm as upvalue.
struct luaL_Reg;
void vm_register(struct vm *vm, const struct luaL_Reg *functions);

// The userdata at `index` if it is of the class (what vm_register_class() returned); raises for
// anything else. Cheaper than looking the class up by its name.
void *vm_check_class(lua_State *L, int index, const void *class);

// Pushes a new metatable named `name` with the functions as methods (__index is itself).
// Returns what tells the class from others.
const void *vm_register_class(struct vm *vm, const char *name, const struct luaL_Reg *methods);

// An empty buffer for a C function that puts bytes together before it hands them to Lua: Lua may
// raise meanwhile, and then the buffer is still the vm's. Good until the next call.
struct buf *vm_scratch(struct vm *vm, size_t limit);

// The next number of a generator that is quick and not secret.
unsigned long long vm_random(struct vm *vm);

// `count` * 16 hex digits of an id that does not repeat; `out` gets a NUL as well.
void vm_random_hex(struct vm *vm, char *out, size_t count);
