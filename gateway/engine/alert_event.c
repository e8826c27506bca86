#include "gateway/engine/alert_event.h"

#include <string.h>

#include "gateway/base/json.h"

/* Stored labels are sorted by name, as an event's are. */
static void read_labels(struct arena *arena, const char *text, struct event *event)
{
    struct json *root = NULL;
    void *position = NULL;
    const char *name = NULL;
    const struct json *value = NULL;
    if (json_parse(text, strlen(text), &root, NULL) != 0)
        return;
    struct label *labels = arena_alloc_array(arena, EVENT_LABELS_MAX, sizeof(*labels));
    while (event->label_count < EVENT_LABELS_MAX && json_next(root, &position, &name, &value))
        labels[event->label_count++] = (struct label){
            .name = arena_strdup(arena, name), .value = arena_strdup(arena, json_string(value))};
    event->labels = labels;
    json_free(root);
}

void alert_event(const struct alert *alert, struct arena *arena, struct event *out_event)
{
    *out_event = (struct event){.action = EVENT_TRIGGER,
                                .severity = (enum severity)alert->severity,
                                .source = alert->source,
                                .key = alert_key(alert),
                                .summary = alert_summary(alert),
                                .details = "",
                                .links = ""};
    read_labels(arena, alert_labels(alert), out_event);
}
