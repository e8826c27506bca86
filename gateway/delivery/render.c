#include "gateway/delivery/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/system/token.h"

struct format {
    const char *name;
    const char *content_type;
    void (*write)(const struct render_view *view, struct strbuf *out);
};

static const struct format formats[] = {
    {.name = "text", .content_type = "text/plain; charset=utf-8", .write = render_text},
    {.name = "webhook", .content_type = "application/json", .write = render_webhook},
};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (text_equal(formats[i].name, name)) {
            return &formats[i];
        }
    }
    return NULL;
}

bool render_knows_format(const char *format)
{
    return find_format(format) != NULL;
}

/* What stands before the title: what happened, or what is wanted of the reader. */
static const char *subject_word(const struct order *order, const struct json *snapshot)
{
    const char *state = json_string(json_get(snapshot, "state"));
    switch (order->notification_kind) {
    case KIND_PAGE:
        return severity_name(order->severity);
    case KIND_REMINDER:
        return "reminder";
    case KIND_ASK:
        return "question";
    case KIND_APPROVE:
        return "to approve";
    case KIND_DIGEST:
        return "digest";
    case KIND_ANSWER:
        return "answer";
    case KIND_INFORM:
    case KIND_NOTICE:
    case KIND_COUNT:
        break;
    }
    return state[0] != '\0' ? state : "notice";
}

/* One line without control bytes, cut visibly between two characters. */
static void make_subject(const struct order *order, const struct json *snapshot,
                         char out[RENDER_SUBJECT_BYTES])
{
    char head[96] = "";
    const char *title = json_string(json_get(snapshot, "title"));
    if (title[0] == '\0') {
        title = json_string(json_get(snapshot, "summary"));
    }
    if (order->incident != 0) {
        (void)snprintf(head, sizeof head, "#%" PRIu64 " ", order->incident);
    }
    size_t head_length =
        (size_t)snprintf(out, RENDER_SUBJECT_BYTES, "%s%s%s", head, subject_word(order, snapshot),
                         title[0] != '\0' ? ": " : "");
    ASSERT(head_length < RENDER_SUBJECT_BYTES / 2);
    size_t room = RENDER_SUBJECT_BYTES - 1 - head_length;
    size_t count = strlen(title);
    bool cut = count > room;
    if (cut) {
        count = room - 3;
        while (count > 0 && ((unsigned char)title[count] & 0xc0) == 0x80) {
            count--;
        }
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)title[i];
        out[head_length + i] = c < 0x20 || c == 0x7f ? ' ' : title[i];
    }
    memcpy(out + head_length + count, cut ? "..." : "", cut ? 4 : 1);
}

/* Details and links were checked at the edge; what cannot be read all the same is left out, not
 * passed on. */
static struct json *parse_extra(const char *text, enum json_kind want)
{
    struct json *root = NULL;
    if (text[0] == '\0' || json_parse(text, strlen(text), &root, NULL) != 0) {
        return NULL;
    }
    if (json_kind(root) != want || json_count(root) == 0) {
        json_free(root);
        return NULL;
    }
    return root;
}

static bool gets_token(const struct order *order)
{
    bool answerable =
        order->notification_kind != KIND_NOTICE && order->notification_kind != KIND_ANSWER;
    return answerable && order->contact[0] != '&' && order->contact[0] != '\0';
}

int render_make(const struct render_context *context, const struct order *order,
                struct rendered *out_rendered, struct err *err)
{
    const struct format *format = find_format(context->format);
    char token[TOKEN_TEXT_BYTES] = "";
    struct json *snapshot = NULL;
    ASSERT(format != NULL);

    if (json_parse(order->snapshot, strlen(order->snapshot), &snapshot, err) != 0) {
        return err_wrap(err, "snapshot");
    }
    if (json_kind(snapshot) != JSON_OBJECT) {
        (void)err_set(err, ERR_CORRUPT, "snapshot: got %s, want an object",
                      json_kind_name(json_kind(snapshot)));
        json_free(snapshot);
        return -1;
    }
    struct json *details = parse_extra(order->details, JSON_OBJECT);
    struct json *links = parse_extra(order->links, JSON_ARRAY);
    if (gets_token(order)) {
        token_make(context->token_key, order->notification, order->contact,
                   order->token_expires_at_ms, token);
    }
    struct rendered rendered = {.content_type = format->content_type};
    strbuf_init(&rendered.body, RENDER_BODY_MAX);
    make_subject(order, snapshot, rendered.subject);
    const struct render_view view = {
        .context = context,
        .order = order,
        .snapshot = snapshot,
        .details = details,
        .links = links,
        .subject = rendered.subject,
        .token = token,
    };
    format->write(&view, &rendered.body);
    json_free(links);
    json_free(details);
    json_free(snapshot);
    if (rendered.body.overflowed) {
        strbuf_clear(&rendered.body);
        return err_set(err, ERR_TOO_LARGE, "the message has more than %d bytes", RENDER_BODY_MAX);
    }
    *out_rendered = rendered;
    return 0;
}

void render_clear(struct rendered *rendered)
{
    strbuf_clear(&rendered->body);
}
