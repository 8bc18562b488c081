#include "lua/string_lib.h"

#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/limits.h"
#include "lua/interrupt.h"
#include "lua/pattern.h"
#include "lua/text.h"
#include "lua/vm.h"

// ---- arguments --------------------------------------------------------------------------------

static struct slice check_text(lua_State *L, int index)
{
    struct slice text;
    text.data = luaL_checklstring(L, index, &text.len);
    return text;
}

// As the standard library converts: what is no 32-bit number is the least one.
static int32_t opt_int(lua_State *L, int index, int32_t otherwise)
{
    double number = luaL_optnumber(L, index, otherwise);
    return number > INT32_MIN && number <= INT32_MAX ? (int32_t)number : INT32_MIN;
}

// Counted from 1, or from the end when negative; none is before the text or behind its end.
static size_t check_start(lua_State *L, int index, size_t len)
{
    long long start = opt_int(L, index, 1);

    if (start < 0)
        start += (long long)len;
    else
        start--;
    if (start < 0)
        return 0;
    return (size_t)start < len ? (size_t)start : len;
}

static long long step_limit(lua_State *L)
{
    return (long long)vm_of(L)->config->scripts.steps;
}

// ---- matches ----------------------------------------------------------------------------------

// The next match from `from` on; false when there is none.
static bool find_next(lua_State *L, struct pattern *pattern, size_t from)
{
    switch (pattern_find(pattern, from)) {
    case PATTERN_OK:
        return true;
    case PATTERN_NO_MATCH:
        return false;
    case PATTERN_TOO_MANY_STEPS:
        return luaL_error(L, "the pattern took more than %d steps (scripts.steps)",
                          (int)step_limit(L));
    default:
        return luaL_error(L, "%s", pattern->message);
    }
}

// Pushes a capture as a script sees it. The whole match is the first one of a pattern without any.
static void push_capture(lua_State *L, const struct pattern *pattern, size_t i)
{
    if (i >= pattern->capture_count) {
        if (i > 0)
            luaL_error(L, "invalid capture index");
        lua_pushlstring(L, pattern->begin, (size_t)(pattern->end - pattern->begin));
        return;
    }
    const struct pattern_capture *capture = &pattern->captures[i];
    if (capture->len == PATTERN_OPEN)
        luaL_error(L, "unfinished capture");
    if (capture->len == PATTERN_POSITION)
        lua_pushinteger(L, capture->begin - pattern->text.data + 1);
    else
        lua_pushlstring(L, capture->begin, capture->len);
}

static int push_captures(lua_State *L, const struct pattern *pattern, size_t count)
{
    luaL_checkstack(L, (int)count, "too many captures");
    for (size_t i = 0; i < count; i++)
        push_capture(L, pattern, i);
    return (int)count;
}

// All of them, or the whole match.
static int push_results(lua_State *L, const struct pattern *pattern)
{
    return push_captures(L, pattern, pattern->capture_count ? pattern->capture_count : 1);
}

// ---- find, match, gmatch ----------------------------------------------------------------------

enum {
    PLAIN_PIECE = 1 << 20, // bytes searched between two looks at the guard
    PLAIN_MISSES = 64,     // first bytes without the rest, before a slower but safe way is taken
};

// memmem() takes linear time at worst, but is slower than memchr() on ordinary text.
static const char *search_piece(struct slice text, struct slice wanted)
{
    const char *at = text.data, *end = text.data + text.len;

    for (int misses = 0; wanted.len && misses < PLAIN_MISSES; misses++) {
        if ((size_t)(end - at) < wanted.len)
            return NULL;
        at = memchr(at, wanted.data[0], (size_t)(end - at) - wanted.len + 1);
        if (!at || memcmp(at, wanted.data, wanted.len) == 0)
            return at;
        at++;
    }
    return memmem(at, (size_t)(end - at), wanted.data, wanted.len);
}

static const char *search_plain(lua_State *L, struct slice text, struct slice wanted)
{
    size_t piece = PLAIN_PIECE + wanted.len;

    while (text.len > piece) {
        const char *found = search_piece((struct slice){text.data, piece}, wanted);
        if (found)
            return found;
        text.data += PLAIN_PIECE;
        text.len -= PLAIN_PIECE;
        interrupt_check(L);
    }
    return search_piece(text, wanted);
}

static int find_plain(lua_State *L, struct slice text, struct slice wanted, size_t from)
{
    struct slice rest = {text.data + from, text.len - from};
    const char *found = search_plain(L, rest, wanted);

    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - text.data + 1);
    lua_pushinteger(L, found - text.data + (lua_Integer)wanted.len);
    return 2;
}

static int find(lua_State *L)
{
    struct slice text = check_text(L, 1), source = check_text(L, 2);
    size_t from = check_start(L, 3, text.len);
    struct pattern pattern;

    if (lua_toboolean(L, 4) || !pattern_is_special(source))
        return find_plain(L, text, source, from);
    pattern_init(&pattern, text, source, true, step_limit(L));
    if (!find_next(L, &pattern, from)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, pattern.begin - text.data + 1);
    lua_pushinteger(L, pattern.end - text.data);
    return push_captures(L, &pattern, pattern.capture_count) + 2;
}

static int match(lua_State *L)
{
    struct slice text = check_text(L, 1), source = check_text(L, 2);
    size_t from = check_start(L, 3, text.len);
    struct pattern pattern;

    pattern_init(&pattern, text, source, true, step_limit(L));
    if (find_next(L, &pattern, from))
        return push_results(L, &pattern);
    lua_pushnil(L);
    return 1;
}

enum { GMATCH_TEXT = 2, GMATCH_PATTERN, GMATCH_FROM }; // upvalues; the first is the vm

