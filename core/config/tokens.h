// Lua source cut into tokens, just well enough to find the fields of a table.
#pragma once

#include "base/buf.h"
#include "base/slice.h"

enum token_type { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_SYMBOL };

struct token {
    enum token_type type;
    int line;          // where it begins
    struct slice text; // borrowed from the source; of a string with its quotes; of a symbol its
                       // first byte (`==` is two symbols but never taken for `=`)
};

struct tokens {
    struct slice source; // borrowed
    size_t at;
    int line;
};

// The next token; TOKEN_END at the end, again and again. Any bytes are fine.
void tokens_next(struct tokens *tokens, struct token *token);

// The symbol that follows, '\0' for anything else and for `==`. Does not move.
char tokens_peek_symbol(const struct tokens *tokens);

// Appends what a string stands for (escapes resolved), or a number as it is written.
void tokens_decode(const struct token *token, struct buf *out);
