#include <stdlib.h>

#include "base/mem.h"
#include "json/json.h"
#include "json/tokenizer.h"

enum { FEW = 8 }; // so many edits need no memory of their own

// One edit and what the text says about its member.
struct plan {
    const struct json_edit *edit; // borrowed
    struct slice key;             // last occurrence of the name, quotes included; NULL data: none
    struct slice value;
    const char *previous; // end of the member before it; NULL when it is the first
    const char *next;     // begin of the member behind it; NULL when it is the last
    size_t scratch_at;    // text made for this edit lies in `scratch`
    size_t scratch_len;
};

struct splice {
    struct slice text;
    struct plan *plans; // owned when there are more than FEW
    size_t count;
    const char *tail; // end of the last member, or behind the '{' when there is none
    size_t members;   // of the result so far
    struct slice *segments;
    size_t segment_count;
    const char *cursor; // text before this is dealt with
};

static bool is_rename(const struct json_edit *edit)
{
    return edit->rename_to.data != NULL;
}

static bool is_removal(const struct json_edit *edit)
{
    return !edit->value.data && !is_rename(edit);
}

static bool is_addition(const struct plan *plan)
{
    return !plan->key.data && !is_rename(plan->edit) && plan->edit->value.data;
}

// Of several edits of one kind and name only the last counts.
static bool is_overruled(const struct json_edit *edit, const struct json_edit *end)
{
    for (const struct json_edit *later = edit + 1; later < end; later++) {
        if (is_rename(later) == is_rename(edit) && slice_equal(later->name, edit->name))
            return true;
    }
    return false;
}

static void note_member(struct splice *splice, const struct tokenizer *in,
                        const struct json_value *key, const char *previous)
{
    for (size_t i = 0; i < splice->count; i++) {
        struct plan *plan = &splice->plans[i];
        if (plan->key.data && !plan->next)
            plan->next = key->raw.data;
        if (tokenizer_string_is(in, key, plan->edit->name)) {
            plan->key = key->raw;
            plan->previous = previous;
            plan->next = NULL;
        }
    }
}

static void note_value(struct splice *splice, struct json_value key, struct json_value value)
{
    for (size_t i = 0; i < splice->count; i++) {
        if (splice->plans[i].key.data == key.raw.data)
            splice->plans[i].value = value.raw;
    }
}

static bool read_members(struct splice *splice)
{
    struct tokenizer in;
    struct json_value key, value;
    const char *previous = NULL;
    tokenizer_init(&in, splice->text, JSON_DEPTH_CAP);
    tokenizer_space(&in);
    if (tokenizer_peek(&in) != '{')
        return false;
    splice->tail = in.at + 1;
    if (tokenizer_open(&in, '}')) {
        do {
            if (!tokenizer_key(&in, &key))
                return false;
            note_member(splice, &in, &key, previous);
            if (!tokenizer_value(&in, &value))
                return false;
            note_value(splice, key, value);
            splice->tail = previous = in.at;
            splice->members++;
        } while (tokenizer_more(&in, '}'));
    }
    return !in.message;
}

static const struct json_field *find_field(const struct json_scanned *scanned, struct slice name)
{
    for (size_t i = 0; i < scanned->field_count; i++) {
        if (tokenizer_is_same(scanned->fields[i].name, name))
            return &scanned->fields[i];
    }
    return NULL;
}

static const char *before_space(const char *p, const char *start)
{
    while (p > start && tokenizer_is_space(p[-1]))
        p--;
    return p;
}

// No value ends with '{', so one before the last '}' opens an object without members.
static bool find_tail(struct splice *splice)
{
    const char *start = splice->text.data;
    const char *p = before_space(start + splice->text.len, start);
    if (p - start < 2 || p[-1] != '}')
        return false;
    splice->tail = before_space(p - 1, start);
    splice->members = splice->tail > start && splice->tail[-1] != '{';
    return true;
}

// Takes the place of read_members() where the fields tell enough. They know where values are, but
// not names, which removing and renaming need.
static bool use_fields(struct splice *splice, const struct json_scanned *scanned)
{
    for (size_t i = 0; i < splice->count; i++) {
        struct plan *plan = &splice->plans[i];
        const struct json_field *field = find_field(scanned, plan->edit->name);
        bool is_new_value = plan->edit->value.data && !is_rename(plan->edit);
        if (!field || field->count > 1 || (field->count == 1 && !is_new_value))
            return false;
        plan->value = field->value.raw;
    }
    if (!find_tail(splice))
        return false;
    for (size_t i = 0; i < splice->count; i++)
        splice->plans[i].key = splice->plans[i].value; // stands for the place of the member
    return true;
}

// Order of work: by place in the text, a removal before what it makes pointless, a new name before
// a new value; additions last, among themselves in the caller's order.
static bool is_before(const struct plan *a, const struct plan *b)
{
    if (!a->key.data || !b->key.data)
        return a->key.data && !b->key.data;
    if (a->key.data != b->key.data)
        return a->key.data < b->key.data;
    if (is_removal(a->edit) != is_removal(b->edit))
        return is_removal(a->edit);
    return is_rename(a->edit) && !is_rename(b->edit);
}

