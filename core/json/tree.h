// JSON as a cJSON tree, with nothing lost: what cJSON cannot hold is kept as raw text.
//
// Numbers that would not print back as the same value (over 2^53, 1e400, more digits than a double
// has) and strings with NUL become cJSON_Raw nodes holding their JSON text. Order of members and
// duplicates are kept. Text is checked by json.h before cJSON sees it.
#pragma once

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "json/json.h"

// Owned by the caller (cJSON_Delete). NULL with `err` filled when the text is not valid.
cJSON *json_tree_parse(struct slice text, int max_depth, struct json_error *err);

// Appends the compact text of `tree`: deterministic, members in tree order, numbers as the
// shortest text that reads back the same, no '/' escaped. Returns 0 or -1 (limit of `out`).
int json_tree_print(const cJSON *tree, struct buf *out);
