// What gateway.lua returned, as a tree outside of Lua: fields with names or positions.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum field_type {
    FIELD_OTHER, // a function or anything else that no setting is
    FIELD_BOOLEAN,
    FIELD_NUMBER,
    FIELD_STRING,
    FIELD_SECRET,
    FIELD_TABLE,
};

struct field {
    char *name;      // owned; NULL for an item of a list
    size_t position; // 1-based place of an item; 0 with a name
    enum field_type type;
    bool boolean;
    double number;
    char *text;          // owned; a string's value, or what a FIELD_OTHER is ("function")
    size_t secret;       // index into config->secrets
    bool is_list;        // of a table: printed as [...], also when it is empty
    struct field *items; // owned; of a table: positions first, then names sorted
    size_t count;
};

// Frees what the field owns.
void field_deinit(struct field *field);

// Puts the items of a table in order.
void field_sort(struct field *table);

// NULL when there is none. Borrowed until the table changes.
struct field *field_find(const struct field *table, const char *name);

// A new field, at its place in the order; `name` is not there yet. Borrowed until the table
// changes.
struct field *field_add(struct field *table, const char *name);

// Frees the item at `index` and takes it out.
void field_remove(struct field *table, size_t index);

// Takes the items of `other`, which has none afterwards; of two with the same name or position
// that of `other` stays.
void field_take(struct field *table, struct field *other);

// "a number", "a list" ...: for messages. Static or borrowed from the field.
const char *field_describe(const struct field *field);

// Appends the value as JSON: names sorted, a secret as {"$secret": index}, whole numbers without
// decimals.
void field_print(const struct field *field, struct buf *out);
