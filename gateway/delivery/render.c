#include "gateway/delivery/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/delivery/render_email.h"
#include "gateway/system/token.h"

struct format {
    const char *name;
    const char *content_type;
    void (*write)(const struct render_view *view, struct strbuf *out);
    /* NULL: any order can be written. */
    int (*check)(const struct render_view *view, struct err *err);
    bool takes_members; /* needs no tree of a snapshot of our own shape */
};

static const struct format formats[] = {
    {.name = "sms", .content_type = "text/plain; charset=utf-8", .write = render_sms},
    {.name = "text", .content_type = "text/plain; charset=utf-8", .write = render_text},
    {.name = "email",
     .content_type = "message/rfc822",
     .write = render_email,
     .check = render_email_check},
    {.name = "webhook",
     .content_type = "application/json",
     .write = render_webhook,
     .takes_members = true},
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

static const char *subject_word(const struct order *order, const struct render_facts *facts)
{
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
    return facts->state[0] != '\0' ? facts->state : "notice";
}

const char *render_subject_word(const struct render_view *view)
{
    const struct render_facts facts = {.state = render_string(view, "state")};
    return subject_word(view->order, &facts);
}

/* One line without control bytes, cut visibly between two characters. */
static void make_subject(const struct order *order, const struct render_facts *facts,
                         char out[RENDER_SUBJECT_BYTES])
{
    char head[96] = "";
    const char *title = facts->title[0] != '\0' ? facts->title : facts->summary;
    if (order->incident != 0) {
        (void)snprintf(head, sizeof head, "#%" PRIu64 " ", order->incident);
    }
    size_t head_length = (size_t)snprintf(out, RENDER_SUBJECT_BYTES, "%s%s%s", head,
                                          subject_word(order, facts), title[0] != '\0' ? ": " : "");
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

/* As the engine judges replies, but for a priority that changes later: a code too many does no harm, and one that is
 * missing comes with the next message. */
static bool gets_code(const struct render_context *context, const struct order *order,
                      const struct json *snapshot_or_null)
{
    if (context->code == CHANNEL_CODE_OFF) {
        return false;
    }
    return context->code == CHANNEL_CODE_ALWAYS || order->severity == SEVERITY_CRITICAL ||
           json_integer(json_get(snapshot_or_null, "priority")) == 1;
}

/* One snapshot, read in one of two ways. */
struct source {
    char *copy; /* decoded in place, the facts point into it */
    struct strbuf members;
    struct json *tree_or_null;
    struct render_facts facts;
};

static void source_clear(struct source *source)
{
    json_free(source->tree_or_null);
    strbuf_clear(&source->members);
    free(source->copy);
}

static int source_parse(struct source *source, const char *snapshot, struct err *err)
{
    struct json *tree = NULL;
    if (json_parse(snapshot, strlen(snapshot), &tree, err) != 0) {
        return err_wrap(err, "snapshot");
    }
    source->tree_or_null = tree;
    if (json_kind(tree) != JSON_OBJECT) {
        return err_set(err, ERR_CORRUPT, "snapshot: got %s, want an object",
                       json_kind_name(json_kind(tree)));
    }
    source->facts = (struct render_facts){.title = json_string(json_get(tree, "title")),
                                          .summary = json_string(json_get(tree, "summary")),
                                          .state = json_string(json_get(tree, "state"))};
    return 0;
}

static int source_read(struct source *source, const char *snapshot, bool takes_members,
                       struct err *err)
{
    *source = (struct source){.tree_or_null = NULL};
    strbuf_init(&source->members, RENDER_BODY_MAX);
    if (takes_members) {
        source->copy = heap_strdup(snapshot);
        if (render_members(source->copy, &source->members, &source->facts)) {
            return 0;
        }
    }
    return source_parse(source, snapshot, err);
}

int render_make(const struct render_context *context, const struct order *order,
                struct rendered *out_rendered, struct err *err)
{
    const struct format *format = find_format(context->format);
    char token[TOKEN_TEXT_BYTES] = "";
    char code[TOKEN_CODE_BYTES] = "";
    struct source source;
    ASSERT(format != NULL);

    if (source_read(&source, order->snapshot, format->takes_members, err) != 0) {
        source_clear(&source);
        return -1;
    }
    struct json *details = parse_extra(order->details, JSON_OBJECT);
    struct json *links = parse_extra(order->links, JSON_ARRAY);
    if (gets_token(order)) {
        token_make(context->token_key, order->notification, order->contact,
                   order->token_expires_at_ms, token);
        if (gets_code(context, order, source.tree_or_null)) {
            token_code(context->token_key, order->notification, order->contact, code);
        }
    }
    struct rendered rendered = {.content_type = format->content_type};
    strbuf_init(&rendered.body, RENDER_BODY_MAX);
    make_subject(order, &source.facts, rendered.subject);
    const struct render_view view = {
        .context = context,
        .order = order,
        .snapshot_or_null = source.tree_or_null,
        .members = strbuf_text(&source.members),
        .details = details,
        .links = links,
        .subject = rendered.subject,
        .token = token,
        .code = code,
    };
    bool is_possible = format->check == NULL || format->check(&view, err) == 0;
    if (is_possible) {
        format->write(&view, &rendered.body);
    }
    json_free(links);
    json_free(details);
    source_clear(&source);
    if (!is_possible) {
        return -1;
    }
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
