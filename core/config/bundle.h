// Everything that a user can write, read at one moment: gateway.lua and, beside it, `.env`,
// adapters/*.lua, adapters/{dialects,models}/*.lua and scripts/**/*.lua. Immutable: whatever runs,
// runs from these bytes, however often the files change meanwhile.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    BUNDLE_CONFIG_LIMIT = 4 * 1024 * 1024, // bytes of gateway.lua
    BUNDLE_FILE_LIMIT = 64 * 1024 * 1024,  // of any other; scripts.source is checked later
    BUNDLE_TOTAL = 256 * 1024 * 1024,      // of all together
    BUNDLE_FILES = 4096,                   // how many
    BUNDLE_HASH = 32,                      // bytes of a SHA-256
};

struct bundle_file {
    char *path; // owned; "adapters/groq.lua", from the folder on
    char *text; // owned
    size_t len;
    unsigned char hash[BUNDLE_HASH];
    bool is_test; // *_test.lua: neither loaded nor part of the bundle's hash
};

struct bundle {
    char *folder;              // owned; as it was given, "." for none
    char *file;                // owned; path of gateway.lua for people, NULL without one
    struct bundle_file *files; // owned; sorted by path
    size_t count;
    unsigned char hash[BUNDLE_HASH]; // of the paths and bytes of all that count
};

// `path` is a folder, a configuration file in one, or NULL for the current folder. NULL with `err`
// ("path: reason") when something is there that cannot be read, or is too large.
struct bundle *bundle_read(const char *path, struct error *err);
void bundle_free(struct bundle *bundle);

// NULL when there is no such file.
const struct bundle_file *bundle_find(const struct bundle *bundle, const char *path);

// The configuration file, whatever its name is; NULL without one.
const struct bundle_file *bundle_config(const struct bundle *bundle);

// Where a file of the bundle is, for people: with the folder in front. Owned by the caller.
char *bundle_place(const struct bundle *bundle, const char *path);

// Checks every script against `limit` bytes (scripts.source). Returns 0, or -1 with `err`.
int bundle_check_sizes(const struct bundle *bundle, size_t limit, struct error *err);

// 2 * BUNDLE_HASH hex digits and a NUL.
void bundle_hash_text(const unsigned char hash[BUNDLE_HASH], char text[2 * BUNDLE_HASH + 1]);
