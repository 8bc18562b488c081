#include "http/header_lines.h"

#include <string.h>

// Takes the first line off the block, its end included.
static struct slice next_line(struct slice *lines)
{
    const char *end = memchr(lines->data, '\n', lines->len);
    size_t len = end ? (size_t)(end + 1 - lines->data) : lines->len;
    struct slice line = {lines->data, len};
    *lines = (struct slice){lines->data + len, lines->len - len};
    return line;
}

static struct slice name_of(struct slice line)
{
    const char *colon = memchr(line.data, ':', line.len);
    return (struct slice){line.data, colon ? (size_t)(colon - line.data) : line.len};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool header_lines_next(struct slice *lines, struct header *line)
{
    if (!lines->len)
        return false;
    struct slice text = next_line(lines);
    line->name = name_of(text);
    size_t used = line->name.len + (line->name.len < text.len); // the colon
    struct slice value = {text.data + used, text.len - used};
    while (value.len && is_space(*value.data))
        value = (struct slice){value.data + 1, value.len - 1};
    while (value.len && is_space(value.data[value.len - 1]))
        value.len--;
    line->value = value;
    return true;
}

static bool has_line(struct slice lines, struct slice name)
{
    while (lines.len) {
        if (slice_equal_nocase(name_of(next_line(&lines)), name))
            return true;
    }
    return false;
}

int header_lines_merge(struct slice usual, struct slice own, struct buf *out)
{
    while (usual.len) {
        struct slice line = next_line(&usual);
        if (!has_line(own, name_of(line)) && buf_add_slice(out, line) != 0)
            return -1;
    }
    return buf_add_slice(out, own);
}
