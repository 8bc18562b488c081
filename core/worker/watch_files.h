// Notices that a file that a user can write has changed: by events of the file system, and by
// looking once a second, because events do not come from everywhere (network file systems, targets
// of links, folders that are not there yet).
#pragma once

#include "loop/loop.h"
#include "loop/timers.h"

struct watch_files;

enum {
    WATCH_QUIET_MS = 20,  // after the last event: an editor writes in several steps
    WATCH_MOST_MS = 60,   // after the first event, however many follow
    WATCH_LOOK_MS = 1000, // between looks
};

// `config_name` is the name of the configuration file in `folder`. Both are copied; the others are
// borrowed. `on_change` comes from the loop. It may come when nothing has changed after all.
struct watch_files *watch_files_new(struct loop *loop, struct timers *timers, const char *folder,
                                    const char *config_name, void (*on_change)(void *owner),
                                    void *owner);

// The memory goes when all handles have closed, as the loop turns. Before the timers close.
void watch_files_close(struct watch_files *watch);
