#include "policies/incident_json.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "policies/fields.h"

static int add_fields(struct json_out *out, const struct incident_row *row, struct arena *arena,
                      struct err *err)
{
    const struct fields *fields = NULL;
    int verdict = fields_read(row->fields, arena, &fields, err);
    bool has = verdict == 0 && fields != NULL;
    json_add_string(out, "loss", has ? fields->loss : "");
    json_add_string(out, "restored", has ? fields->restored : "");
    json_add_time_or_null(out, "restored_at", has ? fields->restored_at_ms : 0);
    return verdict;
}

int incident_json_add(struct json_out *out, const struct incident_row *row, const char *mark_text,
                      struct arena *arena, struct err *err)
{
    char uuid[TEXT_UUID_BYTES];
    const char priority[] = {'p', (char)('0' + row->priority % 10), '\0'};
    json_add_integer(out, "number", (int64_t)row->number);
    json_add_string(out, "uuid", text_uuid(row->uuid, uuid));
    json_add_string(out, "state", incident_state_name(row->state));
    json_add_string(out, "title", row->title);
    json_add_string(out, "severity", severity_name(row->severity));
    json_add_string(out, "priority", priority);
    json_add_string(out, "policy", row->policy);
    json_add_string(out, "group", row->group_key);
    json_add_string(out, "owner", row->owner);
    json_add_bool(out, "known", row->known);
    json_add_bool(out, "cleared", row->cleared);
    json_add_string(out, "cause", row->cause);
    int verdict = add_fields(out, row, arena, err);
    json_add_integer(out, "firing", row->firing_count);
    json_add_string(out, "suppressed_by", row->mark);
    json_add_string(out, "suppressed_text", mark_text);
    json_add_integer(out, "slips", row->slip_count);
    json_add_time_or_null(out, "opened_at", row->opened_at_ms);
    json_add_time_or_null(out, "acked_at", row->acked_at_ms);
    json_add_time_or_null(out, "ack_until", row->ack_until_ms);
    json_add_time_or_null(out, "eta_at", row->eta_at_ms);
    json_add_time_or_null(out, "resolved_at", row->resolved_at_ms);
    json_add_time_or_null(out, "next_due_at", row->next_due_at_ms);
    if (row->linked != 0)
        json_add_integer(out, "follows", (int64_t)row->linked);
    return verdict;
}

static void add_time(struct json_out *out, const char *key, const struct json *value)
{
    if (json_integer(value) != 0)
        json_add_time(out, key, json_integer(value));
}

static void write_parts(struct json_out *out, const struct json *talks)
{
    static const char *const keys[] = {"what", "doing", "avoid", "author"};
    json_add_object_begin(out, "update");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        json_add_string(out, keys[i], json_string(json_get(talks, keys[i])));
    json_add_object_end(out);
}

static void write_update(struct json_out *out, const struct json *update)
{
    static const char *const keys[] = {"due_at", "promised_at", "sent_at"};
    json_add_object_begin(out, NULL);
    json_add_string(out, "step", json_string(json_get(update, "step")));
    json_add_string(out, "state", json_string(json_get(update, "state")));
    json_add_integer(out, "sent", json_integer(json_get(update, "sent")));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        add_time(out, keys[i], json_get(update, keys[i]));
    json_add_object_end(out);
}

/* What a line is about: the time it names, else its arrival. */
static int64_t time_of(const struct json *line)
{
    int64_t of_ms = json_integer(json_get(line, "of"));
    return of_ms != 0 ? of_ms : json_integer(json_get(line, "at"));
}

struct entry {
    const struct json *line;
    size_t place;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int64_t left_ms = time_of(left->line);
    int64_t right_ms = time_of(right->line);
    if (left_ms != right_ms)
        return left_ms < right_ms ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

static void write_answers(struct json_out *out, const struct json *answers, struct arena *arena)
{
    size_t count = json_count(answers);
    struct entry *entries = arena_alloc_array(arena, count + 1, sizeof(*entries));
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){.line = json_at(answers, i), .place = i};
    qsort(entries, count, sizeof(*entries), compare_entries);
    json_add_array_begin(out, "answers");
    for (size_t i = 0; i < count; i++) {
        json_add_object_begin(out, NULL);
        json_add_time(out, "of", time_of(entries[i].line));
        json_add_time(out, "at", json_integer(json_get(entries[i].line, "at")));
        json_add_string(out, "by", json_string(json_get(entries[i].line, "by")));
        json_add_string(out, "text", json_string(json_get(entries[i].line, "text")));
        json_add_object_end(out);
    }
    json_add_array_end(out);
}

static void write_ask(struct json_out *out, const struct json *ask, struct arena *arena)
{
    const struct json *asked = json_get(ask, "asked");
    bool is_closed = json_integer(json_get(ask, "closed_at")) != 0;
    json_add_object_begin(out, NULL);
    json_add_string(out, "step", json_string(json_get(ask, "step")));
    json_add_string(out, "question", json_string(json_get(ask, "question")));
    json_add_string(out, "state", is_closed ? "closed" : "open");
    add_time(out, "asked_at", json_get(ask, "asked_at"));
    add_time(out, "deadline_at", json_get(ask, "deadline_at"));
    add_time(out, "closed_at", json_get(ask, "closed_at"));
    json_add_array_begin(out, "silent");
    for (size_t i = 0; i < json_count(asked); i++) {
        if (!json_bool(json_get(json_at(asked, i), "answered")))
            json_add_string(out, NULL, json_string(json_get(json_at(asked, i), "name")));
    }
    json_add_array_end(out);
    write_answers(out, json_get(ask, "answers"), arena);
    json_add_object_end(out);
}

static void write_updates(struct json_out *out, const struct json *root)
{
    const struct json *updates = json_get(root, "updates");
    write_parts(out, root);
    json_add_array_begin(out, "updates");
    for (size_t i = 0; i < json_count(updates); i++)
        write_update(out, json_at(updates, i));
    json_add_array_end(out);
}

void incident_json_add_updates(struct json_out *out, const char *talks)
{
    struct json *root = NULL;
    if (talks[0] == '\0' || json_parse(talks, strlen(talks), &root, NULL) != 0)
        return;
    write_updates(out, root);
    json_free(root);
}

void incident_json_add_talks(struct json_out *out, const char *talks, struct arena *arena)
{
    struct json *root = NULL;
    if (talks[0] == '\0' || json_parse(talks, strlen(talks), &root, NULL) != 0)
        return;
    const struct json *asks = json_get(root, "asks");
    write_updates(out, root);
    json_add_array_begin(out, "asks");
    for (size_t i = 0; i < json_count(asks); i++)
        write_ask(out, json_at(asks, i), arena);
    json_add_array_end(out);
    json_free(root);
}
