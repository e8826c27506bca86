#include "tests/support/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_MS 60000
#define DUMP_BYTES_MAX (64UL * 1024 * 1024)

char *test_folder_make(void)
{
    const char *base = getenv("TMPDIR");
    struct strbuf path;
    strbuf_init(&path, 4096);
    strbuf_printf(&path, "%s/escalated-store-XXXXXX", base == NULL ? P_tmpdir : base);
    char *folder = strbuf_steal(&path);
    assert_non_null(mkdtemp(folder));
    return folder;
}

void test_folder_remove(char *folder)
{
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(entries), entry->d_name, 0), 0);
        }
    }
    (void)closedir(entries); /* it was only read */
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

struct store *store_open_held(const char *url, const char *folder)
{
    struct store *store = NULL;
    struct err err = {0};
    bool held = false;
    if (store_open(url, folder, &store, &err) != 0 ||
        (store->ops->lease != NULL && store->ops->lease(store->self, LEASE_MS, &held, &err) != 0)) {
        fail_msg("%s", err.text);
    }
    assert_true(held || store->ops->lease == NULL);
    return store;
}

struct incident_row sample_incident(uint64_t number)
{
    struct incident_row row = {
        .number = number,
        .policy = "storefront",
        .policy_hash = "hash-1",
        .title = "checkout is down: 5 % \"done\" – ö",
        .state = INCIDENT_TRIGGERED,
        .severity = SEVERITY_CRITICAL,
        .priority = 2,
        .priority_set = true,
        .live = true,
        .opened_at_ms = 1700000000001,
        .acked_at_ms = 1700000000002,
        .resolved_at_ms = 1700000000003,
        .owner = "ann",
        .ack_until_ms = 1700000000004,
        .eta_at_ms = 1700000000005,
        .slip_count = 6,
        .known = true,
        .cleared = true,
        .cause = "db failover",
        .linked = 7,
        .firing_count = 8,
        .next_due_at_ms = 1700000000009,
        .ladder = "{\"climb\":1}",
        .updated_at_ms = 1700000000010,
        .repliers = "carol,dan",
        .fields = "{\"loss\":\"3 orders\"}",
        .talks = "{\"what\":\"payments fail\",\"updates\":[],\"asks\":[]}",
        .mark = "silence 7",
        .flap = "0 0 1700000000001",
    };
    static char group_keys[64][24];
    static size_t next;
    char *group_key = group_keys[next++ % 64];
    (void)snprintf(group_key, sizeof(group_keys[0]), "group %llu", (unsigned long long)number);
    row.group_key = group_key;
    for (size_t i = 0; i < sizeof(row.uuid); i++) {
        row.uuid[i] = (unsigned char)(number + i * 17);
    }
    return row;
}

struct alert_row sample_alert(uint64_t id, uint64_t incident)
{
    return (struct alert_row){
        .id = id,
        .incident = incident,
        .source = "shop",
        .key = "disk/1",
        .firing = true,
        .severity = SEVERITY_ERROR,
        .first_at_ms = 1700000000011,
        .last_at_ms = 1700000000012,
        .resolved_at_ms = 0,
        .count = 13,
        .summary = "disk is full",
        .labels = "{\"host\":\"a\"}",
        .details = "{\"free\":0}",
        .links = "[{\"href\":\"https://example.com\"}]",
    };
}

struct notification_row sample_notification(uint64_t id, uint64_t incident)
{
    static char keys[64][24];
    static size_t next;
    char *key = keys[next++ % 64];
    (void)snprintf(key, sizeof(keys[0]), "key %llu", (unsigned long long)id);
    return (struct notification_row){
        .id = id,
        .incident = incident,
        .kind = KIND_INFORM,
        .climb = 1,
        .step = "tech-lead",
        .repetition = 2,
        .contact = "ann",
        .channel = "sms",
        .address = "+15550100",
        .key = key,
        .severity = SEVERITY_WARNING,
        .state = NOTIFICATION_PENDING,
        .reason = "http-503",
        .created_at_ms = 1700000000021,
        .due_at_ms = 1700000000022,
        .next_at_ms = 1700000000023,
        .expires_at_ms = 1700000000024,
        .token_expires_at_ms = 1700000000025,
        .attempt_count = 3,
        .ended_at_ms = 0,
        .provider_id = "",
        .snapshot = "{\"title\":\"t\"}",
        .body_hash = "",
        .content_type = "",
        .subject = "",
        .digest = 5,
        .deferred = true,
    };
}

