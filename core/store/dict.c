#include "store/dict.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/xxh64.h"
#include "store/cells.h"

enum {
    SHARDS = 16,         // each with a lock: workers seldom meet
    SHARD_SHIFT = 60,    // the hash's upper bits choose the shard, the lower ones the chain
    ALLOCATION_COST = 16 // what malloc keeps for itself, about
};

static const uint64_t never = UINT64_MAX;

// A value as it is kept.
struct stored {
    enum dict_type type;
    double number;
    char *text; // owned; DICT_TEXT
    size_t len;
};

struct item { // of a list
    struct list link;
    struct stored value;
};

struct entry {
    struct cell cell;
    struct stored value;
    struct list items; // DICT_LIST: the newest in front
    size_t item_count;
    size_t cost; // all that it takes, in bytes
    uint64_t expires_ms, used_ms;
    char key[];
};

struct shard {
    pthread_mutex_t lock;
    struct cells cells;
    uint64_t next_expiry_ms;    // nothing expires before; guarded by the lock
    _Atomic uint64_t oldest_ms; // use of the oldest entry; `never`: there is none
};

struct dict {
    size_t limit;
    uint64_t seed;
    _Atomic size_t used;
    struct shard shards[SHARDS];
};

// ---- memory -----------------------------------------------------------------------------------

static size_t cost_of_text(const struct stored *value)
{
    return value->type == DICT_TEXT ? value->len + 1 + ALLOCATION_COST : 0;
}

static size_t cost_of_key(size_t len)
{
    return sizeof(struct entry) + len + ALLOCATION_COST + sizeof(struct cell *);
}

static size_t cost_of_item(const struct stored *value)
{
    return sizeof(struct item) + ALLOCATION_COST + cost_of_text(value);
}

static struct stored copy_of(struct dict_value value)
{
    struct stored stored = {.type = value.type, .number = value.number};
    if (value.type == DICT_TEXT) {
        stored.text = mem_dup(value.text.data, value.text.len);
        stored.len = value.text.len;
    }
    return stored;
}

static void read_stored(const struct stored *stored, struct dict_value *value, struct buf *text)
{
    buf_clear(text);
    *value = (struct dict_value){.type = stored->type, .number = stored->number};
    if (stored->type == DICT_TEXT) {
        buf_add(text, stored->text, stored->len);
        value->text = buf_slice(text);
    }
}

static bool is_same(const struct stored *stored, struct dict_value value)
{
    if (stored->type != value.type)
        return false;
    if (stored->type == DICT_TEXT)
        return slice_equal((struct slice){stored->text, stored->len}, value.text);
    return stored->number == value.number;
}

static bool reserve(struct dict *dict, size_t more)
{
    size_t used = atomic_fetch_add_explicit(&dict->used, more, memory_order_relaxed);
    if (more <= dict->limit && used <= dict->limit - more)
        return true;
    atomic_fetch_sub_explicit(&dict->used, more, memory_order_relaxed);
    return false;
}

static void release(struct dict *dict, size_t bytes)
{
    atomic_fetch_sub_explicit(&dict->used, bytes, memory_order_relaxed);
}

// ---- entries: with the shard's lock held ------------------------------------------------------

static struct entry *entry_of(struct cell *cell)
{
    return LIST_ITEM(cell, struct entry, cell);
}

static void note_oldest(struct shard *shard)
{
    struct cell *oldest = cells_oldest(&shard->cells);
    uint64_t used_ms = oldest ? entry_of(oldest)->used_ms : never;
    atomic_store_explicit(&shard->oldest_ms, used_ms, memory_order_relaxed);
}

static void drop_items(struct entry *entry)
{
    for (struct list *node = entry->items.next; node != &entry->items;) {
        struct item *item = LIST_ITEM(node, struct item, link);
        node = node->next;
        free(item->value.text);
        free(item);
    }
    list_init(&entry->items);
    entry->item_count = 0;
}

static void drop_entry(struct dict *dict, struct shard *shard, struct entry *entry)
{
    cells_remove(&shard->cells, &entry->cell);
    drop_items(entry);
    release(dict, entry->cost);
    free(entry->value.text);
    free(entry);
    note_oldest(shard);
}

static struct entry *find_live(struct dict *dict, struct shard *shard,
                               const struct dict_access *access, uint64_t hash)
{
    struct cell *cell = cells_find(&shard->cells, hash, access->key);
    if (!cell)
        return NULL;
    struct entry *entry = entry_of(cell);
    if (entry->expires_ms > access->now_ms)
        return entry;
    drop_entry(dict, shard, entry);
    return NULL;
}

static void use(struct shard *shard, struct entry *entry, uint64_t now_ms)
{
    entry->used_ms = now_ms;
    cells_use(&shard->cells, &entry->cell);
    note_oldest(shard);
}

