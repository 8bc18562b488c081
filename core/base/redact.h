// Finds secrets in text and replaces them; the cost does not depend on how many there are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct redact;

enum { REDACT_SHORTEST = 8 }; // bytes; a shorter secret would take ordinary words with it

struct redact *redact_new(void);
void redact_free(struct redact *redact);

// Copied. Shorter than REDACT_SHORTEST, or known: ignored, and false. Other threads may read
// meanwhile; one adds at a time.
bool redact_add(struct redact *redact, struct slice secret);

// The same for a secret that changes all the time: it is forgotten with the first call that comes
// after `until_ns`; both are of clock_monotonic_ns().
bool redact_add_until(struct redact *redact, struct slice secret, uint64_t until_ns,
                      uint64_t now_ns);

// True when a secret stands in `text`.
bool redact_finds(const struct redact *redact, struct slice text);

// Appends `text` to `out`, each run of bytes that belong to secrets (overlapping ones count as one
// run) as "***". Returns 0, or -1 when `out` reaches its limit.
int redact_text(const struct redact *redact, struct slice text, struct buf *out);
