#include "lua/pattern.h"

#include <string.h>

// Work is counted in bytes that a repetition runs over; what takes longer counts for more.
enum {
    WORK_STEP = 8,      // one part of the pattern tried at one place
    WORK_SET = 2,       // bytes of a set that are read in the time of one unit
    WORK_COMPARED = 16, // bytes compared, or skipped by memchr, in that time
};

// ---- one byte ---------------------------------------------------------------------------------

enum {
    CONTROL = 1,
    SPACE = 2,
    PUNCTUATION = 4,
    DIGIT = 8,
    HEX = 16,
    UPPER = 32,
    LOWER = 64,
    ZERO = 128,
};

static const unsigned char kinds[256] = {
    [0] = CONTROL | ZERO,
    [1 ... 8] = CONTROL,
    ['\t' ... '\r'] = CONTROL | SPACE,
    [14 ... 31] = CONTROL,
    [' '] = SPACE,
    ['!' ... '/'] = PUNCTUATION,
    ['0' ... '9'] = DIGIT | HEX,
    [':' ... '@'] = PUNCTUATION,
    ['A' ... 'F'] = UPPER | HEX,
    ['G' ... 'Z'] = UPPER,
    ['[' ... '`'] = PUNCTUATION,
    ['a' ... 'f'] = LOWER | HEX,
    ['g' ... 'z'] = LOWER,
    ['{' ... '~'] = PUNCTUATION,
    [127] = CONTROL,
};

static const unsigned char classes[256] = {
    ['a'] = UPPER | LOWER,
    ['c'] = CONTROL,
    ['d'] = DIGIT,
    ['g'] = UPPER | LOWER | DIGIT | PUNCTUATION,
    ['l'] = LOWER,
    ['p'] = PUNCTUATION,
    ['s'] = SPACE,
    ['u'] = UPPER,
    ['w'] = UPPER | LOWER | DIGIT,
    ['x'] = HEX,
    ['z'] = ZERO,
};

// A part of a pattern that stands for one byte.
struct single {
    enum { ANY, LITERAL, CLASS, NO_CLASS, SET } type;
    unsigned char value;       // the byte, or a mask of kinds
    const char *set, *set_end; // between the brackets
    long long cost;            // of testing one byte
};

static void read_escape(struct single *single, unsigned char letter)
{
    unsigned char lower = kinds[letter] & UPPER ? letter | 0x20 : letter;

    if (!classes[lower])
        *single = (struct single){.type = LITERAL, .value = letter, .cost = 1};
    else
        *single = (struct single){
            .type = lower == letter ? CLASS : NO_CLASS, .value = classes[lower], .cost = 1};
}

static bool is_in_class(unsigned char letter, unsigned char c)
{
    struct single single;
    read_escape(&single, letter);
    if (single.type == LITERAL)
        return single.value == c;
    return !(kinds[c] & single.value) == (single.type == NO_CLASS);
}

// `p` to `end` is what stands between the brackets. The byte at `end` is the bracket: after a %
// that ends a range it is the one that is meant.
static bool is_in_set(const char *p, const char *end, unsigned char c)
{
    bool is_negated = *p == '^';

    for (p += is_negated; p < end; p++) {
        if (*p == '%') {
            if (is_in_class((unsigned char)*++p, c))
                return !is_negated;
        } else if (p[1] == '-' && p + 2 < end) {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return !is_negated;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return !is_negated;
        }
    }
    return is_negated;
}

static bool is_single(const struct single *single, unsigned char c)
{
    switch (single->type) {
    case ANY:
        return true;
    case LITERAL:
        return single->value == c;
    case CLASS:
        return kinds[c] & single->value;
    case NO_CLASS:
        return !(kinds[c] & single->value);
    default:
        return is_in_set(single->set, single->set_end, c);
    }
}

// ---- failures ---------------------------------------------------------------------------------

static const char *refuse(struct pattern *pattern, const char *message)
{
    pattern->failure = PATTERN_MALFORMED;
    pattern->message = message;
    return NULL;
}

