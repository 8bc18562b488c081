#include "json/ordinary.h"

#if defined(__x86_64__)

#    include <immintrin.h>
#    include <stdint.h>

#    define AVX2   __attribute__((target("avx2")))
#    define AVX512 __attribute__((target("avx512bw")))

enum { BLOCK = 64 };

// A bit for each byte of a block, that of the first byte lowest.
typedef uint64_t bits;

// Which bytes of a block are what.
struct classes {
    bits quote, backslash;
    bits control;   // below 0x20
    bits beyond;    // beyond ASCII
    bits from_c0;   // C0 to FF
    bits lead;      // C2 to DF: the first of two bytes
    bits no_escape; // all but what makes an escape of two: " / \ b f n r t
};

// A byte makes an escape when the tables of its low and of its high half have a bit in common.
#    define ESCAPES_BY_LOW_HALF  0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1
#    define ESCAPES_BY_HIGH_HALF 0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0

struct pair {
    __m256i low, high;
};

AVX2 static inline bits bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (bits)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline bits equal(struct pair block, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(block.low, wanted), _mm256_cmpeq_epi8(block.high, wanted));
}

// To this comparison bytes beyond ASCII are negative.
AVX2 static inline bits above(struct pair block, int c)
{
    __m256i limit = _mm256_set1_epi8((char)c);
    return bits_of(_mm256_cmpgt_epi8(block.low, limit), _mm256_cmpgt_epi8(block.high, limit));
}

AVX2 static inline __m256i no_escape(__m256i bytes)
{
    const __m256i by_low = _mm256_setr_epi8(ESCAPES_BY_LOW_HALF, ESCAPES_BY_LOW_HALF);
    const __m256i by_high = _mm256_setr_epi8(ESCAPES_BY_HIGH_HALF, ESCAPES_BY_HIGH_HALF);
    const __m256i half = _mm256_set1_epi8(0x0F);
    __m256i high_half = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
    __m256i common = _mm256_and_si256(_mm256_shuffle_epi8(by_low, _mm256_and_si256(bytes, half)),
                                      _mm256_shuffle_epi8(by_high, high_half));
    return _mm256_cmpeq_epi8(common, _mm256_setzero_si256());
}

AVX2 static inline struct classes classify_avx2(const char *p)
{
    struct pair block = {
        _mm256_loadu_si256((const __m256i *)(const void *)p),
        _mm256_loadu_si256((const __m256i *)(const void *)(p + BLOCK / 2)),
    };
    bits beyond = bits_of(block.low, block.high);
    return (struct classes){
        .quote = equal(block, '"'),
        .backslash = equal(block, '\\'),
        .control = ~above(block, 0x1F) & ~beyond,
        .beyond = beyond,
        .from_c0 = beyond & above(block, 0xBF),
        .lead = beyond & above(block, 0xC1) & ~above(block, 0xDF),
        .no_escape = bits_of(no_escape(block.low), no_escape(block.high)),
    };
}

AVX512 static inline struct classes classify_avx512(const char *p)
{
    const __m512i by_low = _mm512_broadcast_i32x4(_mm_setr_epi8(ESCAPES_BY_LOW_HALF));
    const __m512i by_high = _mm512_broadcast_i32x4(_mm_setr_epi8(ESCAPES_BY_HIGH_HALF));
    const __m512i half = _mm512_set1_epi8(0x0F);
    __m512i block = _mm512_loadu_si512(p);
    __m512i high_half = _mm512_and_si512(_mm512_srli_epi16(block, 4), half);
    __m512i low_half = _mm512_and_si512(block, half);
    bits from_c2 = _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xC2));
    return (struct classes){
        .quote = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('"')),
        .backslash = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\\')),
        .control = _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8(0x20)),
        .beyond = _mm512_movepi8_mask(block),
        .from_c0 = _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xC0)),
        .lead = from_c2 & ~_mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xE0)),
        .no_escape = _mm512_testn_epi8_mask(_mm512_shuffle_epi8(by_low, low_half),
                                            _mm512_shuffle_epi8(by_high, high_half)),
    };
}

// What is carried from one block to the next. Blocks do not move with what they hold, and take the
// same instructions whatever that is: so the processor works on several at once.
struct walk {
    bits escaped;   // 1: the first byte of the next block is escaped
    bits second;    // 1: it is the second byte of a two-byte sequence
    bits backslash; // of the blocks passed, together
};

// The bytes of a block where the walk must stop: they end the string, or are not ordinary. *behind
// are those that have their sequence's first byte before them.
static inline bits look(const struct classes *is, struct walk *walk, bits *behind)
{
    // A backslash escapes what follows it unless it is escaped itself. A run of them that begins at
    // an even place carries, in the subtraction, into the bit behind it.
    const bits odd = UINT64_C(0xAAAAAAAAAAAAAAAA);
    bits escaping = is->backslash & ~walk->escaped;
    bits codes = ((escaping << 1 | odd) - escaping) ^ odd;
    bits escaped = codes ^ (is->backslash | walk->escaped);
    bits second = is->lead << 1 | walk->second;
    bits strange = is->control | (escaped & is->no_escape) | (is->from_c0 & ~is->lead) |
                   ((is->beyond & ~is->from_c0) ^ second);

    walk->escaped = (codes & is->backslash) >> (BLOCK - 1);
    walk->second = is->lead >> (BLOCK - 1);
    *behind = escaped | second;
    return strange | (is->quote & ~escaped);
}

// The first byte of the sequence where the walk stops.
static inline const char *place_of(const char *block, bits stop, bits behind)
{
    bits first_stop = stop & -stop;
    return block + __builtin_ctzll(stop) - ((behind & first_stop) != 0);
}

// The same walk for both instruction sets: a function made for one cannot be part of a loop made
// for another.
#    define DEFINE_SKIP(name, instructions, classify)                                          \
        instructions static const char *name(const char *p, const char *end, bool *is_escaped) \
        {                                                                                      \
            struct walk walk = {0};                                                            \
            bits stop = 0, behind = 0;                                                         \
            for (; end - p >= BLOCK; p += BLOCK) {                                             \
                struct classes is = classify(p);                                               \
                stop = look(&is, &walk, &behind);                                              \
                walk.backslash |= is.backslash & ((stop & -stop) - 1);                         \
                if (stop)                                                                      \
                    break;                                                                     \
            }                                                                                  \
            *is_escaped |= walk.backslash != 0;                                                \
            return stop ? place_of(p, stop, behind) : p - (walk.escaped | walk.second);        \
        }

DEFINE_SKIP(skip_avx2, AVX2, classify_avx2)
DEFINE_SKIP(skip_avx512, AVX512, classify_avx512)

const char *ordinary_skip(const char *p, const char *end, bool *is_escaped)
{
    if (end - p < BLOCK)
        return p;
    if (__builtin_cpu_supports("avx512bw"))
        return skip_avx512(p, end, is_escaped);
    if (__builtin_cpu_supports("avx2"))
        return skip_avx2(p, end, is_escaped);
    return p;
}

#else

const char *ordinary_skip(const char *p, const char *end, bool *is_escaped)
{
    (void)end;
    (void)is_escaped;
    return p;
}

#endif
