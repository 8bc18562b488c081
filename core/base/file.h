// Reading a small file whole.
#pragma once

#include "base/buf.h"
#include "base/error.h"

// Appends the file's bytes to `out`, whose limit is the largest file. Returns 0; -1 with `err`
// ("path: reason") and errno set: EFBIG over the limit, else as open(2) and read(2) have it.
int file_read(const char *path, struct buf *out, struct error *err);
