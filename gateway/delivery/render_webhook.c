/* The envelope of Standard Webhooks around the snapshot: machines get every value whole. */
#include <stdio.h>

#include "gateway/delivery/render.h"

/* Keys that the envelope gives itself; a snapshot's own would make the object ambiguous. */
static const char *const own_keys[] = {"notification", "details", "links", "token", "ack_url"};

bool render_is_own_key(const char *key)
{
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++) {
        if (text_equal(own_keys[i], key)) {
            return true;
        }
    }
    return false;
}

/* `data` itself is added raw, member by member, so that values keep the exact form they have in the
 * snapshot. */
static void add_value(struct json_out *json, const char *key, const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, RENDER_BODY_MAX);
    json_write(value, &text);
    json_add_raw(json, key, text.overflowed ? "null" : strbuf_text(&text));
    strbuf_clear(&text);
}

static void add_snapshot(struct json_out *json, const struct json *snapshot)
{
    void *position = NULL;
    const char *key;
    const struct json *value;
    while (json_next(snapshot, &position, &key, &value)) {
        if (!render_is_own_key(key)) {
            add_value(json, key, value);
        }
    }
}

static void add_answer(struct json_out *json, const struct render_view *view)
{
    if (view->token[0] == '\0') {
        return;
    }
    json_add_string(json, "token", view->token);
    if (view->context->public_url[0] != '\0') {
        struct strbuf link;
        strbuf_init(&link, RENDER_BODY_MAX);
        strbuf_printf(&link, "%s/a/%s", view->context->public_url, view->token);
        json_add_string(json, "ack_url", strbuf_text(&link));
        strbuf_clear(&link);
    }
}

void render_webhook(const struct render_view *view, struct strbuf *out)
{
    const struct order *order = view->order;
    char type[64];
    struct json_out json;

    (void)snprintf(type, sizeof type, "incident.%s",
                   notification_kind_name(order->notification_kind));
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "type", type);
    json_add_time(&json, "timestamp", view->context->now_ms);
    json_add_object_begin(&json, "data");
    if (view->snapshot_or_null != NULL) {
        add_snapshot(&json, view->snapshot_or_null);
    } else {
        json_add_raw(&json, NULL, view->members);
    }
    json_add_object_begin(&json, "notification");
    json_add_integer(&json, "id", (int64_t)order->notification);
    json_add_string(&json, "key", order->key);
    json_add_string(&json, "to", order->contact);
    json_add_string(&json, "via", order->channel);
    json_add_object_end(&json);
    if (view->details != NULL) {
        add_value(&json, "details", view->details);
    }
    if (view->links != NULL) {
        add_value(&json, "links", view->links);
    }
    add_answer(&json, view);
    json_add_object_end(&json);
    json_add_object_end(&json);
}