struct event_row sample_event(uint64_t incident)
{
    return (struct event_row){
        .id = {1, 2, 3},
        .at_ms = 1700000000031,
        .source = "shop",
        .key = "disk/1",
        .action = EVENT_TRIGGER,
        .severity = SEVERITY_ERROR,
        .disposition = DISPOSITION_OPENED,
        .incident = incident,
    };
}

struct timeline_row sample_timeline(uint64_t incident)
{
    return (struct timeline_row){
        .incident = incident,
        .at_ms = 1700000000041,
        .kind = "opened",
        .actor = "source shop",
        .credential = "token",
        .text = "Opened by shop.",
        .data = "{\"alert\":1}",
    };
}

struct policy_row sample_policy(const char *hash)
{
    return (struct policy_row){.hash = hash, .name = "storefront", .text = "[policy storefront]\n"};
}

struct claim_row sample_claim(uint64_t notification, int64_t attempt)
{
    return (struct claim_row){
        .notification = notification,
        .attempt = attempt,
        .at_ms = 1700000000051,
        .deadline_mono_ms = 52,
        .boot_id = "boot",
        .body = "hello\0there",
        .body_count = 11,
        .body_hash = "abcd",
        .content_type = "text/plain",
        .subject = "Disk",
    };
}

struct outcome_row sample_outcome(uint64_t notification, enum notification_state state)
{
    return (struct outcome_row){
        .notification = notification,
        .state = state,
        .reason = "because",
        .at_ms = 1700000000061,
        .next_at_ms = 1700000000062,
        .attempt = 1,
        .outcome = OUTCOME_ACCEPTED,
        .detail = "It went well.",
        .provider_id = "",
        .digest = 77,
        .admitted = true,
    };
}

/* Batches. */

void batch_begin(struct batch *batch, struct store *store)
{
    struct err err = {0};
    arena_init(&batch->arena);
    effects_init(&batch->effects, &batch->arena);
    batch->applied_count = 0;
    assert_int_equal(store->ops->read_meta(store->self, &batch->meta, &err), 0);
}

#define BATCH_ADD(batch, effect_kind, is_insert, field, row)                                       \
    effects_add(&(batch)->effects,                                                                 \
                (struct effect){.kind = (effect_kind),                                             \
                                .insert = (is_insert),                                             \
                                .u.field = arena_copy(&(batch)->arena, &(row), sizeof(row))})

void batch_event(struct batch *batch, struct event_row row)
{
    BATCH_ADD(batch, EFFECT_EVENT, true, event, row);
}

void batch_alert(struct batch *batch, bool insert, struct alert_row row)
{
    BATCH_ADD(batch, EFFECT_ALERT, insert, alert, row);
}

void batch_incident(struct batch *batch, bool insert, struct incident_row row)
{
    row.group_key = arena_strdup(&batch->arena, row.group_key);
    BATCH_ADD(batch, EFFECT_INCIDENT, insert, incident, row);
}

void batch_notification(struct batch *batch, struct notification_row row)
{
    row.key = arena_strdup(&batch->arena, row.key);
    BATCH_ADD(batch, EFFECT_NOTIFICATION, true, notification, row);
}

void batch_claim(struct batch *batch, struct claim_row row)
{
    BATCH_ADD(batch, EFFECT_CLAIM, false, claim, row);
}

void batch_outcome(struct batch *batch, struct outcome_row row)
{
    BATCH_ADD(batch, EFFECT_OUTCOME, false, outcome, row);
}

