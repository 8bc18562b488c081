#include "json/document.h"

#include <stdlib.h>

#include "base/mem.h"
#include "json/document_parts.h"
#include "json/tokenizer.h"

enum {
    FIRST_MEMBERS = 16,
    SMALL_VALUE = 64 * 1024, // cannot have too many nodes
};

// ---- reading ----------------------------------------------------------------------------------

static struct slice between(const char *from, const char *to)
{
    return (struct slice){from, (size_t)(to - from)};
}

void document_drop_value(struct member *member)
{
    cJSON_Delete(member->tree);
    free(member->own);
    member->tree = NULL;
    member->own = NULL;
    member->is_changed = false;
}

struct member *document_add_member(struct document *document)
{
    if (document->count == document->cap) {
        document->cap = document->cap ? 2 * document->cap : FIRST_MEMBERS;
        document->members =
            mem_realloc(document->members, document->cap * sizeof(*document->members));
    }
    struct member *member = &document->members[document->count++];
    *member = (struct member){.tree = NULL};
    return member;
}

static void set_name(struct member *member, const struct tokenizer *in, struct json_value key)
{
    struct buf plain;

    member->key = key.raw;
    member->name = tokenizer_content(key);
    if (!in->is_escaped)
        return;
    buf_init(&plain, key.raw.len);
    json_string_decode(key, &plain); // fits: an escape is longer than what it stands for
    member->own_name = buf_take(&plain, &member->name.len);
    member->name.data = member->own_name;
}

static bool read_member(struct document *document, struct tokenizer *in, const char *lead)
{
    struct json_value key, value;
    const char *start = in->at;

    if (document->count == DOCUMENT_MEMBERS)
        return tokenizer_fail(in, "there are too many members");
    if (!tokenizer_key(in, &key))
        return false;
    struct member *member = document_add_member(document);
    member->lead = between(lead, start);
    set_name(member, in, key);
    if (!tokenizer_value(in, &value))
        return false;
    member->colon = between(key.raw.data + key.raw.len, value.raw.data);
    member->raw = value.raw;
    member->trail = between(in->at, tokenizer_after_space(in->at, in->end));
    return true;
}

static bool read_members(struct document *document, struct tokenizer *in)
{
    const char *lead = in->at + 1;
    bool has_more = tokenizer_open(in, '}');

    while (has_more) {
        if (!read_member(document, in, lead))
            return false;
        const char *comma = tokenizer_after_space(in->at, in->end);
        has_more = tokenizer_more(in, '}');
        if (has_more)
            lead = comma + 1;
    }
    return !in->message;
}

struct document *document_new(struct slice text, int max_depth, uint32_t serial,
                              struct json_error *err)
{
    struct document *document = mem_alloc(sizeof(*document));
    struct tokenizer in;

    document->max_depth = max_depth;
    document->version = (uint64_t)serial << 32;
    document->bound = text.len;
    tokenizer_init(&in, text, max_depth);
    tokenizer_space(&in);
    const char *brace = in.at;
    bool is_object = tokenizer_peek(&in) == '{' || tokenizer_fail(&in, "expected an object");
    if (is_object && read_members(document, &in)) {
        document->head = between(text.data, brace + 1);
        document->tail = between(document->count ? in.at - 1 : brace + 1, in.end);
        if (tokenizer_end(&in))
            return document;
    }
    tokenizer_error(&in, err);
    document_free(document);
    return NULL;
}

void document_free(struct document *document)
{
    if (!document)
        return;
    for (size_t i = 0; i < document->count; i++) {
        document_drop_value(&document->members[i]);
        free(document->members[i].own_name);
    }
    free(document->members);
    free(document);
}

// ---- trees ------------------------------------------------------------------------------------

// At most as many as there are commas and brackets outside of strings, and one.
bool document_is_too_much(struct slice raw)
{
    const char *at = raw.data, *end = raw.data + raw.len;
    size_t nodes = 1;

    if (raw.len <= SMALL_VALUE)
        return false;
    for (; at < end; at++) {
        if (*at == ',' || *at == '[' || *at == '{')
            nodes++;
        if (*at != '"')
            continue;
        for (at++; *at != '"'; at++) // the text is valid: a string has its end
            at += *at == '\\';
    }
    return nodes > DOCUMENT_NODES;
}

enum document_result document_grow_tree(struct document *document, struct member *member)
{
    if (member->tree)
        return DOCUMENT_OK;
    if (document_is_too_much(member->raw))
        return DOCUMENT_TOO_LARGE;
    member->tree = json_tree_parse(member->raw, document->max_depth, NULL);
    return member->tree ? DOCUMENT_OK : DOCUMENT_TOO_LARGE;
}

static bool is_type(const cJSON *node, int type)
{
    return (node->type & 0xFF) == type;
}

// The last one of that name.
static cJSON *find_named(const cJSON *object, struct slice name)
{
    cJSON *found = NULL;
    for (cJSON *item = object->child; item; item = item->next) {
        if (slice_equal(slice_of(item->string), name))
            found = item;
    }
    return found;
}

// `child->prev` of the first one is the last one.
static cJSON *find_at(const cJSON *array, long position)
{
    cJSON *item = array->child;
    if (position >= 0) {
        while (item && --position > 0)
            item = item->next;
        return item;
    }
    item = item ? item->prev : NULL;
    while (item && ++position < 0)
        item = item == array->child ? NULL : item->prev;
    return item;
}

