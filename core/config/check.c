#include "config/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/lines.h"
#include "config/settings.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz_0123456789"

enum { MESSAGE_LIMIT = 4096, PATH_LIMIT = 64 * 1024 };

struct check {
    struct config *config;
    struct buf path;    // of the field looked at: "providers.groq.keys.1"
    struct buf pattern; // its row: "providers.*.keys.#"
    struct error *err;
};

static int check_field(struct check *check, struct field *field, const struct setting *setting);

static const char *text_of(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

// "file:line: path: message" of the field looked at. Returns -1.
static int refuse(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct check *check, const char *format, ...)
{
    struct buf message;
    va_list args;

    buf_init(&message, PATH_LIMIT + MESSAGE_LIMIT);
    if (check->path.len)
        buf_addf(&message, "%s: ", check->path.data);
    va_start(args, format);
    buf_vaddf(&message, format, args);
    va_end(args);
    config_problem(check->config, text_of(&check->path), text_of(&message), check->err);
    buf_deinit(&message);
    return -1;
}

// Appends ".name" (or "name" when empty) and returns the length before.
static size_t enter(struct buf *path, const char *name)
{
    size_t before = path->len;
    if (before)
        buf_add_text(path, ".");
    buf_add_text(path, name);
    return before;
}

static void leave(struct buf *path, size_t before)
{
    path->len = before;
    if (path->data)
        path->data[before] = '\0';
}

static int refuse_type(struct check *check, const struct field *field, unsigned kinds)
{
    static const struct {
        unsigned kinds;
        const char *text;
    } names[] = {
        {SETTING_NUMBER, "a number"},       {SETTING_SIZE, "a size like \"64MB\""},
        {SETTING_STRING, "a string"},       {SETTING_FALSE, "false"},
        {SETTING_BOOLEAN, "true or false"}, {SETTING_SECRET | SETTING_KEY, "secret \"NAME\""},
        {SETTING_LIST, "a list"},           {SETTING_TABLE | SETTING_MAP, "a table"},
    };
    struct buf expected;
    const char *next = NULL;

    buf_init(&expected, MESSAGE_LIMIT);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(kinds & names[i].kinds))
            continue;
        if (next)
            buf_addf(&expected, "%s%s", expected.len ? ", " : "", next);
        next = names[i].text;
    }
    refuse(check, "expected %s%s%s, got %s", text_of(&expected), expected.len ? " or " : "", next,
           field_describe(field));
    buf_deinit(&expected);
    return -1;
}

static void add_size(struct buf *out, double bytes)
{
    static const char units[][3] = {"B", "KB", "MB", "GB"};
    size_t unit = 0;

    while (unit < 3 && bytes >= 1024 && fmod(bytes, 1024) == 0) {
        bytes /= 1024;
        unit++;
    }
    buf_addf(out, "%.14g%s", bytes, units[unit]);
}

static int check_range(struct check *check, const struct setting *setting, double number)
{
    struct buf range;

    if (setting->kinds & (SETTING_WHOLE | SETTING_SIZE) && isfinite(number) &&
        number != floor(number))
        return refuse(check, "expected a whole number, got %.14g", number);
    if (number >= setting->min && number <= setting->max)
        return 0;
    buf_init(&range, MESSAGE_LIMIT);
    if (setting->kinds & SETTING_SIZE) {
        add_size(&range, setting->min);
        buf_add_text(&range, " to ");
        add_size(&range, setting->max);
    } else {
        buf_addf(&range, "%.14g to %.14g", setting->min, setting->max);
    }
    refuse(check, "must be from %s, got %.14g", text_of(&range),
           isnan(number) ? fabs(number) : number); // no sign: "nan"
    buf_deinit(&range);
    return -1;
}

static int check_number(struct check *check, const struct field *field,
                        const struct setting *setting)
{
    if (!(setting->kinds & (SETTING_NUMBER | SETTING_SIZE)))
        return refuse_type(check, field, setting->kinds);
    if (check_range(check, setting, field->number) != 0)
        return -1;
    settings_store(setting, check->config, field->number, NULL);
    return 0;
}

static int check_words(struct check *check, const struct setting *setting, const char *text)
{
    if (!setting->words || settings_word(setting->words, text) >= 0)
        return 0;
    if (settings_word(setting->later, text) >= 0)
        return refuse(check, "'%s' is not part of this version (it has: %s)", text, setting->words);
    return refuse(check, "expected one of: %s; got \"%s\"", setting->words, text);
}

// A string where a secret should be: works for tests, and is a secret from now on.
static int take_plain_key(struct check *check, struct field *field, const struct setting *setting)
{
    const char *path = check->path.data;
    const char *wrong = setting->wrong_text ? setting->wrong_text(field->text) : NULL;

    if (wrong)
        return refuse(check, "expected %s", wrong);
    struct config *config = check->config;
    buf_addf(&config->warnings, "%s:%d: %s is a plain string; use secret \"NAME\" and .env\n",
             config->file, lines_find(config->lines, path), path);
    field->secret = config_add_secret(config, path, field->text);
    field->type = FIELD_SECRET;
    return 0;
}

