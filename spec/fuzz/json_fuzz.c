#include "json/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json/document.h"
#include "json/estimate.h"
#include "json/match.h"
#include "json/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int is_true)
{
    if (!is_true)
        abort();
}

// Values that a match tells lie inside the text and are JSON themselves.
static void check_value(void *owner, int id, struct json_value value)
{
    const struct slice *text = owner;
    (void)id;
    expect(value.raw.data >= text->data &&
           value.raw.data + value.raw.len <= text->data + text->len && value.raw.len > 0);
    if (value.type == JSON_STRING) {
        struct buf plain;
        buf_init(&plain, value.raw.len);
        expect(json_string_decode(value, &plain) == 0);
        expect(json_string_equal(value, buf_slice(&plain)));
        buf_deinit(&plain);
    }
}

static int match(struct slice text)
{
    static const char *const paths[] = {"a", "b[]", "b[].c", "a.a.a", "[]", "[].a"};
    struct json_match *compiled = json_match_new();
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        expect(json_match_add(compiled, paths[i], NULL) == (int)i);
    int rc = json_match_run(compiled, text, JSON_MAX_DEPTH, check_value, &text, NULL);
    json_match_free(compiled);
    return rc;
}

// What is printed must be read again and print the same.
static int print_again(struct slice text)
{
    struct buf once, twice;
    cJSON *tree = json_tree_parse(text, JSON_MAX_DEPTH, NULL);
    if (!tree)
        return -1;
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    expect(json_tree_print(tree, &once) == 0);
    cJSON_Delete(tree);
    tree = json_tree_parse(buf_slice(&once), JSON_MAX_DEPTH, NULL);
    expect(tree != NULL);
    expect(json_tree_print(tree, &twice) == 0);
    expect(slice_equal(buf_slice(&once), buf_slice(&twice)));
    cJSON_Delete(tree);
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}

// A spliced object is an object that has what the edits say.
static void splice(struct slice text)
{
    const struct json_edit edits[] = {
        {SLICE("new"), SLICE("[1]"), {NULL, 0}},
        {SLICE("a"), SLICE("true"), {NULL, 0}},
        {SLICE("b"), {NULL, 0}, {NULL, 0}},
        {SLICE("c"), {NULL, 0}, SLICE("renamed")},
    };
    struct slice segments[JSON_SEGMENTS(4)];
    struct json_field before[] = {{.name = SLICE("b")}, {.name = SLICE("c")}};
    struct json_field after[] = {
        {.name = SLICE("a")}, {.name = SLICE("b")}, {.name = SLICE("c")}, {.name = SLICE("new")}};
    struct buf scratch, out;
    buf_init(&scratch, 1024);
    buf_init(&out, text.len + 1024);
    expect(json_scan(text, before, 2, JSON_MAX_DEPTH, NULL) == 0);
    size_t count = json_splice(text, edits, 4, segments, &scratch);
    expect(count > 0 && count <= JSON_SEGMENTS(4));
    for (size_t i = 0; i < count; i++)
        expect(buf_add_slice(&out, segments[i]) == 0);
    expect(json_scan(buf_slice(&out), after, 4, JSON_MAX_DEPTH, NULL) == 0);
    expect(after[0].value.type == JSON_TRUE);
    expect(after[1].count == before[0].count - (before[0].count > 0));
    expect(after[2].count == before[1].count - (before[1].count > 0));
    expect(slice_equal(after[3].value.raw, SLICE("[1]")));
    buf_deinit(&scratch);
    buf_deinit(&out);
}

static void join(struct buf *out, const struct slice *segments, size_t count)
{
    expect(count > 0);
    for (size_t i = 0; i < count; i++)
        expect(buf_add_slice(out, segments[i]) == 0);
}

// With what a scan found, the bytes are those of splicing without it.
static void splice_scanned(struct slice text)
{
    const struct json_edit edits[] = {{SLICE("a"), SLICE("[1]"), {NULL, 0}},
                                      {SLICE("b"), SLICE("\"x\""), {NULL, 0}}};
    struct json_field fields[] = {{.name = SLICE("a")}, {.name = SLICE("b")}};
    struct slice segments[JSON_SEGMENTS(2)];
    struct buf scratch, plain, scanned;
    buf_init(&scratch, 1024);
    buf_init(&plain, text.len + 1024);
    buf_init(&scanned, text.len + 1024);
    expect(json_scan(text, fields, 2, JSON_MAX_DEPTH, NULL) == 0);
    join(&plain, segments, json_splice(text, edits, 2, segments, &scratch));
    buf_clear(&scratch);
    const struct json_scanned found = {text, fields, 2};
    join(&scanned, segments, json_splice_scanned(&found, edits, 2, segments, &scratch));
    expect(slice_equal(buf_slice(&plain), buf_slice(&scanned)));
    buf_deinit(&scratch);
    buf_deinit(&plain);
    buf_deinit(&scanned);
}

// An object is a document that prints every byte; changed, it is still an object with the change.
static void edit(struct slice text)
{
    static const struct document_step steps[] = {{SLICE("b"), 0}, {{NULL, 0}, 1}, {SLICE("c"), 0}};
    struct document *document = document_new(text, JSON_MAX_DEPTH, 0, NULL);
    struct json_field field = {.name = SLICE("new")};
    struct buf out;

    if (!document) // too many members
        return;
    buf_init(&out, SIZE_MAX / 2);
    expect(document_print(document, &out) == 0 && slice_equal(buf_slice(&out), text));
    document_set(document, (struct document_path){steps, 3}, SLICE("[1.50,{}]"));
    document_delete(document, (struct document_path){steps, 2});
    document_delete(document, (struct document_path){steps + 2, 1});
    enum document_result set =
        document_set(document, (struct document_path){&(struct document_step){SLICE("new"), 0}, 1},
                     SLICE("[true]"));
    buf_clear(&out);
    expect(document_print(document, &out) == 0 && out.len <= document_bound(document));
    expect(json_scan(buf_slice(&out), &field, 1, JSON_MAX_DEPTH, NULL) == 0);
    expect(set != DOCUMENT_OK || slice_equal(field.value.raw, SLICE("[true]")));
    document_free(document);
    buf_deinit(&out);
}

static void encode(struct slice text)
{
    struct buf out;
    buf_init(&out, 6 * text.len + 2);
    expect(json_string_encode(&out, text) == 0);
    struct slice encoded = buf_slice(&out);
    cJSON *tree = json_tree_parse(encoded, 1, NULL);
    expect(tree != NULL);
    cJSON_Delete(tree);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = {(const char *)data, len};
    struct json_error err = {0};
    int rc = json_scan(text, NULL, 0, JSON_MAX_DEPTH, &err);
    expect(rc == 0 || (err.message && err.offset <= len));
    int matched = match(text);
    expect(matched == print_again(text));
    if (rc == 0) {
        expect(matched == 0);
        splice(text);
        splice_scanned(text);
        edit(text);
        expect(json_estimate(text).tokens <= (double)len);
    }
    encode(text);
    return 0;
}
