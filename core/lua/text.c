#include "lua/text.h"

#include <string.h>

void text_init(struct text *text, lua_State *L, size_t expected)
{
    lua_pushnil(L);
    text->L = L;
    text->anchor = lua_gettop(L);
    text->data = text->inside;
    text->len = 0;
    text->cap = sizeof(text->inside);
    text->expected = expected;
}

static void grow(struct text *text, size_t len)
{
    size_t cap = text->data == text->inside ? text->expected : text->cap * 2;

    if (cap < text->len + len)
        cap = text->len + len + (text->len + len) / 2;
    char *data = lua_newuserdata(text->L, cap);
    memcpy(data, text->data, text->len);
    lua_replace(text->L, text->anchor);
    text->data = data;
    text->cap = cap;
}

void text_add(struct text *text, const char *data, size_t len)
{
    if (len > text->cap - text->len)
        grow(text, len);
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

void text_add_value(struct text *text)
{
    size_t len;
    const char *data = lua_tolstring(text->L, -1, &len);

    text_add(text, data, len);
    lua_pop(text->L, 1);
}

void text_push(const struct text *text)
{
    lua_pushlstring(text->L, text->data, text->len);
}