static void set_expiry(struct shard *shard, struct entry *entry, const struct dict_access *access)
{
    entry->expires_ms = access->ttl_ms ? access->now_ms + access->ttl_ms : never;
    if (entry->expires_ms < shard->next_expiry_ms)
        shard->next_expiry_ms = entry->expires_ms;
}

static struct entry *add_entry(struct shard *shard, const struct dict_access *access, uint64_t hash)
{
    struct entry *entry = mem_alloc(sizeof(*entry) + access->key.len);

    if (access->key.len)
        memcpy(entry->key, access->key.data, access->key.len);
    entry->cell.hash = hash;
    entry->cell.key = (struct slice){entry->key, access->key.len};
    entry->cost = cost_of_key(access->key.len);
    list_init(&entry->items);
    cells_add(&shard->cells, &entry->cell);
    set_expiry(shard, entry, access);
    return entry;
}

static struct shard *lock_shard(struct dict *dict, const struct dict_access *access, uint64_t *hash)
{
    *hash = xxh64(access->key, dict->seed);
    struct shard *shard = &dict->shards[*hash >> SHARD_SHIFT];
    pthread_mutex_lock(&shard->lock);
    return shard;
}

// Locks the shard of a live entry; with none the lock is not kept.
static struct entry *open_entry(struct dict *dict, const struct dict_access *access,
                                struct shard **shard)
{
    uint64_t hash;
    *shard = lock_shard(dict, access, &hash);
    struct entry *entry = find_live(dict, *shard, access, hash);
    if (!entry)
        pthread_mutex_unlock(&(*shard)->lock);
    return entry;
}

// ---- making room: without any lock held -------------------------------------------------------

static bool drop_expired(struct dict *dict, struct shard *shard, uint64_t now_ms)
{
    bool has_dropped = false;

    pthread_mutex_lock(&shard->lock);
    if (shard->next_expiry_ms <= now_ms) {
        uint64_t next_ms = never;
        for (struct list *node = shard->cells.recent.next; node != &shard->cells.recent;) {
            struct entry *entry = entry_of(LIST_ITEM(node, struct cell, recent));
            node = node->next;
            if (entry->expires_ms <= now_ms) {
                drop_entry(dict, shard, entry);
                has_dropped = true;
            } else if (entry->expires_ms < next_ms) {
                next_ms = entry->expires_ms;
            }
        }
        shard->next_expiry_ms = next_ms;
    }
    pthread_mutex_unlock(&shard->lock);
    return has_dropped;
}

static bool drop_oldest(struct dict *dict)
{
    struct shard *chosen = NULL;
    uint64_t oldest_ms = never;

    for (int i = 0; i < SHARDS; i++) {
        uint64_t ms = atomic_load_explicit(&dict->shards[i].oldest_ms, memory_order_relaxed);
        if (ms < oldest_ms) {
            oldest_ms = ms;
            chosen = &dict->shards[i];
        }
    }
    if (!chosen)
        return false;
    pthread_mutex_lock(&chosen->lock);
    struct cell *cell = cells_oldest(&chosen->cells);
    if (cell)
        drop_entry(dict, chosen, entry_of(cell));
    pthread_mutex_unlock(&chosen->lock);
    return true;
}

static bool make_room(struct dict *dict, const struct dict_access *access)
{
    bool has_dropped = false;
    for (int i = 0; i < SHARDS; i++)
        has_dropped |= drop_expired(dict, &dict->shards[i], access->now_ms);
    return has_dropped || (!access->is_safe && drop_oldest(dict));
}

// ---- changes ----------------------------------------------------------------------------------

enum verb { VERB_SET, VERB_ADD, VERB_INCREMENT, VERB_SWAP, VERB_PUSH };

struct change {
    enum verb verb;
    const struct dict_access *access;
    struct stored ready;   // owned until it is stored
    struct dict_value old; // VERB_SWAP
    double initial;        // VERB_INCREMENT; `ready` holds what to add, then the sum
    size_t count;          // VERB_PUSH: the result
};

// What the change would do to `entry` (NULL: there is none): DICT_OK when `ready` is to be stored.
static enum dict_result judge(struct change *change, const struct entry *entry)
{
    enum dict_type type = entry ? entry->value.type : DICT_NONE;

    switch (change->verb) {
    case VERB_ADD:
        return entry ? DICT_REFUSED : DICT_OK;
    case VERB_INCREMENT:
        return entry && type != DICT_NUMBER ? DICT_WRONG_TYPE : DICT_OK;
    case VERB_SWAP:
        if (entry ? !is_same(&entry->value, change->old) : change->old.type != DICT_NONE)
            return DICT_REFUSED;
        return DICT_OK;
    case VERB_PUSH:
        return entry && type != DICT_LIST ? DICT_WRONG_TYPE : DICT_OK;
    default:
        return DICT_OK;
    }
}

