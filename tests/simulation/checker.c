#include "tests/simulation/checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "tests/simulation/checker_state.h"
#include "tests/simulation/world_state.h"

struct checker *checker_create(struct world *world)
{
    struct checker *checker = heap_alloc(sizeof(*checker));
    checker->world = world;
    checker->in_time = true;
    checker->started_at_ms = world->now_ms;
    return checker;
}

void checker_destroy(struct checker *checker)
{
    if (checker == NULL)
        return;
    free(checker->sendings);
    free(checker->cases);
    free(checker);
}

static void *grown(void *items, size_t index, size_t *capacity, size_t size)
{
    if (index < *capacity)
        return items;
    size_t more = (index + 1) * 2;
    items = heap_realloc(items, more * size);
    memset((char *)items + *capacity * size, 0, (more - *capacity) * size);
    *capacity = more;
    return items;
}

struct sending *checker_sending(struct checker *checker, uint64_t id)
{
    checker->sendings = grown(checker->sendings, (size_t)id, &checker->sending_capacity,
                              sizeof(*checker->sendings));
    checker->sending_count = id >= checker->sending_count ? (size_t)id + 1 : checker->sending_count;
    return &checker->sendings[id];
}

struct incident_case *checker_case(struct checker *checker, uint64_t number)
{
    checker->cases =
        grown(checker->cases, (size_t)number, &checker->case_capacity, sizeof(*checker->cases));
    checker->case_count = number >= checker->case_count ? (size_t)number + 1 : checker->case_count;
    return &checker->cases[number];
}

static void check_event(struct checker *checker, const struct event_row *row)
{
    checker->event_count++;
    if (row->disposition >= DISPOSITION_COUNT)
        world_breach(checker->world, "I1", "an event has no disposition");
    bool has_incident = row->incident != 0;
    bool wants = row->disposition != DISPOSITION_UNKNOWN_KEY &&
                 row->disposition != DISPOSITION_HEARTBEAT &&
                 row->disposition != DISPOSITION_CHANGE && row->disposition != DISPOSITION_REFUSED;
    if (has_incident != wants)
        world_breach(checker->world, "I1", "an event is %s and belongs to incident %llu",
                     disposition_name(row->disposition), (unsigned long long)row->incident);
    if (row->incident > checker->highest_incident)
        checker->highest_incident = row->incident;
}

