#include "gateway/engine/digests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/oncall.h"
#include "policies/digest.h"
#include "policies/marks.h"
#include "policies/reach.h"
#include "policies/storm.h"

enum { PRINT_SEED = 0x6470 };

static bool is_urgent(const struct notification *n)
{
    return n->incident != NULL ? incident_is_urgent(n->incident) : n->severity == SEVERITY_CRITICAL;
}

static bool has_limit(const struct engine *engine, const struct notification *n)
{
    if (n->admitted || n->attempt_count > 0 || n->kind == KIND_DIGEST || n->kind == KIND_ANSWER ||
        n->contact[0] == '&' || text_starts_with(n->contact, "channel:"))
        return false;
    struct channel_rule rule = rulebook_channel_rule(engine->book, n->channel);
    return storm_is_limited(&rule, is_urgent(n));
}

static struct digest *find_digest(const struct engine *engine, uint64_t id, const char *contact,
                                  const char *channel)
{
    struct table_walk walk;
    struct digest *digest =
        table_first(&engine->world.digests, world_pair_hash(contact, channel), &walk);
    while (digest != NULL && digest->id != id)
        digest = table_next(&engine->world.digests, &walk);
    return digest;
}

/* The end of the batch looks who is left in it. */
static void look_again(struct engine *engine, uint64_t id, const struct notification *n)
{
    struct digest *digest = find_digest(engine, id, n->contact, n->channel);
    if (digest == NULL || digest->is_dirty || !engine->is_loaded)
        return;
    digest->is_dirty = true;
    engine->batch.dirty_digest_count++;
}

bool digests_gate(struct engine *engine, struct notification *notification)
{
    struct batch *batch = &engine->batch;
    if (notification->kind == KIND_DIGEST)
        look_again(engine, notification->id, notification);
    if (!has_limit(engine, notification))
        return false;
    if (!engine->is_loaded) { /* no batch yet: the next one has it come due again */
        heap_push(&engine->timers, (struct heap_entry){.key = engine->now_ms,
                                                       .id = notification->id,
                                                       .mark = notification->queue_mark,
                                                       .kind = TIMER_NOTIFICATION});
        return true;
    }
    batch->due = batch_grow(&engine->arena, batch->due, batch->due_count, &batch->due_capacity,
                            sizeof(struct notification *));
    batch->due[batch->due_count++] = notification;
    return true;
}

/* --- the digests that have not ended --- */

/* The newest that nobody has been shown yet and that has room. */
static struct digest *find_joinable(const struct engine *engine, const struct notification *n)
{
    struct table_walk walk;
    struct digest *best = NULL;
    struct digest *digest =
        table_first(&engine->world.digests, world_pair_hash(n->contact, n->channel), &walk);
    for (; digest != NULL; digest = table_next(&engine->world.digests, &walk)) {
        const struct notification *self = world_notification(&engine->world, digest->id);
        if (self == NULL || self->state != NOTIFICATION_PENDING || self->attempt_count > 0 ||
            self->offered || digest->member_count >= DIGEST_INCIDENTS_MAX ||
            !text_equal(digest->contact, n->contact) || !text_equal(digest->channel, n->channel))
            continue;
        if (best == NULL || digest->id > best->id)
            best = digest;
    }
    return best;
}

static struct digest *add_digest(struct engine *engine, uint64_t id, const char *contact,
                                 const char *channel)
{
    struct digest *digest = heap_alloc(sizeof(*digest));
    *digest = (struct digest){.id = id,
                              .contact = names_keep(&engine->world.names, contact),
                              .channel = names_keep(&engine->world.names, channel)};
    table_add(&engine->world.digests, world_pair_hash(contact, channel), digest);
    return digest;
}

static void drop_digest(struct engine *engine, struct digest *digest)
{
    table_remove(&engine->world.digests, world_pair_hash(digest->contact, digest->channel), digest);
    names_drop(&engine->world.names, digest->contact);
    names_drop(&engine->world.names, digest->channel);
    free(digest->members);
    free(digest);
}

void digests_clear(struct world *world)
{
    size_t slot = 0;
    for (struct digest *digest = table_each(&world->digests, &slot); digest != NULL;
         digest = table_each(&world->digests, &slot)) {
        free(digest->members);
        free(digest);
    }
    table_clear(&world->digests);
}

