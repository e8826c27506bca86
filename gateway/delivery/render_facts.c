/* What is known of an incident, fact by fact in reading order: text and HTML say the same. */
#include <inttypes.h>
#include <string.h>

#include "gateway/delivery/render.h"

/* A person on a phone reads the start of a long value; all of it is on the incident's page. */
#define VALUE_BYTES_MAX 1024
#define FACT_BYTES_MAX (32 * 1024)
#define LABELS_SHOWN 12
#define LINKS_SHOWN 4

struct walk {
    const struct render_view *view;
    render_visit *visit;
    void *self;
    struct strbuf value; /* of the fact at hand */
};

void render_add_safe(struct strbuf *out, const char *text, size_t max, bool lines)
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

void render_add_line(struct strbuf *out, const char *text)
{
    render_add_safe(out, text, VALUE_BYTES_MAX, false);
}

const char *render_string(const struct render_view *view, const char *key)
{
    return json_string(json_get(view->snapshot_or_null, key));
}

/* Hands on what stands in `value`, and empties it. */
static void tell(struct walk *walk, const char *name, const char *href)
{
    const struct render_fact fact = {
        .name = name, .value = strbuf_text(&walk->value), .href = href};
    if (fact.value[0] != '\0') {
        walk->visit(walk->self, &fact);
    }
    strbuf_reset(&walk->value);
}

static void tell_text(struct walk *walk, const char *name, const char *value)
{
    render_add_line(&walk->value, value);
    tell(walk, name, "");
}

