// The items of an array, one level deep: how many, and each on its own.
#pragma once

#include "json/json.h"

// Called for each item, in order; `item.raw` is borrowed from the text.
typedef void (*json_item_cb)(void *owner, struct json_value item);

// Reads an array's text, all of it strictly. Returns 0, or -1 with `err`, which may be NULL: it is
// no array, or no JSON.
int json_items(struct slice array, int max_depth, json_item_cb on_item, void *owner,
               struct json_error *err);

// How many items an array's text has that is known to be valid JSON; -1: it is no array. Counting
// stops behind `most`: then the result is most + 1.
long long json_count_items(struct slice array, size_t most);
