/* The hot path of intake: one pass over a copy of the body in the arena, into which the texts of
 * the events point. At anything unusual, good or bad, it stops and says so; native_tree then starts
 * from the body as it came. */
#include <string.h>

#include "gateway/base/json_scan.h"
#include "gateway/base/parse.h"
#include "gateway/intake/native_parts.h"

/* Brackets that are open around the value of a field: an array, its object. */
#define FIELD_DEPTH 2
#define EVENTS_FIRST 8

struct quick {
    struct json_scan scan;
    struct arena *arena;
    struct strbuf scratch; /* for details and links */
    struct label labels[EVENT_LABELS_MAX];
};

static bool read_text(struct quick *quick, size_t bytes_max, const char **out_text)
{
    struct json_scan_text text;
    if (!json_scan_string(&quick->scan, &text) || text.length > bytes_max || text.has_control) {
        return false;
    }
    *out_text = text.text;
    return true;
}

static bool read_action(struct quick *quick, struct event *event)
{
    struct json_scan_text text;
    return json_scan_string(&quick->scan, &text) &&
           event_action_parse(text.text, &event->action) == 0;
}

static bool read_severity(struct quick *quick, struct event *event)
{
    struct json_scan_text text;
    return json_scan_string(&quick->scan, &text) &&
           severity_parse(text.text, &event->severity) == 0;
}

static bool read_key(struct quick *quick, struct event *event)
{
    return read_text(quick, EVENT_KEY_BYTES_MAX, &event->key);
}

static bool read_summary(struct quick *quick, struct event *event)
{
    return read_text(quick, EVENT_SUMMARY_BYTES_MAX, &event->summary);
}

static bool read_label(struct quick *quick, struct label *out_label)
{
    struct json_scan_text name;
    if (!json_scan_key(&quick->scan, &name) || name.length > EVENT_LABEL_BYTES_MAX ||
        !native_is_label_name(name.text)) {
        return false;
    }
    out_label->name = name.text;
    return read_text(quick, EVENT_LABEL_BYTES_MAX, &out_label->value);
}

/* Puts it into its place by name; false: there is one of this name. */
static bool insert_label(struct label *labels, size_t count, struct label label)
{
    size_t at = count;
    int order = -1;
    while (at > 0 && (order = strcmp(labels[at - 1].name, label.name)) > 0) {
        labels[at] = labels[at - 1];
        at--;
    }
    labels[at] = label;
    return order != 0;
}

static bool read_labels(struct quick *quick, struct event *event)
{
    size_t count = 0;
    if (!json_scan_take(&quick->scan, '{')) {
        return false;
    }
    if (!json_scan_take(&quick->scan, '}')) {
        do {
            struct label label;
            if (count == EVENT_LABELS_MAX || !read_label(quick, &label) ||
                !insert_label(quick->labels, count, label)) {
                return false;
            }
            count++;
        } while (json_scan_take(&quick->scan, ','));
        if (!json_scan_take(&quick->scan, '}')) {
            return false;
        }
    }
    event->labels = arena_copy(quick->arena, quick->labels, count * sizeof(quick->labels[0]));
    event->label_count = count;
    return true;
}

static bool read_details(struct quick *quick, struct event *event)
{
    struct strbuf *text = &quick->scratch;
    strbuf_reset(text);
    if (!json_scan_sees(&quick->scan, '{') || !json_scan_copy(&quick->scan, FIELD_DEPTH, text)) {
        return false;
    }
    event->details = arena_strndup(quick->arena, strbuf_text(text), text->length);
    return true;
}

static bool read_link_member(struct quick *quick, const char **href, const char **text)
{
    struct json_scan_text name;
    if (!json_scan_key(&quick->scan, &name)) {
        return false;
    }
    /* A second one of the same name finds its place taken. */
    if (strcmp(name.text, "href") == 0) {
        return *href == NULL && read_text(quick, NATIVE_HREF_BYTES_MAX, href);
    }
    return strcmp(name.text, "text") == 0 && *text == NULL &&
           read_text(quick, NATIVE_LINK_TEXT_BYTES_MAX, text);
}

static bool read_link(struct quick *quick, struct json_out *out)
{
    const char *href = NULL;
    const char *text = NULL;
    if (!json_scan_take(&quick->scan, '{')) {
        return false;
    }
    do {
        if (!read_link_member(quick, &href, &text)) {
            return false;
        }
    } while (json_scan_take(&quick->scan, ','));
    if (!json_scan_take(&quick->scan, '}') || href == NULL || !native_is_link(href)) {
        return false;
    }
    native_add_link(out, href, text ? text : "");
    return true;
}

static bool read_links(struct quick *quick, struct event *event)
{
    struct strbuf *text = &quick->scratch;
    struct json_out out;
    size_t count = 0;
    strbuf_reset(text);
    json_out_begin(&out, text);
    json_add_array_begin(&out, NULL);
    if (!json_scan_take(&quick->scan, '[')) {
        return false;
    }
    do {
        if (count++ == EVENT_LINKS_MAX || !read_link(quick, &out)) {
            return false; /* also an empty array, which is rare */
        }
    } while (json_scan_take(&quick->scan, ','));
    json_add_array_end(&out);
    if (!json_scan_take(&quick->scan, ']') || text->overflowed) {
        return false;
    }
    event->links = arena_strndup(quick->arena, strbuf_text(text), text->length);
    return true;
}

