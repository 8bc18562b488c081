#include "config/env.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct variable {
    char *name, *value; // owned
};

struct env {
    struct variable *variables; // owned; a later one of the same name wins
    size_t count, cap;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct slice *line)
{
    while (line->len && is_blank(*line->data)) {
        line->data++;
        line->len--;
    }
}

// Cuts the name off the front of the line; empty when there is none.
static struct slice take_name(struct slice *line)
{
    struct slice name = {line->data, 0};

    while (name.len < line->len && (isalnum((unsigned char)name.data[name.len]) ||
                                    name.data[name.len] == '_' || name.data[name.len] == '.'))
        name.len++;
    if (name.len && isdigit((unsigned char)name.data[0]))
        name.len = 0;
    line->data += name.len;
    line->len -= name.len;
    return name;
}

// A name behind `export` and blanks, with blanks and '=' after it.
static struct slice take_assignment(struct slice *line)
{
    struct slice name = take_name(line);

    if (slice_equal(name, SLICE("export")) && line->len && is_blank(*line->data)) {
        skip_blanks(line);
        name = take_name(line);
    }
    skip_blanks(line);
    if (!line->len || *line->data != '=')
        return (struct slice){NULL, 0};
    line->data++;
    line->len--;
    skip_blanks(line);
    return name;
}

static void add_escaped(struct buf *value, char c)
{
    static const char from[] = "nrt\"\\$", to[] = "\n\r\t\"\\$";
    const char *at = memchr(from, c, sizeof(from) - 1);

    if (!at)
        buf_add(value, "\\", 1);
    buf_add(value, at ? &to[at - from] : &c, 1);
}

// Returns what is wrong, or NULL.
static const char *read_quoted(struct slice line, struct buf *value)
{
    char quote = *line.data;
    size_t at = 1;

    while (at < line.len && line.data[at] != quote) {
        if (quote == '"' && line.data[at] == '\\' && at + 1 < line.len)
            add_escaped(value, line.data[++at]);
        else
            buf_add(value, line.data + at, 1);
        at++;
    }
    if (at == line.len)
        return "the quote is not closed on this line";
    line.data += at + 1;
    line.len -= at + 1;
    skip_blanks(&line);
    return line.len && *line.data != '#' ? "text after the closing quote" : NULL;
}

static void read_bare(struct slice line, struct buf *value)
{
    size_t len = 0;

    while (len < line.len && !(line.data[len] == '#' && (len == 0 || is_blank(line.data[len - 1]))))
        len++;
    while (len && is_blank(line.data[len - 1]))
        len--;
    buf_add(value, line.data, len);
}

static void add_variable(struct env *env, struct slice name, struct slice value)
{
    if (env->count == env->cap) {
        env->cap = env->cap ? env->cap * 2 : 16;
        env->variables = mem_realloc(env->variables, env->cap * sizeof(*env->variables));
    }
    env->variables[env->count++] = (struct variable){
        .name = mem_dup(name.data, name.len),
        .value = mem_dup(value.data, value.len),
    };
}

// Returns what is wrong, or NULL.
static const char *read_line(struct env *env, struct slice line)
{
    struct buf value;
    const char *wrong = NULL;

    if (memchr(line.data, '\0', line.len))
        return "a NUL byte";
    skip_blanks(&line);
    if (!line.len || *line.data == '#')
        return NULL;
    struct slice name = take_assignment(&line);
    if (!name.len)
        return "expected NAME=value";
    buf_init(&value, ENV_FILE_LIMIT);
    if (line.len && (*line.data == '"' || *line.data == '\''))
        wrong = read_quoted(line, &value);
    else if (line.len)
        read_bare(line, &value);
    if (!wrong)
        add_variable(env, name, buf_slice(&value));
    buf_deinit(&value);
    return wrong;
}

struct env *env_parse(const char *file, struct slice text, struct error *err)
{
    struct env *env = mem_alloc(sizeof(*env));
    const char *wrong = NULL;

    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        text = (struct slice){text.data + 3, text.len - 3};
    for (size_t number = 1; text.len; number++) {
        const char *newline = memchr(text.data, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.data) : text.len;
        struct slice line = {text.data, len};
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        wrong = read_line(env, line);
        if (wrong) {
            error_set(err, ERROR_SCRIPT, "%s:%zu: %s", file, number, wrong);
            env_free(env);
            return NULL;
        }
        text.data += len + (newline != NULL);
        text.len -= len + (newline != NULL);
    }
    return env;
}

void env_free(struct env *env)
{
    if (!env)
        return;
    for (size_t i = 0; i < env->count; i++) {
        free(env->variables[i].name);
        free(env->variables[i].value);
    }
    free(env->variables);
    free(env);
}

const char *env_get(const struct env *env, const char *name)
{
    const char *value = getenv(name);

    for (size_t i = env->count; !value && i > 0; i--) {
        if (strcmp(env->variables[i - 1].name, name) == 0)
            value = env->variables[i - 1].value;
    }
    return value && *value ? value : NULL;
}