static int64_t ladder_number(const struct incident_row *row, const char *name)
{
    const char *at = strstr(row->ladder, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* What was due when its ladder was last looked at has run then: all that is late is late for less than the time since. */
static void check_anchor(struct checker *checker, struct incident_case *c,
                         const struct incident_row *row)
{
    int64_t anchor_ms = ladder_number(row, "\"anchor\":");
    int64_t first_climb = ladder_number(row, "\"first_climb\":");
    int64_t now_ms = checker->world->now_ms;
    if (c->known && c->first_climb == first_climb &&
        anchor_ms - c->anchor_ms > now_ms - c->moved_at_ms)
        world_breach(checker->world, "I18", "incident %llu: its steps move by %lld ms in %lld ms",
                     (unsigned long long)row->number, (long long)(anchor_ms - c->anchor_ms),
                     (long long)(now_ms - c->moved_at_ms));
    c->anchor_ms = anchor_ms;
    c->first_climb = first_climb;
    c->moved_at_ms = row->updated_at_ms;
}

/* Rows of incidents are as they are at the end of the batch. */
static void check_incident(struct checker *checker, const struct incident_row *row)
{
    struct incident_case *c = checker_case(checker, row->number);
    unsigned long long number = row->number;
    if (row->number > checker->highest_incident)
        checker->highest_incident = row->number;
    check_anchor(checker, c, row);
    if (!c->known || row->moved) {
        c->known = true;
        c->policy = arena_strdup(&checker->world->arena, row->policy);
        c->group = arena_strdup(&checker->world->arena, row->group_key);
        c->hash = arena_strdup(&checker->world->arena, row->policy_hash);
    }
    if (c->may_move)
        c->hash = arena_strdup(&checker->world->arena, row->policy_hash);
    c->may_move = false;
    if (!text_equal(c->hash, row->policy_hash))
        world_breach(checker->world, "I12", "incident %llu has another policy version", number);
    if ((row->state == INCIDENT_RESOLVED) != (row->resolved_at_ms != 0))
        world_breach(checker->world, "I10", "incident %llu: state and time of resolution differ",
                     number);
    c->state = row->state;
    c->severity = row->severity;
    c->priority = row->priority;
    c->was_urgent = c->was_urgent || row->severity == SEVERITY_CRITICAL || row->priority == 1;
    c->live = row->live;
    if (row->state == INCIDENT_RESOLVED)
        return;
    for (size_t i = 0; i < checker->case_count; i++) {
        const struct incident_case *other = &checker->cases[i];
        if (i != row->number && other->known && other->live && other->state != INCIDENT_RESOLVED &&
            text_equal(other->policy, c->policy) && text_equal(other->group, c->group))
            checker->doubted = true; /* the other's row may stand later in this batch */
    }
}

static void check_groups(struct checker *checker)
{
    checker->doubted = false;
    for (size_t i = 0; i < checker->case_count; i++) {
        const struct incident_case *a = &checker->cases[i];
        if (!a->known || !a->live || a->state == INCIDENT_RESOLVED)
            continue;
        for (size_t j = i + 1; j < checker->case_count; j++) {
            const struct incident_case *b = &checker->cases[j];
            if (b->known && b->live && b->state != INCIDENT_RESOLVED &&
                text_equal(a->policy, b->policy) && text_equal(a->group, b->group))
                world_breach(checker->world, "I2", "incidents %zu and %zu are open for one group",
                             i, j);
        }
    }
}

static bool is(const struct timeline_row *row, const char *kind)
{
    return text_equal(row->kind, kind);
}

static int64_t until_ms(const struct timeline_row *row)
{
    static const char mark[] = "\"until\":\"";
    char text[TEXT_RFC3339_BYTES] = "";
    int64_t at_ms = 0;
    const char *at = strstr(row->data, mark);
    if (at != NULL)
        (void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at + sizeof(mark) - 1, "\""),
                       at + sizeof(mark) - 1);
    return parse_rfc3339(text, &at_ms, NULL) == 0 ? at_ms : INT64_MAX;
}

/* The timeline says in order what an incident went through within a batch. */
static void check_note(struct checker *checker, const struct timeline_row *row)
{
    struct world *world = checker->world;
    struct incident_case *c = checker_case(checker, row->incident);
    unsigned long long number = row->incident;
    enum incident_state before = c->walk;
    if (is(row, "opened") || is(row, "reopened")) {
        c->walk = INCIDENT_HELD;
        c->page_rank = 0;
    } else if (is(row, "triggered")) {
        if (before == INCIDENT_RESOLVED)
            world_breach(world, "I10", "incident %llu is triggered after its end", number);
        c->walk = INCIDENT_TRIGGERED;
    } else if (is(row, "ack")) {
        if (before == INCIDENT_RESOLVED)
            world_breach(world, "I10", "incident %llu is acknowledged after its end", number);
        c->walk = INCIDENT_ACKNOWLEDGED;
        c->ack_until_ms = until_ms(row);
    } else if (is(row, "take")) {
        c->ack_until_ms = until_ms(row);
    } else if (is(row, "resolved")) {
        c->walk = INCIDENT_RESOLVED;
    } else if (is(row, "eta-missed") || is(row, "ack-timeout")) {
        if (before != INCIDENT_ACKNOWLEDGED || world->now_ms < c->ack_until_ms)
            world_breach(world, "I11", "incident %llu lapses %lld ms early", number,
                         (long long)(c->ack_until_ms - world->now_ms));
        if (checker->in_time && world->now_ms > c->ack_until_ms + 1000)
            world_breach(world, "I11", "incident %llu lapses %lld ms late", number,
                         (long long)(world->now_ms - c->ack_until_ms));
    } else if (is(row, "priority")) {
        c->was_urgent = c->was_urgent || text_equal(row->text, "p1");
    } else if (is(row, "severity")) { /* perhaps for this commit only */
        c->was_urgent = c->was_urgent || text_equal(row->text, "the severity rose to critical");
    } else if (is(row, "climb")) {
        c->page_rank = 0;
    } else if (is(row, "repolicy")) {
        c->page_rank = 0;
        c->moved = c->may_move = true;
    }
}

static int rank_of(const char *step)
{
    return text_starts_with(step, "s") && step[1] >= '0' && step[1] <= '9' ? step[1] - '0' + 1 : 0;
}

static void set_state(struct checker *checker, struct sending *s, enum notification_state state)
{
    checker->in_state[s->state] -= s->known ? 1 : 0;
    s->state = state;
    checker->in_state[state] += s->known ? 1 : 0;
}

static void check_sent(struct checker *checker, const struct notification_row *row)
{
    struct world *world = checker->world;
    struct incident_case *c = checker_case(checker, row->incident);
    unsigned long long id = row->id;
    uint64_t hash = text_hash(1, row->key, strlen(row->key));
    for (size_t i = 0; i < checker->sending_count; i++) {
        const struct sending *other = &checker->sendings[i];
        if (other->known && other->key_hash == hash && text_equal(other->key, row->key))
            world_breach(world, "I14", "notifications %zu and %llu share key %s", i, id, row->key);
    }
    c->was_urgent = c->was_urgent || row->severity == SEVERITY_CRITICAL;
    struct sending *s = checker_sending(checker, row->id);
    if (s->known)
        world_breach(world, "I14", "notification %llu is made twice", id);
    *s = (struct sending){.known = true,
                          .kind = row->kind,
                          .state = NOTIFICATION_PENDING,
                          .incident = row->incident,
                          .climb = row->climb,
                          .rank = rank_of(row->step),
                          .step_page = row->kind == KIND_PAGE && row->repetition == 0,
                          .created_at_ms = world->now_ms,
                          .due_at_ms = row->due_at_ms,
                          .next_at_ms = row->next_at_ms,
                          .horizon_ms = row->expires_at_ms - row->due_at_ms,
                          .key = arena_strdup(&world->arena, row->key),
                          .contact = arena_strdup(&world->arena, row->contact),
                          .channel = arena_strdup(&world->arena, row->channel),
                          .key_hash = hash,
                          .made_in = world->report->commit_count};
    checker->in_state[NOTIFICATION_PENDING]++;
    if (s->due_at_ms < world->now_ms)
        world_breach(world, "I6", "notification %llu is due before it was made", id);
    bool of_ask = row->step[0] == 'q' || row->step[0] == 'u'; /* these go on past the resolution */
    if (c->walk == INCIDENT_RESOLVED &&
        (row->kind == KIND_PAGE || (row->kind == KIND_REMINDER && !of_ask)))
        world_breach(world, "I10", "notification %llu pages for a resolved incident", id);
    if (s->step_page && s->rank > 0 && row->created_at_ms == world->now_ms) {
        int rank = (int)row->climb * 100 + s->rank;
        if (rank < c->page_rank && !c->moved)
            world_breach(world, "I7", "incident %llu: step %s runs again or too late",
                         (unsigned long long)row->incident, row->step);
        c->page_rank = rank;
    }
}

static void check_claim(struct checker *checker, const struct claim_row *row)
{
    struct world *world = checker->world;
    struct sending *s = checker_sending(checker, row->notification);
    struct incident_case *c = checker_case(checker, s->incident);
    unsigned long long id = row->notification;
    if (s->state != NOTIFICATION_PENDING)
        world_breach(world, "I20", "notification %llu is claimed while %s", id,
                     notification_state_name(s->state));
    if (s->kind == KIND_PAGE && c->walk != INCIDENT_TRIGGERED && s->step_page)
        world_breach(world, "I8", "page %llu is claimed while incident %llu is %s", id,
                     (unsigned long long)s->incident, incident_state_name(c->walk));
    if (world->now_ms < s->next_at_ms)
        world_breach(world, "I17", "attempt %lld of %llu starts %lld ms early",
                     (long long)row->attempt, id, (long long)(s->next_at_ms - world->now_ms));
    int64_t base_ms = s->due_at_ms > checker->started_at_ms ? s->due_at_ms : checker->started_at_ms;
    if (world->now_ms > base_ms + s->horizon_ms)
        world_breach(world, "I17", "attempt %lld of %llu starts past its horizon",
                     (long long)row->attempt, id);
    if (row->attempt != s->attempts + 1 || row->attempt > CHANNEL_ATTEMPTS_DEFAULT)
        world_breach(world, "I17", "attempt %lld of %llu follows %lld", (long long)row->attempt, id,
                     (long long)s->attempts);
    if (checker->in_time && row->attempt == 1 && world->now_ms > s->next_at_ms + 1000)
        world_breach(world, "I16", "%llu starts %lld ms late", id,
                     (long long)(world->now_ms - s->next_at_ms));
    if (s->step_page && s->rank > 0 && row->attempt == 1 && !c->moved) {
        int64_t rank = s->climb * 100 + s->rank;
        if (rank < c->claimed_rank)
            world_breach(world, "I23", "page %llu of an upper step starts after a lower one", id);
        c->claimed_rank = rank;
    }
    if (row->attempt == 1)
        checker_first_start(checker, row->notification);
    set_state(checker, s, NOTIFICATION_CLAIMED);
    s->attempts = row->attempt;
}

static bool may_follow(enum notification_state from, enum notification_state to)
{
    switch (from) {
    case NOTIFICATION_PENDING: /* accepted: the answer was lost, and a receipt says that it went out */
        return to == NOTIFICATION_PENDING || to == NOTIFICATION_ACCEPTED ||
               to == NOTIFICATION_FAILED || to == NOTIFICATION_CANCELLED ||
               to == NOTIFICATION_EXPIRED;
    case NOTIFICATION_CLAIMED:
        return to != NOTIFICATION_CLAIMED && to != NOTIFICATION_DELIVERED;
    case NOTIFICATION_ACCEPTED:
        return to == NOTIFICATION_DELIVERED || to == NOTIFICATION_FAILED;
    case NOTIFICATION_DELIVERED:
    case NOTIFICATION_FAILED:
    case NOTIFICATION_CANCELLED:
    case NOTIFICATION_EXPIRED:
    case NOTIFICATION_STATE_COUNT:
        break;
    }
    return false;
}

static void check_outcome(struct checker *checker, const struct outcome_row *row)
{
    struct sending *s = checker_sending(checker, row->notification);
    bool goes_in_digest =
        s->digest != 0 && s->state == NOTIFICATION_PENDING && row->state == NOTIFICATION_CLAIMED;
    if (goes_in_digest)
        checker_goes_in_digest(checker, row->notification);
    if (!s->known || (!goes_in_digest && !may_follow(s->state, row->state)))
        world_breach(checker->world, "I20", "notification %llu goes from %s to %s",
                     (unsigned long long)row->notification, notification_state_name(s->state),
                     notification_state_name(row->state));
    bool ends = row->state == NOTIFICATION_FAILED || row->state == NOTIFICATION_CANCELLED ||
                row->state == NOTIFICATION_EXPIRED;
    if (ends && row->reason[0] == '\0')
        world_breach(checker->world, "I13", "notification %llu is %s without a reason",
                     (unsigned long long)row->notification, notification_state_name(row->state));
    s->unknown_count += row->attempt != 0 && row->outcome == OUTCOME_UNKNOWN ? 1 : 0;
    /* A digest is brought forward by what is urgent only, to a place of its own. */
    if (s->kind == KIND_DIGEST && row->attempt == 0 && row->next_at_ms < s->next_at_ms)
        s->urgent = true;
    set_state(checker, s, row->state);
    s->next_at_ms = row->next_at_ms;
}

/* What channels say never acknowledges or resolves. */
static bool only_channels_spoke(const struct checker_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        enum input_kind kind = batch->inputs[i]->kind;
        if (kind != INPUT_PREPARED && kind != INPUT_RESULT && kind != INPUT_RECEIPT)
            return false;
    }
    return true;
}

