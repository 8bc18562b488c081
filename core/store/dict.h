// A shared dictionary: values by key, seen by all workers, of bounded size. Every function may be
// called from any thread; each is one step that no other thread sees half done.
//
// Over its size it forgets what was not used for the longest time, what has expired first. A writer
// that asks for it to be safe gets DICT_NO_MEMORY instead. Times are those of one monotonic clock
// in milliseconds, given by the caller.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct dict;

enum {
    DICT_KEY_MAX = 64 * 1024,     // bytes of a key
    DICT_VALUE_MAX = 1024 * 1024, // bytes of a text
};

enum dict_type { DICT_NONE, DICT_NUMBER, DICT_BOOLEAN, DICT_TEXT, DICT_LIST };

struct dict_value {
    enum dict_type type;
    double number; // a boolean's is 0 or 1
    struct slice text;
};

enum dict_result {
    DICT_OK,
    DICT_ABSENT,     // there is no such key
    DICT_REFUSED,    // dict_add(): there is a value; dict_swap(): it is another one
    DICT_WRONG_TYPE, // a list where a value is meant, or the other way round
    DICT_NO_MEMORY,  // it is full, and the writer is safe
    DICT_TOO_LARGE,  // key or text: over its limit, or more than the whole dictionary
};

// Whom an operation is about. The slices are borrowed.
struct dict_access {
    struct slice key;
    uint64_t now_ms;
    uint64_t ttl_ms; // for how long what is written stays; 0: for good
    bool is_safe;
};

// `limit_bytes`: keys, texts and what it takes to keep them.
struct dict *dict_new(size_t limit_bytes);
void dict_free(struct dict *dict);

// A text is copied into `text` (cleared first), which *value then borrows.
enum dict_result dict_get(struct dict *dict, const struct dict_access *access,
                          struct dict_value *value, struct buf *text);
enum dict_result dict_set(struct dict *dict, const struct dict_access *access,
                          struct dict_value value);

// Writes only where there is none.
enum dict_result dict_add(struct dict *dict, const struct dict_access *access,
                          struct dict_value value);

// Adds `by`; where there is none, to `initial` (the time to live counts only then). DICT_WRONG_TYPE
// for what is no number. *result is the new number.
enum dict_result dict_increment(struct dict *dict, const struct dict_access *access, double by,
                                double initial, double *result);

// Writes `value` where the old one is `old`. DICT_NONE stands for none, on either side. The time to
// live stays.
enum dict_result dict_swap(struct dict *dict, const struct dict_access *access,
                           struct dict_value old, struct dict_value value);
enum dict_result dict_delete(struct dict *dict, const struct dict_access *access);

// *left_ms is UINT64_MAX for what stays for good.
enum dict_result dict_ttl(struct dict *dict, const struct dict_access *access, uint64_t *left_ms);

// Sets the time to live alone.
enum dict_result dict_expire(struct dict *dict, const struct dict_access *access);

// Lists: in at the front, out at the back. *count is the length after it. The time to live counts
// for a new list only. An empty list is no more.
enum dict_result dict_push(struct dict *dict, const struct dict_access *access,
                           struct dict_value value, size_t *count);
enum dict_result dict_pop(struct dict *dict, const struct dict_access *access,
                          struct dict_value *value, struct buf *text);

// Appends at most `most` keys to `out`, in no order, each as a uint32_t (its length) and its bytes.
// Stops early when `out` is full. Returns how many.
size_t dict_keys(struct dict *dict, uint64_t now_ms, size_t most, struct buf *out);

size_t dict_used(const struct dict *dict); // bytes
