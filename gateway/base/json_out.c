#include "gateway/base/assert.h"
#include "gateway/base/json.h"

#define DEPTH_MAX 63 /* bits of has_item */

void json_out_begin(struct json_out *out, struct strbuf *buf)
{
    *out = (struct json_out){.buf = buf};
}

/* The comma before an item and its key. */
static void begin_item(struct json_out *out, const char *key_or_null)
{
    uint64_t bit = (uint64_t)1 << out->depth;
    if ((out->has_item & bit) != 0) {
        strbuf_add_char(out->buf, ',');
    }
    out->has_item |= bit;
    if (key_or_null != NULL) {
        strbuf_add_json_string(out->buf, key_or_null);
        strbuf_add_char(out->buf, ':');
    }
}

static void descend(struct json_out *out, const char *key_or_null, char bracket)
{
    begin_item(out, key_or_null);
    strbuf_add_char(out->buf, bracket);
    ASSERT(out->depth < DEPTH_MAX);
    out->depth++;
    out->has_item &= ~((uint64_t)1 << out->depth);
}

static void ascend(struct json_out *out, char bracket)
{
    ASSERT(out->depth > 0);
    out->depth--;
    strbuf_add_char(out->buf, bracket);
}

void json_add_object_begin(struct json_out *out, const char *key_or_null)
{
    descend(out, key_or_null, '{');
}

void json_add_object_end(struct json_out *out)
{
    ascend(out, '}');
}

void json_add_array_begin(struct json_out *out, const char *key_or_null)
{
    descend(out, key_or_null, '[');
}

void json_add_array_end(struct json_out *out)
{
    ascend(out, ']');
}

void json_add_string(struct json_out *out, const char *key_or_null, const char *value)
{
    if (key_or_null != NULL && (out->has_item & (uint64_t)1 << out->depth) != 0) {
        strbuf_add_json_member(out->buf, ',', key_or_null, value);
        return;
    }
    begin_item(out, key_or_null);
    strbuf_add_json_string(out->buf, value);
}

void json_add_integer(struct json_out *out, const char *key_or_null, int64_t value)
{
    begin_item(out, key_or_null);
    strbuf_add_i64(out->buf, value);
}

void json_add_bool(struct json_out *out, const char *key_or_null, bool value)
{
    json_add_raw(out, key_or_null, value ? "true" : "false");
}

void json_add_null(struct json_out *out, const char *key_or_null)
{
    json_add_raw(out, key_or_null, "null");
}

void json_add_time(struct json_out *out, const char *key_or_null, int64_t at_ms)
{
    char text[TEXT_RFC3339_BYTES];
    json_add_string(out, key_or_null, text_rfc3339(at_ms, text));
}

void json_add_time_or_null(struct json_out *out, const char *key_or_null, int64_t at_ms)
{
    if (at_ms == 0 || at_ms == INT64_MAX)
        json_add_null(out, key_or_null);
    else
        json_add_time(out, key_or_null, at_ms);
}

void json_add_raw(struct json_out *out, const char *key_or_null, const char *json)
{
    begin_item(out, key_or_null);
    /* Absent JSON is "", as all absent text, and must leave no hole in the document. */
    strbuf_add(out->buf, json[0] != '\0' ? json : "null");
}
