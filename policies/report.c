#include "policies/report.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"

static const char *const members[] = {"summary", "source", "key", "severity", "labels"};

bool report_has_member(const char *name)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (text_equal(members[i], name))
            return true;
    }
    return false;
}

static int read_text(const struct json *root, const char *name, size_t most, struct arena *arena,
                     const char **out_text, struct err *err)
{
    const struct json *value = json_get(root, name);
    if (json_kind(value) != JSON_ABSENT && json_kind(value) != JSON_STRING)
        return err_set(err, ERR_INVALID, "%s: got %s, want a text", name,
                       json_kind_name(json_kind(value)));
    if (json_string_length(value) > most)
        return err_set(err, ERR_TOO_LARGE, "%s: got %zu bytes, want at most %zu", name,
                       json_string_length(value), most);
    if (strlen(json_string(value)) != json_string_length(value))
        return err_set(err, ERR_INVALID, "%s: got a NUL character in it", name);
    *out_text = arena_strdup(arena, json_string(value));
    return 0;
}

static bool is_label_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t length = strlen(name);
    return length > 0 && length <= EVENT_LABEL_BYTES_MAX && strspn(name, letters) == length &&
           !(name[0] >= '0' && name[0] <= '9');
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static int read_labels(const struct json *root, struct arena *arena, struct event *event,
                       struct err *err)
{
    const struct json *labels = json_get(root, "labels");
    size_t count = json_count(labels);
    void *position = NULL;
    const char *name = NULL;
    const struct json *value = NULL;
    if (json_kind(labels) != JSON_ABSENT && json_kind(labels) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "labels: got %s, want an object of texts",
                       json_kind_name(json_kind(labels)));
    if (count > EVENT_LABELS_MAX)
        return err_set(err, ERR_TOO_LARGE, "labels: got %zu, want at most %d", count,
                       EVENT_LABELS_MAX);
    struct label *sorted = arena_alloc_array(arena, count + 1, sizeof(*sorted));
    for (size_t i = 0; i < count && json_next(labels, &position, &name, &value); i++) {
        if (!is_label_name(name))
            return err_set(
                err, ERR_INVALID,
                "labels: got the name '%.80s', want letters, digits and _, no digit first", name);
        sorted[i].name = arena_strdup(arena, name);
        if (json_kind(value) != JSON_STRING)
            return err_set(err, ERR_INVALID, "labels.%s: got %s, want a text", name,
                           json_kind_name(json_kind(value)));
        if (json_string_length(value) > EVENT_LABEL_BYTES_MAX)
            return err_set(err, ERR_TOO_LARGE, "labels.%s: want at most %d bytes", name,
                           EVENT_LABEL_BYTES_MAX);
        sorted[i].value = arena_strdup(arena, json_string(value));
    }
    qsort(sorted, count, sizeof(*sorted), by_name);
    event->labels = sorted;
    event->label_count = count;
    return 0;
}

static int read_members(const struct json *root, struct arena *arena, struct report *report,
                        struct err *err)
{
    struct event *event = &report->event;
    const char *severity = "";
    if (json_kind(root) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "got %s, want an object", json_kind_name(json_kind(root)));
    if (read_text(root, "summary", EVENT_SUMMARY_BYTES_MAX, arena, &event->summary, err) != 0 ||
        read_text(root, "source", EVENT_KEY_BYTES_MAX, arena, &event->source, err) != 0 ||
        read_text(root, "key", EVENT_KEY_BYTES_MAX, arena, &event->key, err) != 0 ||
        read_text(root, "severity", EVENT_KEY_BYTES_MAX, arena, &severity, err) != 0 ||
        read_labels(root, arena, event, err) != 0)
        return -1;
    if (event->summary[0] == '\0')
        return err_set(err, ERR_INVALID, "summary: missing, want what is known in a few words");
    report->has_severity = severity[0] != '\0';
    if (report->has_severity && severity_parse(severity, &event->severity) != 0)
        return err_set(err, ERR_INVALID,
                       "severity: got '%.80s', want critical, error, warning or info", severity);
    return 0;
}

int report_read(const char *text, struct arena *arena, struct report *out_report, struct err *err)
{
    struct json *root = NULL;
    struct report report = {
        .event = {.action = EVENT_TRIGGER, .severity = SEVERITY_ERROR, .details = "", .links = ""}};
    if (json_parse(text, strlen(text), &root, err) != 0)
        return -1;
    int result = read_members(root, arena, &report, err);
    json_free(root);
    if (result == 0)
        *out_report = report;
    return result;
}
