/*
 * json - strict reading of JSON (jansson behind it) and a small writer.
 *
 * Shape:   bytes -> `struct json` tree; accessors never fail, they answer "absent" (0, "", NULL).
 * Owns:    json_parse's root is the caller's, freed with json_free; children are borrowed from it.
 * Limits:  depth 32 (checked before parsing), strict UTF-8, duplicate keys refused, no NUL in strings.
 * Fails:   -1 with line and column.
 * Source:  RFC 8259.
 */
#ifndef ESCALATED_BASE_JSON_H
#define ESCALATED_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define JSON_DEPTH_MAX 32

/* jansson exports functions of these names: ours must be other symbols, or the library's own calls would land in ours.
 * No file but json.c may include both headers. */
#define json_string json_string_text
#define json_string_length json_string_bytes
#define json_integer json_integer_value_i64

struct json; /* opaque: a jansson value */

enum json_kind {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_INTEGER,
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

int json_parse(const char *bytes, size_t count, struct json **out_root, struct err *err);
void json_free(struct json *root);

enum json_kind json_kind(const struct json *value); /* NULL is JSON_ABSENT */
const char *json_kind_name(enum json_kind kind);
const struct json *json_get(const struct json *object,
                            const char *key);      /* NULL when absent or no object */
const char *json_string(const struct json *value); /* "" unless a string */
size_t json_string_length(const struct json *value);
int64_t json_integer(const struct json *value); /* 0 unless an integer */
bool json_bool(const struct json *value);
size_t json_count(const struct json *value); /* array items or object members */
const struct json *json_at(const struct json *array, size_t index);

/* Walk an object's members in their order in the text; start with *position = NULL; false at the end. */
bool json_next(const struct json *object, void **position, const char **out_key,
               const struct json **out_value);

/* Compact text of a value, keys in their order, added to buf; "null" for an absent one. Strings are escaped as
 * strbuf_add_json_string does, reals have the fewest digits that read back the same. */
void json_write(const struct json *value, struct strbuf *buf);

/*
 * Writer: commas and quotes by itself. `json_out` borrows the buffer.
 *   json_out_begin(&o, &buf); json_object_begin(&o); json_add_string(&o, "k", "v"); json_object_end(&o);
 * In an array, pass key NULL.
 */
struct json_out {
    struct strbuf *buf;
    uint64_t has_item; /* one bit per depth */
    unsigned depth;
};

void json_out_begin(struct json_out *out, struct strbuf *buf);
void json_add_object_begin(struct json_out *out, const char *key_or_null);
void json_add_object_end(struct json_out *out);
void json_add_array_begin(struct json_out *out, const char *key_or_null);
void json_add_array_end(struct json_out *out);
void json_add_string(struct json_out *out, const char *key_or_null, const char *value);
void json_add_integer(struct json_out *out, const char *key_or_null, int64_t value);
void json_add_bool(struct json_out *out, const char *key_or_null, bool value);
void json_add_null(struct json_out *out, const char *key_or_null);
void json_add_time(struct json_out *out, const char *key_or_null,
                   int64_t at_ms); /* RFC 3339 string */
void json_add_time_or_null(struct json_out *out, const char *key_or_null,
                           int64_t at_ms); /* 0, and INT64_MAX for never: null */
void json_add_raw(struct json_out *out, const char *key_or_null,
                  const char *json); /* already JSON */

#endif
