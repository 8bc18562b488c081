// Sees to it that slices of user code end: one thread for the process, which exists while something
// is watched and sleeps while no slice runs.
//
// A slice is what runs between two calls below, on one thread. It costs that thread two stores. The
// watchdog looks every few milliseconds; for a slice that has used too much CPU time it sends the
// thread a signal, and the handler, on that thread, tells the slice's owner.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

// What a slice has come to, from bad to worse.
enum watchdog_order {
    WATCHDOG_NONE,
    WATCHDOG_STOP,     // it has used its CPU time
    WATCHDOG_STOP_ALL, // it went on all the same
    WATCHDOG_TELL,     // it has not come back for seconds: where is it?
};

enum {
    WATCHDOG_GRACE_MS = 20,   // from stop to stop all
    WATCHDOG_STUCK_MS = 5000, // without coming back: said in the log, every so often
};

// Embedded in its owner; the fields are the watchdog's.
struct watched {
    _Atomic uint64_t sequence; // odd while a slice runs; written by its own thread alone
    _Atomic uint64_t target;   // the slice that `order` is for
    _Atomic int order;
    _Atomic bool has_told;   // `told` is complete
    char told[160];          // by on_order(), for the log
    _Atomic uint32_t cpu_ms; // of one slice
    // In the signal handler of the slice's thread, while the slice runs. May be called again.
    void (*on_order)(void *owner, enum watchdog_order order);
    void *owner;
    struct log *log; // borrowed
    pthread_t thread;
    clockid_t cpu_clock;
    struct watched *next;
    uint64_t seen, seen_cpu_ns, seen_ns; // the slice that was found at the last look
    uint64_t told_ns;
};

// Watches the slices of the calling thread, the only one that may begin and end them. `on_order`,
// `owner`, `log` and `cpu_ms` are set already.
void watchdog_add(struct watched *watched);

// On the same thread, between slices.
void watchdog_remove(struct watched *watched);

// Begins a slice. Returns what was being watched on this thread until now (NULL: nothing), for the
// end of the slice.
struct watched *watchdog_begin(struct watched *watched);

// Ends it: from here on no handler calls on_order() for it.
void watchdog_end(struct watched *watched, struct watched *outer);

// Whose slice runs on this thread; NULL: none.
struct watched *watchdog_current(void);

// True while the watchdog sleeps for want of slices.
bool watchdog_is_asleep(void);
