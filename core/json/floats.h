// Vectors of embeddings in their two forms: a JSON array of numbers, and base64 of the same numbers
// as 32-bit floats, little endian.
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "json/json.h"

// Appends the base64 of an array's text, read strictly. Returns 0, or -1 with `err`, which may be
// NULL: no array, an item that is no number, a number that no float holds, more than LIMIT_VECTOR
// of them, or more than `out` takes. `out` may have grown then.
int floats_to_base64(struct slice array, struct buf *out, struct json_error *err);

// Appends the array of what base64 says, each number as short as it can be while it reads back as
// the same float. Returns 0, or -1 with `err`: no base64 (with padding, of the usual alphabet), no
// whole floats, one that is no number (NaN, infinite), or as above.
int floats_from_base64(struct slice base64, struct buf *out, struct json_error *err);

// Whether an array's text, which is known to be JSON, is a vector: numbers, at least one of them,
// each within the range of a float. Returns 0, or -1 with `err`, which may be NULL.
int floats_check(struct slice array, struct json_error *err);

// The same of base64: whole floats, at least one, each a number.
int floats_check_base64(struct slice base64, struct json_error *err);
