// What an inner request inherits from the request that asked for it, and what it hands back at its
// end. One that is detached inherits no more than an id and its depth, and hands nothing back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "http/price.h"

struct call;
struct call_record;
struct vm;

// What its record said; kept by whoever reads its answer.
struct inner_facts {
    bool is_recorded;
    struct usage_counts usage;
    struct cost cost; // with that of the requests that it has asked for
    // Owned, NULL: not said.
    char *outcome, *kind, *message, *target;
};

struct inner_asked {
    struct call *parent;       // NULL: no request asked for it
    bool is_detached;          // its end is not the parent's concern, nor the other way round
    bool is_client;            // begins as a client's request does, with a budget of its own
    int body_ref;              // the Lua string that holds the body: taken; 0: none
    unsigned depth;            // 1: asked by a client's request or by none
    struct inner_facts *facts; // borrowed until inner_call_forget_facts(); NULL: nobody asks
};

// The inner side of a call.
struct inner_call {
    struct call *call;
    struct inner_asked asked; // `parent` is NULL once that has ended
    struct list node;         // in the parent's family, or in vm->loose_inner
    uint64_t latest_ms;       // the parent's deadline, 0: none
};

// What a request keeps of the tokens that its own answer did not cost, and of its inner requests.
struct inner_family {
    struct list members;           // running inner calls
    struct usage_counts usage;     // of those that have ended
    struct usage_counts discarded; // of its own answers that were not released
};

// The family of a request, made when it has none.
struct inner_family *inner_call_family(struct call *parent);

void inner_call_begin(struct call *call, const struct inner_asked *asked);
void inner_call_record(struct call *call, const struct call_record *record);
// Counts one that was detached: how it ended, or that it was "dropped" before it began.
void inner_call_count_detached(struct vm *vm, struct slice outcome);
void inner_call_forget_facts(struct call *call);
void inner_call_drop_body(struct call *call);

// Its list of attempts and its usage go to the parent.
void inner_call_end(struct call *call);

// How deep a request is; 0: a client's.
unsigned inner_call_depth(const struct call *call);

// The parent's client has gone.
void inner_call_cancel_family(struct call *parent);
// The parent has ended: what still runs for it is canceled.
void inner_call_leave_family(struct call *parent);

// Cancels those that have no parent, so that the program can end.
void inner_call_cancel_loose(struct vm *vm);

void inner_facts_deinit(struct inner_facts *facts);