static int next_match(lua_State *L)
{
    struct slice text, source;
    size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(GMATCH_FROM));
    struct pattern pattern;

    text.data = lua_tolstring(L, lua_upvalueindex(GMATCH_TEXT), &text.len);
    source.data = lua_tolstring(L, lua_upvalueindex(GMATCH_PATTERN), &source.len);
    if (from > text.len)
        return 0;
    pattern_init(&pattern, text, source, false, step_limit(L));
    if (!find_next(L, &pattern, from))
        return 0;
    lua_pushinteger(L, pattern.end - text.data + (pattern.end == pattern.begin));
    lua_replace(L, lua_upvalueindex(GMATCH_FROM));
    return push_results(L, &pattern);
}

static int gmatch(lua_State *L)
{
    check_text(L, 1);
    check_text(L, 2);
    lua_settop(L, 2);
    lua_pushlightuserdata(L, vm_of(L));
    lua_insert(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_match, GMATCH_FROM);
    return 1;
}

// ---- gsub -------------------------------------------------------------------------------------

static void add_replacement(struct text *out, const struct pattern *pattern, struct slice source)
{
    const char *at = source.data, *end = source.data + source.len;

    for (;;) {
        const char *percent = memchr(at, '%', (size_t)(end - at));
        text_add(out, at, (size_t)((percent ? percent : end) - at));
        if (!percent)
            return;
        char c = percent[1]; // at the end a NUL
        at = percent + 1 < end ? percent + 2 : end;
        if (c < '0' || c > '9') {
            text_add(out, &c, 1);
        } else if (c == '0') {
            text_add(out, pattern->begin, (size_t)(pattern->end - pattern->begin));
        } else {
            push_capture(out->L, pattern, (size_t)(c - '1'));
            text_add_value(out);
        }
    }
}

// What the script's table or function says; nil and false keep what was found.
static void add_answer(struct text *out, const struct pattern *pattern)
{
    lua_State *L = out->L;

    if (lua_istable(L, 3)) {
        push_capture(L, pattern, 0);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        lua_call(L, push_results(L, pattern), 1);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        text_add(out, pattern->begin, (size_t)(pattern->end - pattern->begin));
        return;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    text_add_value(out);
}

// Replaces up to `most` matches; returns how many there were.
static long long replace(struct text *out, struct pattern *pattern, long long most)
{
    const char *text = pattern->text.data, *at = text, *end = text + pattern->text.len;
    bool has_text = lua_type(out->L, 3) == LUA_TSTRING;
    long long count = 0;

    while (count < most && find_next(out->L, pattern, (size_t)(at - text))) {
        count++;
        interrupt_check(out->L);
        text_add(out, at, (size_t)(pattern->begin - at));
        if (has_text)
            add_replacement(out, pattern, check_text(out->L, 3));
        else
            add_answer(out, pattern);
        at = pattern->end;
        if (pattern->end == pattern->begin) { // an empty match: go on behind the next byte
            if (at == end)
                break;
            text_add(out, at++, 1);
        }
        if (pattern->is_anchored)
            break;
    }
    if (count)
        text_add(out, at, (size_t)(end - at));
    return count;
}

static int gsub(lua_State *L)
{
    struct slice subject = check_text(L, 1), source = check_text(L, 2);
    int type = lua_type(L, 3);
    long long most = opt_int(L, 4, subject.len < INT32_MAX ? (int32_t)subject.len + 1 : INT32_MAX);
    struct pattern pattern;
    struct text out;

    luaL_argcheck(L,
                  type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE ||
                      type == LUA_TFUNCTION,
                  3, "string/function/table expected");
    if (type == LUA_TNUMBER)
        lua_tostring(L, 3);
    pattern_init(&pattern, subject, source, true, step_limit(L));
    text_init(&out, L, subject.len + subject.len / 8);
    long long count = replace(&out, &pattern, most);
    if (count)
        text_push(&out);
    else
        lua_pushvalue(L, 1);
    lua_pushinteger(L, (lua_Integer)count);
    return 2;
}

// ---- rep --------------------------------------------------------------------------------------

// The standard function does it, once the length is known to be bearable.
static int rep(lua_State *L)
{
    struct slice text = check_text(L, 1), separator = {"", 0};
    double count = luaL_checknumber(L, 2);

    if (!lua_isnoneornil(L, 3))
        separator = check_text(L, 3);
    double len = count >= 1 ? count * (double)(text.len + separator.len) : 0;
    if (len > LIMIT_REPEATED)
        return luaL_error(L, "the result of string.rep would have more than %d bytes",
                          LIMIT_REPEATED);
    if (len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 3, 1);
    return 1;
}

// ---- the table --------------------------------------------------------------------------------

static void copy_standard(lua_State *L)
{
    lua_getglobal(L, "string");
    // stack: safe, standard
    for (lua_pushnil(L); lua_next(L, -2);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
}

static void set_rep(struct vm *vm)
{
    lua_State *L = vm->L;

    lua_pushlightuserdata(L, vm);
    lua_getfield(L, -2, "rep");
    lua_pushcclosure(L, rep, 2);
    lua_setfield(L, -2, "rep");
}

// Methods of strings: ("x"):find(). A script must not get at the table that they are in.
static void set_methods(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    // stack: safe, "", metatable
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void string_lib_open(struct vm *vm)
{
    static const luaL_Reg functions[] = {
        {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL},
    };
    lua_State *L = vm->L;

    lua_newtable(L);
    copy_standard(L);
    vm_register(vm, functions);
    set_rep(vm);
    set_methods(L);
    lua_setfield(L, -2, "safe_string");
}