static void add_member(struct engine *engine, struct digest *digest, const struct notification *n)
{
    struct notification *self = world_notification(&engine->world, digest->id);
    if (digest->member_count == digest->member_capacity) {
        digest->member_capacity = digest->member_capacity == 0 ? 8 : digest->member_capacity * 2;
        digest->members =
            heap_realloc(digest->members, digest->member_capacity * sizeof(*digest->members));
    }
    digest->members[digest->member_count++] = n->id;
    if (self != NULL && self->severity < n->severity)
        self->severity = n->severity;
}

void digests_load(struct engine *engine, struct notification *notification)
{
    struct notification *n = notification;
    bool is_member =
        n->digest != 0 && (n->state == NOTIFICATION_PENDING || n->state == NOTIFICATION_CLAIMED);
    if (n->kind != KIND_DIGEST && !is_member)
        return;
    uint64_t id = is_member ? n->digest : n->id;
    struct digest *digest = find_digest(engine, id, n->contact, n->channel);
    if (digest == NULL)
        digest = add_digest(engine, id, n->contact, n->channel);
    if (is_member)
        add_member(engine, digest, n);
    for (size_t i = 0; !is_member && i < digest->member_count; i++) {
        const struct notification *member = world_notification(&engine->world, digest->members[i]);
        if (member->severity > n->severity)
            n->severity = member->severity;
    }
}

/* --- letting through, and bundling --- */

/* What the gate has decided goes into the row itself where that was made in this very batch and has not been changed since
 * (which always brings its time forward), else behind it. */
static void keep_row(struct engine *engine, struct notification *n, int64_t next_at_ms,
                     const char *reason)
{
    struct batch *batch = &engine->batch;
    struct notification_row *row = n->id >= batch->first_notification
                                       ? batch->notifications[n->id - batch->first_notification]
                                       : NULL;
    bool is_untouched = row != NULL && row->next_at_ms == n->next_at_ms;
    n->next_at_ms = next_at_ms;
    if (!is_untouched) {
        (void)attempts_change(engine, n, NOTIFICATION_PENDING, reason);
        return;
    }
    ASSERT(row->id == n->id);
    row->digest = n->digest;
    row->admitted = n->admitted;
    row->next_at_ms = next_at_ms;
    row->reason = reason;
    attempts_queue(engine, n);
}

static const struct method *method_of(const struct engine *engine, const struct notification *n)
{
    const struct contact *contact = rulebook_contact(engine->book, n->contact);
    for (size_t i = 0; contact != NULL && i < contact->method_count; i++) {
        if (text_equal(contact->methods[i].channel, n->channel))
            return &contact->methods[i];
    }
    return NULL;
}

static struct digest *open_digest(struct engine *engine, const struct notification *first,
                                  const char *address, int64_t due_at_ms)
{
    char key[NOTIFICATION_KEY_BYTES];
    struct notification_row *row = arena_alloc(&engine->arena, sizeof(*row));
    uint64_t id = engine->meta.next_notification;
    int length = snprintf(key, sizeof(key), "digest_%s_%s_%llu", first->contact, first->channel,
                          (unsigned long long)id);
    ASSERT(length > 0 && (size_t)length < sizeof(key));
    *row = (struct notification_row){
        .kind = KIND_DIGEST,
        .step = "",
        .contact = arena_strdup(&engine->arena, first->contact),
        .channel = arena_strdup(&engine->arena, first->channel),
        .address = arena_strdup(&engine->arena, address),
        .key = arena_strdup(&engine->arena, key),
        .severity = (enum severity)first->severity,
        .state = NOTIFICATION_PENDING,
        .reason = "",
        .created_at_ms = engine->now_ms,
        .due_at_ms = due_at_ms,
        .next_at_ms = due_at_ms,
        .expires_at_ms = due_at_ms + rulebook_channel_rule(engine->book, first->channel).horizon_ms,
        .token_expires_at_ms = engine->now_ms + ENGINE_TOKEN_LIFE_MS,
        .provider_id = "",
        .snapshot = "",
        .body_hash = "",
        .content_type = "",
        .subject = "",
    };
    struct notification *self = attempts_insert(engine, NULL, row);
    struct digest *digest = add_digest(engine, self->id, self->contact, self->channel);
    attempts_queue(engine, self);
    return digest;
}

/* Whoever waits for the digest is tried when it goes out: reach_within counts from then, unless another way of the same
 * paging was due before. */
