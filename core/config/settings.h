// The one table of settings: what gateway.lua may hold, and what each value may be.
//
// A path is member names joined by '.'; '*' stands for any name, '#' for any position. Adding a
// setting is adding a row.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "config/config.h"

// What a field may be; several bits: any of them.
enum setting_kind {
    SETTING_NUMBER = 1 << 0,
    SETTING_WHOLE = 1 << 1, // a number without decimals
    SETTING_SIZE = 1 << 2,  // bytes: a whole number or "64MB"
    SETTING_STRING = 1 << 3,
    SETTING_FALSE = 1 << 4,  // the word false
    SETTING_SECRET = 1 << 5, // secret "NAME"
    SETTING_KEY = 1 << 6,    // a secret; a plain string works and is warned of
    SETTING_TABLE = 1 << 7,  // fields with the names of this table
    SETTING_MAP = 1 << 8,    // fields with names of the user's choice
    SETTING_LIST = 1 << 9,
    SETTING_BOOLEAN = 1 << 10,
};

// Where in struct config a value is kept, beside the document.
enum setting_storage {
    STORED_NOWHERE,
    STORED_SIZE,         // size_t
    STORED_MILLISECONDS, // uint32_t; the setting is in seconds
    STORED_INT,
    STORED_WORD,   // int: index in `words`
    STORED_BOOL,   // the default is written "true" or "false"
    STORED_STRING, // char *, owned by the configuration
};

struct setting {
    const char *path;
    unsigned kinds;
    const char *fallback; // default, as a user would write it; NULL: none
    const char *help;     // one line for people
    double min, max;      // of numbers (seconds) and sizes (bytes); min also of a list's length
    const char *words;    // the only strings allowed, separated by spaces; NULL: any
    const char *later;    // words that a later version has
    // What a string (or, with '*' at the end of `path`, a name) has to be, when it is not that;
    // NULL when it is fine. NULL: any.
    const char *(*wrong_text)(const char *text);
    const char *(*wrong_name)(const char *name);
    bool is_required;   // in the table around it ...
    const char *unless; // ... where that has no field of this name; NULL: always
    const char *with;   // a field that the table must have beside this one; NULL: none
    enum setting_storage storage;
    size_t offset; // of that storage
};

// The row at `path`, a path with '*' and '#' where it has them; NULL: none.
const struct setting *settings_find(const char *path);

// The i-th row; NULL behind the last.
const struct setting *settings_at(size_t i);

// True for a field that DESIGN has and this version does not.
bool settings_is_later(const char *path);

// What `wrong`, a field that the table at `parent` ("" at the top) does not have, may have meant: a
// name there, else the whole path of the same name elsewhere. NULL: nothing is near. Static.
const char *settings_suggest(const char *parent, const char *wrong);

// Bytes of "64MB", "1.5GB", "300B"; -1 when `text` is no size.
double settings_size(const char *text);

// Index of `text` among words separated by spaces; -1: none.
int settings_word(const char *words, const char *text);

// Puts a checked value where the setting is stored: `number` for numbers (sizes in bytes), `text`
// for strings.
void settings_store(const struct setting *setting, struct config *config, double number,
                    const char *text);

// Stores the defaults of all settings that are stored.
void settings_store_defaults(struct config *config);

// Appends one line per setting: path, default, help.
void settings_print(struct buf *out);