static void push_item(struct change *change, struct entry *entry)
{
    struct item *item = mem_alloc(sizeof(*item));
    item->value = change->ready;
    list_add_front(&entry->items, &item->link);
    change->count = ++entry->item_count;
    entry->value.type = DICT_LIST;
}

static void put_value(struct change *change, struct entry *entry)
{
    if (change->verb == VERB_INCREMENT && entry->value.type == DICT_NUMBER)
        change->ready.number += entry->value.number;
    else if (change->verb == VERB_INCREMENT)
        change->ready.number += change->initial;
    drop_items(entry);
    free(entry->value.text);
    entry->value = change->ready;
}

// Bytes that the entry takes when the change is done.
static size_t cost_after(const struct change *change, const struct entry *entry)
{
    if (change->verb != VERB_PUSH)
        return cost_of_key(change->access->key.len) + cost_of_text(&change->ready);
    size_t before = entry ? entry->cost : cost_of_key(change->access->key.len);
    return before + cost_of_item(&change->ready);
}

static enum dict_result store(struct dict *dict, struct shard *shard, struct change *change,
                              struct entry *entry, uint64_t hash)
{
    size_t before = entry ? entry->cost : 0, after = cost_after(change, entry);

    if (after > before && !reserve(dict, after - before))
        return DICT_NO_MEMORY;
    if (after < before)
        release(dict, before - after);
    if (!entry)
        entry = add_entry(shard, change->access, hash);
    else if (change->verb == VERB_SET)
        set_expiry(shard, entry, change->access);
    if (change->verb == VERB_PUSH)
        push_item(change, entry);
    else
        put_value(change, entry);
    entry->cost = after;
    use(shard, entry, change->access->now_ms);
    return DICT_OK;
}

static enum dict_result try_change(struct dict *dict, struct change *change)
{
    uint64_t hash;
    struct shard *shard = lock_shard(dict, change->access, &hash);
    struct entry *entry = find_live(dict, shard, change->access, hash);
    enum dict_result result = judge(change, entry);

    if (result == DICT_OK && change->ready.type != DICT_NONE)
        result = store(dict, shard, change, entry, hash);
    else if (result == DICT_OK && entry)
        drop_entry(dict, shard, entry);
    pthread_mutex_unlock(&shard->lock);
    return result;
}

// Nothing is forgotten for what could not be kept all the same.
static bool fits(const struct dict *dict, const struct change *change)
{
    size_t key_len = change->access->key.len;
    return key_len <= DICT_KEY_MAX && change->ready.len <= DICT_VALUE_MAX &&
           cost_of_key(key_len) + cost_of_item(&change->ready) <= dict->limit;
}

static enum dict_result run_change(struct dict *dict, struct change *change)
{
    enum dict_result result = DICT_TOO_LARGE;

    if (fits(dict, change)) {
        do
            result = try_change(dict, change);
        while (result == DICT_NO_MEMORY && make_room(dict, change->access));
    }
    if (result != DICT_OK)
        free(change->ready.text);
    return result;
}

enum dict_result dict_set(struct dict *dict, const struct dict_access *access,
                          struct dict_value value)
{
    struct change change = {.verb = VERB_SET, .access = access, .ready = copy_of(value)};
    return run_change(dict, &change);
}

enum dict_result dict_add(struct dict *dict, const struct dict_access *access,
                          struct dict_value value)
{
    struct change change = {.verb = VERB_ADD, .access = access, .ready = copy_of(value)};
    return run_change(dict, &change);
}

enum dict_result dict_increment(struct dict *dict, const struct dict_access *access, double by,
                                double initial, double *result)
{
    struct change change = {
        .verb = VERB_INCREMENT,
        .access = access,
        .ready = {.type = DICT_NUMBER, .number = by},
        .initial = initial,
    };
    enum dict_result rc = run_change(dict, &change);
    *result = change.ready.number;
    return rc;
}

enum dict_result dict_swap(struct dict *dict, const struct dict_access *access,
                           struct dict_value old, struct dict_value value)
{
    struct change change = {
        .verb = VERB_SWAP, .access = access, .ready = copy_of(value), .old = old};
    return run_change(dict, &change);
}

enum dict_result dict_push(struct dict *dict, const struct dict_access *access,
                           struct dict_value value, size_t *count)
{
    struct change change = {.verb = VERB_PUSH, .access = access, .ready = copy_of(value)};
    enum dict_result result = run_change(dict, &change);
    *count = change.count;
    return result;
}

// ---- what needs no room -----------------------------------------------------------------------

