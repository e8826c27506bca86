/*
 * Effects into statements: one statement for each table and kind of change, with an array for each
 * column. That reorders the effects of a batch, so it is done in rounds: a round ends before an
 * effect on a row that it has already touched, and within one the statements stand in an order in
 * which no unique index is in the way (what closes comes before what opens).
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/store/postgres.h"
#include "gateway/store/postgres_columns.h"
#include "gateway/system/digest.h"

struct writer {
    struct columns groups[GROUP_COUNT];
    uint64_t *touched; /* open addressing; 0: free */
    size_t touched_capacity;
    size_t touched_count;
    struct counters *counters;
    struct pipe *pipe;
};

struct writer *writer_create(void)
{
    return heap_alloc(sizeof(struct writer));
}

void writer_destroy(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    for (int i = 0; i < GROUP_COUNT; i++) {
        columns_clear(&writer->groups[i]);
    }
    free(writer->touched);
    free(writer);
}

static void flush(struct writer *writer)
{
    for (int i = 0; i < GROUP_COUNT; i++) {
        columns_send(&writer->groups[i], (enum group)i, writer->pipe);
    }
    if (writer->touched_count > 0) {
        memset(writer->touched, 0, writer->touched_capacity * sizeof(*writer->touched));
        writer->touched_count = 0;
    }
}

/* Rows touched by this round. Two that share a hash only end the round early. */

static bool is_touched(const struct writer *writer, uint64_t hash)
{
    size_t mask = writer->touched_capacity - 1;
    for (size_t i = hash & mask; writer->touched[i] != 0; i = (i + 1) & mask) {
        if (writer->touched[i] == hash) {
            return true;
        }
    }
    return false;
}

static void touch(struct writer *writer, uint64_t hash)
{
    size_t mask = writer->touched_capacity - 1;
    size_t i = hash & mask;
    while (writer->touched[i] != 0 && writer->touched[i] != hash) {
        i = (i + 1) & mask;
    }
    writer->touched_count += writer->touched[i] == 0;
    writer->touched[i] = hash;
}

static void touched_reserve(struct writer *writer, size_t effect_count)
{
    size_t capacity = 64;
    while (capacity < effect_count * 4) {
        capacity *= 2;
    }
    if (capacity > writer->touched_capacity) {
        free(writer->touched);
        writer->touched = heap_alloc(capacity * sizeof(*writer->touched));
        writer->touched_capacity = capacity;
    }
}

static uint64_t hash_of(char kind, const void *bytes, size_t count)
{
    uint64_t hash = text_hash((uint64_t)kind, bytes, count);
    return hash == 0 ? 1 : hash;
}

static uint64_t hash_group(const struct incident_row *row)
{
    const char *key = row->group_key == NULL ? "" : row->group_key;
    uint64_t policy = row->policy == NULL ? 0 : text_hash(0, row->policy, strlen(row->policy));
    uint64_t hash = text_hash(policy, key, strlen(key));
    return hash == 0 ? 1 : hash;
}

/* It leaves one group and takes another: whatever comes before or after may be about either. */
static bool is_alone(const struct effect *effect)
{
    return effect->kind == EFFECT_INCIDENT && !effect->insert && effect->u.incident->moved;
}

/* What an effect touches: its row, and for a new row also what has to be unique. 0: nothing. */
struct marks {
    uint64_t row;
    uint64_t key;
};

