// What one request, one timer run or one load of a file may use up: things that are counted, and
// the CPU time of its scripts. Shared by the task that began it and all tasks that come from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

enum budget_kind {
    BUDGET_TASKS,     // tasks at the same time: given back when they end
    BUDGET_CALLS,     // outbound calls in all
    BUDGET_LOG_LINES, // in all
    BUDGET_KINDS,
};

struct budget_limits {
    size_t of[BUDGET_KINDS]; // 0 allows none
};

struct budget; // never leaves its worker

// With one reference, owned by the caller.
struct budget *budget_new(const struct budget_limits *limits);

// Shared: every reference is given back once. NULL is allowed and stays NULL.
struct budget *budget_ref(struct budget *budget);
void budget_unref(struct budget *budget);

// Takes one; false when the limit is reached, and then nothing is taken. Without a budget (NULL)
// nothing is counted and all is allowed: that is trusted code.
bool budget_take(struct budget *budget, enum budget_kind kind);

// Gives one back that was taken.
void budget_give(struct budget *budget, enum budget_kind kind);

// How many are taken now.
size_t budget_used(const struct budget *budget, enum budget_kind kind);

// CPU time of scripts. Adding never fails; whoever adds looks at the sum.
void budget_add_cpu(struct budget *budget, uint64_t ns);
uint64_t budget_cpu_ns(const struct budget *budget);

// By how much the heap grew while its scripts ran; less than 0: it shrank.
void budget_add_growth(struct budget *budget, int64_t bytes);
int64_t budget_growth(const struct budget *budget);

// For a C function whose budget_take() failed: pushes nil and the error
// { kind = "budget", limit = "tasks", message = ... } that names the setting; returns 2.
int budget_push_error(lua_State *L, const struct budget *budget, enum budget_kind kind);
