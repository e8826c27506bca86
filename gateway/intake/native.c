#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/intake/native_parts.h"

/* Sixteen links of the largest kind with every byte escaped; details are cut off before. */
#define SCRATCH_BYTES_MAX                                                                          \
    (EVENT_LINKS_MAX * 6 * (NATIVE_HREF_BYTES_MAX + NATIVE_LINK_TEXT_BYTES_MAX + 8))
#define GOT_BYTES_MAX 60 /* of a wrong value, as shown in an error */

#define NO_INDEX SIZE_MAX

/* Where we are is kept as numbers and names; words are made of it only when something is wrong. */
struct reader {
    struct arena *arena;
    struct native_error *error;
    struct strbuf scratch; /* for details and links */
    size_t event;          /* index in an array or on lines; NO_INDEX for a single object */
    const char *group;     /* "labels" or "links" while inside, else "" */
    size_t item;           /* of links; NO_INDEX elsewhere */
};

/* At most GOT_BYTES_MAX bytes of a text, cut visibly between two characters. */
static const char *cut(struct reader *reader, const char *text, size_t count)
{
    size_t length = 0;
    while (length < count && length < GOT_BYTES_MAX) {
        size_t step = text_utf8_step(text + length, count - length);
        length += step ? step : 1;
    }
    return arena_printf(reader->arena, "%.*s%s", (int)length, text, length < count ? "..." : "");
}

static void add_part(struct strbuf *place, const char *name, size_t index)
{
    if (name[0]) {
        strbuf_add(place, place->length ? "." : "");
        strbuf_add(place, name);
    }
    if (index != NO_INDEX) {
        strbuf_printf(place, "[%zu]", index);
    }
}

/* "events[3].labels.host: <text>"; always -1. */
static int fail(struct reader *reader, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct reader *reader, const char *field, const char *format, ...)
{
    char text[ERR_TEXT_BYTES];
    struct native_error *error = reader->error;
    struct strbuf place;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof(text), format, values); /* the parts are short */
    va_end(values);
    strbuf_init(&place, NATIVE_FIELD_BYTES - 1); /* every part is short, too */
    if (reader->event != NO_INDEX) {
        add_part(&place, "events", reader->event);
    }
    add_part(&place, reader->group, reader->item);
    add_part(&place, cut(reader, field, strlen(field)), NO_INDEX);
    (void)snprintf(error->field, sizeof(error->field), "%s", strbuf_text(&place));
    strbuf_clear(&place);
    return err_set(&error->err, ERR_INVALID, "%s%s%s", error->field, error->field[0] ? ": " : "",
                   text);
}

/* The value as JSON, for an error. */
static const char *got(struct reader *reader, const struct json *value)
{
    enum json_kind kind = json_kind(value);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        return json_kind_name(kind);
    }
    struct strbuf text;
    strbuf_init(&text, GOT_BYTES_MAX * 8);
    json_write(value, &text);
    const char *shown =
        text.overflowed ? "a long text" : cut(reader, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    return shown;
}

static int want_kind(struct reader *reader, const char *field, const struct json *value,
                     enum json_kind kind)
{
    if (json_kind(value) == kind) {
        return 0;
    }
    return fail(reader, field, "got %s, want %s", got(reader, value), json_kind_name(kind));
}

static int read_text(struct reader *reader, const char *field, const struct json *value,
                     size_t bytes_max, const char **out_text)
{
    if (want_kind(reader, field, value, JSON_STRING) < 0) {
        return -1;
    }
    const char *text = json_string(value);
    size_t length = json_string_length(value);
    if (length > bytes_max) {
        return fail(reader, field, "got %zu bytes, want at most %zu", length, bytes_max);
    }
    if (text_has_control(text, length)) {
        return fail(reader, field, "got %s, want no control characters", got(reader, value));
    }
    *out_text = arena_strndup(reader->arena, text, length);
    return 0;
}

static int read_action(struct reader *reader, const struct json *value, struct event *event)
{
    if (json_kind(value) == JSON_STRING &&
        event_action_parse(json_string(value), &event->action) == 0) {
        return 0;
    }
    return fail(reader, "action", "got %s, want trigger, acknowledge, resolve, heartbeat or change",
                got(reader, value));
}