enum document_result document_step_into(const cJSON *node, const struct document_step *step,
                                        cJSON **item)
{
    if (!is_type(node, step->name.data ? cJSON_Object : cJSON_Array))
        return DOCUMENT_MISPLACED;
    *item = step->name.data ? find_named(node, step->name) : find_at(node, step->position);
    return *item ? DOCUMENT_OK : DOCUMENT_ABSENT;
}

struct member *document_find_member(const struct document *document,
                                    const struct document_step *step)
{
    for (size_t i = document->count; i > 0; i--) {
        if (slice_equal(document->members[i - 1].name, step->name))
            return &document->members[i - 1];
    }
    return NULL;
}

enum document_result document_walk(struct document *document, struct document_path path,
                                   struct member **member, cJSON **node)
{
    if (!path.steps[0].name.data)
        return DOCUMENT_MISPLACED;
    *member = document_find_member(document, &path.steps[0]);
    if (!*member)
        return DOCUMENT_ABSENT;
    enum document_result result = document_grow_tree(document, *member);
    *node = (*member)->tree;
    for (size_t i = 1; result == DOCUMENT_OK && i < path.count; i++)
        result = document_step_into(*node, &path.steps[i], node);
    return result;
}

static struct document_value value_of(const struct member *member)
{
    struct document_value value = {.raw = member->raw};
    if (member->is_changed)
        value = (struct document_value){.node = member->tree};
    return value;
}

enum document_result document_get(struct document *document, struct document_path path,
                                  struct document_value *value)
{
    struct member *member;
    cJSON *node = NULL;

    if (path.count == 1 && path.steps[0].name.data) {
        member = document_find_member(document, &path.steps[0]);
        if (member)
            *value = value_of(member);
        return member ? DOCUMENT_OK : DOCUMENT_ABSENT;
    }
    enum document_result result = document_walk(document, path, &member, &node);
    *value = (struct document_value){.node = node};
    return result;
}

enum document_result document_length(struct document *document, struct document_path path,
                                     size_t *length)
{
    struct member *member;
    cJSON *node = NULL;

    *length = document->count;
    if (!path.count)
        return DOCUMENT_OK;
    enum document_result result = document_walk(document, path, &member, &node);
    if (result != DOCUMENT_OK)
        return result;
    *length = 0;
    for (const cJSON *item = node->child; item; item = item->next)
        ++*length;
    return is_type(node, cJSON_Array) || is_type(node, cJSON_Object) ? DOCUMENT_OK
                                                                     : DOCUMENT_MISPLACED;
}

// ---- walking ----------------------------------------------------------------------------------

static enum document_result next_member(const struct document *document,
                                        struct document_cursor *cursor, struct slice *name,
                                        struct document_value *value)
{
    if (cursor->index >= document->count)
        return DOCUMENT_ABSENT;
    const struct member *member = &document->members[cursor->index++];
    *name = member->name;
    *value = value_of(member);
    return DOCUMENT_OK;
}

// Finds the place again when something has changed.
static enum document_result place_cursor(struct document *document, struct document_path path,
                                         struct document_cursor *cursor)
{
    struct member *member;
    cJSON *node = NULL;

    if (cursor->index && cursor->version == document->version)
        return DOCUMENT_OK;
    enum document_result result = document_walk(document, path, &member, &node);
    if (result != DOCUMENT_OK)
        return result;
    if (!is_type(node, cJSON_Array) && !is_type(node, cJSON_Object))
        return DOCUMENT_MISPLACED;
    cursor->version = document->version;
    cursor->next = find_at(node, (long)cursor->index + 1);
    return DOCUMENT_OK;
}

enum document_result document_next(struct document *document, struct document_path path,
                                   struct document_cursor *cursor, struct slice *name,
                                   struct document_value *value)
{
    if (!path.count)
        return next_member(document, cursor, name, value);
    enum document_result result = place_cursor(document, path, cursor);
    if (result != DOCUMENT_OK)
        return result;
    if (!cursor->next)
        return DOCUMENT_ABSENT;
    *name = slice_of(cursor->next->string);
    *value = (struct document_value){.node = cursor->next};
    cursor->next = cursor->next->next;
    cursor->index++;
    return DOCUMENT_OK;
}

// ---- printing ---------------------------------------------------------------------------------

bool document_is_changed(const struct document *document)
{
    return document->is_changed;
}

size_t document_bound(const struct document *document)
{
    return document->bound;
}

int document_print_value(const struct document_value *value, struct buf *out)
{
    return value->node ? json_tree_print(value->node, out) : buf_add_slice(out, value->raw);
}

// Without what stands around it.
static int print_member(const struct member *member, struct buf *out)
{
    struct document_value value = value_of(member);

    if (member->key.data) {
        if (buf_add_slice(out, member->key) != 0 || buf_add_slice(out, member->colon) != 0)
            return -1;
    } else if (json_string_encode(out, member->name) != 0 || buf_add_text(out, ":") != 0) {
        return -1;
    }
    return document_print_value(&value, out);
}

// A new member stands right behind the one before it, whose trail follows.
static int print_members(const struct document *document, struct buf *out)
{
    struct slice trail = {NULL, 0};

    for (size_t i = 0; i < document->count; i++) {
        const struct member *member = &document->members[i];
        if (member->key.data) {
            if (buf_add_slice(out, trail) != 0)
                return -1;
            trail = member->trail;
        }
        if ((i && buf_add_text(out, ",") != 0) || buf_add_slice(out, member->lead) != 0 ||
            print_member(member, out) != 0)
            return -1;
    }
    return buf_add_slice(out, trail);
}

int document_print(const struct document *document, struct buf *out)
{
    if (buf_add_slice(out, document->head) != 0 || print_members(document, out) != 0)
        return -1;
    return buf_add_slice(out, document->tail);
}
