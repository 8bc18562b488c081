#include "json/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "json/tokenizer.h"

enum { NONE = -1 };

// A place in a document that a path leads to or through. Links are indexes into `nodes`.
struct node {
    struct slice name; // owned; of the member that leads here
    int members;       // first of the known members, NONE: nothing is wanted in an object here
    int sibling;       // next known member of the same object
    int element;       // what each element of an array here is
    int id;            // of the path that ends here
};

struct json_match {
    struct node *nodes; // owned; nodes[0] is the whole document
    int count;
    int ids;
};

struct run {
    struct tokenizer in;
    const struct node *nodes;
    json_match_cb on_value;
    void *owner;
};

static int add_node(struct json_match *match, struct slice name)
{
    match->nodes = mem_realloc(match->nodes, sizeof(struct node) * (size_t)(match->count + 1));
    match->nodes[match->count] =
        (struct node){.members = NONE, .sibling = NONE, .element = NONE, .id = NONE};
    if (name.data)
        match->nodes[match->count].name = (struct slice){mem_dup(name.data, name.len), name.len};
    return match->count++;
}

struct json_match *json_match_new(void)
{
    struct json_match *match = mem_alloc(sizeof(*match));
    add_node(match, (struct slice){NULL, 0});
    return match;
}

void json_match_free(struct json_match *match)
{
    if (!match)
        return;
    for (int i = 0; i < match->count; i++)
        free((char *)match->nodes[i].name.data);
    free(match->nodes);
    free(match);
}

static int member_node(struct json_match *match, int parent, struct slice name)
{
    for (int at = match->nodes[parent].members; at != NONE; at = match->nodes[at].sibling) {
        if (slice_equal(match->nodes[at].name, name))
            return at;
    }
    int added = add_node(match, name);
    match->nodes[added].sibling = match->nodes[parent].members;
    match->nodes[parent].members = added;
    return added;
}

static int element_node(struct json_match *match, int parent)
{
    if (match->nodes[parent].element == NONE) {
        int added = add_node(match, (struct slice){NULL, 0});
        match->nodes[parent].element = added;
    }
    return match->nodes[parent].element;
}

// True for names joined by '.', each with "[]" behind it or not; the first may be "[]" alone.
static bool is_path(const char *path)
{
    for (const char *p = path;; p++) {
        size_t name_len = strcspn(p, ".[]");
        bool has_brackets = strncmp(p + name_len, "[]", 2) == 0;
        if (name_len == 0 && !(has_brackets && p == path))
            return false;
        p += name_len + (has_brackets ? 2 : 0);
        if (*p != '.')
            return *p == '\0';
    }
}

int json_match_add(struct json_match *match, const char *path, struct error *err)
{
    if (!is_path(path))
        return error_set(err, ERROR_SCRIPT,
                         "\"%s\" is no path: names joined by '.', each with \"[]\" or not", path);
    int at = 0;
    for (const char *p = path; *p; p += *p == '.') {
        size_t len = strcspn(p, ".[");
        if (len)
            at = member_node(match, at, (struct slice){p, len});
        p += len;
        if (*p == '[') {
            at = element_node(match, at);
            p += 2;
        }
    }
    struct node *node = &match->nodes[at];
    if (node->id == NONE) {
        if (match->ids == LIMIT_WATCH_PATHS)
            return error_set(err, ERROR_SCRIPT, "more than %d paths", LIMIT_WATCH_PATHS);
        node->id = match->ids++;
    }
    return node->id;
}

static const struct node *find_member(const struct run *run, const struct node *node,
                                      const struct json_value *key)
{
    for (int at = node->members; at != NONE; at = run->nodes[at].sibling) {
        if (tokenizer_string_is(&run->in, key, run->nodes[at].name))
            return &run->nodes[at];
    }
    return NULL;
}

static bool read_node(struct run *run, const struct node *node);

static bool read_array(struct run *run, const struct node *node)
{
    const struct node *element = &run->nodes[node->element];
    if (tokenizer_open(&run->in, ']')) {
        do {
            if (!read_node(run, element))
                return false;
        } while (tokenizer_more(&run->in, ']'));
    }
    return !run->in.message;
}

static bool read_object(struct run *run, const struct node *node)
{
    struct json_value key, unwanted;
    if (tokenizer_open(&run->in, '}')) {
        do {
            if (!tokenizer_key(&run->in, &key))
                return false;
            const struct node *member = find_member(run, node, &key);
            if (member ? !read_node(run, member) : !tokenizer_value(&run->in, &unwanted))
                return false;
        } while (tokenizer_more(&run->in, '}'));
    }
    return !run->in.message;
}

// Recursion is bounded by the longest path and by the depth of the tokenizer.
static bool read_node(struct run *run, const struct node *node)
{
    const char *first = run->in.at;
    char c = tokenizer_peek(&run->in);
    struct json_value value;
    bool ok;
    if (c == '{' && node->members != NONE) {
        ok = read_object(run, node);
        value.type = JSON_OBJECT;
    } else if (c == '[' && node->element != NONE) {
        ok = read_array(run, node);
        value.type = JSON_ARRAY;
    } else {
        ok = tokenizer_value(&run->in, &value);
    }
    if (ok && node->id != NONE) {
        value.raw = (struct slice){first, (size_t)(run->in.at - first)};
        run->on_value(run->owner, node->id, value);
    }
    return ok;
}

int json_match_run(const struct json_match *match, struct slice text, int max_depth,
                   json_match_cb on_value, void *owner, struct json_error *err)
{
    struct run run = {.nodes = match->nodes, .on_value = on_value, .owner = owner};
    tokenizer_init(&run.in, text, max_depth);
    tokenizer_space(&run.in);
    if (read_node(&run, &match->nodes[0]) && tokenizer_end(&run.in))
        return 0;
    return tokenizer_error(&run.in, err);
}
