/* The library's kinds have the names of ours; while its header is read they get others. Its
 * json_is_* macros would then compare with our numbers: this file asks json_typeof. */
#define JSON_NULL LIBRARY_NULL
#define JSON_INTEGER LIBRARY_INTEGER
#define JSON_REAL LIBRARY_REAL
#define JSON_STRING LIBRARY_STRING
#define JSON_ARRAY LIBRARY_ARRAY
#define JSON_OBJECT LIBRARY_OBJECT
#include <jansson.h>
#undef JSON_NULL
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT

/* Stands before our own header, which gives this name to our function. */
static size_t library_string_length(const json_t *value)
{
    return json_string_length(value);
}

#include "gateway/base/assert.h"
#include "gateway/base/json.h"

static const json_t *library(const struct json *value)
{
    return (const json_t *)(const void *)value;
}

static json_t *library_mutable(const struct json *value)
{
    /* jansson's readers of objects take a pointer to non-const but change nothing. */
    return (json_t *)(uintptr_t)value;
}

static const struct json *ours(const json_t *value)
{
    return (const struct json *)(const void *)value;
}

struct scan {
    size_t line;
    size_t line_start; /* index of the line's first byte */
    size_t depth;
    bool in_string;
    bool escaped;
};

static void scan_string(struct scan *scan, char c)
{
    if (scan->escaped) {
        scan->escaped = false;
    } else if (c == '\\') {
        scan->escaped = true;
    } else if (c == '"') {
        scan->in_string = false;
    }
}

/* jansson recurses once a level, so depth is limited before it sees the first byte; and a NUL would
 * be the end of the text to it, whatever follows. */
static int check_bytes(const char *bytes, size_t count, struct err *err)
{
    struct scan scan = {.line = 1};
    for (size_t i = 0; i < count; i++) {
        char c = bytes[i];
        if (c == '\0') {
            return err_set(err, ERR_INVALID, "line %zu column %zu: NUL byte", scan.line,
                           i - scan.line_start + 1);
        }
        if (c == '\n') {
            scan.line++;
            scan.line_start = i + 1;
        }
        if (scan.in_string) {
            scan_string(&scan, c);
        } else if (c == '"') {
            scan.in_string = true;
        } else if (c == '[' || c == '{') {
            scan.depth++;
        } else if ((c == ']' || c == '}') && scan.depth > 0) {
            scan.depth--;
        }
        if (scan.depth > JSON_DEPTH_MAX) {
            return err_set(err, ERR_TOO_LARGE, "line %zu column %zu: nested deeper than %d",
                           scan.line, i - scan.line_start + 1, JSON_DEPTH_MAX);
        }
    }
    return 0;
}

int json_parse(const char *bytes, size_t count, struct json **out_root, struct err *err)
{
    if (check_bytes(bytes, count, err) != 0) {
        return -1;
    }
    json_error_t error;
    json_t *root = json_loadb(bytes, count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            assert_out_of_memory(count);
        }
        return err_set(err, ERR_INVALID, "line %d column %d: %s", error.line > 0 ? error.line : 1,
                       error.column > 0 ? error.column : 1, error.text);
    }
    *out_root = (struct json *)(void *)root;
    return 0;
}

void json_free(struct json *root)
{
    json_decref((json_t *)(void *)root);
}

enum json_kind json_kind(const struct json *value)
{
    if (value == NULL) {
        return JSON_ABSENT;
    }
    switch (json_typeof(library(value))) {
    case LIBRARY_OBJECT:
        return JSON_OBJECT;
    case LIBRARY_ARRAY:
        return JSON_ARRAY;
    case LIBRARY_STRING:
        return JSON_STRING;
    case LIBRARY_INTEGER:
        return JSON_INTEGER;
    case LIBRARY_REAL:
        return JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_BOOL;
    case LIBRARY_NULL:
        return JSON_NULL;
    }
    return JSON_ABSENT;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_ABSENT] = "nothing",     [JSON_NULL] = "null",
        [JSON_BOOL] = "true or false", [JSON_INTEGER] = "a whole number",
        [JSON_REAL] = "a number",      [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",     [JSON_OBJECT] = "an object",
    };
    ASSERT((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_kind(object) == JSON_OBJECT ? ours(json_object_get(library(object), key)) : NULL;
}

const char *json_string(const struct json *value)
{
    return json_kind(value) == JSON_STRING ? json_string_value(library(value)) : "";
}

size_t json_string_length(const struct json *value)
{
    return json_kind(value) == JSON_STRING ? library_string_length(library(value)) : 0;
}

int64_t json_integer(const struct json *value)
{
    return json_kind(value) == JSON_INTEGER ? (int64_t)json_integer_value(library(value)) : 0;
}

bool json_bool(const struct json *value)
{
    return value != NULL && json_typeof(library(value)) == JSON_TRUE;
}

size_t json_count(const struct json *value)
{
    enum json_kind kind = json_kind(value);
    if (kind == JSON_OBJECT) {
        return json_object_size(library(value));
    }
    return kind == JSON_ARRAY ? json_array_size(library(value)) : 0;
}

const struct json *json_at(const struct json *array, size_t index)
{
    return json_kind(array) == JSON_ARRAY ? ours(json_array_get(library(array), index)) : NULL;
}

bool json_next(const struct json *object, void **position, const char **out_key,
               const struct json **out_value)
{
    if (json_kind(object) != JSON_OBJECT) {
        return false;
    }
    json_t *mutable = library_mutable(object);
    void *next =
        *position == NULL ? json_object_iter(mutable) : json_object_iter_next(mutable, *position);
    if (next == NULL) {
        return false;
    }
    *position = next;
    *out_key = json_object_iter_key(next);
    *out_value = ours(json_object_iter_value(next));
    return true;
}

/* The shortest of 15 to 17 digits that reads back as the same number. The library does both, since
 * its decimal point does not depend on the locale. */
static void write_real(const json_t *value, struct strbuf *buf)
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

static void write_array(const struct json *array, struct strbuf *buf)
{
    strbuf_add_char(buf, '[');
    for (size_t i = 0; i < json_count(array); i++) {
        strbuf_add(buf, i == 0 ? "" : ",");
        json_write(json_at(array, i), buf);
    }
    strbuf_add_char(buf, ']');
}

static void write_object(const struct json *object, struct strbuf *buf)
{
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    const char *separator = "";
    strbuf_add_char(buf, '{');
    while (json_next(object, &position, &key, &value)) {
        strbuf_add(buf, separator);
        separator = ",";
        strbuf_add_json_string(buf, key);
        strbuf_add_char(buf, ':');
        json_write(value, buf);
    }
    strbuf_add_char(buf, '}');
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
        write_real(library(value), buf);
        break;
    case JSON_STRING:
        strbuf_add_json_string(buf, json_string(value));
        break;
    case JSON_ARRAY:
        write_array(value, buf);
        break;
    case JSON_OBJECT:
        write_object(value, buf);
        break;
    }
}
