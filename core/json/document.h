// A JSON object whose values are found, changed and printed by paths. What is not touched keeps its
// bytes: only a member of the top level in which something has changed is printed anew, compactly,
// with the order of its members and its numbers unharmed.
//
// A member of the top level becomes a tree when something inside it is asked for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "json/json.h"
#include "json/tree.h"

struct document;

enum {
    DOCUMENT_STEPS = 32,      // of a path
    DOCUMENT_MEMBERS = 10000, // of the top level
    DOCUMENT_NODES = 250000,  // of one member that becomes a tree
};

// A name, or a position from 1 on; below 0 it is counted from the end.
struct document_step {
    struct slice name; // NULL data: a position
    long position;
};

struct document_path {
    const struct document_step *steps;
    size_t count; // 0: the whole object
};

// One of the two is given. Borrowed until the next change.
struct document_value {
    struct slice raw;
    const cJSON *node;
};

enum document_result {
    DOCUMENT_OK,
    DOCUMENT_ABSENT,
    DOCUMENT_MISPLACED, // a step into what is no object, or no array; or far behind the end of one
    DOCUMENT_TOO_LARGE, // nesting, members or nodes
};

// `text` is borrowed until the document is freed. NULL with `err` when it is no valid JSON object,
// or has more than DOCUMENT_MEMBERS members. `serial` tells documents apart in which the same
// cursor may be used, one after the other.
struct document *document_new(struct slice text, int max_depth, uint32_t serial,
                              struct json_error *err);
void document_free(struct document *document);

// The last member counts where a name is repeated, here and everywhere below.
enum document_result document_get(struct document *document, struct document_path path,
                                  struct document_value *value);

// Of an array or object; DOCUMENT_MISPLACED for anything else.
enum document_result document_length(struct document *document, struct document_path path,
                                     size_t *length);

// Puts `json` (valid JSON text, copied) where the path leads. Objects and arrays on the way are
// made where there is nothing; a position right behind the end of an array appends.
enum document_result document_set(struct document *document, struct document_path path,
                                  struct slice json);
enum document_result document_delete(struct document *document, struct document_path path);

bool document_is_changed(const struct document *document);

// Its text is no longer than this.
size_t document_bound(const struct document *document);

// Appends the whole text, or that of one value. 0, or -1 (limit of `out`).
int document_print(const struct document *document, struct buf *out);
int document_print_value(const struct document_value *value, struct buf *out);

// Walks over the items of an array or object. Zeroed before the first; the path stays the same.
// What is changed meanwhile is seen; an item that is removed moves the next one into its place.
struct document_cursor {
    size_t index; // of the item given last, from 1 on
    uint64_t version;
    const cJSON *next;
};

// DOCUMENT_ABSENT after the last one, or when the array or object is no more. *name is that of a
// member, NULL data in an array.
enum document_result document_next(struct document *document, struct document_path path,
                                   struct document_cursor *cursor, struct slice *name,
                                   struct document_value *value);