static void wait_for_it(struct engine *engine, struct notification *n)
{
    struct incident *incident = n->incident;
    if (incident == NULL || !reach_is_latest(incident, n) || incident->ladder.reach_until_ms == 0)
        return;
    int64_t until_ms = reach_first_due_ms(incident) + incident->policy->reach_within_ms;
    if (until_ms <= incident->ladder.reach_until_ms)
        return;
    incident->ladder.reach_until_ms = until_ms;
    batch_touch_incident(engine, incident);
}

static void bundle(struct engine *engine, struct digest *digest, struct notification *n)
{
    const struct notification *self = world_notification(&engine->world, digest->id);
    n->digest = digest->id;
    add_member(engine, digest, n);
    keep_row(engine, n, self->next_at_ms, "goes out in a digest");
    if (n->incident == NULL)
        return;
    batch_note(
        engine, n->incident->number,
        &(struct note){.kind = "bundled",
                       .actor = "engine",
                       .credential = "",
                       .text = arena_printf(&engine->arena, "%s to %s by %s goes out in a digest",
                                            notification_kind_name((enum notification_kind)n->kind),
                                            n->contact, n->channel),
                       .data = ""});
    wait_for_it(engine, n);
}

static void admit(struct engine *engine, struct notification *n)
{
    char name[MARK_NAME_BYTES];
    char value[STORM_BUCKET_BYTES];
    const struct channel_rule rule = rulebook_channel_rule(engine->book, n->channel);
    const struct ledger_entry *mark =
        ledger_find(&engine->world.marks, MARK_BUCKET, mark_pair(n->contact, n->channel, name));
    const struct storm_bucket before = storm_read(mark != NULL ? mark->value : "");
    struct storm_bucket bucket = before;
    struct digest *digest = find_joinable(engine, n);
    const struct method *method = method_of(engine, n);
    bool urgent = is_urgent(n);
    /* A way that is no longer the person's has no limit: what was made for it goes there as it is. */
    if (method == NULL ||
        ((digest == NULL || urgent) && storm_take(&bucket, &rule, urgent, engine->now_ms))) {
        n->admitted = true;
        keep_row(engine, n, n->next_at_ms, "");
    } else if (digest != NULL) {
        if (urgent)
            digests_hurry(engine, world_notification(&engine->world, digest->id), &bucket, &rule);
        bundle(engine, digest, n);
    } else {
        int64_t due_at_ms = storm_reserve(&bucket, &rule, urgent, engine->now_ms);
        bundle(engine, open_digest(engine, n, method->address, due_at_ms), n);
    }
    if (memcmp(&bucket, &before, sizeof(bucket)) == 0)
        return;
    storm_write(&bucket, value);
    batch_mark(engine, &(struct mark_row){.kind = MARK_BUCKET,
                                          .name = mark_pair(n->contact, n->channel, name),
                                          .value = value});
}