/* What has flapped ends by itself when it has been quiet: its source's word was given before. */
static bool has_calmed_down(const struct checker_batch *batch, uint64_t incident)
{
    for (size_t i = 0; i < batch->effects->count; i++) {
        const struct effect *effect = &batch->effects->items[i];
        if (effect->kind == EFFECT_TIMELINE && effect->u.timeline->incident == incident &&
            is(effect->u.timeline, "calm"))
            return true;
    }
    return false;
}

/* With the incidents as they are after the commit. */
static void check_gate(struct checker *checker, const struct effect *effect)
{
    if (effect->kind == EFFECT_NOTIFICATION) {
        checker_gate(checker, effect->u.notification->id, effect->u.notification->digest,
                     effect->u.notification->admitted);
    } else if (effect->kind == EFFECT_OUTCOME) {
        const struct outcome_row *row = effect->u.outcome;
        bool waits = row->state == NOTIFICATION_PENDING || row->state == NOTIFICATION_CLAIMED;
        if (waits)
            checker_gate(checker, row->notification, row->digest, row->admitted);
        else if (checker_sending(checker, row->notification)->kind == KIND_DIGEST)
            checker_digest_ends(checker, row->notification);
    }
}

void checker_commit(struct checker *checker, const struct checker_batch *batch)
{
    bool only_channels = only_channels_spoke(batch);
    for (size_t i = 0; i < batch->effects->count; i++) {
        const struct effect *effect = &batch->effects->items[i];
        switch ((int)effect->kind) {
        case EFFECT_EVENT:
            check_event(checker, effect->u.event);
            break;
        case EFFECT_TIMELINE:
            if (only_channels && (is(effect->u.timeline, "ack") ||
                                  (is(effect->u.timeline, "resolved") &&
                                   !has_calmed_down(batch, effect->u.timeline->incident))))
                world_breach(checker->world, "I9", "incident %llu: \"%s\" without anybody's word",
                             (unsigned long long)effect->u.timeline->incident,
                             effect->u.timeline->kind);
            check_note(checker, effect->u.timeline);
            break;
        case EFFECT_NOTIFICATION:
            check_sent(checker, effect->u.notification);
            break;
        case EFFECT_CLAIM:
            check_claim(checker, effect->u.claim);
            break;
        case EFFECT_OUTCOME:
            check_outcome(checker, effect->u.outcome);
            break;
        default:
            break;
        }
    }
    for (size_t i = 0; i < batch->effects->count; i++) {
        if (batch->effects->items[i].kind == EFFECT_INCIDENT)
            check_incident(checker, batch->effects->items[i].u.incident);
    }
    for (size_t i = 0; i < batch->effects->count; i++)
        check_gate(checker, &batch->effects->items[i]);
    if (checker->doubted)
        check_groups(checker);
}

