#include "lua/header_text.h"

#include <string.h>

#include <lauxlib.h>

#include "lua/blame.h"
#include "lua/value.h"

static void add(lua_State *L, struct buf *lines, struct slice text)
{
    if (buf_add_slice(lines, text) != 0)
        blame_raise(L, "the headers are larger than %d bytes", (int)lines->limit);
}

void header_text_add_part(lua_State *L, int index, struct buf *lines)
{
    struct slice text = value_to_secret(L, index);

    if (!text.data)
        text.data = lua_tolstring(L, index, &text.len);
    if (!text.data)
        blame_raise(L, "a header needs text or a secret, not a %s", luaL_typename(L, index));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            blame_raise(L, "a header has a control character in its value");
    }
    add(L, lines, text);
}

static bool is_token(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alnum && (!c || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

void header_text_add_line(lua_State *L, int index, struct buf *lines)
{
    struct slice name = value_text(L, index);

    if (!name.data || !is_token(name))
        blame_raise(L, "a header's name has a character that no name may have");
    add(L, lines, name);
    add(L, lines, SLICE(": "));
    header_text_add_part(L, index + 1, lines);
    add(L, lines, SLICE("\r\n"));
}
