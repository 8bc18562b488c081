// Strict JSON (RFC 8259): one tokenizer under everything that reads JSON.
//
// Refused, with the position: anything RFC 8259 does not allow, invalid UTF-8, unpaired
// surrogate escapes, nesting deeper than `max_depth`, bytes after the value. Leading and trailing
// white space is fine (DeepSeek sends blank lines before a body).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    JSON_MAX_DEPTH = 128,  // the default of the setting
    JSON_DEPTH_CAP = 1024, // no `max_depth` counts for more: readers recurse, the C stack is finite
};

enum json_type {
    JSON_ABSENT, // only in results: no such member
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

// One value inside a text: its type and its bytes, quotes and brackets included, no white space
// around them. Borrowed from the text.
struct json_value {
    enum json_type type;
    struct slice raw;
};

struct json_error {
    size_t offset;       // byte where the text stops being JSON
    const char *message; // static, for people: "expected ',' or '}'"
};

// Null, "", [] and {} (white space inside allowed) say nothing; everything else says something.
bool json_value_is_empty(struct json_value value);

// Decodes a JSON_STRING value: escapes resolved, UTF-8 appended to `out` (may hold NUL bytes).
// Returns 0, or -1 when `out` reaches its limit.
int json_string_decode(struct json_value value, struct buf *out);

// True when the string value, decoded, equals `text`. Allocates nothing.
bool json_string_equal(struct json_value value, struct slice text);

// Appends `text` as a JSON string with its quotes. Only what must be escaped is escaped; bytes
// that are no valid UTF-8 become U+FFFD. Returns 0 or -1 (limit of `out`).
int json_string_encode(struct buf *out, struct slice text);

// A member of the top-level object that a caller wants to see.
struct json_field {
    struct slice name;
    struct json_value value; // result; type JSON_ABSENT when there is none
    unsigned count;          // result: how often the name occurs
};

// Reads the whole text strictly once, builds nothing, and fills `fields`. Names are compared after
// unescaping. Returns 0; -1 when the text is not valid JSON or its top level is no object.
// Cost target: <= 1 us per KB.
int json_scan(struct slice text, struct json_field *fields, size_t count, int max_depth,
              struct json_error *err);

// One change of a member of the top-level object. `value` is JSON text; NULL data removes.
// `rename_to` (data not NULL) renames the member and keeps its value and place.
struct json_edit {
    struct slice name;
    struct slice value;
    struct slice rename_to;
};

// The most segments that json_splice() makes for `n` edits.
#define JSON_SEGMENTS(n) (3 * (n) + 3)

// Changes top-level members of `text` (an object that json_scan() accepted) without touching any
// other byte: replaces the value where the member is, else adds the member at the end, in the
// order of `edits`. Edits with a name that occurs twice change the last occurrence. The result is
// the concatenation of `segments`, borrowed from `text`, from `edits` and from `scratch` (which
// must stay unchanged while they are used). Of several edits of one kind with the same name the
// last counts. Returns the number of segments, 0 when `scratch` reaches its limit.
size_t json_splice(struct slice text, const struct json_edit *edits, size_t count,
                   struct slice *segments, struct buf *scratch);

// A text that json_scan() accepted, and the fields as it filled them.
struct json_scanned {
    struct slice text;               // borrowed
    const struct json_field *fields; // borrowed
    size_t field_count;
};

// json_splice() without reading the text again; the bytes that come out are the same. It is that
// quick when each edit names one of the fields, and then either gives a new value to a member that
// occurs once or is about a member that is not there. Any other edit makes it read the text.
size_t json_splice_scanned(const struct json_scanned *scanned, const struct json_edit *edits,
                           size_t count, struct slice *segments, struct buf *scratch);
