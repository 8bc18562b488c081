// The thread that reloads. It watches the files, proves what has changed in a scratch state, and
// brings it into force on all workers, or on none.
#pragma once

#include "worker/proof.h"
#include "worker/worker.h"

struct control;

// `generation` is the one that the workers begin with. Everything is borrowed and outlives it. The
// thread does not run yet, but requests for a reload may come in.
struct control *control_new(struct worker_shared *shared, const struct reload_source *source,
                            struct generation *generation);

// How the workers reach it. Borrowed.
const struct reloader *control_reloader(const struct control *control);

// Starts the thread, when all workers listen. `on_end` runs on it as its last act.
void control_start(struct control *control, struct worker **workers, int count,
                   void (*on_end)(void *owner), void *owner);

// Loads what is on disk. Any thread.
void control_reload(struct control *control);

// Ends the thread: what is under way is given up, and everybody who waits is told. Any thread,
// once. Workers must not drain before on_end has come.
void control_stop(struct control *control);

// After the workers have ended; also of a control that was not started. Returns the handles that
// were still open.
size_t control_free(struct control *control);
