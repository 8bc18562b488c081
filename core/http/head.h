// The head of an HTTP/1.x message (RFC 9112 sections 2 to 6), read strictly: what is not written as
// the grammar says is refused, never repaired. Pure: no I/O, nothing is copied.
//
// A head is scanned while it comes, so that its end is found however it is split, and read once it
// lies whole in `headers.bytes`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/headers.h"

enum head_fault {
    HEAD_FINE,
    HEAD_BARE_LF,    // a line's end without CR
    HEAD_FOLDED,     // a field that goes on in a second line
    HEAD_LONG_START, // the first line is over its limit
    HEAD_MANY_LINES, // more field lines than allowed
};

// Embedded in its owner, who sets the limits and zeroes the rest before each head.
struct head_scan {
    size_t max_start; // bytes of the first line
    size_t max_fields;
    size_t lines;    // complete ones, the empty line not counted
    size_t line_len; // of the unfinished line
    char last;       // byte of the head
    bool is_end;     // the empty line is through
    uint8_t fault;   // enum head_fault
};

// Returns how many of the bytes belong to the head: all of them unless its end is among them. Not
// to be called again once there is an end or a fault.
size_t head_scan(struct head_scan *scan, const char *bytes, size_t len);

struct request_line {
    struct slice method, target; // method: capitals and '-'; target: visible ASCII
    int major, minor;
};

struct status_line {
    int status; // any three digits
    int major, minor;
};

// All of these return NULL, or what is wrong, for people; static text.
//
// The first line of a whole head; *next is the place behind it.
const char *head_read_request_line(struct slice head, struct request_line *line, size_t *next);
const char *head_read_status_line(struct slice head, struct status_line *line, size_t *next);

// The field lines of the whole head in headers->bytes, which begin at `at`, into `headers`.
const char *head_read_fields(struct headers *headers, size_t at);

// Zeroed by the owner, who then hands over each field of the message.
struct framing_fields {
    unsigned lengths, codings;
    bool is_bad_length, is_other_coding;
    bool closes, keeps; // Connection
    uint64_t content_length;
};

void framing_note(struct framing_fields *framing, struct header field);
const char *framing_check(const struct framing_fields *framing);
