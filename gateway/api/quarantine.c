/* Reading what no event could be made of. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/system/digest.h"
#include "gateway/system/id.h"

/* Text as it is where it can stand in JSON, anything else as base64. */
static void write_payload(struct json_out *out, const struct quarantine_row *row)
{
    struct strbuf text;
    strbuf_init(&text, QUARANTINE_BYTES_MAX * 2);
    if (text_is_utf8(row->bytes, row->byte_count) &&
        memchr(row->bytes, '\0', row->byte_count) == NULL) {
        strbuf_add_bytes(&text, row->bytes, row->byte_count);
        json_add_string(out, "payload", strbuf_text(&text));
    } else {
        digest_base64(row->bytes, row->byte_count, &text);
        json_add_string(out, "payload_base64", strbuf_text(&text));
    }
    strbuf_clear(&text);
}

static void write_row(struct json_out *out, const struct quarantine_row *row)
{
    struct id id;
    char uuid[ID_TEXT_BYTES];
    memcpy(id.bytes, row->uuid, sizeof(id.bytes));
    json_add_object_begin(out, NULL);
    json_add_integer(out, "id", (int64_t)row->id);
    json_add_string(out, "uuid", id_text(&id, uuid));
    json_add_time(out, "at", row->at_ms);
    json_add_string(out, "source", row->source);
    json_add_string(out, "origin", row->origin);
    json_add_string(out, "reason", row->reason);
    json_add_integer(out, "size", (int64_t)row->size);
    json_add_bool(out, "truncated", row->size > row->byte_count);
    if (row->bytes != NULL)
        write_payload(out, row);
    json_add_object_end(out);
}

static void read_quarantine(struct api *api, struct store_reader *reader,
                            struct http_request *request)
{
    (void)api; /* the store has it all */
    struct err err = {0};
    size_t limit, count;
    uint64_t before;
    struct quarantine_row *rows;
    if (!api_read_page(request, &limit, &before))
        return;
    if (store_read_quarantine(reader, before, limit, http_arena(request), &rows, &count, &err) !=
        0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "quarantine");
    for (size_t i = 0; i < count; i++)
        write_row(&out, &rows[i]);
    json_add_array_end(&out);
    if (count == limit)
        json_add_integer(&out, "before", (int64_t)rows[count - 1].id);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void handle_quarantine(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_quarantine);
}

int api_register_quarantine(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route route = {
        .method = HTTP_GET, .path = "/v1/quarantine", .handle = handle_quarantine, .self = api};
    return http_server_route(server, &route, err);
}