static struct marks marks_of(const struct effect *effect)
{
    struct marks marks = {.row = 0};
    uint64_t id = 0;
    switch (effect->kind) {
    case EFFECT_INCIDENT:
        marks.row = hash_of('i', &effect->u.incident->number, sizeof(uint64_t));
        marks.key = effect->insert ? hash_group(effect->u.incident) : 0;
        break;
    case EFFECT_ALERT:
        marks.row = hash_of('a', &effect->u.alert->id, sizeof(uint64_t));
        break;
    case EFFECT_NOTIFICATION: {
        const char *key = effect->u.notification->key;
        marks.row = hash_of('n', &effect->u.notification->id, sizeof(uint64_t));
        marks.key = key == NULL ? 0 : hash_of('k', key, strlen(key));
        break;
    }
    case EFFECT_CLAIM:
    case EFFECT_OUTCOME:
        id = effect->kind == EFFECT_CLAIM ? effect->u.claim->notification
                                          : effect->u.outcome->notification;
        marks.row = hash_of('n', &id, sizeof(id));
        break;
    case EFFECT_SESSION:
        marks.row = hash_of('s', effect->u.session->broker, strlen(effect->u.session->broker));
        break;
    case EFFECT_DELIVERIES:
        marks.row =
            hash_of('d', effect->u.deliveries->broker, strlen(effect->u.deliveries->broker));
        break;
    case EFFECT_MARK:
        marks.row =
            hash_of((char)effect->u.mark->kind, effect->u.mark->name, strlen(effect->u.mark->name));
        break;
    case EFFECT_SILENCE:
        marks.row = hash_of('q', &effect->u.silence->id, sizeof(uint64_t));
        break;
    case EFFECT_HEARTBEAT: {
        const struct heartbeat_row *row = effect->u.heartbeat;
        marks.row = hash_of('b', row->key, strlen(row->key)) ^
                    hash_of('B', row->source, strlen(row->source));
        marks.row = marks.row == 0 ? 1 : marks.row;
        break;
    }
    case EFFECT_EVENT:
    case EFFECT_TIMELINE:
    case EFFECT_POLICY:
    case EFFECT_QUARANTINE:
    case EFFECT_KIND_COUNT:
        break;
    }
    return marks;
}

/* Rows. */

static void add_uuid(struct columns *c, const unsigned char bytes[16])
{
    struct id id;
    char text[ID_TEXT_BYTES];
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    column_text(c, id_text(&id, text));
}

static void add_event(struct writer *writer, const struct event_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_EVENT]);
    column_u64(c, writer->counters->next_event++);
    add_uuid(c, row->id);
    column_i64(c, row->at_ms);
    column_text(c, row->source);
    column_text(c, row->key);
    column_text(c, event_action_name(row->action));
    column_text(c, severity_name(row->severity));
    column_text(c, disposition_name(row->disposition));
    column_u64(c, row->incident);
}

static void add_alert(struct writer *writer, const struct alert_row *row, bool insert)
{
    bool with_texts = insert || !row->text_unchanged;
    enum group group = insert       ? GROUP_ALERT_INSERT
                       : with_texts ? GROUP_ALERT_ALL
                                    : GROUP_ALERT_STATE;
    struct columns *c = columns_row(&writer->groups[group]);
    column_u64(c, row->id);
    column_u64(c, row->incident);
    if (with_texts) {
        column_text(c, row->source);
        column_text(c, row->key);
    }
    column_text(c, row->firing ? "firing" : "resolved");
    column_text(c, severity_name(row->severity));
    column_i64(c, row->first_at_ms);
    column_i64(c, row->last_at_ms);
    column_i64(c, row->resolved_at_ms);
    column_u64(c, row->count);
    if (with_texts) {
        column_text(c, row->summary);
        column_text(c, row->labels);
        column_text(c, row->details);
        column_text(c, row->links);
    }
}

/* What an update does not change is left out of its arrays as "". */
static void add_incident(struct writer *writer, const struct incident_row *row, bool insert)
{
    bool is_open = row->state != INCIDENT_RESOLVED;
    char hash[DIGEST_HEX_BYTES] = "";
    const char *key = row->group_key == NULL ? "" : row->group_key;
    struct columns *c = columns_row(&writer->groups[insert    ? GROUP_INCIDENT_INSERT
                                                    : is_open ? GROUP_INCIDENT_OPEN
                                                              : GROUP_INCIDENT_CLOSE]);
    column_u64(c, row->number);
    add_uuid(c, row->uuid);
    column_text(c, insert ? row->policy : "");
    column_text(c, row->policy_hash);
    column_text(c, insert ? key : "");
    column_text(c, row->title);
    column_text(c, incident_state_name(row->state));
    column_text(c, severity_name(row->severity));
    column_i64(c, row->priority);
    column_i64(c, row->priority_set);
    column_i64(c, row->live);
    column_i64(c, row->opened_at_ms);
    column_i64(c, row->acked_at_ms);
    column_i64(c, row->resolved_at_ms);
    column_text(c, row->owner);
    column_i64(c, row->ack_until_ms);
    column_i64(c, row->eta_at_ms);
    column_i64(c, row->slip_count);
    column_i64(c, row->known);
    column_i64(c, row->cleared);
    column_text(c, row->cause);
    column_u64(c, row->linked);
    column_i64(c, row->firing_count);
    column_i64(c, row->next_due_at_ms);
    column_i64(c, row->updated_at_ms);
    column_text(c, row->ladder);
    column_text(c, row->repliers);
    column_text(c, row->fields);
    column_text(c, row->talks);
    column_text(c, row->mark);
    column_text(c, row->flap);
    column_i64(c, is_open);
    column_text(c, insert ? digest_sha256_hex(key, strlen(key), hash) : "");
    if (!insert && row->moved) {
        c = columns_row(&writer->groups[GROUP_INCIDENT_MOVE]);
        column_u64(c, row->number);
        column_text(c, row->policy);
        column_text(c, key);
        column_text(c, digest_sha256_hex(key, strlen(key), hash));
    }
    if (!insert && !row->live) {
        column_u64(columns_row(&writer->groups[GROUP_INCIDENT_OVER]), row->number);
    }
}