static void sort_plans(struct splice *splice)
{
    for (size_t i = 1; i < splice->count; i++) {
        struct plan plan = splice->plans[i];
        size_t at = i;
        for (; at > 0 && is_before(&plan, &splice->plans[at - 1]); at--)
            splice->plans[at] = splice->plans[at - 1];
        splice->plans[at] = plan;
    }
}

// Slices into `scratch` are made only after this, when it no longer moves.
static int write_scratch(struct splice *splice, struct buf *scratch)
{
    for (size_t i = 0; i < splice->count; i++) {
        struct plan *plan = &splice->plans[i];
        plan->scratch_at = scratch->len;
        if (is_rename(plan->edit) && plan->key.data) {
            if (json_string_encode(scratch, plan->edit->rename_to) != 0)
                return -1;
        } else if (is_addition(plan)) {
            if (buf_add(scratch, ",", 1) != 0 ||
                json_string_encode(scratch, plan->edit->name) != 0 || buf_add(scratch, ":", 1) != 0)
                return -1;
        }
        plan->scratch_len = scratch->len - plan->scratch_at;
    }
    return 0;
}

static void emit(struct splice *splice, struct slice bytes)
{
    if (bytes.len)
        splice->segments[splice->segment_count++] = bytes;
}

// Copies the text up to `from`, puts `insert` there and goes on at `to`.
static void replace(struct splice *splice, const char *from, const char *to, struct slice insert)
{
    if (from < splice->cursor) // inside a member that was removed
        return;
    emit(splice, (struct slice){splice->cursor, (size_t)(from - splice->cursor)});
    emit(splice, insert);
    splice->cursor = to;
}

static struct slice scratch_text(const struct plan *plan, const struct buf *scratch)
{
    return (struct slice){scratch->data + plan->scratch_at, plan->scratch_len};
}

static void change_members(struct splice *splice, const struct buf *scratch)
{
    const struct slice nothing = {NULL, 0};
    const char *first_kept = NULL; // behind members removed from the front
    for (size_t i = 0; i < splice->count && splice->plans[i].key.data; i++) {
        const struct plan *plan = &splice->plans[i];
        const char *key = plan->key.data;
        const char *value_end = plan->value.data + plan->value.len;
        if (is_rename(plan->edit)) {
            replace(splice, key, key + plan->key.len, scratch_text(plan, scratch));
        } else if (plan->edit->value.data) {
            replace(splice, plan->value.data, value_end, plan->edit->value);
        } else if (!plan->previous || key == first_kept) {
            // Nothing is kept before it, so the comma that must go is the one behind it.
            first_kept = plan->next;
            replace(splice, key, plan->next ? plan->next : value_end, nothing);
            splice->members--;
        } else {
            replace(splice, plan->previous, value_end, nothing);
            splice->members--;
        }
    }
}

static void add_members(struct splice *splice, const struct buf *scratch)
{
    for (size_t i = 0; i < splice->count; i++) {
        const struct plan *plan = &splice->plans[i];
        if (!is_addition(plan))
            continue;
        struct slice name = scratch_text(plan, scratch);
        replace(splice, splice->tail, splice->tail, (struct slice){NULL, 0});
        if (splice->members++ == 0)
            name = (struct slice){name.data + 1, name.len - 1}; // no comma before the first
        emit(splice, name);
        emit(splice, plan->edit->value);
    }
}

static void plan_edits(struct splice *splice, const struct json_edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_overruled(&edits[i], edits + count))
            splice->plans[splice->count++] = (struct plan){.edit = &edits[i]};
    }
}

size_t json_splice_scanned(const struct json_scanned *scanned, const struct json_edit *edits,
                           size_t count, struct slice *segments, struct buf *scratch)
{
    struct plan few[FEW];
    struct splice splice = {
        .text = scanned->text,
        .plans = count <= FEW ? few : mem_alloc(sizeof(struct plan) * count),
        .segments = segments,
        .cursor = scanned->text.data,
    };
    plan_edits(&splice, edits, count);
    if (!(scanned->fields && use_fields(&splice, scanned)) && !read_members(&splice))
        goto out;
    sort_plans(&splice);
    if (write_scratch(&splice, scratch) != 0)
        goto out;
    change_members(&splice, scratch);
    add_members(&splice, scratch);
    emit(&splice, (struct slice){splice.cursor,
                                 (size_t)(splice.text.data + splice.text.len - splice.cursor)});
out:
    if (splice.plans != few)
        free(splice.plans);
    return splice.segment_count;
}

size_t json_splice(struct slice text, const struct json_edit *edits, size_t count,
                   struct slice *segments, struct buf *scratch)
{
    struct json_scanned unscanned = {.text = text};
    return json_splice_scanned(&unscanned, edits, count, segments, scratch);
}
