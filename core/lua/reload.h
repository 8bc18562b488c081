// How Lua reaches the thread that reloads: core.reload and others (described in api.h).
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "loop/mailbox.h"

struct vm;

// Why files that were changed are not in force.
struct reload_failure {
    double time; // wall clock, seconds; 0: there is none
    char file[256];
    int line;
    char message[sizeof(((struct error *)NULL)->message)];
};

// Somebody waits for the outcome of a reload.
struct reload_request {
    struct letter asked;    // to the thread that reloads, which owns all of it meanwhile
    struct letter answered; // back
    struct mailbox *home;
    struct reload_request *next; // for the thread that reloads, as the next
    void *owner;
    unsigned generation;           // the one in force
    struct reload_failure failure; // .time 0: all is well
};

// What a script of a generation has done too often.
struct reload_report {
    struct letter sent; // the receiver frees the report
    void *owner;        // the receiver's
    unsigned generation;
    char path[256];
};

// Called from any thread; borrowed, outlives every VM.
struct reloader {
    void *owner;
    // Takes the request until `answered` is sent to its home. False: nothing is reloaded any more.
    bool (*ask)(void *owner, struct reload_request *request);
    // Takes the report, if it returns true.
    bool (*report)(void *owner, struct reload_report *report);
    void (*read_failure)(void *owner, struct reload_failure *failure);
};

// Adds its functions to the table on top of the stack.
void reload_open(struct vm *vm);
