#include "http/chunks.h"

enum state {
    SIZE,      // digits, at least one
    SPACE,     // white space that must end in ';'
    EXTENSION, // anything printable
    SIZE_LF,   // CR has come
    DATA,
    DATA_CR,
    DATA_LF,
    LINE,  // start of a trailer line, or of the empty line that ends the body
    NAME,  // of a trailer
    VALUE, // of a trailer
    VALUE_LF,
    LAST_LF,
    DONE,
    BAD,
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c > ' ' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static enum state after_size_byte(struct chunks *chunks, char c)
{
    int digit = digit_of(c);
    if (digit >= 0) {
        if (chunks->left > UINT64_MAX >> 4)
            return BAD;
        chunks->left = chunks->left << 4 | (unsigned)digit;
        chunks->has_digit = true;
        return SIZE;
    }
    if (!chunks->has_digit)
        return BAD;
    chunks->has_digit = false;
    if (c == '\r')
        return SIZE_LF;
    if (c == ';')
        return EXTENSION;
    return c == ' ' || c == '\t' ? SPACE : BAD;
}

static enum state expect(char c, char wanted, enum state next)
{
    return c == wanted ? next : BAD;
}

// One byte of framing.
static enum state after(struct chunks *chunks, char c)
{
    switch ((enum state)chunks->state) {
    case SIZE:
        return after_size_byte(chunks, c);
    case SPACE:
        return c == ' ' || c == '\t' ? SPACE : expect(c, ';', EXTENSION);
    case EXTENSION:
        return is_text(c) ? EXTENSION : expect(c, '\r', SIZE_LF);
    case SIZE_LF:
        return expect(c, '\n', chunks->left ? DATA : LINE);
    case DATA_CR:
        return expect(c, '\r', DATA_LF);
    case DATA_LF:
        return expect(c, '\n', SIZE);
    case LINE:
        return is_token(c) ? NAME : expect(c, '\r', LAST_LF);
    case NAME:
        return is_token(c) ? NAME : expect(c, ':', VALUE);
    case VALUE:
        return is_text(c) ? VALUE : expect(c, '\r', VALUE_LF);
    case VALUE_LF:
        return expect(c, '\n', LINE);
    case LAST_LF:
        return expect(c, '\n', DONE);
    case DATA:
    case DONE:
    case BAD:
        break;
    }
    return BAD;
}

ptrdiff_t chunks_next(struct chunks *chunks, const char *bytes, size_t len, struct slice *data)
{
    *data = (struct slice){bytes, 0};
    if (chunks->state == DATA) {
        data->len = chunks->left < len ? (size_t)chunks->left : len;
        chunks->left -= data->len;
        if (chunks->left == 0)
            chunks->state = DATA_CR;
        return (ptrdiff_t)data->len;
    }
    for (size_t i = 0; i < len; i++) {
        chunks->state = after(chunks, bytes[i]);
        if (chunks->state == BAD)
            return -1;
        if (chunks->state == DATA || chunks->state == DONE)
            return (ptrdiff_t)(i + 1);
    }
    return (ptrdiff_t)len;
}

bool chunks_is_done(const struct chunks *chunks)
{
    return chunks->state == DONE;
}
