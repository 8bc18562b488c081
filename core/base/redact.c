#include "base/redact.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// A secret of 8 or more bytes, wherever it stands, covers four whole bytes that begin at a multiple
// of 4 of the text, at offset 0 to 3 of the secret. So the bitmap holds the four-byte words at
// these offsets of each secret, and only every fourth position of a text is looked up in it.
enum { WORD = 4, BITMAP_BITS = 16, HEADS = 256 };

#define FOR_EVER UINT64_MAX
#define GRACE_NS 60000000000ull // nobody reads a secret for that long after it was unlinked

struct secret {
    struct secret *_Atomic next; // with the same hash of the first word
    struct secret *older;        // once unlinked: the one that was unlinked before
    uint64_t until_ns;           // when it is unlinked, then when it is freed
    size_t len;
    char bytes[];
};

// What has been a secret stays one, unless it was added with an end.
struct redact {
    _Atomic uint64_t bitmap[(1u << BITMAP_BITS) / 64]; // bits are never cleared
    struct secret *_Atomic heads[HEADS];               // owned
    struct secret *unlinked;                           // owned; the last one first
};

// Bytes [start, end) of a text that belong to secrets.
struct run {
    size_t start, end;
};

struct redact *redact_new(void)
{
    return mem_alloc(sizeof(struct redact));
}

static void free_unlinked(struct secret *secret)
{
    for (struct secret *older; secret; secret = older) {
        older = secret->older;
        free(secret);
    }
}

void redact_free(struct redact *redact)
{
    if (!redact)
        return;
    for (size_t i = 0; i < HEADS; i++) {
        for (struct secret *secret = redact->heads[i], *next; secret; secret = next) {
            next = secret->next;
            free(secret);
        }
    }
    free_unlinked(redact->unlinked);
    free(redact);
}

static uint32_t hash_word(const char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
    return (word * 2654435761u) >> (32 - BITMAP_BITS);
}

static bool is_marked(const struct redact *redact, uint32_t hash)
{
    return atomic_load_explicit(&redact->bitmap[hash / 64], memory_order_relaxed) >> (hash % 64) &
           1;
}

static struct secret *first_of(const struct redact *redact, const char *bytes)
{
    return atomic_load_explicit(&redact->heads[hash_word(bytes) % HEADS], memory_order_acquire);
}

static struct secret *next_of(const struct secret *secret)
{
    return atomic_load_explicit(&secret->next, memory_order_acquire);
}

static struct secret *find(const struct redact *redact, struct slice text)
{
    struct secret *secret = first_of(redact, text.data);
    while (secret && (secret->len != text.len || memcmp(secret->bytes, text.data, text.len) != 0))
        secret = next_of(secret);
    return secret;
}

static bool add(struct redact *redact, struct slice secret, uint64_t until_ns)
{
    if (secret.len < REDACT_SHORTEST)
        return false;
    struct secret *known = find(redact, secret);
    if (known) {
        if (until_ns > known->until_ns)
            known->until_ns = until_ns;
        return false;
    }
    struct secret *copy = mem_alloc(sizeof(*copy) + secret.len);
    copy->until_ns = until_ns;
    copy->len = secret.len;
    memcpy(copy->bytes, secret.data, secret.len);
    copy->next = first_of(redact, secret.data);
    atomic_store_explicit(&redact->heads[hash_word(secret.data) % HEADS], copy,
                          memory_order_release);
    for (size_t offset = 0; offset < WORD; offset++) {
        uint32_t hash = hash_word(secret.data + offset);
        atomic_fetch_or_explicit(&redact->bitmap[hash / 64], (uint64_t)1 << (hash % 64),
                                 memory_order_release);
    }
    return true;
}

bool redact_add(struct redact *redact, struct slice secret)
{
    return add(redact, secret, FOR_EVER);
}

// A reader may still stand on what is unlinked, so it is freed later.
static void unlink_old(struct redact *redact, uint64_t now_ns)
{
    for (size_t i = 0; i < HEADS; i++) {
        struct secret *_Atomic *link = &redact->heads[i];
        for (struct secret *secret; (secret = atomic_load(link));) {
            if (secret->until_ns > now_ns) {
                link = &secret->next;
                continue;
            }
            atomic_store_explicit(link, next_of(secret), memory_order_release);
            secret->until_ns = now_ns + GRACE_NS;
            secret->older = redact->unlinked;
            redact->unlinked = secret;
        }
    }
}

static void free_old(struct redact *redact, uint64_t now_ns)
{
    struct secret **link = &redact->unlinked;
    while (*link && (*link)->until_ns > now_ns)
        link = &(*link)->older;
    free_unlinked(*link);
    *link = NULL;
}

bool redact_add_until(struct redact *redact, struct slice secret, uint64_t until_ns,
                      uint64_t now_ns)
{
    free_old(redact, now_ns);
    unlink_old(redact, now_ns);
    return add(redact, secret, until_ns);
}

// Length of the longest secret that begins at `at`; 0: none.
static size_t match(const struct redact *redact, struct slice text, size_t at)
{
    size_t best = 0;
    if (text.len - at < REDACT_SHORTEST)
        return 0;
    const struct secret *secret = first_of(redact, text.data + at);
    for (; secret; secret = next_of(secret)) {
        if (secret->len > best && secret->len <= text.len - at &&
            memcmp(secret->bytes, text.data + at, secret->len) == 0)
            best = secret->len;
    }
    return best;
}

// Finds the next occurrence that begins at *at or later, and moves *at behind its first byte.
static bool next_match(const struct redact *redact, struct slice text, size_t *at,
                       struct run *found)
{
    for (size_t word = (*at + WORD - 1) / WORD * WORD; word + WORD <= text.len; word += WORD) {
        if (!is_marked(redact, hash_word(text.data + word)))
            continue;
        size_t first = word < WORD ? 0 : word - (WORD - 1);
        for (size_t start = first > *at ? first : *at; start <= word; start++) {
            size_t len = match(redact, text, start);
            if (len) {
                *found = (struct run){start, start + len};
                *at = start + 1;
                return true;
            }
        }
    }
    return false;
}

bool redact_finds(const struct redact *redact, struct slice text)
{
    size_t at = 0;
    struct run found;
    return next_match(redact, text, &at, &found);
}

int redact_text(const struct redact *redact, struct slice text, struct buf *out)
{
    if (!text.len)
        return 0;
    size_t at = 0, copied = 0;
    struct run run, next;
    bool more = next_match(redact, text, &at, &run);

    while (more) {
        while ((more = next_match(redact, text, &at, &next)) && next.start < run.end) {
            if (next.end > run.end)
                run.end = next.end;
        }
        if (buf_add(out, text.data + copied, run.start - copied) != 0 ||
            buf_add_text(out, "***") != 0)
            return -1;
        copied = run.end;
        run = next;
    }
    return buf_add(out, text.data + copied, text.len - copied);
}
