/* The plain text of a notification: what is wanted first, then what is known, then how to answer.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway/delivery/render.h"

/* A person on a phone reads the start of a long value; all of it is on the incident's page. */
#define VALUE_BYTES_MAX 1024
#define TEXT_BYTES_MAX 16384
#define LABELS_SHOWN 12
#define LINKS_SHOWN 4

/* Outside text: control bytes become spaces, a cut is visible and between two characters. */
static void add_safe(struct strbuf *out, const char *text, size_t max, bool lines)
{
    size_t count = strlen(text);
    bool cut = count > max;
    count = cut ? max : count;
    while (cut && count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        bool bad = (c < 0x20 && !(lines && c == '\n')) || c == 0x7f;
        strbuf_add_char(out, bad ? ' ' : text[i]);
    }
    strbuf_add(out, cut ? "..." : "");
}

static void add_line_text(struct strbuf *out, const char *text)
{
    add_safe(out, text, VALUE_BYTES_MAX, false);
}

static const char *string_of(const struct render_view *view, const char *key)
{
    return json_string(json_get(view->snapshot_or_null, key));
}

static void add_field(struct strbuf *out, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    strbuf_add(out, name);
    strbuf_add(out, ": ");
    add_line_text(out, value);
    strbuf_add_char(out, '\n');
}

/* "" unless the snapshot has this instant; in the reader's own zone where it says so. */
static const char *instant_of(const struct render_view *view, const char *key,
                              char buffer[TEXT_RFC3339_BYTES])
{
    const char *local = json_string(json_get(json_get(view->snapshot_or_null, "local"), key));
    if (local[0] != '\0') {
        return local;
    }
    const struct json *value = json_get(view->snapshot_or_null, key);
    if (json_kind(value) == JSON_INTEGER && json_integer(value) > 0) {
        return text_rfc3339(json_integer(value), buffer);
    }
    return json_string(value);
}

static void add_instant(struct strbuf *out, const struct render_view *view, const char *name,
                        const char *key)
{
    char buffer[TEXT_RFC3339_BYTES];
    add_field(out, name, instant_of(view, key, buffer));
}

/* "State: acknowledged by ann until ..., promised for ..." */
static void add_state(struct strbuf *out, const struct render_view *view)
{
    char buffer[TEXT_RFC3339_BYTES];
    const char *state = string_of(view, "state");
    const char *name = string_of(view, "owner_name");
    const char *owner = name[0] != '\0' ? name : string_of(view, "owner");
    if (state[0] == '\0') {
        return;
    }
    strbuf_add(out, "State: ");
    add_line_text(out, state);
    if (owner[0] != '\0') {
        strbuf_add(out, " by ");
        add_line_text(out, owner);
    } else if (text_equal(state, "triggered")) {
        strbuf_add(out, ", nobody has it");
    }
    const char *until = instant_of(view, "ack_until", buffer);
    if (owner[0] != '\0' && until[0] != '\0') {
        strbuf_add(out, " until ");
        add_line_text(out, until);
    }
    strbuf_add_char(out, '\n');
    add_instant(out, view, "Promised for", "eta_at");
    if (json_bool(json_get(view->snapshot_or_null, "cleared")) && !text_equal(state, "resolved")) {
        strbuf_add(out, "The source has cleared; only a person ends it.\n");
    }
}

/* The incident that had the same alert last. */
static void add_linked(struct strbuf *out, const struct render_view *view)
{
    int64_t linked = json_integer(json_get(view->snapshot_or_null, "linked"));
    if (linked > 0) {
        strbuf_printf(out, "Follows: #%" PRId64 "\n", linked);
    }
}

static void add_severity(struct strbuf *out, const struct render_view *view)
{
    const char *severity = string_of(view, "severity");
    const char *priority = string_of(view, "priority");
    int64_t number = json_integer(json_get(view->snapshot_or_null, "priority"));
    strbuf_add(out, "Severity: ");
    add_line_text(out, severity[0] != '\0' ? severity : severity_name(view->order->severity));
    if (priority[0] != '\0') {
        strbuf_add(out, ", priority ");
        add_line_text(out, priority);
    } else if (number > 0) {
        strbuf_printf(out, ", priority p%" PRId64, number);
    }
    strbuf_add_char(out, '\n');
}

