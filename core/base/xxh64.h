// XXH64: 64 bits of a text, quick and well spread, for tables and for names of things. Whoever
// chooses the texts can make them collide unless the seed is secret; it proves nothing.
#pragma once

#include <stdint.h>

#include "base/slice.h"

uint64_t xxh64(struct slice text, uint64_t seed);
