/* jansson and our header share some names. Its half is renamed while its header is read; none of
 * the functions renamed here is called. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL JANSSON_REAL
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#define json_string jansson_string_create
#define json_string_length jansson_string_length
#define json_integer jansson_integer_create
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#undef json_string
#undef json_string_length
#undef json_integer

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"

/* jansson recurses, so depth is counted before it runs. Inside a string brackets mean nothing; a
 * text that is no JSON may be counted wrongly only behind its first error, where jansson stops. */
static int depth_check(const char *bytes, size_t count, struct err *err)
{
    unsigned depth = 0;
    size_t line = 1;
    size_t line_start = 0;
    bool in_string = false;
    for (size_t at = 0; at < count; at++) {
        char c = bytes[at];
        if (c == '\n') {
            line++;
            line_start = at + 1;
        } else if (in_string) {
            at += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (depth > JSON_DEPTH_MAX) {
            return err_set(err, ERR_TOO_LARGE, "line %zu column %zu: nested deeper than %d", line,
                           at - line_start + 1, JSON_DEPTH_MAX);
        }
    }
    return 0;
}

int json_parse(const char *bytes, size_t count, struct json **out_root, struct err *err)
{
    if (depth_check(bytes, count, err) != 0) {
        return -1;
    }
    json_error_t why = {.line = 0};
    json_t *root = json_loadb(bytes, count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (root == NULL) {
        if (json_error_code(&why) == json_error_out_of_memory) {
            assert_out_of_memory(count);
        }
        char text[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID, "line %d column %d: %s", why.line < 1 ? 1 : why.line,
                       why.column < 1 ? 1 : why.column, text_excerpt(why.text, text));
    }
    *out_root = (struct json *)root;
    return 0;
}

void json_free(struct json *root)
{
    json_decref((json_t *)root);
}

/* A tree is never changed once parsed. jansson's readers that take a plain pointer do not write
 * either. */
static json_t *jansson_of(const struct json *value)
{
    return (json_t *)value;
}

enum json_kind json_kind(const struct json *value)
{
    if (value == NULL) {
        return JSON_ABSENT;
    }
    switch (json_typeof(jansson_of(value))) {
    case JANSSON_OBJECT:
        return JSON_OBJECT;
    case JANSSON_ARRAY:
        return JSON_ARRAY;
    case JANSSON_STRING:
        return JSON_STRING;
    case JANSSON_INTEGER:
        return JSON_INTEGER;
    case JANSSON_REAL:
        return JSON_REAL;
    case JANSSON_TRUE:
    case JANSSON_FALSE:
        return JSON_BOOL;
    case JANSSON_NULL:
        break;
    }
    return JSON_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_ABSENT] = "nothing",     [JSON_NULL] = "null",        [JSON_BOOL] = "a boolean",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number",    [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",     [JSON_OBJECT] = "an object",
    };
    ASSERT((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

const struct json *json_get(const struct json *object, const char *key)
{
    return (const struct json *)json_object_get(jansson_of(object), key);
}

const char *json_string(const struct json *value)
{
    const char *text = json_string_value(jansson_of(value));
    return text == NULL ? "" : text;
}

/* Strings hold no NUL, so the length is that of the text. */
size_t json_string_length(const struct json *value)
{
    return strlen(json_string(value));
}

int64_t json_integer(const struct json *value)
{
    return json_integer_value(jansson_of(value));
}

bool json_bool(const struct json *value)
{
    return value != NULL && json_typeof(jansson_of(value)) == JANSSON_TRUE;
}

size_t json_count(const struct json *value)
{
    if (json_kind(value) == JSON_ARRAY) {
        return json_array_size(jansson_of(value));
    }
    return json_object_size(jansson_of(value));
}

const struct json *json_at(const struct json *array, size_t index)
{
    return (const struct json *)json_array_get(jansson_of(array), index);
}

bool json_next(const struct json *object, void **position, const char **out_key,
               const struct json **out_value)
{
    json_t *members = jansson_of(object);
    void *next =
        *position == NULL ? json_object_iter(members) : json_object_iter_next(members, *position);
    if (next == NULL) {
        return false;
    }
    *position = next;
    *out_key = json_object_iter_key(next);
    *out_value = (const struct json *)json_object_iter_value(next);
    return true;
}

/* The shortest of 15 to 17 digits that reads back as the same number. jansson does both ways,
 * whatever the locale's decimal point. */
static void real_write(const json_t *value, struct strbuf *buf)
{
    char text[64];
    size_t length = 0;
    bool same = false;
    for (unsigned digits = 15; digits <= 17 && !same; digits++) {
        length =
            json_dumpb(value, text, sizeof(text), JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        ASSERT(length > 0 && length <= sizeof(text));
        json_t *again = json_loadb(text, length, JSON_DECODE_ANY, NULL);
        same = json_equal(again, value) != 0;
        json_decref(again);
    }
    strbuf_add_bytes(buf, text, length);
}

static void array_write(const struct json *array, struct strbuf *buf)
{
    strbuf_add_char(buf, '[');
    for (size_t at = 0; at < json_count(array); at++) {
        strbuf_add(buf, at == 0 ? "" : ",");
        json_write(json_at(array, at), buf);
    }
    strbuf_add_char(buf, ']');
}

static void object_write(const struct json *object, struct strbuf *buf)
{
    const char *separator = "{";
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    while (json_next(object, &position, &key, &value)) {
        strbuf_add(buf, separator);
        strbuf_add_json_string(buf, key);
        strbuf_add_char(buf, ':');
        json_write(value, buf);
        separator = ",";
    }
    strbuf_add(buf, position == NULL ? "{}" : "}");
}

/* Recursion is bounded: a parsed tree is at most JSON_DEPTH_MAX deep. */
void json_write(const struct json *value, struct strbuf *buf)
{
    switch (json_kind(value)) {
    case JSON_ABSENT:
    case JSON_NULL:
        strbuf_add(buf, "null");
        break;
    case JSON_BOOL:
        strbuf_add(buf, json_bool(value) ? "true" : "false");
        break;
    case JSON_INTEGER:
        strbuf_add_i64(buf, json_integer(value));
        break;
    case JSON_REAL:
        real_write(jansson_of(value), buf);
        break;
    case JSON_STRING:
        strbuf_add_json_string(buf, json_string(value));
        break;
    case JSON_ARRAY:
        array_write(value, buf);
        break;
    case JSON_OBJECT:
        object_write(value, buf);
        break;
    }
}