// False when the budget is spent.
static bool work(struct pattern *pattern, long long units)
{
    pattern->work -= units;
    if (pattern->work >= 0)
        return true;
    pattern->failure = PATTERN_TOO_MANY_STEPS;
    return false;
}

// ---- reading the pattern ----------------------------------------------------------------------

static const char *read_set(struct pattern *pattern, const char *p, struct single *single)
{
    const char *begin = p;

    if (p < pattern->source_end && *p == '^')
        p++;
    do { // a ] that comes first is one of the set
        if (p < pattern->source_end && *p++ == '%' && p < pattern->source_end)
            p++;
        if (p >= pattern->source_end)
            return refuse(pattern, "malformed pattern (missing ']')");
    } while (*p != ']');
    *single = (struct single){
        .type = SET, .set = begin, .set_end = p, .cost = 1 + (p - begin) / WORK_SET};
    return work(pattern, (p - begin) / WORK_SET) ? p + 1 : NULL;
}

// Reads the part at `p` that stands for one byte; returns where it ends, or NULL on failure.
static const char *read_single(struct pattern *pattern, const char *p, struct single *single)
{
    switch (*p) {
    case '.':
        *single = (struct single){.type = ANY, .cost = 1};
        return p + 1;
    case '%':
        if (p + 1 >= pattern->source_end)
            return refuse(pattern, "malformed pattern (ends with '%')");
        read_escape(single, (unsigned char)p[1]);
        return p + 2;
    case '[':
        return read_set(pattern, p + 1, single);
    default:
        *single = (struct single){.type = LITERAL, .value = (unsigned char)*p, .cost = 1};
        return p + 1;
    }
}

// ---- matching ---------------------------------------------------------------------------------
//
// Each function gets the place in the text and the place in the pattern behind the part that it
// is named after; it returns the end of the match of all that follows, or NULL: no match there, or
// pattern->failure is set and nothing else may be tried.

static const char *match_here(struct pattern *pattern, const char *at, const char *p);

static const char *text_end(const struct pattern *pattern)
{
    return pattern->text.data + pattern->text.len;
}

static const char *repeat_most(struct pattern *pattern, const char *at, const char *p,
                               const struct single *single)
{
    const char *last = at, *end = text_end(pattern);

    while (last < end && is_single(single, (unsigned char)*last)) {
        last++;
        if (!work(pattern, single->cost))
            return NULL;
    }
    for (; last >= at; last--) {
        const char *found = match_here(pattern, last, p);
        if (found || pattern->failure)
            return found;
    }
    return NULL;
}

static const char *repeat_least(struct pattern *pattern, const char *at, const char *p,
                                const struct single *single)
{
    for (;;) {
        const char *found = match_here(pattern, at, p);
        if (found || pattern->failure)
            return found;
        if (at >= text_end(pattern) || !is_single(single, (unsigned char)*at))
            return NULL;
        at++;
        if (!work(pattern, single->cost))
            return NULL;
    }
}

static const char *open_capture(struct pattern *pattern, const char *at, const char *p)
{
    size_t len = PATTERN_OPEN;

    if (pattern->capture_count >= PATTERN_CAPTURES)
        return refuse(pattern, "too many captures");
    if (p < pattern->source_end && *p == ')') {
        len = PATTERN_POSITION;
        p++;
    }
    pattern->captures[pattern->capture_count++] = (struct pattern_capture){at, len};
    const char *found = match_here(pattern, at, p);
    if (!found)
        pattern->capture_count--;
    return found;
}

static const char *close_capture(struct pattern *pattern, const char *at, const char *p)
{
    size_t i = pattern->capture_count;

    while (i > 0 && pattern->captures[i - 1].len != PATTERN_OPEN)
        i--;
    if (i == 0)
        return refuse(pattern, "invalid pattern capture");
    struct pattern_capture *capture = &pattern->captures[i - 1];
    capture->len = (size_t)(at - capture->begin);
    const char *found = match_here(pattern, at, p);
    if (!found)
        capture->len = PATTERN_OPEN;
    return found;
}

