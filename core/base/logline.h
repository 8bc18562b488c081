// The text of log lines: JSON objects for programs, short lines for people (pure, no I/O).
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/redact.h"

// What every line begins from. Values are redacted, then cut at LOGLINE_VALUE bytes.
struct logline {
    const struct redact *redact; // borrowed
    uint64_t time_us;            // wall clock
    enum log_level level;
};

enum { LOGLINE_VALUE = 8 * 1024 }; // of one string in a line; a request target is no longer either

// Each appends one line with its newline to `out` (whose limit is not reached by one line).
void logline_json_request(const struct logline *line, const struct log_request *request,
                          struct buf *out);
void logline_json_event(const struct logline *line, struct slice message, struct buf *out);
void logline_json_note(const struct logline *line, const struct log_note *note, struct buf *out);
void logline_plain_request(const struct logline *line, const struct log_request *request,
                           struct buf *out);
void logline_plain_event(const struct logline *line, struct slice message, struct buf *out);
void logline_plain_note(const struct logline *line, const struct log_note *note, struct buf *out);
