#include "json/ordinary.h"

#if defined(__x86_64__)

#    include <immintrin.h>
#    include <stdint.h>

#    define AVX2 __attribute__((target("avx2")))

enum { BLOCK = 64 };

// A bit for each byte of a block, that of the first byte lowest.
typedef uint64_t bits;

struct block {
    __m256i low, high;
};

AVX2 static inline bits bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (bits)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline bits equal(struct block block, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(block.low, wanted), _mm256_cmpeq_epi8(block.high, wanted));
}

// To this comparison bytes beyond ASCII are negative.
AVX2 static inline bits above(struct block block, int c)
{
    __m256i limit = _mm256_set1_epi8((char)c);
    return bits_of(_mm256_cmpgt_epi8(block.low, limit), _mm256_cmpgt_epi8(block.high, limit));
}

AVX2 static inline bits beyond_ascii(struct block block)
{
    return bits_of(block.low, block.high);
}

// All but the bytes that make an escape of two: " / \ b f n r t. A byte is one of them when the
// tables of its low and of its high half have a bit in common.
AVX2 static inline __m256i no_escape(__m256i bytes)
{
    const __m256i of_low = _mm256_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1, //
                                            0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
    const __m256i of_high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, //
                                             0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i half = _mm256_set1_epi8(0x0F);
    __m256i high_half = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
    __m256i common = _mm256_and_si256(_mm256_shuffle_epi8(of_low, _mm256_and_si256(bytes, half)),
                                      _mm256_shuffle_epi8(of_high, high_half));
    return _mm256_cmpeq_epi8(common, _mm256_setzero_si256());
}

// What a block holds besides plain ASCII.
struct findings {
    bits strange; // not ordinary, or wrong
    bits second;  // second bytes of sequences
    bits first;   // first bytes of sequences
};

// A backslash escapes what follows it unless it is escaped itself. A run of them that begins at an
// even place carries, in the subtraction, into the bit behind it.
AVX2 static inline void find_escapes(struct block block, bits backslash, struct findings *found)
{
    const bits odd = UINT64_C(0xAAAAAAAAAAAAAAAA);
    bits codes = ((backslash << 1 | odd) - backslash) ^ odd;
    bits escaped = codes ^ backslash;

    found->first |= codes & backslash;
    found->second |= escaped;
    found->strange |= escaped & bits_of(no_escape(block.low), no_escape(block.high));
}

// Sequences of two bytes: C2 to DF, then 80 to BF.
AVX2 static inline void find_utf8(struct block block, bits beyond, struct findings *found)
{
    bits from_c0 = beyond & above(block, 0xBF);
    bits lead = beyond & above(block, 0xC1) & ~above(block, 0xDF);

    found->first |= lead;
    found->second |= lead << 1;
    found->strange |= (from_c0 & ~lead) | ((beyond & ~from_c0) ^ lead << 1);
}

AVX2 static const char *skip_blocks(const char *p, const char *end, bool *is_escaped)
{
    while (end - p >= BLOCK) {
        struct block block = {
            _mm256_loadu_si256((const __m256i *)(const void *)p),
            _mm256_loadu_si256((const __m256i *)(const void *)(p + BLOCK / 2)),
        };
        bits beyond = beyond_ascii(block), backslash = equal(block, '\\');
        struct findings found = {.strange = ~above(block, 0x1F) & ~beyond};
        if (backslash)
            find_escapes(block, backslash, &found);
        if (beyond)
            find_utf8(block, beyond, &found);
        bits stop = found.strange | (equal(block, '"') & ~found.second);
        int passed = stop ? __builtin_ctzll(stop) : BLOCK;
        // Back to the first byte of a sequence that is strange, or that goes on behind the block.
        bits before_stop = stop ? stop & -stop : 0;
        if (before_stop ? before_stop & found.second : found.first >> (BLOCK - 1))
            passed--;
        if (backslash && (passed == BLOCK || backslash & ((UINT64_C(1) << passed) - 1)))
            *is_escaped = true;
        p += passed;
        if (stop)
            break;
    }
    return p;
}

const char *ordinary_skip(const char *p, const char *end, bool *is_escaped)
{
    return end - p >= BLOCK && __builtin_cpu_supports("avx2") ? skip_blocks(p, end, is_escaped) : p;
}

#else

const char *ordinary_skip(const char *p, const char *end, bool *is_escaped)
{
    (void)end;
    (void)is_escaped;
    return p;
}

#endif
