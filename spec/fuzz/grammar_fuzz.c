// JSON: exactly what a second reader accepts, written here from RFC 8259 as plainly as possible, is
// accepted by each of ours, and comes back from Lua as the same text however often it goes there.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "json/json.h"
#include "json/match.h"
#include "json/tree.h"
#include "lua/value.h"

enum { DEPTH = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

// ---- the second reader ------------------------------------------------------------------------

struct text {
    const unsigned char *at, *end;
};

static bool read_value(struct text *in, int depth);

static int peek(const struct text *in)
{
    return in->at < in->end ? *in->at : -1;
}

static bool take(struct text *in, int wanted)
{
    if (peek(in) != wanted)
        return false;
    in->at++;
    return true;
}

static void skip_space(struct text *in)
{
    while (take(in, ' ') || take(in, '\t') || take(in, '\n') || take(in, '\r'))
        continue;
}

static bool take_word(struct text *in, const char *word)
{
    while (*word) {
        if (!take(in, *word++))
            return false;
    }
    return true;
}

static bool take_digits(struct text *in)
{
    const unsigned char *begin = in->at;
    while (peek(in) >= '0' && peek(in) <= '9')
        in->at++;
    return in->at > begin;
}

static bool read_number(struct text *in)
{
    take(in, '-');
    if (!take(in, '0') && !take_digits(in))
        return false;
    if (take(in, '.') && !take_digits(in))
        return false;
    if (take(in, 'e') || take(in, 'E')) {
        if (!take(in, '+'))
            take(in, '-');
        return take_digits(in);
    }
    return true;
}

static int read_unit(struct text *in)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = peek(in) > 0 ? strchr(digits, peek(in)) : NULL;
        if (!digit)
            return -1;
        unit = unit * 16 + (int)(digit - digits) % 16;
        in->at++;
    }
    return unit;
}

static bool read_escape(struct text *in)
{
    int c = peek(in);
    if (c <= 0 || !strchr("\"\\/bfnrtu", c))
        return false;
    in->at++;
    if (c != 'u')
        return true;
    int unit = read_unit(in);
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit >= 0;
    if (unit > 0xDBFF || !take(in, '\\') || !take(in, 'u'))
        return false;
    unit = read_unit(in);
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

// By decoding it: neither overlong, nor a surrogate, nor beyond U+10FFFF.
static bool read_utf8(struct text *in)
{
    static const long least[] = {0, 0x80, 0x800, 0x10000};
    int c = *in->at++;
    int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    long point = c & (0x3F >> more);
    if (c < 0xC0 || c > 0xF7)
        return false;
    for (int i = 0; i < more; i++) {
        if (peek(in) < 0 || (peek(in) & 0xC0) != 0x80)
            return false;
        point = point << 6 | (*in->at++ & 0x3F);
    }
    return point >= least[more] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

static bool read_string(struct text *in)
{
    if (!take(in, '"'))
        return false;
    for (;;) {
        if (take(in, '"'))
            return true;
        if (take(in, '\\')) {
            if (!read_escape(in))
                return false;
        } else if (peek(in) < ' ') {
            return false;
        } else if (peek(in) < 0x80) {
            in->at++;
        } else if (!read_utf8(in)) {
            return false;
        }
    }
}

static bool read_items(struct text *in, int close, bool has_names, int depth)
{
    skip_space(in);
    if (take(in, close))
        return true;
    do {
        skip_space(in);
        if (has_names) {
            if (!read_string(in))
                return false;
            skip_space(in);
            if (!take(in, ':'))
                return false;
        }
        skip_space(in);
        if (!read_value(in, depth))
            return false;
        skip_space(in);
    } while (take(in, ','));
    return take(in, close);
}

static bool read_value(struct text *in, int depth)
{
    switch (peek(in)) {
    case '{':
    case '[':
        if (depth == 0)
            return false;
        return *in->at++ == '{' ? read_items(in, '}', true, depth - 1)
                                : read_items(in, ']', false, depth - 1);
    case '"':
        return read_string(in);
    case 't':
        return take_word(in, "true");
    case 'f':
        return take_word(in, "false");
    case 'n':
        return take_word(in, "null");
    default:
        return read_number(in);
    }
}

static bool is_json(struct slice text, bool *is_object)
{
    const unsigned char *begin = (const unsigned char *)text.data;
    struct text in = {begin, begin + text.len};
    skip_space(&in);
    *is_object = peek(&in) == '{';
    bool is_value = read_value(&in, DEPTH);
    skip_space(&in);
    return is_value && in.at == in.end;
}

// ---- ours --------------------------------------------------------------------------------------

static void ignore(void *owner, int id, struct json_value value)
{
    (void)owner;
    (void)id;
    (void)value;
}

static bool is_matched(struct slice text)
{
    struct json_match *match = json_match_new();
    json_match_add(match, "a[].b", NULL);
    int rc = json_match_run(match, text, DEPTH, ignore, NULL, NULL);
    json_match_free(match);
    return rc == 0;
}

static bool has_tree(struct slice text)
{
    cJSON *tree = json_tree_parse(text, DEPTH, NULL);
    cJSON_Delete(tree);
    return tree != NULL;
}

// Through Lua once; `out` says what came back: nothing where a number was beyond Lua's. False when
// Lua refuses the text.
static bool go_to_lua(lua_State *L, struct slice text, struct buf *out)
{
    struct json_error err;
    const char *why = NULL;
    if (value_push(L, text, DEPTH, NULL, &err) != 0)
        return false;
    if (value_encode(L, -1, out, &why) != 0) {
        expect(why != NULL);
        buf_clear(out);
    }
    lua_pop(L, 1);
    return true;
}

static void come_back(lua_State *L, struct slice text, bool is_valid)
{
    struct buf once, twice;
    bool is_object;
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    bool is_held = go_to_lua(L, text, &once);
    expect(is_held == is_valid);
    if (is_held && once.len) {
        expect(is_json(buf_slice(&once), &is_object));
        expect(go_to_lua(L, buf_slice(&once), &twice));
        expect(slice_equal(buf_slice(&once), buf_slice(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static lua_State *L;
    struct slice text = {(const char *)data, len};
    bool is_object;

    if (!L) {
        L = luaL_newstate();
        value_open(L);
    }
    bool is_valid = is_json(text, &is_object);
    expect((json_scan(text, NULL, 0, DEPTH, NULL) == 0) == (is_valid && is_object));
    expect(is_matched(text) == is_valid);
    expect(has_tree(text) == is_valid);
    come_back(L, text, is_valid);
    return 0;
}
