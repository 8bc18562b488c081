#include "config/field.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"

void field_deinit(struct field *field)
{
    for (size_t i = 0; i < field->count; i++)
        field_deinit(&field->items[i]);
    free(field->items);
    free(field->name);
    free(field->text);
    *field = (struct field){0};
}

static int compare_fields(const void *a, const void *b)
{
    const struct field *left = a, *right = b;

    if (left->name && right->name)
        return strcmp(left->name, right->name);
    if (!left->name && !right->name)
        return (left->position > right->position) - (left->position < right->position);
    return left->name ? 1 : -1;
}

void field_sort(struct field *table)
{
    if (table->count > 1)
        qsort(table->items, table->count, sizeof(*table->items), compare_fields);
}

struct field *field_find(const struct field *table, const char *name)
{
    for (size_t i = 0; table && i < table->count; i++) {
        if (table->items[i].name && strcmp(table->items[i].name, name) == 0)
            return &table->items[i];
    }
    return NULL;
}

struct field *field_add(struct field *table, const char *name)
{
    table->items = mem_realloc(table->items, (table->count + 1) * sizeof(*table->items));
    table->items[table->count++] = (struct field){.name = mem_dup(name, strlen(name))};
    field_sort(table);
    return field_find(table, name);
}

void field_remove(struct field *table, size_t index)
{
    field_deinit(&table->items[index]);
    table->count--;
    memmove(&table->items[index], &table->items[index + 1],
            (table->count - index) * sizeof(*table->items));
}

void field_take(struct field *table, struct field *other)
{
    for (size_t i = 0; i < other->count; i++) {
        for (size_t at = table->count; at-- > 0;) {
            if (compare_fields(&table->items[at], &other->items[i]) == 0)
                field_remove(table, at);
        }
    }
    size_t count = table->count + other->count;
    table->items = mem_realloc(table->items, count * sizeof(*table->items) + 1);
    if (other->count)
        memcpy(table->items + table->count, other->items, other->count * sizeof(*table->items));
    table->count = count;
    free(other->items);
    other->items = NULL;
    other->count = 0;
    field_sort(table);
}

const char *field_describe(const struct field *field)
{
    switch (field->type) {
    case FIELD_BOOLEAN:
        return field->boolean ? "true" : "false";
    case FIELD_NUMBER:
        return "a number";
    case FIELD_STRING:
        return "a string";
    case FIELD_SECRET:
        return "a secret";
    case FIELD_TABLE:
        return field->count && !field->items[field->count - 1].name ? "a list" : "a table";
    default:
        return field->text ? field->text : "nothing";
    }
}

static void print_number(double number, struct buf *out)
{
    char text[40];

    if (number == floor(number) && fabs(number) < 1e15) {
        buf_addf(out, "%.0f", number);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buf_add_text(out, text);
}

static void print_table(const struct field *table, struct buf *out)
{
    buf_add_text(out, table->is_list ? "[" : "{");
    for (size_t i = 0; i < table->count; i++) {
        const struct field *item = &table->items[i];
        if (i)
            buf_add_text(out, ",");
        if (!table->is_list) {
            json_string_encode(out, slice_of(item->name ? item->name : ""));
            buf_add_text(out, ":");
        }
        field_print(item, out);
    }
    buf_add_text(out, table->is_list ? "]" : "}");
}

void field_print(const struct field *field, struct buf *out)
{
    switch (field->type) {
    case FIELD_BOOLEAN:
        buf_add_text(out, field->boolean ? "true" : "false");
        break;
    case FIELD_NUMBER:
        print_number(field->number, out);
        break;
    case FIELD_STRING:
        json_string_encode(out, slice_of(field->text));
        break;
    case FIELD_SECRET:
        buf_addf(out, "{\"$secret\":%zu}", field->secret);
        break;
    case FIELD_TABLE:
        print_table(field, out);
        break;
    default:
        buf_add_text(out, "null");
    }
}