static int read_severity(struct reader *reader, const struct json *value, struct event *event)
{
    if (json_kind(value) == JSON_STRING &&
        severity_parse(json_string(value), &event->severity) == 0) {
        return 0;
    }
    return fail(reader, "severity", "got %s, want critical, error, warning or info",
                got(reader, value));
}

static int read_key(struct reader *reader, const struct json *value, struct event *event)
{
    return read_text(reader, "key", value, EVENT_KEY_BYTES_MAX, &event->key);
}

static int read_summary(struct reader *reader, const struct json *value, struct event *event)
{
    return read_text(reader, "summary", value, EVENT_SUMMARY_BYTES_MAX, &event->summary);
}

static int label_compare(const void *left, const void *right)
{
    return strcmp(((const struct label *)left)->name, ((const struct label *)right)->name);
}

static int read_label(struct reader *reader, const char *name, const struct json *value,
                      struct label *out_label)
{
    size_t length = strlen(name);
    if (length > EVENT_LABEL_BYTES_MAX) {
        return fail(reader, "", "got a name of %zu bytes, want at most %d", length,
                    EVENT_LABEL_BYTES_MAX);
    }
    if (!native_is_label_name(name)) {
        /* Control bytes are shown escaped, as everywhere in JSON. */
        struct strbuf shown;
        strbuf_init(&shown, 8 * EVENT_LABEL_BYTES_MAX);
        strbuf_add_json_string(&shown, name);
        (void)fail(reader, "", "got the name %s, want letters, digits and _, no digit first",
                   cut(reader, strbuf_text(&shown), shown.length));
        strbuf_clear(&shown);
        return -1;
    }
    out_label->name = arena_strndup(reader->arena, name, length);
    return read_text(reader, name, value, EVENT_LABEL_BYTES_MAX, &out_label->value);
}

static int read_labels(struct reader *reader, const struct json *value, struct event *event)
{
    if (want_kind(reader, "labels", value, JSON_OBJECT) < 0) {
        return -1;
    }
    size_t count = json_count(value);
    if (count > EVENT_LABELS_MAX) {
        return fail(reader, "labels", "got %zu, want at most %d", count, EVENT_LABELS_MAX);
    }
    struct label *labels = arena_alloc_array(reader->arena, count + 1, sizeof(*labels));
    void *position = NULL;
    const char *name;
    const struct json *text;
    reader->group = "labels";
    for (size_t i = 0; json_next(value, &position, &name, &text); i++) {
        ASSERT(i < count);
        if (read_label(reader, name, text, &labels[i]) < 0) {
            return -1;
        }
    }
    reader->group = "";
    /* The names are unique: the parser refuses the same one twice. */
    qsort(labels, count, sizeof(*labels), label_compare);
    event->labels = labels;
    event->label_count = count;
    return 0;
}

static int read_details(struct reader *reader, const struct json *value, struct event *event)
{
    if (want_kind(reader, "details", value, JSON_OBJECT) < 0) {
        return -1;
    }
    struct strbuf *text = &reader->scratch;
    strbuf_reset(text);
    json_write(value, text);
    if (text->overflowed || text->length > EVENT_DETAILS_BYTES_MAX) {
        return fail(reader, "details", "got more than %d bytes of JSON, want at most that",
                    EVENT_DETAILS_BYTES_MAX);
    }
    event->details = arena_strndup(reader->arena, strbuf_text(text), text->length);
    return 0;
}

static int read_link(struct reader *reader, const struct json *value, struct json_out *out)
{
    const char *href = "";
    const char *text = "";
    void *position = NULL;
    const char *name;
    const struct json *member;
    if (want_kind(reader, "", value, JSON_OBJECT) < 0) {
        return -1;
    }
    while (json_next(value, &position, &name, &member)) {
        int result = 0;
        if (text_equal(name, "href")) {
            result = read_text(reader, name, member, NATIVE_HREF_BYTES_MAX, &href);
        } else if (text_equal(name, "text")) {
            result = read_text(reader, name, member, NATIVE_LINK_TEXT_BYTES_MAX, &text);
        } else {
            result = fail(reader, name, "unknown field, want href and text");
        }
        if (result < 0) {
            return -1;
        }
    }
    if (!native_is_link(href)) {
        return fail(reader, "href", "got '%s', want an http or https address",
                    cut(reader, href, strlen(href)));
    }
    native_add_link(out, href, text);
    return 0;
}