static int check_string(struct check *check, struct field *field, const struct setting *setting)
{
    const char *text = field->text;

    if (setting->kinds & SETTING_KEY)
        return take_plain_key(check, field, setting);
    if (setting->kinds & SETTING_SIZE) {
        double bytes = settings_size(text);
        if (bytes < 0)
            return refuse(check, "expected bytes as a number or a size like \"64MB\", got \"%s\"",
                          text);
        if (check_range(check, setting, bytes) != 0)
            return -1;
        settings_store(setting, check->config, bytes, NULL);
        free(field->text);
        field->text = NULL;
        field->type = FIELD_NUMBER; // Lua reads bytes
        field->number = bytes;
        return 0;
    }
    if (!(setting->kinds & SETTING_STRING))
        return refuse_type(check, field, setting->kinds);
    if (check_words(check, setting, text) != 0)
        return -1;
    const char *wrong = setting->wrong_text ? setting->wrong_text(text) : NULL;
    if (wrong)
        return refuse(check, "expected %s, got \"%s\"", wrong, text);
    settings_store(setting, check->config, 0, text);
    return 0;
}

static int check_secret(struct check *check, const struct field *field,
                        const struct setting *setting)
{
    const struct config_secret *secret = &check->config->secrets[field->secret];

    if (!(setting->kinds & (SETTING_KEY | SETTING_SECRET)))
        return refuse_type(check, field, setting->kinds);
    const char *wrong = setting->wrong_text ? setting->wrong_text(secret->value) : NULL;
    return wrong ? refuse(check, "secret %s: expected %s", secret->name, wrong) : 0;
}

// The path and the pattern are those of the unknown field; the message speaks of the table around
// it, whose path and pattern have these lengths.
static int refuse_unknown(struct check *check, const struct field *item, size_t path_len,
                          size_t pattern_len)
{
    bool is_later = settings_is_later(text_of(&check->pattern));
    struct buf message;

    buf_init(&message, PATH_LIMIT + MESSAGE_LIMIT);
    leave(&check->pattern, pattern_len);
    const char *near = item->name ? settings_suggest(text_of(&check->pattern), item->name) : NULL;
    if (path_len)
        buf_addf(&message, "%.*s: ", (int)path_len, check->path.data);
    if (!item->name)
        buf_addf(&message, "item %zu has no name; here fields have names", item->position);
    else if (is_later)
        buf_addf(&message, "'%s' is not part of this version", item->name);
    else if (near && strcmp(near, item->name) == 0)
        buf_addf(&message, "unknown field '%s': it belongs at the top", near);
    else if (near)
        buf_addf(&message, "unknown field '%s', did you mean '%s'?", item->name, near);
    else
        buf_addf(&message, "unknown field '%s'", item->name);
    config_problem(check->config, text_of(&check->path), text_of(&message), check->err);
    buf_deinit(&message);
    return -1;
}

// A plain value whose name is near to no field of the table: where the settings leave a table open,
// what it means is found out later, by whoever asks for it.
static const struct setting *find_open(struct check *check, const struct field *item,
                                       size_t pattern_len)
{
    const char *name = item->name;
    const struct setting *setting = NULL;

    if (!name || item->type == FIELD_TABLE || strspn(name, NAME_CHARS) != strlen(name) ||
        settings_is_later(text_of(&check->pattern)))
        return NULL;
    leave(&check->pattern, pattern_len);
    const char *near = settings_suggest(text_of(&check->pattern), name);
    if (!near || strchr(near, '.')) {
        enter(&check->pattern, "*");
        setting = settings_find(check->pattern.data);
        leave(&check->pattern, pattern_len);
    }
    enter(&check->pattern, setting ? "*" : name);
    return setting;
}

// `mode`: how the table around is read: SETTING_TABLE, SETTING_MAP or SETTING_LIST.
static int check_item(struct check *check, struct field *item, unsigned mode)
{
    bool is_free = item->name ? mode == SETTING_MAP : mode == SETTING_LIST;
    const struct setting *setting = NULL;
    struct buf name;
    int rc = 0;

    buf_init(&name, PATH_LIMIT);
    if (item->name)
        buf_add_text(&name, item->name);
    else
        buf_addf(&name, "%zu", item->position);
    size_t path_len = enter(&check->path, text_of(&name));
    size_t pattern_len = check->pattern.len;
    // Names of the table's own notation are nobody's fields.
    if (is_free || !strpbrk(text_of(&name), "*#.")) {
        enter(&check->pattern, !is_free ? text_of(&name) : item->name ? "*" : "#");
        setting = settings_find(check->pattern.data);
        if (!setting)
            setting = find_open(check, item, pattern_len);
    }
    const char *wrong =
        setting && is_free && setting->wrong_name ? setting->wrong_name(text_of(&name)) : NULL;
    if (!setting)
        rc = refuse_unknown(check, item, path_len, pattern_len);
    else if (wrong)
        rc = refuse(check, "expected %s", wrong);
    else
        rc = check_field(check, item, setting);
    leave(&check->pattern, pattern_len);
    leave(&check->path, path_len);
    buf_deinit(&name);
    return rc;
}

