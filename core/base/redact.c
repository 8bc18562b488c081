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

struct secret {
    struct secret *next; // with the same hash of the first word
    size_t len;
    char bytes[];
};

// Grows and never shrinks: what has been a secret stays one.
struct redact {
    _Atomic uint64_t bitmap[(1u << BITMAP_BITS) / 64];
    struct secret *_Atomic heads[HEADS]; // owned
};

// Bytes [start, end) of a text that belong to secrets.
struct run {
    size_t start, end;
};

struct redact *redact_new(void)
{
    return mem_alloc(sizeof(struct redact));
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

static bool is_known(const struct redact *redact, struct slice text)
{
    const struct secret *secret = first_of(redact, text.data);
    while (secret && (secret->len != text.len || memcmp(secret->bytes, text.data, text.len) != 0))
        secret = secret->next;
    return secret != NULL;
}

bool redact_add(struct redact *redact, struct slice secret)
{
    if (secret.len < REDACT_SHORTEST || is_known(redact, secret))
        return false;
    struct secret *copy = mem_alloc(sizeof(*copy) + secret.len);
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

// Length of the longest secret that begins at `at`; 0: none.
static size_t match(const struct redact *redact, struct slice text, size_t at)
{
    size_t best = 0;
    if (text.len - at < REDACT_SHORTEST)
        return 0;
    const struct secret *secret = first_of(redact, text.data + at);
    for (; secret; secret = secret->next) {
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
