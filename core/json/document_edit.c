// The changes of a document.
#include <stdlib.h>

#include "base/mem.h"
#include "json/document_parts.h"
#include "json/tokenizer.h"

enum {
    ADDED_BYTES = 8, // of punctuation around a new member
    ESCAPED = 6,     // bytes of the longest escape
};

static void note_change(struct document *document, size_t more)
{
    document->is_changed = true;
    document->bound += more;
    document->version++;
}

// NULL when it is nested too deeply for its place.
static cJSON *parse_value(const struct document *document, struct document_path path,
                          struct slice json)
{
    int depth = document->max_depth - (int)path.count;
    return depth < 0 ? NULL : json_tree_parse(json, depth, NULL);
}

static bool is_within_depth(const struct document *document, struct slice json)
{
    struct json_value value;
    struct tokenizer in;
    tokenizer_init(&in, json, document->max_depth - 1);
    tokenizer_space(&in);
    return tokenizer_value(&in, &value);
}

static struct member *new_member(struct document *document, struct slice name)
{
    struct member *member = document_add_member(document);
    member->own_name = mem_dup(name.data, name.len);
    member->name = (struct slice){member->own_name, name.len};
    return member;
}

static enum document_result set_member(struct document *document, struct document_path path,
                                       struct slice json)
{
    if (!is_within_depth(document, json))
        return DOCUMENT_TOO_LARGE;
    struct member *member = document_find_member(document, path.steps);
    if (!member && document->count == DOCUMENT_MEMBERS)
        return DOCUMENT_TOO_LARGE;
    if (!member)
        member = new_member(document, path.steps[0].name);
    document_drop_value(member);
    member->own = mem_dup(json.data, json.len);
    member->raw = (struct slice){member->own, json.len};
    return DOCUMENT_OK;
}

// An empty container that takes the step.
static cJSON *new_container(const struct document_step *step)
{
    cJSON *container = step->name.data ? cJSON_CreateObject() : cJSON_CreateArray();
    if (!container)
        abort();
    return container;
}

static enum document_result add_item(cJSON *parent, const struct document_step *step, cJSON *item)
{
    if (step->name.data) {
        if (memchr(step->name.data, '\0', step->name.len))
            return DOCUMENT_MISPLACED; // no C string
        item->string = mem_dup(step->name.data, step->name.len);
    } else if (step->position != (long)cJSON_GetArraySize(parent) + 1) {
        return DOCUMENT_MISPLACED;
    }
    cJSON_AddItemToArray(parent, item); // an object is a list of named items
    return DOCUMENT_OK;
}

// Puts `item` where the step leads; the caller keeps it unless the result is DOCUMENT_OK.
static enum document_result put_item(cJSON *parent, const struct document_step *step, cJSON *item)
{
    cJSON *old = NULL;
    enum document_result result = document_step_into(parent, step, &old);

    if (result == DOCUMENT_ABSENT)
        return add_item(parent, step, item);
    if (result != DOCUMENT_OK)
        return result;
    if (old->string)
        item->string = mem_dup(old->string, strlen(old->string));
    cJSON_ReplaceItemViaPointer(parent, old, item);
    return DOCUMENT_OK;
}

// The containers that are missing on the way, around `value`, as one item for the first gap.
static cJSON *wrap(struct document_path rest, cJSON *value)
{
    for (size_t i = rest.count; i > 0; i--) {
        cJSON *container = new_container(&rest.steps[i - 1]);
        if (add_item(container, &rest.steps[i - 1], value) != DOCUMENT_OK) {
            cJSON_Delete(container);
            cJSON_Delete(value);
            return NULL;
        }
        value = container;
    }
    return value;
}

// Walks as far as there is something, then puts `value` there. Takes `value`.
static enum document_result put_below(cJSON *parent, struct document_path path, cJSON *value)
{
    enum document_result result = DOCUMENT_OK;
    cJSON *item = NULL;

    while (path.count > 1 &&
           (result = document_step_into(parent, &path.steps[0], &item)) == DOCUMENT_OK) {
        parent = item;
        path.steps++;
        path.count--;
    }
    if (result != DOCUMENT_MISPLACED) {
        value = wrap((struct document_path){path.steps + 1, path.count - 1}, value);
        result = value ? put_item(parent, &path.steps[0], value) : DOCUMENT_MISPLACED;
    }
    if (result != DOCUMENT_OK)
        cJSON_Delete(value);
    return result;
}

static enum document_result set_new_tree(struct document *document, struct document_path path,
                                         cJSON *value)
{
    if (document->count == DOCUMENT_MEMBERS) {
        cJSON_Delete(value);
        return DOCUMENT_TOO_LARGE;
    }
    cJSON *tree = wrap((struct document_path){path.steps + 1, path.count - 1}, value);
    if (!tree)
        return DOCUMENT_MISPLACED;
    struct member *member = new_member(document, path.steps[0].name);
    member->tree = tree;
    member->is_changed = true;
    return DOCUMENT_OK;
}

static enum document_result set_below(struct document *document, struct document_path path,
                                      struct slice json)
{
    struct member *member = document_find_member(document, path.steps);
    cJSON *value = document_is_too_much(json) ? NULL : parse_value(document, path, json);

    if (!value)
        return DOCUMENT_TOO_LARGE;
    if (!member)
        return set_new_tree(document, path, value);
    enum document_result result = document_grow_tree(document, member);
    if (result != DOCUMENT_OK) {
        cJSON_Delete(value);
        return result;
    }
    result = put_below(member->tree, (struct document_path){path.steps + 1, path.count - 1}, value);
    member->is_changed |= result == DOCUMENT_OK;
    return result;
}

enum document_result document_set(struct document *document, struct document_path path,
                                  struct slice json)
{
    size_t more = json.len;

    if (!path.count || !path.steps[0].name.data)
        return DOCUMENT_MISPLACED;
    for (size_t i = 0; i < path.count; i++)
        more += ADDED_BYTES + ESCAPED * path.steps[i].name.len;
    enum document_result result =
        path.count == 1 ? set_member(document, path, json) : set_below(document, path, json);
    if (result == DOCUMENT_OK)
        note_change(document, more);
    return result;
}

// All of that name, so that none comes to light.
static enum document_result delete_members(struct document *document, struct slice name)
{
    size_t kept = 0, count = document->count;

    for (size_t i = 0; i < count; i++) {
        struct member *member = &document->members[i];
        if (slice_equal(member->name, name)) {
            document_drop_value(member);
            free(member->own_name);
        } else {
            document->members[kept++] = *member;
        }
    }
    document->count = kept;
    return kept < count ? DOCUMENT_OK : DOCUMENT_ABSENT;
}

static enum document_result delete_below(struct document *document, struct document_path path)
{
    const struct document_step *last = &path.steps[path.count - 1];
    struct member *member;
    cJSON *parent = NULL, *item = NULL;

    path.count--;
    enum document_result result = document_walk(document, path, &member, &parent);
    if (result == DOCUMENT_OK)
        result = document_step_into(parent, last, &item);
    if (result != DOCUMENT_OK)
        return result;
    do
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
    while (last->name.data && document_step_into(parent, last, &item) == DOCUMENT_OK);
    member->is_changed = true;
    return DOCUMENT_OK;
}

enum document_result document_delete(struct document *document, struct document_path path)
{
    if (!path.count || !path.steps[0].name.data)
        return DOCUMENT_MISPLACED;
    enum document_result result = path.count == 1 ? delete_members(document, path.steps[0].name)
                                                  : delete_below(document, path);
    if (result == DOCUMENT_OK)
        note_change(document, 0);
    return result;
}
