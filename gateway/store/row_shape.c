#include "gateway/store/row_shape.h"

#include <string.h>

#include "policies/row.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const size_t incident_texts[] = {
    offsetof(struct incident_row, policy),    offsetof(struct incident_row, policy_hash),
    offsetof(struct incident_row, group_key), offsetof(struct incident_row, title),
    offsetof(struct incident_row, owner),     offsetof(struct incident_row, cause),
    offsetof(struct incident_row, ladder),    offsetof(struct incident_row, repliers),
    offsetof(struct incident_row, fields),    offsetof(struct incident_row, talks),
    offsetof(struct incident_row, mark),      offsetof(struct incident_row, flap),
};

static const size_t alert_texts[] = {
    offsetof(struct alert_row, source),  offsetof(struct alert_row, key),
    offsetof(struct alert_row, summary), offsetof(struct alert_row, labels),
    offsetof(struct alert_row, details), offsetof(struct alert_row, links),
};

static const size_t notification_texts[] = {
    offsetof(struct notification_row, step),        offsetof(struct notification_row, contact),
    offsetof(struct notification_row, channel),     offsetof(struct notification_row, address),
    offsetof(struct notification_row, key),         offsetof(struct notification_row, reason),
    offsetof(struct notification_row, provider_id), offsetof(struct notification_row, snapshot),
    offsetof(struct notification_row, body_hash),   offsetof(struct notification_row, content_type),
    offsetof(struct notification_row, subject),
};

static const size_t timeline_texts[] = {
    offsetof(struct timeline_row, kind),       offsetof(struct timeline_row, actor),
    offsetof(struct timeline_row, credential), offsetof(struct timeline_row, text),
    offsetof(struct timeline_row, data),
};

static const size_t attempt_texts[] = {
    offsetof(struct attempt_row, outcome),
    offsetof(struct attempt_row, reason),
    offsetof(struct attempt_row, detail),
};

static const size_t policy_texts[] = {
    offsetof(struct policy_row, hash),
    offsetof(struct policy_row, name),
    offsetof(struct policy_row, text),
};

static const size_t silence_texts[] = {
    offsetof(struct silence_row, match),
    offsetof(struct silence_row, author),
    offsetof(struct silence_row, reason),
    offsetof(struct silence_row, ended_by),
};

static const size_t quarantine_texts[] = {
    offsetof(struct quarantine_row, source),
    offsetof(struct quarantine_row, origin),
    offsetof(struct quarantine_row, reason),
};

static const size_t heartbeat_texts[] = {
    offsetof(struct heartbeat_row, source),
    offsetof(struct heartbeat_row, key),
};

#define SHAPE(type, offsets)                                                                       \
    {                                                                                              \
        .size = sizeof(struct type), .texts = (offsets), .text_count = COUNT_OF(offsets)           \
    }

const struct row_shape incident_shape = SHAPE(incident_row, incident_texts);
const struct row_shape alert_shape = SHAPE(alert_row, alert_texts);
const struct row_shape notification_shape = SHAPE(notification_row, notification_texts);
const struct row_shape timeline_shape = SHAPE(timeline_row, timeline_texts);
const struct row_shape attempt_shape = SHAPE(attempt_row, attempt_texts);
const struct row_shape policy_shape = SHAPE(policy_row, policy_texts);
const struct row_shape silence_shape = SHAPE(silence_row, silence_texts);
const struct row_shape heartbeat_shape = SHAPE(heartbeat_row, heartbeat_texts);
const struct row_shape quarantine_shape = {
    .size = sizeof(struct quarantine_row),
    .texts = quarantine_texts,
    .text_count = COUNT_OF(quarantine_texts),
    .has_bytes = true,
    .bytes = offsetof(struct quarantine_row, bytes),
    .byte_count = offsetof(struct quarantine_row, byte_count),
};

static const char *text_at(const void *row, size_t offset)
{
    const char *text = NULL;
    memcpy(&text, (const char *)row + offset, sizeof(text));
    return text == NULL ? "" : text;
}

static void set_text_at(void *row, size_t offset, const char *text)
{
    memcpy((char *)row + offset, &text, sizeof(text));
}

void *row_copy_heap(const struct row_shape *shape, const void *row)
{
    size_t total = shape->size;
    for (size_t i = 0; i < shape->text_count; i++) {
        total += strlen(text_at(row, shape->texts[i])) + 1;
    }
    char *copy = heap_alloc(total);
    memcpy(copy, row, shape->size);
    char *place = copy + shape->size;
    for (size_t i = 0; i < shape->text_count; i++) {
        const char *text = text_at(row, shape->texts[i]);
        size_t bytes = strlen(text) + 1;
        memcpy(place, text, bytes);
        set_text_at(copy, shape->texts[i], place);
        place += bytes;
    }
    return copy;
}

static void keep_bytes(const struct row_shape *shape, void *row, struct arena *arena)
{
    const void *bytes = NULL;
    size_t count = 0;
    memcpy(&bytes, (const char *)row + shape->bytes, sizeof(bytes));
    memcpy(&count, (const char *)row + shape->byte_count, sizeof(count));
    bytes = bytes == NULL ? NULL : arena_copy(arena, bytes, count);
    memcpy((char *)row + shape->bytes, &bytes, sizeof(bytes));
}

void row_keep(const struct row_shape *shape, void *row, struct arena *arena)
{
    if (shape->has_bytes) {
        keep_bytes(shape, row, arena);
    }
    for (size_t i = 0; i < shape->text_count; i++) {
        size_t offset = shape->texts[i];
        set_text_at(row, offset, arena_strdup(arena, text_at(row, offset)));
    }
}
