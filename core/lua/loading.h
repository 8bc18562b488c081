// How generations come into a VM: prepared beside the committed one, then committed or dropped.
// Requests go on meanwhile, and stay on the one they began with.
#pragma once

#include "base/error.h"
#include "lua/generation.h"

struct vm;

// A generation as one VM uses it. Who holds it counts here, without atomics.
struct vm_generation {
    struct generation *shared; // a reference of it
    size_t users;
    struct vm_generation **handle; // what the Lua userdata points through, or NULL
};

// A request that begins takes vm->current, an inner one that of its parent. Returns `generation`.
struct vm_generation *vm_generation_ref(struct vm_generation *generation);
void vm_generation_unref(struct vm_generation *generation);

// The one being loaded, else the committed one: what loading code reads its files from. Borrowed.
struct vm_generation *vm_loading_generation(const struct vm *vm);

// Loads tide.gateway and lets it build everything from the generation that the VM began with, at
// one go. Returns 0, or -1 with an error for a person (file, line, what to do).
int vm_load(struct vm *vm, struct error *err);

// Builds another generation (which is shared) beside the committed one, in a task, a piece in each
// turn of the loop. `on_end` comes once, perhaps before this returns: `err` NULL when the
// generation waits for vm_commit() or vm_drop().
void vm_prepare(struct vm *vm, struct generation *generation,
                void (*on_end)(void *owner, const struct error *err), void *owner);

// From now on new requests get what was prepared.
void vm_commit(struct vm *vm);

// Forgets what was or is being prepared; what is not ready ends now, with kind canceled. Harmless
// without any.
void vm_drop(struct vm *vm);

// For vm_new() and vm_free().
void loading_begin(struct vm *vm, struct generation *generation);
void loading_end(struct vm *vm);
