// Blocks of complete "Name: value\r\n" lines. Pure.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/headers.h"

// Takes the first line off the block; its value is without white space around it. False when there
// is none.
bool header_lines_next(struct slice *lines, struct header *line);

// Adds the lines of `usual` and then those of `own`; of a name that is in both only the latter.
// Returns 0, or -1 when the limit of `out` would be passed.
int header_lines_merge(struct slice usual, struct slice own, struct buf *out);