void checker_answer(struct checker *checker, const struct input *input, enum answer_status status,
                    bool durable)
{
    bool yes = status == ANSWER_DONE || status == ANSWER_REFUSED;
    if (yes && !durable)
        world_breach(checker->world, "I3", "an input was answered before it was durable");
    if (!yes && durable && status != ANSWER_UNKNOWN)
        world_breach(checker->world, "I3", "a durable input was refused");
    if (input->kind == INPUT_EVENT && yes)
        checker->answered_count++;
}

void checker_counts(struct checker *checker, const struct engine_counts *counts)
{
    uint64_t pending = checker->in_state[NOTIFICATION_PENDING];
    uint64_t claimed = checker->in_state[NOTIFICATION_CLAIMED];
    /* Each message has one for its expiry, one for its turn, and one for each claim of the last minute and a half. */
    uint64_t most = 100 + 4 * counts->live_incidents + 12 * checker->sending_count;
    if (counts->timers > most)
        world_breach(checker->world, "I35",
                     "%llu timers for %llu incidents and %zu notifications so far",
                     (unsigned long long)counts->timers, (unsigned long long)counts->live_incidents,
                     checker->sending_count);
    if (pending != counts->pending_notifications || claimed != counts->claimed_notifications)
        world_breach(checker->world, "I32",
                     "%llu pending and %llu claimed, but the engine counts %llu and %llu",
                     (unsigned long long)pending, (unsigned long long)claimed,
                     (unsigned long long)counts->pending_notifications,
                     (unsigned long long)counts->claimed_notifications);
}

