// What a failed reload tells: the same facts for the terminal, the log and the admin listener.
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "lua/reload.h"

// Takes "place:line: message" of an error apart; `folder` is left out of the file, and secrets that
// the log knows out of the message. Without a line it is 1, without a place the file is "".
void failure_read(const struct error *err, const char *folder, const struct log *log,
                  struct reload_failure *failure);

// "scripts/x.lua:3: message".
void failure_print(const struct reload_failure *failure, struct buf *out);
