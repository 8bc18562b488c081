#include "config/document.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/settings.h"

// What the document holds of the tree, in this order.
static const char *const parts[] = {
    "cors",   "file",      "folder",   "media", "middleware", "models", "pick",    "policy",
    "prices", "providers", "defaults", "retry", "scripts",    "stream", "timeout", "zero",
};

// Tables of numbers that say under "defaults" what holds where nothing is written.
static const char *const defaulted[] = {"media", "retry", "timeout"};

static void add_text(struct field *table, const char *name, const char *text)
{
    struct field *field = field_add(table, name);
    field->type = FIELD_STRING;
    field->text = mem_dup(text, strlen(text));
}

static void add_true(struct field *table, const char *name)
{
    struct field *field = field_add(table, name);
    field->type = FIELD_BOOLEAN;
    field->boolean = true;
}

static void add_defaults(struct field *defaults, const char *name)
{
    struct field *table = field_add(defaults, name);
    size_t len = strlen(name);

    table->type = FIELD_TABLE;
    for (size_t i = 0; settings_at(i); i++) {
        const struct setting *row = settings_at(i);
        if (!row->fallback || strncmp(row->path, name, len) != 0 || row->path[len] != '.')
            continue;
        struct field *field = field_add(table, row->path + len + 1);
        field->type = FIELD_NUMBER;
        field->number =
            row->kinds & SETTING_SIZE ? settings_size(row->fallback) : strtod(row->fallback, NULL);
    }
}

// "secret" and { "secret", name = } both become { value =, name = }. A pair of keys has names.
static void name_key(struct field *key)
{
    if (key->type == FIELD_SECRET) {
        size_t secret = key->secret;
        key->type = FIELD_TABLE;
        struct field *value = field_add(key, "value");
        value->type = FIELD_SECRET;
        value->secret = secret;
        return;
    }
    struct field *value = &key->items[0]; // positions stand before names
    if (value->name)
        return;
    value->position = 0;
    value->name = mem_dup("value", strlen("value"));
    field_sort(key);
}

static void name_keys(struct field *providers)
{
    for (size_t i = 0; providers && i < providers->count; i++) {
        struct field *keys = field_find(&providers->items[i], "keys");
        for (size_t k = 0; keys && k < keys->count; k++)
            name_key(&keys->items[k]);
    }
}

void document_build(struct config *config, struct field *root)
{
    struct buf out;
    const char *separator = "{";

    add_text(root, "folder", config->folder);
    if (config->file)
        add_text(root, "file", config->file);
    else
        add_true(root, "zero");
    struct field *defaults = field_add(root, "defaults");
    defaults->type = FIELD_TABLE;
    for (size_t i = 0; i < sizeof(defaulted) / sizeof(defaulted[0]); i++)
        add_defaults(defaults, defaulted[i]);
    name_keys(field_find(root, "providers"));

    buf_init(&out, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct field *part = field_find(root, parts[i]);
        if (!part)
            continue;
        buf_addf(&out, "%s\"%s\":", separator, parts[i]);
        field_print(part, &out);
        separator = ",";
    }
    buf_add_text(&out, "}");
    config->document = buf_take(&out, &config->document_len);
}