enum dict_result dict_get(struct dict *dict, const struct dict_access *access,
                          struct dict_value *value, struct buf *text)
{
    struct shard *shard;
    struct entry *entry = open_entry(dict, access, &shard);
    enum dict_result result = DICT_OK;

    if (!entry)
        return DICT_ABSENT;
    if (entry->value.type == DICT_LIST)
        result = DICT_WRONG_TYPE;
    else
        read_stored(&entry->value, value, text);
    use(shard, entry, access->now_ms);
    pthread_mutex_unlock(&shard->lock);
    return result;
}

enum dict_result dict_delete(struct dict *dict, const struct dict_access *access)
{
    struct shard *shard;
    struct entry *entry = open_entry(dict, access, &shard);

    if (!entry)
        return DICT_ABSENT;
    drop_entry(dict, shard, entry);
    pthread_mutex_unlock(&shard->lock);
    return DICT_OK;
}

enum dict_result dict_ttl(struct dict *dict, const struct dict_access *access, uint64_t *left_ms)
{
    struct shard *shard;
    struct entry *entry = open_entry(dict, access, &shard);

    if (!entry)
        return DICT_ABSENT;
    *left_ms = entry->expires_ms == never ? never : entry->expires_ms - access->now_ms;
    pthread_mutex_unlock(&shard->lock);
    return DICT_OK;
}

enum dict_result dict_expire(struct dict *dict, const struct dict_access *access)
{
    struct shard *shard;
    struct entry *entry = open_entry(dict, access, &shard);

    if (!entry)
        return DICT_ABSENT;
    set_expiry(shard, entry, access);
    pthread_mutex_unlock(&shard->lock);
    return DICT_OK;
}

enum dict_result dict_pop(struct dict *dict, const struct dict_access *access,
                          struct dict_value *value, struct buf *text)
{
    struct shard *shard;
    struct entry *entry = open_entry(dict, access, &shard);

    if (!entry)
        return DICT_ABSENT;
    if (entry->value.type != DICT_LIST) {
        pthread_mutex_unlock(&shard->lock);
        return DICT_WRONG_TYPE;
    }
    struct item *item = LIST_ITEM(entry->items.prev, struct item, link);
    size_t cost = cost_of_item(&item->value);
    read_stored(&item->value, value, text);
    list_remove(&item->link);
    free(item->value.text);
    free(item);
    entry->item_count--;
    entry->cost -= cost;
    release(dict, cost);
    if (entry->item_count)
        use(shard, entry, access->now_ms);
    else
        drop_entry(dict, shard, entry);
    pthread_mutex_unlock(&shard->lock);
    return DICT_OK;
}

static int add_key(const struct entry *entry, struct buf *out)
{
    uint32_t len = (uint32_t)entry->cell.key.len;
    if (buf_reserve(out, sizeof(len) + len) != 0)
        return -1;
    buf_add(out, &len, sizeof(len));
    return buf_add(out, entry->key, len);
}

size_t dict_keys(struct dict *dict, uint64_t now_ms, size_t most, struct buf *out)
{
    size_t count = 0;

    for (int i = 0; i < SHARDS && count < most; i++) {
        struct shard *shard = &dict->shards[i];
        pthread_mutex_lock(&shard->lock);
        struct list *end = &shard->cells.recent;
        for (struct list *node = end->next; node != end && count < most; node = node->next) {
            struct entry *entry = entry_of(LIST_ITEM(node, struct cell, recent));
            if (entry->expires_ms <= now_ms)
                continue;
            if (add_key(entry, out) != 0)
                most = count;
            else
                count++;
        }
        pthread_mutex_unlock(&shard->lock);
    }
    return count;
}

size_t dict_used(const struct dict *dict)
{
    return atomic_load_explicit(&dict->used, memory_order_relaxed);
}

// ---- life -------------------------------------------------------------------------------------

struct dict *dict_new(size_t limit_bytes)
{
    struct dict *dict = mem_alloc(sizeof(*dict));

    dict->limit = limit_bytes;
    if (getrandom(&dict->seed, sizeof(dict->seed), 0) != sizeof(dict->seed))
        abort();
    for (int i = 0; i < SHARDS; i++) {
        struct shard *shard = &dict->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        cells_init(&shard->cells);
        shard->next_expiry_ms = never;
        atomic_init(&shard->oldest_ms, never);
    }
    return dict;
}

void dict_free(struct dict *dict)
{
    for (int i = 0; dict && i < SHARDS; i++) {
        struct shard *shard = &dict->shards[i];
        struct cell *cell;
        while ((cell = cells_oldest(&shard->cells)))
            drop_entry(dict, shard, entry_of(cell));
        cells_deinit(&shard->cells);
        pthread_mutex_destroy(&shard->lock);
    }
    free(dict);
}
