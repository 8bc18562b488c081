#include "json/tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/tokenizer.h"

enum {
    NUMBER_MAX = 32,   // bytes of the longest number that a double prints as
    EXACT_DIGITS = 15, // decimal integers of so many digits are doubles, unchanged
};

static const double exact_limit = 9007199254740992.0; // 2^53

static cJSON *or_die(cJSON *node)
{
    if (!node)
        abort();
    return node;
}

// A node whose text is `bytes`: one copy, where cJSON_CreateString() would need a terminated
// string and copy it again. cJSON_Delete() frees it.
static cJSON *text_node(int type, const char *bytes, size_t len)
{
    cJSON *node = or_die(cJSON_CreateNull());
    node->type = type;
    node->valuestring = mem_dup(bytes, len);
    return node;
}

static cJSON *raw_node(struct slice raw)
{
    return text_node(cJSON_Raw, raw.data, raw.len);
}

static int format_number(double number, char *out)
{
    if (number == trunc(number) && fabs(number) <= exact_limit)
        return snprintf(out, NUMBER_MAX, "%lld", (long long)number);
    int len = 0;
    for (int digits = EXACT_DIGITS; digits <= 17; digits++) {
        len = snprintf(out, NUMBER_MAX, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
    return len;
}

// True when the text is an integer that a double surely holds and prints unchanged.
static bool read_plain_integer(struct slice raw, double *number)
{
    bool is_negative = raw.data[0] == '-';
    size_t first = is_negative ? 1 : 0;
    long long value = 0;
    if (raw.len - first > EXACT_DIGITS || (is_negative && raw.data[1] == '0')) // -0
        return false;
    for (size_t i = first; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return false;
        value = value * 10 + (raw.data[i] - '0');
    }
    *number = (double)(is_negative ? -value : value);
    return true;
}

static cJSON *number_node(struct slice raw)
{
    char text[NUMBER_MAX], again[NUMBER_MAX];
    double number;
    if (read_plain_integer(raw, &number))
        return or_die(cJSON_CreateNumber(number));
    if (raw.len >= sizeof(text))
        return raw_node(raw);
    memcpy(text, raw.data, raw.len);
    text[raw.len] = '\0';
    number = strtod(text, NULL);
    if (!isfinite(number))
        return raw_node(raw);
    format_number(number, again);
    return strcmp(text, again) == 0 ? or_die(cJSON_CreateNumber(number)) : raw_node(raw);
}

struct builder {
    struct tokenizer in;
    struct buf scratch; // a decoded string
};

// Decodes into `scratch`. False when the string holds a NUL, which C strings cannot.
static bool decode(struct builder *builder, struct json_value string)
{
    buf_clear(&builder->scratch);
    json_string_decode(string, &builder->scratch); // fits: never longer than the text
    return !memchr(builder->scratch.data, '\0', builder->scratch.len);
}

static cJSON *string_node(struct builder *builder, struct json_value string)
{
    if (!builder->in.is_escaped)
        return text_node(cJSON_String, string.raw.data + 1, string.raw.len - 2);
    if (!decode(builder, string))
        return raw_node(string.raw);
    return text_node(cJSON_String, builder->scratch.data, builder->scratch.len);
}

static cJSON *build_value(struct builder *builder);

static cJSON *build_array(struct builder *builder)
{
    cJSON *array = or_die(cJSON_CreateArray());
    if (tokenizer_open(&builder->in, ']')) {
        do {
            cJSON *item = build_value(builder);
            if (!item)
                break;
            cJSON_AddItemToArray(array, item);
        } while (tokenizer_more(&builder->in, ']'));
    }
    if (!builder->in.message)
        return array;
    cJSON_Delete(array);
    return NULL;
}

static char *take_name(struct builder *builder, struct json_value key)
{
    if (!builder->in.is_escaped)
        return mem_dup(key.raw.data + 1, key.raw.len - 2);
    return decode(builder, key) ? mem_dup(builder->scratch.data, builder->scratch.len) : NULL;
}

// NULL without a message: a name holds a NUL, so cJSON cannot hold the object.
static cJSON *build_object(struct builder *builder)
{
    struct json_value key;
    cJSON *object = or_die(cJSON_CreateObject());
    if (tokenizer_open(&builder->in, '}')) {
        do {
            if (!tokenizer_key(&builder->in, &key))
                break;
            char *name = take_name(builder, key);
            cJSON *item = name ? build_value(builder) : NULL;
            if (!item) {
                free(name);
                cJSON_Delete(object);
                return NULL;
            }
            item->string = name;
            cJSON_AddItemToArray(object, item); // an object is a list of named items
        } while (tokenizer_more(&builder->in, '}'));
    }
    if (!builder->in.message)
        return object;
    cJSON_Delete(object);
    return NULL;
}

static cJSON *build_object_or_raw(struct builder *builder)
{
    struct tokenizer before = builder->in;
    cJSON *object = build_object(builder);
    struct json_value value;
    if (object || builder->in.message)
        return object;
    builder->in = before;
    return tokenizer_value(&builder->in, &value) ? raw_node(value.raw) : NULL;
}

// NULL with the tokenizer's message set when the text is not valid. Recursion is bounded by the
// depth of the tokenizer.
static cJSON *build_value(struct builder *builder)
{
    struct json_value value;
    char c = tokenizer_peek(&builder->in);
    if (c == '{')
        return build_object_or_raw(builder);
    if (c == '[')
        return build_array(builder);
    if (!tokenizer_value(&builder->in, &value))
        return NULL;
    switch (value.type) {
    case JSON_STRING:
        return string_node(builder, value);
    case JSON_NUMBER:
        return number_node(value.raw);
    case JSON_NULL:
        return or_die(cJSON_CreateNull());
    default:
        return or_die(cJSON_CreateBool(value.type == JSON_TRUE));
    }
}

cJSON *json_tree_parse(struct slice text, int max_depth, struct json_error *err)
{
    struct builder builder;
    tokenizer_init(&builder.in, text, max_depth);
    buf_init(&builder.scratch, text.len);
    tokenizer_space(&builder.in);
    cJSON *tree = build_value(&builder);
    if (tree && !tokenizer_end(&builder.in)) {
        cJSON_Delete(tree);
        tree = NULL;
    }
    if (!tree)
        tokenizer_error(&builder.in, err);
    buf_deinit(&builder.scratch);
    return tree;
}

static int print_number(double number, struct buf *out)
{
    char text[NUMBER_MAX];
    if (!isfinite(number))
        return buf_add_text(out, "null"); // JSON has no such numbers
    return buf_add(out, text, (size_t)format_number(number, text));
}

static int print_value(const cJSON *node, struct buf *out, int depth);

static int print_items(const cJSON *node, struct buf *out, int depth)
{
    bool is_object = (node->type & 0xFF) == cJSON_Object;
    if (depth == JSON_DEPTH_CAP || buf_add(out, is_object ? "{" : "[", 1) != 0)
        return -1;
    for (const cJSON *item = node->child; item; item = item->next) {
        if (item != node->child && buf_add(out, ",", 1) != 0)
            return -1;
        if (is_object &&
            (json_string_encode(out, slice_of(item->string ? item->string : "")) != 0 ||
             buf_add(out, ":", 1) != 0))
            return -1;
        if (print_value(item, out, depth + 1) != 0)
            return -1;
    }
    return buf_add(out, is_object ? "}" : "]", 1);
}

static int print_value(const cJSON *node, struct buf *out, int depth)
{
    switch (node->type & 0xFF) {
    case cJSON_False:
        return buf_add_text(out, "false");
    case cJSON_True:
        return buf_add_text(out, "true");
    case cJSON_Number:
        return print_number(node->valuedouble, out);
    case cJSON_String:
        return json_string_encode(out, slice_of(node->valuestring));
    case cJSON_Raw:
        return buf_add_text(out, node->valuestring);
    case cJSON_Array:
    case cJSON_Object:
        return print_items(node, out, depth);
    default:
        return buf_add_text(out, "null");
    }
}

int json_tree_print(const cJSON *tree, struct buf *out)
{
    return print_value(tree, out, 0);
}
