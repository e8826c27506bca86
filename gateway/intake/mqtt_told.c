#include "gateway/intake/mqtt_told.h"

#include "gateway/base/json.h"
#include "gateway/system/clock.h"
#include "policies/backup.h"
#include "policies/heartbeat.h"
#include "policies/incident_json.h"

static uint64_t hash_of(const struct strbuf *out)
{
    uint64_t hash = text_hash(0, strbuf_text(out), out->length);
    return hash != 0 ? hash : 1;
}

static void add_whole(struct json_out *json, const struct incident_row *row, const char *mark_text,
                      const struct moment *moment, struct log_burst *unreadable)
{
    struct err why = {0};
    const struct incident incident = backup_incident(row, moment->book);
    if (incident_json_add(json, row, mark_text, moment->arena, &why) != 0 &&
        log_burst_due(unreadable, clock_mono_ms()))
        log_line(LOG_WARNING, "an incident has fields that cannot be read; it is shown without",
                 "incident", log_i64((int64_t)row->number), "error", why.text, "count",
                 log_i64((int64_t)unreadable->count), NULL);
    backup_add(json, &incident, moment, moment->book->zone);
    incident_json_add_updates(json, row->talks);
    json_add_time_or_null(json, "eta", row->eta_at_ms);
}

static void add_short(struct json_out *json, const struct incident_row *row)
{
    char uuid[TEXT_UUID_BYTES];
    json_add_integer(json, "number", (int64_t)row->number);
    json_add_string(json, "uuid", text_uuid(row->uuid, uuid));
    json_add_string(json, "state", incident_state_name(row->state));
    json_add_string(json, "severity", severity_name(row->severity));
    json_add_string(json, "policy", row->policy);
    json_add_string(json, "owner", row->owner);
    json_add_time_or_null(json, "eta", row->eta_at_ms);
    json_add_bool(json, "cut", true);
}

uint64_t told_incident(const struct incident_row *row, const char *mark_text,
                       const struct moment *moment, struct log_burst *unreadable,
                       struct strbuf *out)
{
    enum { END_BYTES = 64 };
    struct json_out json;
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    add_whole(&json, row, mark_text, moment, unreadable);
    if (out->overflowed || out->length + END_BYTES > TOLD_BYTES_MAX) {
        strbuf_reset(out);
        json_out_begin(&json, out);
        json_add_object_begin(&json, NULL);
        add_short(&json, row);
    }
    uint64_t hash = hash_of(out);
    json_add_time(&json, "updated_at", row->updated_at_ms);
    json_add_object_end(&json);
    return hash;
}

/* How many incidents one mark holds back. */
struct held {
    const char *mark;
    const char *text;
    int64_t count;
};

/* All that stand and are not resolved. */
struct sum {
    int64_t states[INCIDENT_STATE_COUNT];
    int64_t suppressed_count;
    const struct standing *worst; /* by severity, then priority, of those that nothing holds back */
    struct held marks[TOLD_MARKS_MAX];
    size_t mark_count;
};

static void count_mark(struct sum *sum, const struct standing *item)
{
    size_t i = 0;
    sum->suppressed_count++;
    while (i < sum->mark_count && !text_equal(sum->marks[i].mark, item->mark))
        i++;
    if (i == TOLD_MARKS_MAX)
        return;
    sum->mark_count += i == sum->mark_count ? 1 : 0;
    sum->marks[i].mark = item->mark;
    sum->marks[i].text = item->mark_text;
    sum->marks[i].count++;
}

static bool is_worse(const struct standing *item, const struct standing *than)
{
    if (item->severity != than->severity)
        return item->severity > than->severity;
    return item->priority < than->priority;
}

static struct sum sum_of(const struct board *board)
{
    struct sum sum = {.worst = NULL};
    for (const struct standing *item = board->table; item != NULL; item = item->hh.next) {
        if (item->state == INCIDENT_RESOLVED)
            continue;
        sum.states[item->state]++;
        if (item->mark != NULL)
            count_mark(&sum, item);
        else if (sum.worst == NULL || is_worse(item, sum.worst))
            sum.worst = item;
    }
    return sum;
}

static void add_counts(struct json_out *json, const struct sum *sum)
{
    json_add_object_begin(json, "incidents");
    for (int i = 0; i < INCIDENT_STATE_COUNT; i++) {
        if (i != INCIDENT_RESOLVED)
            json_add_integer(json, incident_state_name((enum incident_state)i), sum->states[i]);
    }
    json_add_integer(json, "suppressed", sum->suppressed_count);
    json_add_object_end(json);
}

static void add_marks(struct json_out *json, const struct sum *sum)
{
    json_add_array_begin(json, "suppressed_by");
    for (size_t i = 0; i < sum->mark_count; i++) {
        json_add_object_begin(json, NULL);
        json_add_string(json, "by", sum->marks[i].mark);
        json_add_string(json, "text", sum->marks[i].text);
        json_add_integer(json, "incidents", sum->marks[i].count);
        json_add_object_end(json);
    }
    json_add_array_end(json);
}

uint64_t told_state(const struct board *board, const struct moment *moment, struct strbuf *out)
{
    struct json_out json;
    const struct sum sum = sum_of(board);
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "state", "online");
    add_counts(&json, &sum);
    if (sum.worst != NULL) {
        const char priority[] = {'p', (char)('0' + sum.worst->priority % 10), '\0'};
        json_add_string(&json, "severity", severity_name(sum.worst->severity));
        json_add_string(&json, "priority", priority);
    } else {
        json_add_null(&json, "severity");
        json_add_null(&json, "priority");
    }
    add_marks(&json, &sum);
    backup_add(&json, NULL, moment, NULL);
    json_add_object_end(&json);
    return hash_of(out);
}