const char *render_instant(const struct render_view *view, const char *key,
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

static void tell_instant(struct walk *walk, const char *name, const char *key)
{
    char buffer[TEXT_RFC3339_BYTES];
    tell_text(walk, name, render_instant(walk->view, key, buffer));
}

void render_add_state(struct strbuf *out, const struct render_view *view)
{
    char buffer[TEXT_RFC3339_BYTES];
    const char *state = render_string(view, "state");
    const char *name = render_string(view, "owner_name");
    const char *owner = name[0] != '\0' ? name : render_string(view, "owner");
    if (state[0] == '\0') {
        return;
    }
    render_add_line(out, state);
    if (owner[0] != '\0') {
        strbuf_add(out, " by ");
        render_add_line(out, owner);
    } else if (text_equal(state, "triggered")) {
        strbuf_add(out, ", nobody has it");
    }
    const char *until = render_instant(view, "ack_until", buffer);
    if (owner[0] != '\0' && until[0] != '\0') {
        strbuf_add(out, " until ");
        render_add_line(out, until);
    }
}

/* "acknowledged by ann until ...", then what was promised. */
static void tell_state(struct walk *walk)
{
    const char *state = render_string(walk->view, "state");
    render_add_state(&walk->value, walk->view);
    tell(walk, "State", "");
    if (state[0] == '\0') {
        return;
    }
    tell_instant(walk, "Promised for", "eta_at");
    if (json_bool(json_get(walk->view->snapshot_or_null, "cleared")) &&
        !text_equal(state, "resolved")) {
        tell_text(walk, "", "The source has cleared; only a person ends it.");
    }
}

/* The incident that had the same alert last. */
static void tell_linked(struct walk *walk)
{
    int64_t linked = json_integer(json_get(walk->view->snapshot_or_null, "linked"));
    if (linked > 0) {
        strbuf_printf(&walk->value, "#%" PRId64, linked);
        tell(walk, "Follows", "");
    }
}

static void tell_severity(struct walk *walk)
{
    const struct render_view *view = walk->view;
    const char *severity = render_string(view, "severity");
    const char *priority = render_string(view, "priority");
    int64_t number = json_integer(json_get(view->snapshot_or_null, "priority"));
    render_add_line(&walk->value,
                    severity[0] != '\0' ? severity : severity_name(view->order->severity));
    if (priority[0] != '\0') {
        strbuf_add(&walk->value, ", priority ");
        render_add_line(&walk->value, priority);
    } else if (number > 0) {
        strbuf_printf(&walk->value, ", priority p%" PRId64, number);
    }
    tell(walk, "Severity", "");
}

/* What an answer is asked to say. */
static void tell_missing(struct walk *walk)
{
    const struct json *missing = json_get(walk->view->snapshot_or_null, "missing");
    for (size_t i = 0; i < json_count(missing); i++) {
        strbuf_add(&walk->value, i == 0 ? "" : ", ");
        render_add_line(&walk->value, json_string(json_at(missing, i)));
    }
    tell(walk, "Please say", "");
}

static void tell_labels(struct walk *walk)
{
    const struct json *labels = json_get(walk->view->snapshot_or_null, "labels");
    void *position = NULL;
    const char *name;
    const struct json *value;
    size_t shown = 0;
    while (json_kind(labels) == JSON_OBJECT && shown < LABELS_SHOWN &&
           json_next(labels, &position, &name, &value)) {
        strbuf_add(&walk->value, shown == 0 ? "" : ", ");
        render_add_line(&walk->value, name);
        strbuf_add_char(&walk->value, '=');
        render_add_line(&walk->value, json_string(value));
        shown++;
    }
    if (json_count(labels) > shown && shown > 0) {
        strbuf_printf(&walk->value, " and %zu more", json_count(labels) - shown);
    }
    tell(walk, "Labels", "");
}

static void tell_origin(struct walk *walk)
{
    const struct render_view *view = walk->view;
    int64_t climb = json_integer(json_get(view->snapshot_or_null, "climb"));
    int64_t alerts = json_integer(json_get(view->snapshot_or_null, "firing_count"));
    const char *policy = render_string(view, "policy");
    const char *step = render_string(view, "step");
    tell_text(walk, "Source", render_string(view, "source"));
    tell_text(walk, "Key", render_string(view, "key"));
    if (alerts > 1) {
        strbuf_add_i64(&walk->value, alerts);
        tell(walk, "Alerts firing", "");
    }
    if (policy[0] == '\0') {
        return;
    }
    render_add_line(&walk->value, policy);
    strbuf_add(&walk->value, step[0] != '\0' ? ", step " : "");
    render_add_line(&walk->value, step);
    if (climb > 1) {
        strbuf_printf(&walk->value, ", climb %" PRId64, climb);
    }
    tell(walk, "Policy", "");
}

static void tell_links(struct walk *walk)
{
    const struct json *links = walk->view->links;
    for (size_t i = 0; i < json_count(links) && i < LINKS_SHOWN; i++) {
        const struct json *link = json_at(links, i);
        const char *href = json_string(json_get(link, "href"));
        const char *text = json_string(json_get(link, "text"));
        struct strbuf safe;
        if (href[0] == '\0') {
            continue;
        }
        strbuf_init(&safe, VALUE_BYTES_MAX + 3);
        render_add_line(&safe, href);
        render_add_line(&walk->value, text[0] != '\0' ? text : href);
        tell(walk, "See", strbuf_text(&safe));
        strbuf_clear(&safe);
    }
}

void render_walk_facts(const struct render_view *view, render_visit *visit, void *self)
{
    struct walk walk = {.view = view, .visit = visit, .self = self};
    strbuf_init(&walk.value, FACT_BYTES_MAX);
    if (!text_equal(render_string(view, "summary"), render_string(view, "title"))) {
        tell_text(&walk, "Summary", render_string(view, "summary"));
    }
    tell_severity(&walk);
    tell_state(&walk);
    tell_instant(&walk, "Since", "opened_at");
    tell_linked(&walk);
    tell_text(&walk, "Cause", render_string(view, "cause"));
    tell_text(&walk, "Lost", render_string(view, "loss"));
    tell_text(&walk, "Restored", render_string(view, "restored"));
    tell_text(&walk, "Last good backup",
              json_string(json_get(json_get(view->snapshot_or_null, "backup"), "text")));
    tell_missing(&walk);
    tell_labels(&walk);
    tell_origin(&walk);
    tell_links(&walk);
    strbuf_clear(&walk.value);
}

bool render_is_page(const struct render_view *view)
{
    return view->order->notification_kind == KIND_PAGE ||
           view->order->notification_kind == KIND_REMINDER;
}

bool render_add_answer_url(struct strbuf *out, const struct render_view *view)
{
    bool has_link = view->token[0] != '\0' && view->context->public_url[0] != '\0';
    if (has_link) {
        strbuf_printf(out, "%s/a/%s", view->context->public_url, view->token);
    }
    return has_link;
}

bool render_add_reply_hint(struct strbuf *out, const struct render_view *view)
{
    const char *hint = render_string(view, "reply_hint");
    if (hint[0] != '\0') {
        render_add_line(out, hint);
        return true;
    }
    bool may_ack = view->token[0] != '\0' && render_is_page(view) && view->order->incident != 0;
    if (may_ack) {
        strbuf_printf(out, "%" PRIu64 " ack eta 30m", view->order->incident);
    }
    return may_ack;
}
