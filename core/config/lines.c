#include "config/lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/tokens.h"

enum {
    MAX_DEPTH = 32,      // of nested tables that are followed; deeper ones are skipped
    MAX_FIELDS = 100000, // that are remembered
    NO_PARENT = -1,
};

// A field; its name is names.data[name .. name + name_len).
struct entry {
    int parent; // index, or NO_PARENT
    int line;
    size_t name, name_len;
};

struct lines {
    struct entry *entries; // owned
    size_t count, cap;
    struct buf names;
    int table_line; // of the returned table; 1 without one
};

struct reader {
    struct lines *lines;
    struct tokens tokens;
    struct token token; // the one looked at
};

static void advance(struct reader *reader)
{
    tokens_next(&reader->tokens, &reader->token);
}

static bool is_symbol(const struct reader *reader, char symbol)
{
    return reader->token.type == TOKEN_SYMBOL && *reader->token.text.data == symbol;
}

static bool is_word(const struct reader *reader, const char *word)
{
    return reader->token.type == TOKEN_NAME && slice_equal(reader->token.text, slice_of(word));
}

static bool is_end(const struct reader *reader)
{
    return reader->token.type == TOKEN_END;
}

// Index of the new field; NO_PARENT when there is no room.
static int add_field(struct lines *lines, int parent, struct slice name, int line)
{
    if (lines->count == MAX_FIELDS || buf_reserve(&lines->names, name.len) != 0)
        return NO_PARENT;
    if (lines->count == lines->cap) {
        lines->cap = lines->cap ? lines->cap * 2 : 64;
        lines->entries = mem_realloc(lines->entries, lines->cap * sizeof(*lines->entries));
    }
    lines->entries[lines->count] = (struct entry){parent, line, lines->names.len, name.len};
    buf_add_slice(&lines->names, name);
    return (int)lines->count++;
}

// +1 for a word that begins a block with an `end` (or `until`), -1 for one that ends it.
static int block_step(const struct reader *reader)
{
    if (is_word(reader, "function") || is_word(reader, "do") || is_word(reader, "if") ||
        is_word(reader, "repeat"))
        return 1;
    return is_word(reader, "end") || is_word(reader, "until") ? -1 : 0;
}

// Moves to the ',', ';' or '}' behind an expression, over brackets and function bodies.
static void skip_expression(struct reader *reader)
{
    int brackets = 0, blocks = 0;

    while (!is_end(reader)) {
        bool is_inside = brackets > 0 || blocks > 0;
        if (!is_inside &&
            (is_symbol(reader, ',') || is_symbol(reader, ';') || is_symbol(reader, '}')))
            return;
        if (is_symbol(reader, '(') || is_symbol(reader, '{') || is_symbol(reader, '['))
            brackets++;
        else if (is_symbol(reader, ')') || is_symbol(reader, '}') || is_symbol(reader, ']'))
            brackets--;
        blocks += block_step(reader);
        advance(reader);
    }
}

// What stands between the brackets of `["name"] =` or `[1] =`. False when it is something else.
static bool read_bracket_name(struct reader *reader, struct buf *name)
{
    advance(reader);
    bool is_plain = reader->token.type == TOKEN_STRING || reader->token.type == TOKEN_NUMBER;
    if (is_plain)
        tokens_decode(&reader->token, name);
    while (!is_end(reader) && !is_symbol(reader, ']')) {
        advance(reader);
        is_plain = is_plain && is_symbol(reader, ']');
    }
    advance(reader);
    return is_plain;
}

// The name in front of a value: `name =`, `["name"] =`, or else the next position. The reader is
// left at the value. False: the field cannot be named.
static bool read_name(struct reader *reader, unsigned *position, struct buf *name)
{
    bool is_known = true;

    if (is_symbol(reader, '[')) {
        is_known = read_bracket_name(reader, name);
        if (is_symbol(reader, '='))
            advance(reader);
        return is_known;
    }
    if (reader->token.type == TOKEN_NAME && tokens_peek_symbol(&reader->tokens) == '=') {
        buf_add_slice(name, reader->token.text);
        advance(reader);
        advance(reader);
        return true;
    }
    buf_addf(name, "%u", ++*position);
    return true;
}

// The fields between '{', which the reader is at, and '}', which it is moved behind.
static void read_table(struct reader *reader, int parent, int depth)
{
    unsigned position = 0;
    struct buf name;

    buf_init(&name, reader->tokens.source.len + 16);
    advance(reader);
    while (!is_end(reader) && !is_symbol(reader, '}')) {
        int line = reader->token.line;
        buf_clear(&name);
        bool is_known = read_name(reader, &position, &name);
        int field = is_known ? add_field(reader->lines, parent, buf_slice(&name), line) : NO_PARENT;
        if (field != NO_PARENT && is_symbol(reader, '{') && depth < MAX_DEPTH)
            read_table(reader, field, depth + 1);
        skip_expression(reader);
        if (!is_symbol(reader, '}'))
            advance(reader);
    }
    advance(reader);
    buf_deinit(&name);
}

static void read_chunk(struct reader *reader)
{
    int blocks = 0;

    advance(reader);
    while (!is_end(reader)) {
        bool is_return = blocks == 0 && is_word(reader, "return");
        blocks += block_step(reader);
        advance(reader);
        if (!is_return || !is_symbol(reader, '{'))
            continue;
        reader->lines->table_line = reader->token.line;
        read_table(reader, NO_PARENT, 0);
        return;
    }
}

struct lines *lines_new(struct slice source)
{
    struct lines *lines = mem_alloc(sizeof(*lines));
    struct reader reader = {.lines = lines, .tokens = {.source = source, .line = 1}};

    lines->table_line = 1;
    // No name is longer than what it is written with; positions are the exception.
    buf_init(&lines->names, source.len + (size_t)MAX_FIELDS * 8);
    read_chunk(&reader);
    return lines;
}

void lines_free(struct lines *lines)
{
    if (!lines)
        return;
    free(lines->entries);
    buf_deinit(&lines->names);
    free(lines);
}

// True when the entry's names, joined by '.', are `path`; compared from the last name to the first.
static bool is_at(const struct lines *lines, const struct entry *entry, struct slice path)
{
    for (;;) {
        const char *name = lines->names.data + entry->name;
        if (path.len < entry->name_len)
            return false;
        path.len -= entry->name_len;
        if (memcmp(path.data + path.len, name, entry->name_len) != 0)
            return false;
        if (entry->parent == NO_PARENT)
            return path.len == 0;
        if (!path.len || path.data[--path.len] != '.')
            return false;
        entry = &lines->entries[entry->parent];
    }
}

int lines_find(const struct lines *lines, const char *path)
{
    struct slice rest = slice_of(path);

    while (rest.len) {
        // Written twice, the last one is what Lua keeps.
        for (size_t i = lines->count; i > 0; i--) {
            if (is_at(lines, &lines->entries[i - 1], rest))
                return lines->entries[i - 1].line;
        }
        do
            rest.len--;
        while (rest.len && rest.data[rest.len] != '.');
    }
    return lines->table_line;
}