static void add_notification(struct writer *writer, const struct notification_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_NOTIFICATION]);
    column_u64(c, row->id);
    column_u64(c, row->incident);
    column_text(c, notification_kind_name(row->kind));
    column_i64(c, row->climb);
    column_text(c, row->step);
    column_i64(c, row->repetition);
    column_text(c, row->contact);
    column_text(c, row->channel);
    column_text(c, row->address);
    column_text(c, row->key);
    column_text(c, severity_name(row->severity));
    column_text(c, notification_state_name(row->state));
    column_text(c, row->reason);
    column_i64(c, row->created_at_ms);
    column_i64(c, row->due_at_ms);
    column_i64(c, row->next_at_ms);
    column_i64(c, row->expires_at_ms);
    column_i64(c, row->token_expires_at_ms);
    column_i64(c, row->attempt_count);
    column_i64(c, row->ended_at_ms);
    column_text(c, row->provider_id);
    column_text(c, row->body_hash);
    column_text(c, row->content_type);
    column_text(c, row->subject);
    column_u64(c, row->digest);
    column_i64(c, row->admitted);
    column_i64(c, row->deferred);
    column_text(c, row->snapshot);
    column_bytes(c, row->body, row->body_count);
}

static void add_claim(struct writer *writer, const struct claim_row *row)
{
    struct columns *c =
        columns_row(&writer->groups[row->body == NULL ? GROUP_CLAIM : GROUP_CLAIM_BODY]);
    column_u64(c, row->notification);
    column_i64(c, row->attempt);
    if (row->body != NULL) {
        column_text(c, row->body_hash);
        column_text(c, row->content_type);
        column_text(c, row->subject);
        column_bytes(c, row->body, row->body_count);
    }
    c = columns_row(&writer->groups[GROUP_ATTEMPT_START]);
    column_u64(c, row->notification);
    column_i64(c, row->attempt);
    column_i64(c, row->at_ms);
    column_i64(c, row->deadline_mono_ms);
    column_text(c, row->boot_id);
}

static void add_outcome(struct writer *writer, const struct outcome_row *row)
{
    bool again = row->state == NOTIFICATION_PENDING || row->state == NOTIFICATION_CLAIMED;
    struct columns *c =
        columns_row(&writer->groups[again ? GROUP_OUTCOME_AGAIN : GROUP_OUTCOME_END]);
    column_u64(c, row->notification);
    column_text(c, notification_state_name(row->state));
    column_text(c, row->reason);
    column_i64(c, row->next_at_ms);
    if (again) {
        column_u64(c, row->digest);
        column_i64(c, row->admitted);
    } else {
        column_i64(c, row->at_ms);
    }
    if (row->provider_id != NULL && row->provider_id[0] != '\0') {
        c = columns_row(&writer->groups[GROUP_PROVIDER_ID]);
        column_u64(c, row->notification);
        column_text(c, row->provider_id);
    }
    if (row->attempt > 0) {
        c = columns_row(&writer->groups[GROUP_ATTEMPT_END]);
        column_u64(c, row->notification);
        column_i64(c, row->attempt);
        column_i64(c, row->at_ms);
        column_text(c, outcome_name(row->outcome));
        column_text(c, row->reason);
        column_text(c, row->detail);
    }
}

static void add_timeline(struct writer *writer, const struct timeline_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_TIMELINE]);
    column_u64(c, row->incident);
    column_i64(c, row->at_ms);
    column_text(c, row->kind);
    column_text(c, row->actor);
    column_text(c, row->credential);
    column_text(c, row->text);
    column_text(c, row->data);
    column_u64(c, writer->counters->next_timeline++);
}

