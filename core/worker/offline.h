// A Lua side that serves nobody: no listeners, no network, and time that moves only when nothing
// else is left to do. The commands that look at a configuration and run its scripts stand on it.
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "config/config.h"
#include "worker/base.h"

struct offline_options {
    const char *log_file; // NULL: nobody reads it
    bool is_live;         // with a network, and with the real time
};

struct offline {
    struct generation generation; // owns nothing and is never freed
    struct worker_shared shared;
    struct worker_base base;
    // Of the running offline_call().
    struct buf *out; // borrowed
    struct error *err;
    int status;
    bool is_ended;
    bool is_live;
};

// Makes the Lua state. `config` and `bundle` are borrowed and outlive it. Returns 0, or -1 with
// `err`; offline_close() is due in both cases.
int offline_open(struct offline *offline, struct config *config, struct bundle *bundle,
                 struct error *err);

// The same, otherwise than usual.
int offline_open_as(struct offline *offline, struct config *config, struct bundle *bundle,
                    const struct offline_options *options, struct error *err);

// Lets the gateway's own Lua build everything from the configuration. Returns 0, or -1 with `err`.
int offline_load(struct offline *offline, struct error *err);

// Calls require(module)[function](argument), which returns a status of 0 or more and a text, as a
// task, and turns the loop until it ends. Appends the text to `out`. Returns the status, or -1 with
// `err`: it raised, or waits for what never comes.
int offline_call(struct offline *offline, const char *module, const char *function,
                 struct slice argument, struct buf *out, struct error *err);

// Frees all. Returns how much was left behind: tasks that wait and handles that are open.
size_t offline_close(struct offline *offline);
