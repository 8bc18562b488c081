#include "config/tokens.h"

#include <ctype.h>
#include <string.h>

static bool has(const struct tokens *tokens, size_t at, char byte)
{
    return at < tokens->source.len && tokens->source.data[at] == byte;
}

// Level of the long bracket `[==[` at `at`: 0 for `[[`; -1: none.
static int bracket_level(const struct tokens *tokens, size_t at)
{
    int level = 0;

    if (!has(tokens, at, '['))
        return -1;
    for (at++; has(tokens, at, '='); at++)
        level++;
    return has(tokens, at, '[') ? level : -1;
}

// Moves behind the closing bracket of that level (or to the end), counting lines.
static void skip_long(struct tokens *tokens, int level)
{
    size_t at = tokens->at + (size_t)level + 2;

    for (; at < tokens->source.len; at++) {
        tokens->line += tokens->source.data[at] == '\n';
        if (!has(tokens, at, ']'))
            continue;
        size_t end = at + 1;
        while (has(tokens, end, '=') && end - at - 1 < (size_t)level)
            end++;
        if (end - at - 1 == (size_t)level && has(tokens, end, ']')) {
            tokens->at = end + 1;
            return;
        }
    }
    tokens->at = tokens->source.len;
}

static void skip_to_newline(struct tokens *tokens)
{
    while (tokens->at < tokens->source.len && !has(tokens, tokens->at, '\n'))
        tokens->at++;
}

// White space, comments, and a first line that begins with '#'.
static void skip_space(struct tokens *tokens)
{
    if (tokens->at == 0 && has(tokens, 0, '#'))
        skip_to_newline(tokens);
    while (tokens->at < tokens->source.len) {
        unsigned char c = (unsigned char)tokens->source.data[tokens->at];
        if (has(tokens, tokens->at, '-') && has(tokens, tokens->at + 1, '-')) {
            tokens->at += 2;
            int level = bracket_level(tokens, tokens->at);
            if (level >= 0)
                skip_long(tokens, level);
            else
                skip_to_newline(tokens);
        } else if (isspace(c)) {
            tokens->line += c == '\n';
            tokens->at++;
        } else {
            return;
        }
    }
}

static void skip_quoted(struct tokens *tokens)
{
    char quote = tokens->source.data[tokens->at++];

    while (tokens->at < tokens->source.len) {
        char c = tokens->source.data[tokens->at++];
        if (c == quote)
            return;
        if (c == '\\' && tokens->at < tokens->source.len)
            c = tokens->source.data[tokens->at++];
        tokens->line += c == '\n';
    }
}

static bool is_name_byte(unsigned char c)
{
    return isalnum(c) || c == '_' || c >= 0x80; // LuaJIT takes UTF-8 in names
}

// Names and numbers; a number may hold dots and a signed exponent.
static void skip_word(struct tokens *tokens, bool is_number)
{
    const char *data = tokens->source.data;

    for (; tokens->at < tokens->source.len; tokens->at++) {
        bool is_dot = has(tokens, tokens->at, '.');
        bool is_sign = has(tokens, tokens->at, '+') || has(tokens, tokens->at, '-');
        bool is_exponent = is_sign && strchr("eE", data[tokens->at - 1]);
        if (!is_name_byte((unsigned char)data[tokens->at]) &&
            !(is_number && (is_dot || is_exponent)))
            return;
    }
}

void tokens_next(struct tokens *tokens, struct token *token)
{
    skip_space(tokens);
    size_t start = tokens->at;
    *token = (struct token){.line = tokens->line};
    if (start == tokens->source.len)
        return;
    unsigned char c = (unsigned char)tokens->source.data[start];
    int level = bracket_level(tokens, start);
    if (level >= 0) {
        token->type = TOKEN_STRING;
        skip_long(tokens, level);
    } else if (c == '"' || c == '\'') {
        token->type = TOKEN_STRING;
        skip_quoted(tokens);
    } else if (isdigit(c)) {
        token->type = TOKEN_NUMBER;
        skip_word(tokens, true);
    } else if (is_name_byte(c)) {
        token->type = TOKEN_NAME;
        skip_word(tokens, false);
    } else {
        token->type = TOKEN_SYMBOL;
        tokens->at++;
    }
    token->text = (struct slice){tokens->source.data + start, tokens->at - start};
}

char tokens_peek_symbol(const struct tokens *tokens)
{
    struct tokens ahead = *tokens;
    struct token token;

    tokens_next(&ahead, &token);
    if (token.type != TOKEN_SYMBOL || has(&ahead, ahead.at, '='))
        return '\0';
    return *token.text.data;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

// The escape behind a backslash, at `text`. Returns the bytes it takes.
static size_t decode_escape(struct slice text, struct buf *out)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    const char *simple = memchr(from, *text.data, sizeof(from) - 1);
    unsigned code = 0;
    size_t len = 0;

    if (simple) {
        buf_add(out, &to[simple - from], 1);
        return 1;
    }
    if (*text.data == 'z') { // the white space behind it is not part of the string
        for (len = 1; len < text.len && isspace((unsigned char)text.data[len]);)
            len++;
        return len;
    }
    if (*text.data == 'x' && text.len >= 3 && hex_digit(text.data[1]) >= 0 &&
        hex_digit(text.data[2]) >= 0) {
        unsigned char byte =
            (unsigned char)(hex_digit(text.data[1]) * 16 + hex_digit(text.data[2]));
        buf_add(out, &byte, 1);
        return 3;
    }
    for (; len < 3 && len < text.len && isdigit((unsigned char)text.data[len]); len++)
        code = code * 10 + (unsigned)(text.data[len] - '0');
    unsigned char byte = (unsigned char)(len ? code : (unsigned char)*text.data);
    buf_add(out, &byte, 1);
    return len ? len : 1;
}

static void decode_quoted(struct slice text, struct buf *out)
{
    for (size_t at = 0; at < text.len; at++) {
        if (text.data[at] == '\\' && at + 1 < text.len)
            at += decode_escape((struct slice){text.data + at + 1, text.len - at - 1}, out);
        else
            buf_add(out, text.data + at, 1);
    }
}

void tokens_decode(const struct token *token, struct buf *out)
{
    struct slice text = token->text;

    if (token->type != TOKEN_STRING) {
        buf_add_slice(out, text);
        return;
    }
    if (*text.data == '[') {
        const char *open = memchr(text.data + 1, '[', text.len - 1);
        size_t mark = (size_t)(open - text.data) + 1;
        if (text.len >= 2 * mark)
            buf_add(out, text.data + mark, text.len - 2 * mark);
    } else if (text.len >= 2) {
        decode_quoted((struct slice){text.data + 1, text.len - 2}, out);
    }
}
