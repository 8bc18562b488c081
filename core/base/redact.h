// Finds secrets in text and replaces them; the cost does not depend on how many there are.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

struct redact;

enum { REDACT_SHORTEST = 8 }; // bytes; a shorter secret would take ordinary words with it

struct redact *redact_new(void);
void redact_free(struct redact *redact);

// Copied. Shorter than REDACT_SHORTEST, or known: ignored, and false. Other threads may read
// meanwhile; one adds at a time.
bool redact_add(struct redact *redact, struct slice secret);

// True when a secret stands in `text`.
bool redact_finds(const struct redact *redact, struct slice text);

// Appends `text` to `out`, each run of bytes that belong to secrets (overlapping ones count as one
// run) as "***". Returns 0, or -1 when `out` reaches its limit.
int redact_text(const struct redact *redact, struct slice text, struct buf *out);