static int read_links(struct reader *reader, const struct json *value, struct event *event)
{
    if (want_kind(reader, "links", value, JSON_ARRAY) < 0) {
        return -1;
    }
    size_t count = json_count(value);
    if (count > EVENT_LINKS_MAX) {
        return fail(reader, "links", "got %zu, want at most %d", count, EVENT_LINKS_MAX);
    }
    struct strbuf *text = &reader->scratch;
    struct json_out out;
    strbuf_reset(text);
    json_out_begin(&out, text);
    json_add_array_begin(&out, NULL);
    reader->group = "links";
    for (reader->item = 0; reader->item < count; reader->item++) {
        if (read_link(reader, json_at(value, reader->item), &out) < 0) {
            return -1;
        }
    }
    reader->group = "";
    reader->item = NO_INDEX;
    json_add_array_end(&out);
    ASSERT(!text->overflowed);
    if (count > 0) {
        event->links = arena_strndup(reader->arena, strbuf_text(text), text->length);
    }
    return 0;
}

static int read_at(struct reader *reader, const struct json *value, struct event *event)
{
    struct err why;
    if (want_kind(reader, "at", value, JSON_STRING) < 0) {
        return -1;
    }
    if (parse_rfc3339(json_string(value), &event->at_ms, &why) < 0) {
        return fail(reader, "at", "%s", why.text);
    }
    return 0;
}

/* To forget one is not the sender's to say. */
static int read_signal(struct reader *reader, const struct json *value, struct event *event)
{
    if (json_kind(value) == JSON_STRING &&
        heartbeat_signal_parse(json_string(value), &event->signal) == 0 &&
        event->signal != HEARTBEAT_FORGET) {
        return 0;
    }
    return fail(reader, "signal", "got %s, want success, start, fail or log", got(reader, value));
}

static int read_run(struct reader *reader, const struct json *value, struct event *event)
{
    return read_text(reader, "run", value, EVENT_RUN_BYTES_MAX, &event->run_or_null);
}

static const struct {
    const char *name;
    int (*read)(struct reader *reader, const struct json *value, struct event *event);
} fields[] = {
    {.name = "action", .read = read_action},   {.name = "key", .read = read_key},
    {.name = "summary", .read = read_summary}, {.name = "severity", .read = read_severity},
    {.name = "labels", .read = read_labels},   {.name = "details", .read = read_details},
    {.name = "links", .read = read_links},     {.name = "at", .read = read_at},
    {.name = "signal", .read = read_signal},   {.name = "run", .read = read_run},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static int fail_unknown(struct reader *reader, const char *name)
{
    const char *known[FIELD_COUNT];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        known[i] = fields[i].name;
    }
    const char *nearest = text_nearest(name, known, FIELD_COUNT);
    if (nearest) {
        return fail(reader, name, "unknown field, did you mean %s?", nearest);
    }
    return fail(
        reader, name,
        "unknown field, want action, key, summary, severity, labels, details, links, at, or of "
        "a heartbeat signal and run");
}

/* What each action needs beyond well-formed fields. */
static int check_event(struct reader *reader, const struct event *event)
{
    if (event->action == EVENT_TRIGGER && event->summary[0] == '\0') {
        return fail(reader, "summary", "missing, want a sentence that says what is wrong");
    }
    if (event->action != EVENT_HEARTBEAT &&
        (event->signal != HEARTBEAT_SUCCESS || event->run_or_null != NULL)) {
        return fail(reader, event->run_or_null != NULL ? "run" : "signal",
                    "only a heartbeat has one, got the action %s",
                    event_action_name(event->action));
    }
    bool has_identity = event->key[0] != '\0' || event->label_count > 0;
    if ((event->action == EVENT_RESOLVE || event->action == EVENT_ACKNOWLEDGE) && !has_identity) {
        return fail(reader, "key", "missing, want the key or the labels of the alert to %s",
                    event_action_name(event->action));
    }
    return 0;
}

static int read_event(struct reader *reader, const struct json *value, struct event *event)
{
    *event = native_event();
    void *position = NULL;
    const char *name;
    const struct json *member;
    if (want_kind(reader, "", value, JSON_OBJECT) < 0) {
        return -1;
    }
    while (json_next(value, &position, &name, &member)) {
        size_t i = 0;
        while (i < FIELD_COUNT && !text_equal(name, fields[i].name)) {
            i++;
        }
        if (i == FIELD_COUNT) {
            return fail_unknown(reader, name);
        }
        if (fields[i].read(reader, member, event) < 0) {
            return -1;
        }
    }
    return check_event(reader, event);
}