static bool has_item(const struct field *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *item = &table->items[i];
        if (item->name ? strcmp(item->name, name) == 0 : item->position == strtoul(name, NULL, 10))
            return true;
    }
    return false;
}

// What a row asks of the table that `row->path` is in: the name of a field that is missing, or
// NULL.
static const char *missing_field(const struct field *table, const struct setting *row,
                                 const char *name)
{
    bool is_there = has_item(table, name);

    if (is_there)
        return row->with && !has_item(table, row->with) ? row->with : NULL;
    return row->is_required && !(row->unless && has_item(table, row->unless)) ? name : NULL;
}

static const char *help_of(const struct check *check, const char *name)
{
    struct buf path;

    buf_init(&path, PATH_LIMIT);
    buf_add_text(&path, text_of(&check->pattern));
    enter(&path, name);
    const char *help = settings_find(path.data)->help;
    buf_deinit(&path);
    return help;
}

// `is_told`: what is missing was there, and wrong.
static int check_required(struct check *check, const struct field *table, bool is_told)
{
    size_t len = check->pattern.len;

    for (size_t i = 0; settings_at(i); i++) {
        const struct setting *row = settings_at(i);
        if ((!row->is_required && !row->with) ||
            strncmp(row->path, text_of(&check->pattern), len) != 0 || row->path[len] != '.' ||
            strchr(row->path + len + 1, '.'))
            continue;
        const char *name = missing_field(table, row, row->path + len + 1);
        if (name)
            return is_told ? -1 : refuse(check, "'%s' is missing: %s", name, help_of(check, name));
    }
    return 0;
}

// nil in the middle of a list: Lua keeps the places of the others.
static int check_list(struct check *check, const struct field *table, const struct setting *setting)
{
    size_t position = 0;

    for (size_t i = 0; i < table->count && !table->items[i].name; i++) {
        if (table->items[i].position != ++position)
            return refuse(check, "item %zu is missing (nil)", position);
    }
    if (table->count < (size_t)setting->min)
        return refuse(check, "expected at least %.0f in the list", setting->min);
    return 0;
}

static int check_table(struct check *check, struct field *table, const struct setting *setting)
{
    bool has_names = table->count && table->items[table->count - 1].name;
    unsigned mode = setting->kinds & (SETTING_TABLE | SETTING_MAP | SETTING_LIST);
    int rc = 0;

    if (mode == (SETTING_TABLE | SETTING_LIST))
        mode = has_names ? SETTING_TABLE : SETTING_LIST;
    if (mode == (SETTING_MAP | SETTING_LIST))
        mode = has_names ? SETTING_MAP : SETTING_LIST;
    if (!mode)
        return refuse_type(check, table, setting->kinds);
    size_t count = table->count;
    table->is_list = mode == SETTING_LIST;
    if (table->is_list)
        rc = check_list(check, table, setting);
    for (size_t i = 0; i < table->count;) {
        // What stays is right: the others can be looked at as if this had not been written.
        if (check_item(check, &table->items[i], mode) == 0)
            i++;
        else
            field_remove(table, i);
    }
    if (rc == 0 && mode == SETTING_TABLE)
        rc = check_required(check, table, table->count < count);
    return rc;
}

static int check_field(struct check *check, struct field *field, const struct setting *setting)
{
    switch (field->type) {
    case FIELD_TABLE:
        return check_table(check, field, setting);
    case FIELD_NUMBER:
        return check_number(check, field, setting);
    case FIELD_STRING:
        return check_string(check, field, setting);
    case FIELD_SECRET:
        return check_secret(check, field, setting);
    case FIELD_BOOLEAN:
        if (!(setting->kinds & SETTING_BOOLEAN) &&
            (!(setting->kinds & SETTING_FALSE) || field->boolean))
            return refuse_type(check, field, setting->kinds);
        settings_store(setting, check->config, field->boolean, NULL);
        return 0;
    default:
        return refuse_type(check, field, setting->kinds);
    }
}

int check_fields(struct config *config, struct field *root, struct error *err)
{
    struct check check = {.config = config, .err = err};

    buf_init(&check.path, PATH_LIMIT);
    buf_init(&check.pattern, PATH_LIMIT);
    check_field(&check, root, settings_find(""));
    buf_deinit(&check.path);
    buf_deinit(&check.pattern);
    return config->is_broken && !config->problems ? -1 : 0;
}
