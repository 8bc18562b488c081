// Time, in one place.
#pragma once

#include <stdint.h>

// Nanoseconds of a clock that never goes back. Only differences mean something.
uint64_t clock_monotonic_ns(void);

// Microseconds since 1970-01-01 UTC.
uint64_t clock_wall_us(void);
