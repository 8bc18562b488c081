// One event of a stream, whatever its framing, and what can be wrong with the bytes around it.
#pragma once

#include <stdbool.h>

#include "base/slice.h"

struct stream_event {
    struct slice raw;  // all bytes of the block, its end included: to pass on unchanged
    struct slice name; // NULL data when it has none
    struct slice data; // NULL data when there is none (a comment, a blank line)
    bool is_complete;  // false only for a last block that lacks its end
    bool is_error;     // the framing itself says so; `data` is then a JSON object
};

// Called once per block. Everything in `event` is borrowed for the call. A result other than 0
// ends the feeding at once with that result.
typedef int (*stream_event_cb)(void *owner, const struct stream_event *event);

enum { STREAM_KEPT = 16 * 1024 }; // memory that a parser keeps between blocks; streams live long

// What parsers of framings return, besides 0 and what the callback said. Nothing more may be fed.
enum stream_problem {
    STREAM_TOO_LARGE = -1, // a block passes its limit
    STREAM_BROKEN = -2,    // the bytes are not of this framing
    STREAM_CUT = -3,       // they end within a block that can only be whole
};
