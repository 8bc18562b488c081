// The head of an outgoing request: request line, Host, what the caller and the framing need. Pure.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "http/upstream.h"

// Replaces the bytes of `head`. Returns 0, or -1 when its limit would be passed.
int request_head_build(struct buf *head, const struct upstream_request *request);

// Whether `path` may stand in a request line; a line break there would let its author write fields.
bool request_head_is_target(struct slice path);