// The text that a capture had, once more; returns where it ends. A position never matches.
static const char *skip_captured(struct pattern *pattern, const char *at, char digit)
{
    size_t i = (size_t)(digit - '1');

    if (digit == '0' || i >= pattern->capture_count || pattern->captures[i].len == PATTERN_OPEN)
        return refuse(pattern, "invalid capture index");
    size_t len = pattern->captures[i].len;
    if (len > (size_t)(text_end(pattern) - at))
        return NULL;
    if (!work(pattern, (long long)(len / WORK_COMPARED)))
        return NULL;
    return memcmp(at, pattern->captures[i].begin, len) == 0 ? at + len : NULL;
}

// %bxy, `p` at x.
static const char *skip_balanced(struct pattern *pattern, const char *at, const char *p)
{
    long long depth = 1;
    const char *end = text_end(pattern);

    if (pattern->source_end - p < 2)
        return refuse(pattern, "unbalanced pattern");
    if (at >= end || *at != p[0])
        return NULL;
    for (at++; at < end; at++) {
        if (!work(pattern, 1))
            return NULL;
        if (*at == p[1]) {
            if (--depth == 0)
                return at + 1;
        } else if (*at == p[0]) {
            depth++;
        }
    }
    return NULL;
}

// %f, `p` at its set. Returns the rest of the pattern if the text goes over into the set here.
static const char *skip_frontier(struct pattern *pattern, const char *at, const char *p)
{
    struct single set;

    if (p >= pattern->source_end || *p != '[')
        return refuse(pattern, "missing '[' after '%f' in pattern");
    p = read_set(pattern, p + 1, &set);
    if (!p || !work(pattern, 2 * set.cost))
        return NULL;
    char before = '\0', after = '\0';
    if (at > pattern->text.data)
        before = at[-1];
    if (at < text_end(pattern))
        after = *at;
    return !is_single(&set, (unsigned char)before) && is_single(&set, (unsigned char)after) ? p
                                                                                            : NULL;
}

enum escape { ESCAPE_DONE, ESCAPE_FAILED, ESCAPE_IS_SINGLE };

// What begins with % and is no class: moves both places behind it.
static enum escape match_escape(struct pattern *pattern, const char **at, const char **p)
{
    if (**p != '%' || *p + 1 >= pattern->source_end)
        return ESCAPE_IS_SINGLE;
    char letter = (*p)[1];
    if (letter == 'b') {
        *at = skip_balanced(pattern, *at, *p + 2);
        *p += 4;
    } else if (letter == 'f') {
        *p = skip_frontier(pattern, *at, *p + 2);
    } else if (kinds[(unsigned char)letter] & DIGIT) {
        *at = skip_captured(pattern, *at, letter);
        *p += 2;
    } else {
        return ESCAPE_IS_SINGLE;
    }
    return *at && *p ? ESCAPE_DONE : ESCAPE_FAILED;
}

enum step { STEP_GO_ON, STEP_END };

// One single with what follows it: either moves both places behind it, or sets *found.
static enum step match_single(struct pattern *pattern, const char **at, const char **p,
                              const char **found)
{
    struct single single;
    const char *next = read_single(pattern, *p, &single);

    *found = NULL;
    if (!next || !work(pattern, single.cost))
        return STEP_END;
    char suffix = '\0';
    if (next < pattern->source_end)
        suffix = *next;
    if (suffix == '-') {
        *found = repeat_least(pattern, *at, next + 1, &single);
        return STEP_END;
    }
    if (suffix == '*') {
        *found = repeat_most(pattern, *at, next + 1, &single);
        return STEP_END;
    }
    bool is_there = *at < text_end(pattern) && is_single(&single, (unsigned char)**at);
    if (suffix == '?') {
        *p = next + 1;
        if (is_there)
            *found = match_here(pattern, *at + 1, *p);
        return *found || pattern->failure ? STEP_END : STEP_GO_ON;
    }
    if (!is_there)
        return STEP_END;
    if (suffix == '+') {
        *found = repeat_most(pattern, *at + 1, next + 1, &single);
        return STEP_END;
    }
    *p = next;
    ++*at;
    return STEP_GO_ON;
}