static void add_labels(struct strbuf *out, const struct render_view *view)
{
    const struct json *labels = json_get(view->snapshot_or_null, "labels");
    void *position = NULL;
    const char *name;
    const struct json *value;
    size_t shown = 0;
    while (json_kind(labels) == JSON_OBJECT && shown < LABELS_SHOWN &&
           json_next(labels, &position, &name, &value)) {
        strbuf_add(out, shown == 0 ? "Labels: " : ", ");
        add_line_text(out, name);
        strbuf_add_char(out, '=');
        add_line_text(out, json_string(value));
        shown++;
    }
    if (json_count(labels) > shown && shown > 0) {
        strbuf_printf(out, " and %zu more", json_count(labels) - shown);
    }
    strbuf_add(out, shown > 0 ? "\n" : "");
}

static void add_origin(struct strbuf *out, const struct render_view *view)
{
    int64_t climb = json_integer(json_get(view->snapshot_or_null, "climb"));
    int64_t alerts = json_integer(json_get(view->snapshot_or_null, "firing_count"));
    const char *policy = string_of(view, "policy");
    const char *step = string_of(view, "step");
    add_field(out, "Source", string_of(view, "source"));
    add_field(out, "Key", string_of(view, "key"));
    if (alerts > 1) {
        strbuf_printf(out, "Alerts firing: %" PRId64 "\n", alerts);
    }
    if (policy[0] != '\0') {
        strbuf_add(out, "Policy: ");
        add_line_text(out, policy);
        strbuf_add(out, step[0] != '\0' ? ", step " : "");
        add_line_text(out, step);
        if (climb > 1) {
            strbuf_printf(out, ", climb %" PRId64, climb);
        }
        strbuf_add_char(out, '\n');
    }
}

static void add_links(struct strbuf *out, const struct render_view *view)
{
    for (size_t i = 0; i < json_count(view->links) && i < LINKS_SHOWN; i++) {
        const struct json *link = json_at(view->links, i);
        const char *href = json_string(json_get(link, "href"));
        const char *text = json_string(json_get(link, "text"));
        if (href[0] == '\0') {
            continue;
        }
        strbuf_add(out, "See ");
        add_line_text(out, text);
        strbuf_add(out, text[0] != '\0' ? ": " : "");
        add_line_text(out, href);
        strbuf_add_char(out, '\n');
    }
}

static void add_answers(struct strbuf *out, const struct render_view *view)
{
    const char *hint = string_of(view, "reply_hint");
    bool page = view->order->notification_kind == KIND_PAGE ||
                view->order->notification_kind == KIND_REMINDER;
    if (view->token[0] != '\0' && view->context->public_url[0] != '\0') {
        strbuf_printf(out, "%s: %s/a/%s\n", page ? "Acknowledge" : "Answer",
                      view->context->public_url, view->token);
    }
    if (hint[0] != '\0') {
        add_field(out, "Or reply", hint);
    } else if (view->token[0] != '\0' && page && view->order->incident != 0) {
        strbuf_printf(out, "Or reply: %" PRIu64 " ack eta 30m\n", view->order->incident);
    }
}

void render_text(const struct render_view *view, struct strbuf *out)
{
    const char *text = string_of(view, "text");
    const char *summary = string_of(view, "summary");

    if (text[0] != '\0') {
        add_safe(out, text, TEXT_BYTES_MAX, true);
        strbuf_add(out, "\n\n");
    }
    add_line_text(out, view->subject);
    strbuf_add(out, "\n\n");
    if (!text_equal(summary, string_of(view, "title"))) {
        add_field(out, "Summary", summary);
    }
    add_severity(out, view);
    add_state(out, view);
    add_instant(out, view, "Since", "opened_at");
    add_linked(out, view);
    add_field(out, "Cause", string_of(view, "cause"));
    add_labels(out, view);
    add_origin(out, view);
    add_links(out, view);
    strbuf_add_char(out, '\n');
    add_answers(out, view);
    if (view->context->site_name[0] != '\0') {
        strbuf_add(out, "-- \n");
        add_line_text(out, view->context->site_name);
        strbuf_add_char(out, '\n');
    }
}