void checker_started(struct checker *checker, int64_t at_ms)
{
    checker->started_at_ms = at_ms;
}

void checker_excuse(struct checker *checker)
{
    checker->in_time = false;
}

void checker_rest(struct checker *checker)
{
    struct world *world = checker->world;
    for (size_t i = 1; i < checker->sending_count; i++) {
        const struct sending *s = &checker->sendings[i];
        int sent = channels_sent_count(world->channels, i);
        if (!s->known)
            world_breach(world, "I32", "notification %zu was never made", i);
        if (s->state == NOTIFICATION_PENDING || s->state == NOTIFICATION_CLAIMED)
            world_breach(world, "I13", "notification %zu is still %s", i,
                         notification_state_name(s->state));
        if (sent > 1 + s->unknown_count)
            world_breach(world, "I15",
                         "notification %zu went out %d times, %d attempts had an unknown end", i,
                         sent, s->unknown_count);
        bool taken = s->state == NOTIFICATION_ACCEPTED || s->state == NOTIFICATION_DELIVERED;
        if (s->digest != 0)
            checker_rest_digest(checker, i);
        else if (taken && sent == 0 && !channels_was_vouched(world->channels, i))
            world_breach(world, "P2", "notification %zu is %s and never went out", i,
                         notification_state_name(s->state));
    }
    if (checker->answered_count > checker->event_count)
        world_breach(world, "I1", "%llu events were accepted, %llu are there",
                     (unsigned long long)checker->answered_count,
                     (unsigned long long)checker->event_count);
}

uint64_t checker_last_incident(const struct checker *checker)
{
    return checker->highest_incident;
}

bool checker_is_about_some(struct checker *checker, uint64_t notification)
{
    const struct sending *s = checker_sending(checker, notification);
    return s->incident != 0 || s->kind == KIND_DIGEST;
}

uint64_t checker_last_digest(const struct checker *checker, uint64_t back)
{
    uint64_t last = 0;
    for (size_t i = 1; i < checker->sending_count; i++) {
        const struct sending *s = &checker->sendings[checker->sending_count - i];
        if (!s->known || s->kind != KIND_DIGEST || s->attempts == 0)
            continue;
        last = checker->sending_count - i;
        if (back-- == 0)
            break;
    }
    return last;
}

uint64_t checker_last_notification(const struct checker *checker)
{
    return checker->sending_count > 0 ? checker->sending_count - 1 : 0;
}
