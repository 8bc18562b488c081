#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "http/sigv4.h"
#include "http/url.h"

// ---- the path ---------------------------------------------------------------------------------

// The steps of a path without the empty ones, "." and "..", which takes the one before it along.
static size_t split_path(struct slice path, struct slice *steps)
{
    size_t count = 0;

    while (path.len) {
        const char *slash = memchr(path.data, '/', path.len);
        size_t len = slash ? (size_t)(slash - path.data) : path.len;
        struct slice step = {path.data, len};
        if (slice_equal(step, SLICE("..")))
            count -= count > 0;
        else if (step.len && !slice_equal(step, SLICE(".")))
            steps[count++] = step;
        size_t used = slash ? len + 1 : len;
        path = (struct slice){path.data + used, path.len - used};
    }
    return count;
}

// What is percent-encoded on the wire is encoded again: "%3A" becomes "%253A".
static void add_path(struct slice path, struct buf *out)
{
    struct slice *steps = mem_alloc((path.len / 2 + 1) * sizeof(*steps));
    size_t count = split_path(path, steps);

    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, "/");
        url_encode(steps[i], out);
    }
    if (!count || path.data[path.len - 1] == '/')
        buf_add_text(out, "/");
    free(steps);
}

// ---- the query --------------------------------------------------------------------------------

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Each byte in its one encoded form, whether it was encoded or not.
static struct slice add_encoded(struct slice text, struct buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%' && i + 2 < text.len && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            c = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
            i += 2;
        }
        url_encode((struct slice){&c, 1}, out);
    }
    return (struct slice){out->data ? out->data + before : "", out->len - before};
}

static int compare_bytes(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct parameter {
    struct slice name, value;
};

static int compare_parameters(const void *a, const void *b)
{
    const struct parameter *one = a, *other = b;
    int order = compare_bytes(one->name, other->name);
    return order ? order : compare_bytes(one->value, other->value);
}

static size_t count_char(struct slice text, char wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == wanted;
    return count;
}

static size_t read_parameters(struct slice query, struct parameter *list, struct buf *encoded)
{
    size_t count = 0;

    while (query.len) {
        const char *end = memchr(query.data, '&', query.len);
        size_t len = end ? (size_t)(end - query.data) : query.len;
        const char *equals = memchr(query.data, '=', len);
        size_t name_len = equals ? (size_t)(equals - query.data) : len;
        if (len) {
            struct parameter *parameter = &list[count++];
            parameter->name = add_encoded((struct slice){query.data, name_len}, encoded);
            size_t skipped = equals ? name_len + 1 : len;
            parameter->value =
                add_encoded((struct slice){query.data + skipped, len - skipped}, encoded);
        }
        size_t used = end ? len + 1 : len;
        query = (struct slice){query.data + used, query.len - used};
    }
    return count;
}

static void add_query(struct slice query, struct buf *out)
{
    if (!query.len)
        return;
    struct parameter *list = mem_alloc((count_char(query, '&') + 1) * sizeof(*list));
    struct buf encoded;

    buf_init(&encoded, 3 * query.len + 1);
    buf_reserve(&encoded, 3 * query.len); // nothing moves: the list points into it
    size_t count = read_parameters(query, list, &encoded);
    qsort(list, count, sizeof(*list), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, i ? "&" : "");
        buf_add_slice(out, list[i].name);
        buf_add_text(out, "=");
        buf_add_slice(out, list[i].value);
    }
    buf_deinit(&encoded);
    free(list);
}

// ---- the headers ------------------------------------------------------------------------------

static int compare_names(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? strncasecmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct signed_header {
    struct header header;
    size_t place; // among all of the request
};

// Those of one name stay as they follow each other.
static int compare_headers(const void *a, const void *b)
{
    const struct signed_header *one = a, *other = b;
    int order = compare_names(one->header.name, other->header.name);
    return order ? order : (one->place > other->place) - (one->place < other->place);
}

// Owned by the caller.
static struct signed_header *sorted_headers(const struct sigv4_request *request)
{
    struct signed_header *list = mem_alloc((request->header_count + 1) * sizeof(*list));

    for (size_t i = 0; i < request->header_count; i++)
        list[i] = (struct signed_header){request->headers[i], i};
    qsort(list, request->header_count, sizeof(*list), compare_headers);
    return list;
}

static bool is_repeated(const struct signed_header *list, size_t i)
{
    return i > 0 && compare_names(list[i - 1].header.name, list[i].header.name) == 0;
}

static void add_lower(struct slice name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        buf_add(out, &c, 1);
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Without white space around it, and one space for each run inside.
static void add_folded(struct slice value, struct buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < value.len;) {
        size_t end = i;
        while (end < value.len && !is_space(value.data[end]))
            end++;
        if (end > i && out->len > before)
            buf_add_text(out, " ");
        buf_add(out, value.data + i, end - i);
        for (i = end; i < value.len && is_space(value.data[i]);)
            i++;
    }
}

static void add_headers(const struct sigv4_request *request, struct buf *out)
{
    struct signed_header *list = sorted_headers(request);

    for (size_t i = 0; i < request->header_count; i++) {
        if (is_repeated(list, i)) {
            buf_add_text(out, ",");
        } else {
            buf_add_text(out, i ? "\n" : "");
            add_lower(list[i].header.name, out);
            buf_add_text(out, ":");
        }
        add_folded(list[i].header.value, out);
    }
    buf_add_text(out, "\n");
    free(list);
}

void sigv4_signed_headers(const struct sigv4_request *request, struct buf *out)
{
    struct signed_header *list = sorted_headers(request);

    for (size_t i = 0; i < request->header_count; i++) {
        if (is_repeated(list, i))
            continue;
        buf_add_text(out, i ? ";" : "");
        add_lower(list[i].header.name, out);
    }
    free(list);
}

void sigv4_canonical(const struct sigv4_request *request, struct buf *out)
{
    buf_add_slice(out, request->method);
    buf_add_text(out, "\n");
    add_path(request->path, out);
    buf_add_text(out, "\n");
    add_query(request->query, out);
    buf_add_text(out, "\n");
    add_headers(request, out);
    buf_add_text(out, "\n");
    sigv4_signed_headers(request, out);
    buf_add_text(out, "\n");
    buf_add_slice(out, request->payload);
}
