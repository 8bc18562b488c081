// What a reload cannot change.
#pragma once

#include "config/config.h"

// Gives a newly loaded configuration, where a running process cannot follow it, the values of the
// running one: addresses, workers, limits.connections, files of the log. `notes` gets a line for
// each such field that differs: "listen changed: restart to apply it". Returns 0; -1 with `err`
// when the new configuration would leave a listener, which stays where it is, open to anybody.
int config_keep(struct config *config, const struct config *running, struct buf *notes,
                struct error *err);
