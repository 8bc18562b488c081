// The log: one line per entry, to a file or stdout, written by a thread of its own so that a slow
// disk or a full pipe never stops a loop. Secrets are redacted here and nowhere else.
//
// On a terminal lines are for people; everywhere else each is one JSON object.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log;

// `file` NULL or "-": stdout. NULL with `err` when the file cannot be opened for appending.
struct log *log_new(const char *file, enum log_level level, struct error *err);

// Writes what is queued, ends the thread, closes the file.
void log_free(struct log *log);

// Bytes that must never appear in a line: any occurrence becomes "***". Copied. Secrets shorter
// than 8 bytes are ignored (they would redact ordinary text). From any thread.
void log_add_secret(struct log *log, struct slice secret);

// The same for a secret that is of no use to anybody after so many seconds: it may then be
// forgotten.
void log_add_token(struct log *log, struct slice token, double seconds);

// Replaces secrets in `text` by "***", as lines are. Appends to `out`.
struct buf;
void log_redact(const struct log *log, struct slice text, struct buf *out);

// {"time":..,"level":..,"message":..} from any thread. Never blocks, never fails: over
// LIMIT_LOG_QUEUE the line is dropped and counted.
void log_event(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// One served request. Slices with NULL data and negative counts are null in the line.
struct log_request {
    struct slice request_id, client, model, target, method, path;
    struct slice attempts; // as in x-tidegate-attempts
    int status;            // sent to the client; 0: none
    unsigned attempt_count;
    long long tokens_in, tokens_out, tokens_cached; // -1: unknown
    long long cost_nano;                            // nano-dollars of what is known; -1: nothing
    bool is_cost_unknown;                           // there is a part that is not
    double ttft_ms;                                 // -1: none
    double duration_ms;
    uint64_t bytes;          // of the answer's body
    struct slice error_kind; // NULL data: none
    struct slice error_message;
};

void log_request(struct log *log, const struct log_request *request);

// What a script says. Numbers and booleans are `is_bare`: their text is printed without quotes.
struct log_field {
    struct slice name, text;
    bool is_bare;
};

enum { LOG_FIELDS = 16 };

struct log_note {
    struct slice message, script, request_id; // NULL data: none
    uint64_t generation;                      // 0: none
    const struct log_field *fields;           // at most LOG_FIELDS
    size_t field_count;
};

// Like log_event(), with what it knows beside the message.
void log_note(struct log *log, enum log_level level, const struct log_note *note);

// A whole line with its newline, as it stands; NULL data: one that could not be made, which counts
// as dropped.
void log_line(struct log *log, struct slice line);

bool log_wants(const struct log *log, enum log_level level);

// From now on lines below `level` are left out. Any thread.
void log_set_level(struct log *log, enum log_level level);
uint64_t log_dropped(const struct log *log); // lines dropped so far