static int compare_due(const void *a, const void *b)
{
    const struct notification *left = *(const struct notification *const *)a;
    const struct notification *right = *(const struct notification *const *)b;
    if (is_urgent(left) != is_urgent(right))
        return is_urgent(left) ? -1 : 1;
    if (left->severity != right->severity)
        return left->severity > right->severity ? -1 : 1;
    if (left->next_at_ms != right->next_at_ms)
        return left->next_at_ms < right->next_at_ms ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

static int compare_digests(const void *a, const void *b)
{
    const struct digest *left = *(const struct digest *const *)a;
    const struct digest *right = *(const struct digest *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

static bool is_unfinished(const struct notification *n)
{
    return n->state == NOTIFICATION_PENDING || n->state == NOTIFICATION_CLAIMED;
}

/* Forgets who has left. Nobody left when it is due: cancelled, and the digest is gone; until then its place is kept, and
 * whoever comes takes it. */
static bool refresh(struct engine *engine, struct digest *digest)
{
    size_t count = 0;
    struct notification *self = world_notification(&engine->world, digest->id);
    for (size_t i = 0; i < digest->member_count; i++) {
        const struct notification *n = world_notification(&engine->world, digest->members[i]);
        if (n != NULL && is_unfinished(n))
            digest->members[count++] = digest->members[i];
    }
    digest->member_count = count;
    digest->is_dirty = false;
    if (count > 0 || self == NULL || self->state != NOTIFICATION_PENDING ||
        self->next_at_ms > engine->now_ms)
        return true;
    attempts_end(engine, self, NOTIFICATION_CANCELLED, "nothing is left in it");
    return false;
}

static void refresh_dirty(struct engine *engine)
{
    struct digest **dirty =
        arena_alloc_array(&engine->arena, engine->world.digests.count + 1, sizeof(struct digest *));
    size_t count = 0;
    size_t slot = 0;
    for (struct digest *digest = table_each(&engine->world.digests, &slot); digest != NULL;
         digest = table_each(&engine->world.digests, &slot)) {
        if (digest->is_dirty)
            dirty[count++] = digest;
    }
    qsort(dirty, count, sizeof(struct digest *), compare_digests);
    for (size_t i = 0; i < count; i++)
        (void)refresh(engine, dirty[i]);
    engine->batch.dirty_digest_count = 0;
}

void digests_settle(struct engine *engine)
{
    struct batch *batch = &engine->batch;
    if (batch->due_count > 0)
        qsort(batch->due, batch->due_count, sizeof(struct notification *), compare_due);
    /* Letting through moves no incident, so that nothing more comes due meanwhile. */
    for (size_t i = 0; i < batch->due_count; i++) {
        struct notification *n = batch->due[i];
        bool is_due = n->state == NOTIFICATION_PENDING && n->digest == 0 && !n->admitted &&
                      n->next_at_ms <= engine->now_ms;
        if (is_due && has_limit(engine, n))
            admit(engine, n);
        else if (is_due)
            attempts_queue(engine, n); /* this very batch has lifted the limit */
    }
    batch->due_count = 0;
    if (batch->dirty_digest_count > 0)
        refresh_dirty(engine);
}

void digests_leave(struct engine *engine, const struct notification *notification)
{
    look_again(engine, notification->digest, notification);
}

/* --- its way out --- */

static int compare_members(const void *a, const void *b)
{
    const struct notification *left = *(const struct notification *const *)a;
    const struct notification *right = *(const struct notification *const *)b;
    uint64_t left_number = left->incident != NULL ? left->incident->number : 0;
    uint64_t right_number = right->incident != NULL ? right->incident->number : 0;
    if (left_number != right_number)
        return left_number < right_number ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Those who are, or were, in it, as far as memory has them, by incident. */
static struct notification **members_of(struct engine *engine, uint64_t id, size_t *out_count)
{
    const struct notification *self = world_notification(&engine->world, id);
    const struct digest *digest =
        self != NULL ? find_digest(engine, id, self->contact, self->channel) : NULL;
    size_t most = digest != NULL ? digest->member_count : engine->world.notifications.count;
    struct notification **members =
        arena_alloc_array(&engine->arena, most + 1, sizeof(struct notification *));
    size_t count = 0;
    size_t slot = 0;
    for (size_t i = 0; digest != NULL && i < digest->member_count; i++) {
        struct notification *n = world_notification(&engine->world, digest->members[i]);
        if (n != NULL)
            members[count++] = n;
    }
    for (struct notification *n = digest == NULL ? table_each(&engine->world.notifications, &slot)
                                                 : NULL;
         n != NULL; n = table_each(&engine->world.notifications, &slot)) {
        if (n->digest == id)
            members[count++] = n;
    }
    qsort(members, count, sizeof(struct notification *), compare_members);
    *out_count = count;
    return members;
}

const char *digests_snapshot(struct engine *engine, const struct notification *digest)
{
    size_t count = 0;
    size_t entry_count = 0;
    struct notification **members = members_of(engine, digest->id, &count);
    struct digest *open = find_digest(engine, digest->id, digest->contact, digest->channel);
    struct digest_entry *entries =
        arena_alloc_array(&engine->arena, count + 1, sizeof(struct digest_entry));
    for (size_t i = 0; i < count; i++) {
        const struct notification *n = members[i];
        if (n->state == NOTIFICATION_PENDING)
            entries[entry_count++] =
                (struct digest_entry){.incident = n->incident,
                                      .kind = (enum notification_kind)n->kind,
                                      .text = n->incident == NULL ? handover_line(engine, n) : ""};
    }
    if (entry_count == 0 || open == NULL)
        return "{}";
    digest_write(entries, entry_count, digest->contact, digest->channel, &engine->moment,
                 &engine->scratch);
    const char *snapshot = arena_strdup(&engine->arena, strbuf_text(&engine->scratch));
    open->offered_print = text_hash(PRINT_SEED, snapshot, strlen(snapshot));
    return snapshot;
}

bool digests_is_current(struct engine *engine, struct notification *digest)
{
    struct digest *open = find_digest(engine, digest->id, digest->contact, digest->channel);
    if (open == NULL || digest->state != NOTIFICATION_PENDING || !refresh(engine, open))
        return false;
    uint64_t offered = open->offered_print;
    if (digest->attempt_count > 0) /* the stored bytes are sent again, for whoever is left */
        return true;
    (void)digests_snapshot(engine, digest);
    return open->offered_print == offered;
}

void digests_claim(struct engine *engine, const struct notification *digest)
{
    size_t count = 0;
    struct notification **members = members_of(engine, digest->id, &count);
    for (size_t i = 0; i < count; i++) {
        if (members[i]->state != NOTIFICATION_PENDING)
            continue;
        (void)attempts_change(engine, members[i], NOTIFICATION_CLAIMED, "goes out in a digest");
        attempts_cancel_overtaken(engine, members[i]);
    }
}

static void follow_back(struct engine *engine, struct notification *n)
{
    bool wanted = attempts_is_wanted(n);
    if (n->state != NOTIFICATION_CLAIMED)
        return;
    (void)attempts_change(engine, n, wanted ? NOTIFICATION_PENDING : NOTIFICATION_CANCELLED,
                          wanted ? "goes out in a digest" : "no longer wanted");
    attempts_note_end(engine, n);
}

static void follow_accepted(struct engine *engine, struct notification *n)
{
    if (!is_unfinished(n))
        return;
    (void)attempts_change(engine, n, NOTIFICATION_ACCEPTED, "in a digest");
    attempts_note_end(engine, n);
    attempts_tell_accepted(engine, n);
}

static void follow_end(struct engine *engine, struct notification *n, enum notification_state state,
                       const char *reason)
{
    if (n->state == NOTIFICATION_ACCEPTED && state == NOTIFICATION_FAILED) {
        attempts_deliver(engine, n, false, reason);
        return;
    }
    if (!is_unfinished(n))
        return;
    (void)attempts_change(engine, n, state, reason);
    attempts_note_end(engine, n);
    attempts_tell_failed(engine, n, reason);
}

static void follow_one(struct engine *engine, struct notification *n, enum notification_state state,
                       const char *reason)
{
    switch (state) {
    case NOTIFICATION_PENDING:
        follow_back(engine, n);
        break;
    case NOTIFICATION_ACCEPTED:
        follow_accepted(engine, n);
        break;
    case NOTIFICATION_DELIVERED:
        if (n->state == NOTIFICATION_ACCEPTED)
            attempts_deliver(engine, n, true, reason);
        break;
    case NOTIFICATION_FAILED:
    case NOTIFICATION_CANCELLED:
    case NOTIFICATION_EXPIRED:
        follow_end(engine, n, state, reason);
        break;
    case NOTIFICATION_CLAIMED:
    case NOTIFICATION_STATE_COUNT:
        break;
    }
}

void digests_follow(struct engine *engine, const struct notification *digest,
                    enum notification_state state, const char *reason)
{
    size_t count = 0;
    struct notification **members = members_of(engine, digest->id, &count);
    for (size_t i = 0; i < count; i++)
        follow_one(engine, members[i], state, reason);
    struct digest *open = find_digest(engine, digest->id, digest->contact, digest->channel);
    if (open != NULL && !is_unfinished(digest))
        drop_digest(engine, open);
}

void digests_deliver(struct engine *engine, uint64_t digest, bool delivered, const char *reason)
{
    size_t count = 0;
    struct notification **members = members_of(engine, digest, &count);
    for (size_t i = 0; i < count; i++)
        follow_one(engine, members[i], delivered ? NOTIFICATION_DELIVERED : NOTIFICATION_FAILED,
                   reason);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

size_t digests_listed(struct engine *engine, uint64_t digest, uint64_t **out_numbers)
{
    size_t count = 0;
    size_t listed = 0;
    struct notification **members = members_of(engine, digest, &count);
    uint64_t *numbers = arena_alloc_array(&engine->arena, count + 1, sizeof(*numbers));
    for (size_t i = 0; i < count; i++) {
        if (members[i]->incident != NULL && reach_was_handed_over(members[i]))
            numbers[listed++] = members[i]->incident->number;
    }
    qsort(numbers, listed, sizeof(*numbers), compare_numbers);
    count = 0;
    for (size_t i = 0; i < listed; i++) {
        if (count == 0 || numbers[count - 1] != numbers[i])
            numbers[count++] = numbers[i];
    }
    *out_numbers = count > 0 ? numbers : NULL;
    return count;
}
