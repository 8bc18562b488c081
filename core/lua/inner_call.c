#include "lua/inner_call.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/inner.h"
#include "lua/call.h"
#include "lua/vm.h"

// ---- the parent's side ------------------------------------------------------------------------

struct inner_family *inner_call_family(struct call *parent)
{
    if (!parent->family) {
        parent->family = mem_alloc(sizeof(*parent->family));
        list_init(&parent->family->members);
        parent->family->usage = parent->family->discarded = usage_unknown();
    }
    return parent->family;
}

// None of them ends inside this call.
static void cancel_all(const struct list *members)
{
    for (const struct list *node = members->next; node != members; node = node->next)
        inner_cancel(inner_of(LIST_ITEM(node, struct inner_call, node)->call->exchange));
}

void inner_call_cancel_family(struct call *parent)
{
    cancel_all(&parent->family->members);
}

void inner_call_leave_family(struct call *parent)
{
    struct list *members = &parent->family->members;

    cancel_all(members);
    while (!list_is_empty(members)) {
        struct inner_call *inner = LIST_ITEM(members->next, struct inner_call, node);
        inner->asked.parent = NULL;
        list_remove(&inner->node);
        list_add_back(&parent->vm->loose_inner, &inner->node);
    }
    free(parent->family);
    parent->family = NULL;
}

void inner_call_cancel_loose(struct vm *vm)
{
    cancel_all(&vm->loose_inner);
}

// An attempts list that does not fit whole would mislead: it is left out.
static void add_attempts(struct call *parent, const struct call *call)
{
    struct buf *list = &parent->attempts;
    size_t len = list->len;

    parent->attempt_count += call->attempt_count;
    if (!call->attempts.len)
        return;
    if ((len && buf_add_text(list, " ") != 0) ||
        buf_add_slice(list, buf_slice(&call->attempts)) != 0)
        list->len = len;
}

static void hand_back(struct call *parent, const struct call *call)
{
    add_attempts(parent, call);
    parent->attempts_ns += clock_monotonic_ns() - exchange_request(call->exchange)->ready_ns;
    cost_join(&parent->cost, &call->cost);
    usage_add_counts(&parent->family->usage, &call->usage);
    if (!call->family)
        return;
    usage_add_counts(&parent->family->usage, &call->family->usage);
    usage_add_counts(&parent->family->usage, &call->family->discarded);
}

// ---- its own side -----------------------------------------------------------------------------

unsigned inner_call_depth(const struct call *call)
{
    return call->inner ? call->inner->asked.depth : 0;
}

void inner_call_begin(struct call *call, const struct inner_asked *asked)
{
    struct inner_call *inner = mem_alloc(sizeof(*inner));

    inner->call = call;
    inner->asked = *asked;
    list_init(&inner->node);
    call->inner = inner;
    if (asked->is_detached)
        inner->asked.parent = NULL;
    struct call *parent = inner->asked.parent;
    if (parent) {
        inner->latest_ms = parent->total_at_ms;
        list_add_back(&inner_call_family(parent)->members, &inner->node);
    } else {
        list_add_back(&call->vm->loose_inner, &inner->node);
    }
    if (asked->is_detached)
        call->vm->detached_count++;
}

void inner_call_drop_body(struct call *call)
{
    struct inner_asked *asked = &call->inner->asked;
    if (asked->body_ref)
        luaL_unref(call->vm->L, LUA_REGISTRYINDEX, asked->body_ref);
    asked->body_ref = 0;
}

static char *copy(struct slice text)
{
    return text.data ? mem_dup(text.data, text.len) : NULL;
}

void inner_call_count_detached(struct vm *vm, struct slice outcome)
{
    struct metric_names *names = vm->env.names;
    metric_add(metrics_series(names->metrics, names->shadows, &outcome), 1);
}

void inner_call_record(struct call *call, const struct call_record *record)
{
    struct inner_facts *facts = call->inner->asked.facts;
    if (call->inner->asked.is_detached)
        inner_call_count_detached(call->vm, record->outcome);
    if (!facts)
        return;
    facts->is_recorded = true;
    facts->usage = call->usage;
    facts->cost = call->cost;
    facts->outcome = copy(record->outcome);
    facts->kind = copy(record->kind);
    facts->message = copy(record->message);
    facts->target = copy(record->target);
}

void inner_call_forget_facts(struct call *call)
{
    call->inner->asked.facts = NULL;
}

void inner_call_end(struct call *call)
{
    struct inner_call *inner = call->inner;

    if (inner->asked.parent)
        hand_back(inner->asked.parent, call);
    inner_call_drop_body(call);
    list_remove(&inner->node);
    if (inner->asked.is_detached)
        call->vm->detached_count--;
    free(inner);
    call->inner = NULL;
}

void inner_facts_deinit(struct inner_facts *facts)
{
    free(facts->outcome);
    free(facts->kind);
    free(facts->message);
    free(facts->target);
    *facts = (struct inner_facts){.is_recorded = false};
}
