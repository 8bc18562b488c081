// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF.
#pragma once

#include <stddef.h>

static inline int utf8_is_tail(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

// Bytes of the character at `text` (1 to 4), or 0 when no valid one begins there. `len` >= 1.
static inline size_t utf8_length(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char lead = p[0];

    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4 || len < 2 || !utf8_is_tail(p[1]))
        return 0;
    if (lead < 0xE0)
        return 2;
    if ((lead == 0xE0 && p[1] < 0xA0) || (lead == 0xED && p[1] > 0x9F))
        return 0;
    if (len < 3 || !utf8_is_tail(p[2]))
        return 0;
    if (lead < 0xF0)
        return 3;
    if ((lead == 0xF0 && p[1] < 0x90) || (lead == 0xF4 && p[1] > 0x8F))
        return 0;
    return len >= 4 && utf8_is_tail(p[3]) ? 4 : 0;
}
