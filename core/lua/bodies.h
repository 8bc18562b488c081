// Whole requests in the file of log.bodies, one JSON line each, for `tidegate replay` and
// `explain`:
//
// { time, id, method, path, headers, client, model, body, target, status, attempts }
//
// `headers` are those that say nothing of who asks, `body` is the text as it came (null when it is
// longer than BODIES_LONGEST), `target` the lane that answered. Secrets are redacted. The log's
// bounds hold: a line never waits, and one that finds no place is dropped and counted.
#pragma once

#include "base/log.h"

struct call;
struct call_record;

enum { BODIES_LONGEST = 1024 * 1024 };

// Keeps what the client has sent, before anything changes or drops it.
void bodies_keep(struct call *call);

// Writes the line of a call that was kept, and forgets it.
void bodies_write(struct call *call, const struct call_record *record);
