#include "lua/budget.h"

#include <stdlib.h>

#include "base/mem.h"

struct budget {
    unsigned refs;
    struct budget_limits limits;
    size_t used[BUDGET_KINDS];
    uint64_t cpu_ns;
    int64_t growth;
};

static const struct {
    const char *name, *what;
} kinds[BUDGET_KINDS] = {
    [BUDGET_TASKS] = {"tasks", "tasks at the same time"},
    [BUDGET_CALLS] = {"calls", "outbound calls"},
    [BUDGET_LOG_LINES] = {"log_lines", "log lines"},
};

struct budget *budget_new(const struct budget_limits *limits)
{
    struct budget *budget = mem_alloc(sizeof(*budget));
    budget->refs = 1;
    budget->limits = *limits;
    return budget;
}

struct budget *budget_ref(struct budget *budget)
{
    if (budget)
        budget->refs++;
    return budget;
}

void budget_unref(struct budget *budget)
{
    if (budget && --budget->refs == 0)
        free(budget);
}

bool budget_take(struct budget *budget, enum budget_kind kind)
{
    if (!budget)
        return true;
    if (budget->used[kind] >= budget->limits.of[kind])
        return false;
    budget->used[kind]++;
    return true;
}

void budget_give(struct budget *budget, enum budget_kind kind)
{
    if (budget)
        budget->used[kind]--;
}

size_t budget_used(const struct budget *budget, enum budget_kind kind)
{
    return budget ? budget->used[kind] : 0;
}

void budget_add_cpu(struct budget *budget, uint64_t ns)
{
    budget->cpu_ns += ns;
}

uint64_t budget_cpu_ns(const struct budget *budget)
{
    return budget->cpu_ns;
}

void budget_add_growth(struct budget *budget, int64_t bytes)
{
    budget->growth += bytes;
}

int64_t budget_growth(const struct budget *budget)
{
    return budget->growth;
}

int budget_push_error(lua_State *L, const struct budget *budget, enum budget_kind kind)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "budget");
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, kinds[kind].name);
    lua_setfield(L, -2, "limit");
    lua_pushfstring(L, "the scripts of one request may have %d %s (scripts.%s)",
                    budget ? (int)budget->limits.of[kind] : 0, kinds[kind].what, kinds[kind].name);
    lua_setfield(L, -2, "message");
    return 2;
}