static bool read_at(struct quick *quick, struct event *event)
{
    struct json_scan_text text;
    return json_scan_string(&quick->scan, &text) &&
           parse_rfc3339(text.text, &event->at_ms, NULL) == 0;
}

static const struct {
    const char *name;
    bool (*read)(struct quick *quick, struct event *event);
} fields[] = {
    {.name = "action", .read = read_action},   {.name = "key", .read = read_key},
    {.name = "summary", .read = read_summary}, {.name = "severity", .read = read_severity},
    {.name = "labels", .read = read_labels},   {.name = "details", .read = read_details},
    {.name = "links", .read = read_links},     {.name = "at", .read = read_at},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static bool read_field(struct quick *quick, unsigned *seen, struct event *event)
{
    struct json_scan_text name;
    size_t i = 0;
    if (!json_scan_key(&quick->scan, &name)) {
        return false;
    }
    while (i < FIELD_COUNT && strcmp(name.text, fields[i].name) != 0) {
        i++;
    }
    unsigned bit = 1u << i;
    if (i == FIELD_COUNT || (*seen & bit)) {
        return false;
    }
    *seen |= bit;
    return fields[i].read(quick, event);
}

/* An event that lacks what its action needs is for the other reader to name. */
static bool is_complete(const struct event *event)
{
    switch (event->action) {
    case EVENT_TRIGGER:
        return event->summary[0] != '\0';
    case EVENT_RESOLVE:
    case EVENT_ACKNOWLEDGE:
        return event->key[0] != '\0' || event->label_count > 0;
    case EVENT_HEARTBEAT:
    case EVENT_CHANGE:
        return true;
    case EVENT_ACTION_COUNT:
        break;
    }
    return false;
}

static bool read_event(struct quick *quick, struct event *out_event)
{
    unsigned seen = 0;
    *out_event = native_event();
    if (!json_scan_take(&quick->scan, '{')) {
        return false;
    }
    do {
        if (!read_field(quick, &seen, out_event)) {
            return false; /* also an empty object */
        }
    } while (json_scan_take(&quick->scan, ','));
    return json_scan_take(&quick->scan, '}') && is_complete(out_event);
}

/* Room for one more; NULL when there are too many. */
static struct event *add_event(struct quick *quick, size_t events_max, size_t *capacity,
                               struct native_events *events)
{
    if (events->count == events_max) {
        return NULL;
    }
    if (events->count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : EVENTS_FIRST;
        struct event *items = arena_alloc_array(quick->arena, grown, sizeof(*items));
        if (events->count > 0) {
            memcpy(items, events->items, events->count * sizeof(*items));
        }
        events->items = items;
        *capacity = grown;
    }
    return &events->items[events->count++];
}

static bool read_array(struct quick *quick, size_t events_max, struct native_events *out_events)
{
    size_t capacity = 0;
    do {
        struct event *event = add_event(quick, events_max, &capacity, out_events);
        if (event == NULL || !read_event(quick, event)) {
            return false; /* also an empty array */
        }
    } while (json_scan_take(&quick->scan, ','));
    return json_scan_take(&quick->scan, ']') && json_scan_at_end(&quick->scan);
}

static bool read_lines(struct quick *quick, char *bytes, size_t count, size_t events_max,
                       struct native_events *out_events)
{
    const char *text = bytes;
    const char *line;
    size_t length;
    size_t capacity = 0;
    while (native_next_line(&text, bytes + count, &line, &length)) {
        char *first = bytes + (line - bytes);
        first[length] = '\0'; /* over the line feed, or the end's own */
        json_scan_begin(&quick->scan, first, length);
        struct event *event = add_event(quick, events_max, &capacity, out_events);
        if (event == NULL || !read_event(quick, event) || !json_scan_at_end(&quick->scan)) {
            return false;
        }
    }
    return out_events->count > 0;
}

static bool read_body(struct quick *quick, const struct native_body *body,
                      struct native_events *out_events)
{
    char *bytes = arena_copy_text(quick->arena, body->bytes, body->count);
    if (body->is_ndjson) {
        return read_lines(quick, bytes, body->count, body->events_max, out_events);
    }
    json_scan_begin(&quick->scan, bytes, body->count);
    if (json_scan_take(&quick->scan, '[')) {
        return read_array(quick, body->events_max, out_events);
    }
    out_events->items = arena_alloc(quick->arena, sizeof(*out_events->items));
    out_events->count = 1;
    return read_event(quick, out_events->items) && json_scan_at_end(&quick->scan);
}

bool native_quick(const struct native_body *body, struct arena *arena,
                  struct native_events *out_events)
{
    struct quick quick; /* its labels are written before they are read */
    struct native_events events = {0};
    quick.arena = arena;
    strbuf_init(&quick.scratch, EVENT_DETAILS_BYTES_MAX);
    bool is_read = read_body(&quick, body, &events);
    strbuf_clear(&quick.scratch);
    if (is_read) {
        *out_events = events;
    }
    return is_read;
}