void batch_timeline(struct batch *batch, struct timeline_row row)
{
    BATCH_ADD(batch, EFFECT_TIMELINE, true, timeline, row);
}

void batch_quarantine(struct batch *batch, struct quarantine_row row)
{
    BATCH_ADD(batch, EFFECT_QUARANTINE, true, quarantine, row);
}

void batch_policy(struct batch *batch, struct policy_row row)
{
    BATCH_ADD(batch, EFFECT_POLICY, true, policy, row);
}

void batch_heartbeat(struct batch *batch, struct heartbeat_row row)
{
    BATCH_ADD(batch, EFFECT_HEARTBEAT, true, heartbeat, row);
}

void batch_mark(struct batch *batch, struct mark_row row)
{
    BATCH_ADD(batch, EFFECT_MARK, true, mark, row);
}

void batch_silence(struct batch *batch, struct silence_row row)
{
    BATCH_ADD(batch, EFFECT_SILENCE, row.ended_at_ms == 0, silence, row);
}

enum store_verdict batch_commit(struct batch *batch, struct store *store)
{
    struct err err = {0};
    const struct commit commit = {.effects = &batch->effects,
                                  .meta = batch->meta,
                                  .applied = batch->applied,
                                  .applied_count = batch->applied_count};
    enum store_verdict verdict = store->ops->commit(store->self, &commit, &err);
    /* A verdict that refuses says why. */
    assert_int_equal(verdict == STORE_COMMITTED, err.text[0] == '\0');
    batch_end(batch);
    return verdict;
}

void batch_end(struct batch *batch)
{
    arena_clear(&batch->arena);
}

/* Text of rows. */

void dump_incident(struct strbuf *out, const struct incident_row *row)
{
    strbuf_printf(out, "incident %llu ", (unsigned long long)row->number);
    for (size_t i = 0; i < sizeof(row->uuid); i++) {
        strbuf_printf(out, "%02x", row->uuid[i]);
    }
    strbuf_printf(out, " %s %s %s '%s' %s %s p%d set=%d live=%d", row->policy, row->policy_hash,
                  row->group_key, row->title, incident_state_name(row->state),
                  severity_name(row->severity), row->priority, row->priority_set, row->live);
    strbuf_printf(out, " opened=%lld acked=%lld resolved=%lld owner=%s until=%lld eta=%lld",
                  (long long)row->opened_at_ms, (long long)row->acked_at_ms,
                  (long long)row->resolved_at_ms, row->owner, (long long)row->ack_until_ms,
                  (long long)row->eta_at_ms);
    strbuf_printf(out, " slips=%lld known=%d cleared=%d cause='%s' linked=%llu firing=%lld",
                  (long long)row->slip_count, row->known, row->cleared, row->cause,
                  (unsigned long long)row->linked, (long long)row->firing_count);
    strbuf_printf(
        out, " due=%lld ladder=%s updated=%lld mark=%s flap=%s repliers=%s fields=%s talks=%s\n",
        (long long)row->next_due_at_ms, row->ladder, (long long)row->updated_at_ms, row->mark,
        row->flap, row->repliers, row->fields, row->talks);
}

void dump_alert(struct strbuf *out, const struct alert_row *row)
{
    strbuf_printf(out, "alert %llu of %llu %s %s firing=%d %s", (unsigned long long)row->id,
                  (unsigned long long)row->incident, row->source, row->key, row->firing,
                  severity_name(row->severity));
    strbuf_printf(out, " first=%lld last=%lld resolved=%lld count=%llu '%s' %s d=%s l=%s\n",
                  (long long)row->first_at_ms, (long long)row->last_at_ms,
                  (long long)row->resolved_at_ms, (unsigned long long)row->count, row->summary,
                  row->labels, row->details, row->links);
}