static void add_policy(struct writer *writer, const struct policy_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_POLICY]);
    column_text(c, row->hash);
    column_text(c, row->name);
    column_text(c, row->text);
}

static void add_mark(struct writer *writer, const struct mark_row *row)
{
    struct columns *c = columns_row(&writer->groups[row->gone ? GROUP_MARK_GONE : GROUP_MARK]);
    column_text(c, mark_kind_name(row->kind));
    column_text(c, row->name);
    if (!row->gone) {
        column_text(c, row->value);
        column_i64(c, row->at_ms);
    }
}

static void add_silence(struct writer *writer, const struct silence_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_SILENCE]);
    column_u64(c, row->id);
    column_text(c, row->match);
    column_text(c, row->author);
    column_text(c, row->reason);
    column_i64(c, row->from_ms);
    column_i64(c, row->until_ms);
    column_i64(c, row->ended_at_ms);
    column_text(c, row->ended_by);
}

static void add_quarantine(struct writer *writer, const struct quarantine_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_QUARANTINE]);
    add_uuid(c, row->uuid);
    column_i64(c, row->at_ms);
    column_text(c, row->source);
    column_text(c, row->origin);
    column_text(c, row->reason);
    column_bytes(c, row->bytes, row->byte_count);
    column_u64(c, row->size);
    column_u64(c, writer->counters->next_quarantine++);
}

static void add_session(struct writer *writer, const struct session *session)
{
    struct columns *c = columns_row(&writer->groups[GROUP_SESSION]);
    column_text(c, session->broker);
    add_uuid(c, session->id);
    column_text(c, session->filters);
}

static void add_deliveries(struct writer *writer, const struct deliveries_row *row)
{
    struct columns *c = columns_row(&writer->groups[GROUP_DELIVERIES]);
    column_text(c, row->broker);
    add_uuid(c, row->session);
    column_bytes(c, row->marks, row->mark_bytes);
    column_text(columns_row(&writer->groups[GROUP_DELIVERIES_CUT]), row->broker);
}

static void add_effect(struct writer *writer, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_EVENT:
        add_event(writer, effect->u.event);
        return;
    case EFFECT_ALERT:
        add_alert(writer, effect->u.alert, effect->insert);
        return;
    case EFFECT_INCIDENT:
        add_incident(writer, effect->u.incident, effect->insert);
        return;
    case EFFECT_NOTIFICATION:
        add_notification(writer, effect->u.notification);
        return;
    case EFFECT_CLAIM:
        add_claim(writer, effect->u.claim);
        return;
    case EFFECT_OUTCOME:
        add_outcome(writer, effect->u.outcome);
        return;
    case EFFECT_TIMELINE:
        add_timeline(writer, effect->u.timeline);
        return;
    case EFFECT_POLICY:
        add_policy(writer, effect->u.policy);
        return;
    case EFFECT_QUARANTINE:
        add_quarantine(writer, effect->u.quarantine);
        return;
    case EFFECT_SESSION:
        add_session(writer, effect->u.session);
        return;
    case EFFECT_DELIVERIES:
        add_deliveries(writer, effect->u.deliveries);
        return;
    case EFFECT_MARK:
        add_mark(writer, effect->u.mark);
        return;
    case EFFECT_SILENCE:
        add_silence(writer, effect->u.silence);
        return;
    case EFFECT_HEARTBEAT:
        postgres_add_heartbeat(&writer->groups[effect->u.heartbeat->forgotten ? GROUP_HEARTBEAT_GONE
                                                                              : GROUP_HEARTBEAT],
                               effect->u.heartbeat);
        return;
    case EFFECT_KIND_COUNT:
        break;
    }
    ASSERT(effect->kind < EFFECT_KIND_COUNT);
}

void writer_send(struct writer *writer, const struct effects *effects, struct counters *counters,
                 struct pipe *pipe)
{
    writer->pipe = pipe;
    writer->counters = counters;
    touched_reserve(writer, effects->count);
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        struct marks marks = marks_of(effect);
        if (is_alone(effect) || (marks.row != 0 && is_touched(writer, marks.row)) ||
            (marks.key != 0 && is_touched(writer, marks.key))) {
            flush(writer);
        }
        if (marks.row != 0) {
            touch(writer, marks.row);
        }
        if (marks.key != 0) {
            touch(writer, marks.key);
        }
        add_effect(writer, effect);
        if (is_alone(effect)) {
            flush(writer);
        }
    }
    flush(writer);
}
