#include "base/xxh64.h"

// The names and numbers are those of the algorithm's specification.
static const uint64_t prime1 = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t prime2 = UINT64_C(0xC2B2AE3D27D4EB4F);
static const uint64_t prime3 = UINT64_C(0x165667B19E3779F9);
static const uint64_t prime4 = UINT64_C(0x85EBCA77C2B2AE63);
static const uint64_t prime5 = UINT64_C(0x27D4EB2F165667C5);

enum { LANES = 4, STRIPE = 8 * LANES };

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

// Little-endian, whatever the machine is.
static uint64_t read_word(const unsigned char *bytes, int count)
{
    uint64_t word = 0;
    for (int i = count - 1; i >= 0; i--)
        word = word << 8 | bytes[i];
    return word;
}

static uint64_t mix_round(uint64_t lane, uint64_t word)
{
    return rotate(lane + word * prime2, 31) * prime1;
}

static uint64_t merge_lane(uint64_t hash, uint64_t lane)
{
    return (hash ^ mix_round(0, lane)) * prime1 + prime4;
}

// Reads whole stripes of 32 bytes; *at moves behind them.
static uint64_t read_stripes(const unsigned char **at, const unsigned char *end, uint64_t seed)
{
    uint64_t lanes[LANES] = {seed + prime1 + prime2, seed + prime2, seed, seed - prime1};

    for (; end - *at >= STRIPE; *at += STRIPE) {
        for (int i = 0; i < LANES; i++)
            lanes[i] = mix_round(lanes[i], read_word(*at + (size_t)i * 8, 8));
    }
    uint64_t hash =
        rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int i = 0; i < LANES; i++)
        hash = merge_lane(hash, lanes[i]);
    return hash;
}

static uint64_t read_rest(uint64_t hash, const unsigned char *at, const unsigned char *end)
{
    for (; end - at >= 8; at += 8)
        hash = rotate(hash ^ mix_round(0, read_word(at, 8)), 27) * prime1 + prime4;
    if (end - at >= 4) {
        hash = rotate(hash ^ read_word(at, 4) * prime1, 23) * prime2 + prime3;
        at += 4;
    }
    for (; at < end; at++)
        hash = rotate(hash ^ *at * prime5, 11) * prime1;
    return hash;
}

uint64_t xxh64(struct slice text, uint64_t seed)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at ? at + text.len : at;
    uint64_t hash = text.len >= STRIPE ? read_stripes(&at, end, seed) : seed + prime5;

    hash = read_rest(hash + text.len, at, end);
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}