void dump_notification(struct strbuf *out, const struct notification_row *row)
{
    strbuf_printf(out, "notification %llu of %llu %s climb=%lld step=%s rep=%lld",
                  (unsigned long long)row->id, (unsigned long long)row->incident,
                  notification_kind_name(row->kind), (long long)row->climb, row->step,
                  (long long)row->repetition);
    strbuf_printf(out, " to=%s via=%s at=%s key=%s %s %s reason=%s", row->contact, row->channel,
                  row->address, row->key, severity_name(row->severity),
                  notification_state_name(row->state), row->reason);
    strbuf_printf(out, " created=%lld due=%lld next=%lld expires=%lld token=%lld attempts=%lld",
                  (long long)row->created_at_ms, (long long)row->due_at_ms,
                  (long long)row->next_at_ms, (long long)row->expires_at_ms,
                  (long long)row->token_expires_at_ms, (long long)row->attempt_count);
    strbuf_printf(out, " digest=%llu%s%s", (unsigned long long)row->digest,
                  row->admitted ? " admitted" : "", row->deferred ? " deferred" : "");
    strbuf_printf(out, " ended=%lld provider=%s hash=%s type=%s subject=%s snapshot=%s body=",
                  (long long)row->ended_at_ms, row->provider_id, row->body_hash, row->content_type,
                  row->subject, row->snapshot);
    if (row->body_count > 0) {
        strbuf_add_bytes(out, row->body, row->body_count);
    }
    strbuf_add_char(out, '\n');
}

static void note_meta(void *self, const struct store_meta *meta)
{
    strbuf_printf(self, "meta time=%lld incident=%llu notification=%llu alert=%llu\n",
                  (long long)meta->engine_time_ms, (unsigned long long)meta->next_incident,
                  (unsigned long long)meta->next_notification,
                  (unsigned long long)meta->next_alert);
}

static void note_policy(void *self, const struct policy_row *row)
{
    strbuf_printf(self, "policy %s %s %s\n", row->hash, row->name, row->text);
}

static void note_incident(void *self, const struct incident_row *row)
{
    dump_incident(self, row);
}

static void note_alert(void *self, const struct alert_row *row)
{
    dump_alert(self, row);
}

static void note_notification(void *self, const struct notification_row *row)
{
    dump_notification(self, row);
}

static void note_mark(void *self, const struct mark_row *row)
{
    strbuf_printf(self, "mark %s %s=%s at=%lld\n", mark_kind_name(row->kind), row->name, row->value,
                  (long long)row->at_ms);
}

static void note_silence(void *self, const struct silence_row *row)
{
    strbuf_printf(self, "silence %llu {%s} %s '%s' %lld..%lld ended=%lld by=%s\n",
                  (unsigned long long)row->id, row->match, row->author, row->reason,
                  (long long)row->from_ms, (long long)row->until_ms, (long long)row->ended_at_ms,
                  row->ended_by);
}

static void note_heartbeat(void *self, const struct heartbeat_row *row)
{
    const int64_t numbers[] = {
        row->first_at_ms,  row->seen_at_ms,   row->success_at_ms, row->started_at_ms,
        row->failed_at_ms, row->missed_at_ms, row->duration_ms,   row->waits_from_ms,
        row->gone_at_ms,   row->missed_count, row->exit_status,   row->is_running,
    };
    strbuf_printf(self, "heartbeat %s %s %s", row->source, row->key,
                  heartbeat_state_name(row->state));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        strbuf_printf(self, " %lld", (long long)numbers[i]);
    }
    strbuf_printf(self, " run=%s\n", row->run);
}

char *world_text(struct store *store)
{
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, DUMP_BYTES_MAX);
    const struct store_sink sink = {
        .self = &text,
        .meta = note_meta,
        .policy = note_policy,
        .incident = note_incident,
        .alert = note_alert,
        .notification = note_notification,
        .mark = note_mark,
        .silence = note_silence,
        .heartbeat = note_heartbeat,
    };
    int result = store->ops->load(store->self, &sink, &err);
    if (result != 0) {
        fail_msg("load: %s", err.text);
    }
    assert_false(text.overflowed);
    return strbuf_steal(&text);
}
