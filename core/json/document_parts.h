// What document.c and document_edit.c share.
#pragma once

#include "json/document.h"

// A member of the top level as it stands: lead name colon value trail. One that was added has no
// bytes around it.
struct member {
    struct slice lead, key, colon, raw, trail; // borrowed from the text
    struct slice name;                         // the key without quotes and escapes
    char *own_name;                            // owned; what `name` borrows from, or NULL
    char *own;                                 // owned; what `raw` borrows from, or NULL
    cJSON *tree;                               // owned; the value, once something inside was asked
    bool is_changed;                           // inside the tree: `raw` holds no longer
};

struct document {
    struct slice head, tail; // of the text: up to the brace, and behind the other one
    struct member *members;  // owned
    size_t count, cap;
    int max_depth;
    bool is_changed;
    size_t bound;
    uint64_t version; // rises with each change
};

// The last member of that name, or NULL.
struct member *document_find_member(const struct document *document,
                                    const struct document_step *step);

// A zeroed one at the end. Pointers to others are void.
struct member *document_add_member(struct document *document);

// Frees what its value owns.
void document_drop_value(struct member *member);

// True when a tree of `raw` would pass DOCUMENT_NODES.
bool document_is_too_much(struct slice raw);

// Makes the member's tree, unless it has one.
enum document_result document_grow_tree(struct document *document, struct member *member);

// The item of `node` where the step leads.
enum document_result document_step_into(const cJSON *node, const struct document_step *step,
                                        cJSON **item);

// The member that the path begins with, as a tree, and the node where it ends.
enum document_result document_walk(struct document *document, struct document_path path,
                                   struct member **member, cJSON **node);
