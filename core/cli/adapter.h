// tidegate adapter: what its three commands share.
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "cli/command.h"

int adapter_new(const struct cli_options *options);
int adapter_check(const struct cli_options *options);
int adapter_record(const struct cli_options *options);

// What a command line speaks of: `name` of an adapter, and the folder that gateway.lua is or would
// be in. Both owned.
struct adapter_place {
    char *name, *folder;
};

// From the words behind the command: NAME [FOLDER], or the path of a file. Returns 0, or 2 when it
// has told on stderr what is wrong.
int adapter_locate(const struct cli_options *options, struct adapter_place *place);
void adapter_place_deinit(struct adapter_place *place);

// ,"name":"text" for an argument of the Lua side; NULL text: null.
void adapter_add_text(struct buf *json, const char *name, const char *text);

// Writes files, made as needed with the folders that they are in. `files` is PATH, a NUL, the
// number of bytes in decimal, a NUL, the bytes, again and again; a path is one below `folder`.
// Without `may_replace` nothing is written when one of them is there already. Returns 0, or -1 with
// `err`.
int adapter_write(const char *folder, struct slice files, bool may_replace, struct error *err);
