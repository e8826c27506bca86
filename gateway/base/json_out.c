#include "gateway/base/assert.h"
#include "gateway/base/json.h"

#define DEPTH_END 64u /* one bit each in has_item */

void json_out_begin(struct json_out *out, struct strbuf *buf)
{
    *out = (struct json_out){.buf = buf};
}

/* The comma before an item and its key. Values at the top are the caller's to separate. */
static void item_begin(struct json_out *out, const char *key_or_null)
{
    uint64_t bit = UINT64_C(1) << out->depth;
    if (out->depth > 0 && (out->has_item & bit) != 0) {
        strbuf_add_char(out->buf, ',');
    }
    out->has_item |= bit;
    if (key_or_null != NULL) {
        strbuf_add_json_string(out->buf, key_or_null);
        strbuf_add_char(out->buf, ':');
    }
}

static void nest_begin(struct json_out *out, const char *key_or_null, char bracket)
{
    item_begin(out, key_or_null);
    strbuf_add_char(out->buf, bracket);
    out->depth++;
    ASSERT(out->depth < DEPTH_END);
    out->has_item &= ~(UINT64_C(1) << out->depth);
}

static void nest_end(struct json_out *out, char bracket)
{
    ASSERT(out->depth > 0);
    out->depth--;
    strbuf_add_char(out->buf, bracket);
}

void json_add_object_begin(struct json_out *out, const char *key_or_null)
{
    nest_begin(out, key_or_null, '{');
}

void json_add_object_end(struct json_out *out)
{
    nest_end(out, '}');
}

void json_add_array_begin(struct json_out *out, const char *key_or_null)
{
    nest_begin(out, key_or_null, '[');
}

void json_add_array_end(struct json_out *out)
{
    nest_end(out, ']');
}

void json_add_string(struct json_out *out, const char *key_or_null, const char *value)
{
    item_begin(out, key_or_null);
    strbuf_add_json_string(out->buf, value);
}

void json_add_integer(struct json_out *out, const char *key_or_null, int64_t value)
{
    item_begin(out, key_or_null);
    strbuf_add_i64(out->buf, value);
}

void json_add_bool(struct json_out *out, const char *key_or_null, bool value)
{
    item_begin(out, key_or_null);
    strbuf_add(out->buf, value ? "true" : "false");
}

void json_add_null(struct json_out *out, const char *key_or_null)
{
    item_begin(out, key_or_null);
    strbuf_add(out->buf, "null");
}

void json_add_time(struct json_out *out, const char *key_or_null, int64_t at_ms)
{
    item_begin(out, key_or_null);
    strbuf_add_char(out->buf, '"');
    strbuf_add_rfc3339(out->buf, at_ms);
    strbuf_add_char(out->buf, '"');
}

/* Absent JSON is "" as every absent text, and must not leave a hole in the document. */
void json_add_raw(struct json_out *out, const char *key_or_null, const char *json)
{
    item_begin(out, key_or_null);
    strbuf_add(out->buf, json[0] == '\0' ? "null" : json);
}