static int fail_count(struct reader *reader, size_t events_max)
{
    reader->event = NO_INDEX;
    (void)fail(reader, "", "got more than %zu events, want at most that many in a request",
               events_max);
    reader->error->err.code = ERR_TOO_LARGE;
    return -1;
}

static int read_array(struct reader *reader, const struct json *root, size_t events_max,
                      struct native_events *out_events)
{
    size_t count = json_count(root);
    if (count > events_max) {
        return fail_count(reader, events_max);
    }
    if (count == 0) {
        return fail(reader, "", "got an empty array, want at least one event");
    }
    struct event *events = arena_alloc_array(reader->arena, count, sizeof(*events));
    for (size_t i = 0; i < count; i++) {
        reader->event = i;
        if (read_event(reader, json_at(root, i), &events[i]) < 0) {
            return -1;
        }
    }
    *out_events = (struct native_events){.items = events, .count = count};
    return 0;
}

static int read_root(struct reader *reader, const struct json *root, size_t events_max,
                     struct native_events *out_events)
{
    if (json_kind(root) == JSON_ARRAY) {
        return read_array(reader, root, events_max, out_events);
    }
    struct event *event = arena_alloc(reader->arena, sizeof(*event));
    if (read_event(reader, root, event) < 0) {
        return -1;
    }
    *out_events = (struct native_events){.items = event, .count = 1};
    return 0;
}

static int read_line(struct reader *reader, const char *line, size_t length, struct event *event)
{
    struct json *root = NULL;
    struct err why;
    if (json_parse(line, length, &root, &why) < 0) {
        return fail(reader, "", "%s", why.text);
    }
    int result = read_event(reader, root, event);
    json_free(root);
    return result;
}

static int read_lines(struct reader *reader, const struct native_body *body,
                      struct native_events *out_events)
{
    const char *text = body->bytes;
    const char *end = text + body->count;
    const char *line;
    size_t length;
    size_t count = 0;
    struct event *events = arena_alloc_array(reader->arena, body->events_max, sizeof(*events));
    while (native_next_line(&text, end, &line, &length)) {
        if (count == body->events_max) {
            return fail_count(reader, body->events_max);
        }
        reader->event = count;
        if (read_line(reader, line, length, &events[count]) < 0) {
            return -1;
        }
        count++;
    }
    if (count == 0) {
        return fail(reader, "", "got an empty body, want at least one event");
    }
    *out_events = (struct native_events){.items = events, .count = count};
    return 0;
}

/* A body that is no JSON as a whole but whose first line is an object, with more lines after it. */
static bool looks_like_lines(const struct native_body *body)
{
    const char *text = body->bytes;
    const char *end = text + body->count;
    const char *line;
    size_t length;
    struct json *root = NULL;
    if (!native_next_line(&text, end, &line, &length) ||
        json_parse(line, length, &root, NULL) < 0) {
        return false;
    }
    bool is_object = json_kind(root) == JSON_OBJECT;
    json_free(root);
    return is_object && native_next_line(&text, end, &line, &length);
}

static int read_body(struct reader *reader, const struct native_body *body,
                     struct native_events *out_events)
{
    struct json *root = NULL;
    struct err why;
    if (body->is_ndjson) {
        return read_lines(reader, body, out_events);
    }
    if (json_parse(body->bytes, body->count, &root, &why) < 0) {
        return looks_like_lines(body) ? read_lines(reader, body, out_events)
                                      : fail(reader, "", "%s", why.text);
    }
    int result = read_root(reader, root, body->events_max, out_events);
    json_free(root);
    return result;
}

int native_tree(const struct native_body *body, struct arena *arena,
                struct native_events *out_events, struct native_error *error)
{
    struct reader reader = {
        .arena = arena, .error = error, .event = NO_INDEX, .group = "", .item = NO_INDEX};
    strbuf_init(&reader.scratch, SCRATCH_BYTES_MAX);
    int result = read_body(&reader, body, out_events);
    strbuf_clear(&reader.scratch);
    return result;
}

int native_parse(const struct native_body *body, struct arena *arena,
                 struct native_events *out_events, struct native_error *error)
{
    return native_quick(body, arena, out_events) ? 0 : native_tree(body, arena, out_events, error);
}
