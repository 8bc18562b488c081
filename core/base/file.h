// Reading a small file whole.
#pragma once

#include "base/buf.h"
#include "base/error.h"

// Appends a regular file's bytes to `out`, whose limit is the largest file. One that changes while
// it is read is read again, a few times: somebody may be writing it. Returns 0; -1 with `err`
// ("path: reason") and errno set: EFBIG over the limit, EBUSY when it changes all the time, ENOENT
// for what is no regular file, else as open(2) and read(2) have it.
int file_read(const char *path, struct buf *out, struct error *err);