static const char *match_parts(struct pattern *pattern, const char *at, const char *p)
{
    const char *found;

    while (p < pattern->source_end) {
        if (!work(pattern, WORK_STEP))
            return NULL;
        if (*p == '(')
            return open_capture(pattern, at, p + 1);
        if (*p == ')')
            return close_capture(pattern, at, p + 1);
        if (*p == '$' && p + 1 == pattern->source_end)
            return at == text_end(pattern) ? at : NULL;
        enum escape escape = match_escape(pattern, &at, &p);
        if (escape == ESCAPE_FAILED)
            return NULL;
        if (escape == ESCAPE_IS_SINGLE && match_single(pattern, &at, &p, &found) == STEP_END)
            return found;
    }
    return at;
}

static const char *match_here(struct pattern *pattern, const char *at, const char *p)
{
    if (pattern->depth >= PATTERN_DEPTH)
        return refuse(pattern, "pattern too complex");
    pattern->depth++;
    const char *found = match_parts(pattern, at, p);
    pattern->depth--;
    return found;
}

// ---- searching --------------------------------------------------------------------------------

enum {
    SPECIAL = 1,  // means more than itself anywhere in a pattern
    OPTIONAL = 2, // behind a part: it may be absent
};

static const unsigned char roles[256] = {
    ['^'] = SPECIAL,
    ['$'] = SPECIAL,
    ['+'] = SPECIAL,
    ['.'] = SPECIAL,
    ['('] = SPECIAL,
    ['['] = SPECIAL,
    ['%'] = SPECIAL,
    ['*'] = SPECIAL | OPTIONAL,
    ['?'] = SPECIAL | OPTIONAL,
    ['-'] = SPECIAL | OPTIONAL,
};

bool pattern_is_special(struct slice source)
{
    for (size_t i = 0; i < source.len; i++) {
        if (roles[(unsigned char)source.data[i]] & SPECIAL)
            return true;
    }
    return false;
}

// Most places can then be passed over without trying them.
static int first_byte(const char *p, const char *end)
{
    if (p == end || *p == ')' || roles[(unsigned char)*p] & SPECIAL)
        return -1;
    if (p + 1 < end && roles[(unsigned char)p[1]] & OPTIONAL)
        return -1;
    return (unsigned char)*p;
}

void pattern_init(struct pattern *pattern, struct slice text, struct slice source, bool has_anchor,
                  long long steps)
{
    const char *nul = memchr(source.data, '\0', source.len);

    pattern->text = text;
    pattern->message = NULL;
    pattern->failure = PATTERN_OK;
    pattern->work = steps * WORK_STEP;
    pattern->source = source.data;
    pattern->source_end = nul ? nul : source.data + source.len;
    pattern->is_anchored =
        has_anchor && pattern->source < pattern->source_end && *pattern->source == '^';
    pattern->source += pattern->is_anchored;
    pattern->first = first_byte(pattern->source, pattern->source_end);
}

// Where the next match can begin, or NULL.
static const char *next_place(struct pattern *pattern, const char *at)
{
    const char *end = text_end(pattern);

    if (pattern->first < 0)
        return at <= end ? at : NULL;
    const char *place = at < end ? memchr(at, pattern->first, (size_t)(end - at)) : NULL;
    if (!work(pattern, ((place ? place : end) - at) / WORK_COMPARED))
        return NULL;
    return place;
}

enum pattern_result pattern_find(struct pattern *pattern, size_t from)
{
    const char *at = pattern->text.data + from;

    if (!work(pattern, WORK_STEP)) // what the caller does with a match takes time, too
        return pattern->failure;
    do {
        if (!pattern->is_anchored)
            at = next_place(pattern, at);
        if (!at)
            break;
        pattern->capture_count = pattern->depth = 0;
        pattern->begin = at;
        pattern->end = match_here(pattern, at, pattern->source);
        if (pattern->end)
            return PATTERN_OK;
        at++;
    } while (!pattern->failure && !pattern->is_anchored);
    return pattern->failure ? pattern->failure : PATTERN_NO_MATCH;
}
