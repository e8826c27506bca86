/* Rule 15, as it is written in policies/README.md: at the end of each step everything that is due is looked at in its order. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

enum { MINUTE_MS = 60000 };

struct due {
    struct o_incident *incident;
    struct o_message *message;
};

static struct o_bucket *bucket_of(struct oracle *oracle, const char *contact, const char *channel)
{
    struct o_bucket *b = oracle->buckets;
    while (b != NULL && !(text_equal(b->contact, contact) && text_equal(b->channel, channel)))
        b = b->next;
    if (b != NULL)
        return b;
    b = arena_alloc(&oracle->arena, sizeof(*b));
    *b = (struct o_bucket){.next = oracle->buckets,
                           .contact = contact,
                           .channel = channel,
                           .calm_ms = MINUTE_MS,
                           .urgent_ms = MINUTE_MS};
    oracle->buckets = b;
    return b;
}

static void fill(struct o_bucket *b, int64_t now_ms)
{
    int64_t passed_ms = now_ms - b->at_ms;
    b->at_ms = now_ms;
    b->calm_ms = b->calm_ms + passed_ms < MINUTE_MS ? b->calm_ms + passed_ms : MINUTE_MS;
    b->urgent_ms = b->urgent_ms + passed_ms < MINUTE_MS ? b->urgent_ms + passed_ms : MINUTE_MS;
}

/* scene.c gives only numbers that part a minute evenly. */
static int64_t price_ms(int64_t per_minute)
{
    ASSERT(per_minute > 0 && MINUTE_MS % per_minute == 0);
    return MINUTE_MS / per_minute;
}

/* Of a bucket that is not one's own: what is there, but no debts. */
static void crowd(int64_t *level_ms, int64_t price)
{
    if (*level_ms > 0)
        *level_ms = *level_ms > price ? *level_ms - price : 0;
}

static void pay(struct o_bucket *b, const struct channel_rule *rule, bool urgent)
{
    if (urgent)
        crowd(&b->calm_ms, price_ms(rule->per_contact));
    else
        b->calm_ms -= price_ms(rule->per_contact);
    if (urgent)
        b->urgent_ms -= price_ms(rule->per_contact_critical);
    else if (rule->per_contact_critical > 0)
        crowd(&b->urgent_ms, price_ms(rule->per_contact_critical));
}

/* How long until there is a token; 0: there is one. */
static int64_t lacks_ms(const struct o_bucket *b, const struct channel_rule *rule, bool urgent)
{
    int64_t level_ms = urgent ? b->urgent_ms : b->calm_ms;
    int64_t price = price_ms(urgent ? rule->per_contact_critical : rule->per_contact);
    return level_ms >= price ? 0 : price - level_ms;
}

static int64_t reserve_ms(struct o_bucket *b, const struct channel_rule *rule, bool urgent)
{
    int64_t at_ms = b->at_ms + lacks_ms(b, rule, urgent);
    pay(b, rule, urgent);
    return at_ms;
}

static bool is_urgent(const struct due *due)
{
    if (due->incident->number == 0)
        return due->message->severity == SEVERITY_CRITICAL;
    return sleep_is_urgent(due->incident);
}

/* People only, and nothing that answers their own words. */
static bool is_limited(const struct oracle *oracle, const struct due *due)
{
    const struct o_message *m = due->message;
    const struct channel_rule rule = rulebook_channel_rule(oracle->book, m->channel);
    if (m->contact[0] == '&' || text_starts_with(m->contact, "channel:") || m->kind == KIND_ANSWER)
        return false;
    return rule.per_contact > 0 && (!is_urgent(due) || rule.per_contact_critical > 0);
}

static bool is_due(const struct oracle *oracle, const struct due *due)
{
    struct o_message *m = due->message;
    bool waits = m->state == NOTIFICATION_PENDING && m->attempts == 0 && m->digest == 0 &&
                 !m->admitted && m->next_ms <= oracle->now_ms;
    if (!waits || (m->passed && !m->seen)) /* delivery may have sent it back to the gate */
        return false;
    /* What was urgent for a moment of this step may have passed then: the engine knows. */
    const struct channel_rule rule = rulebook_channel_rule(oracle->book, m->channel);
    m->passed = !is_limited(oracle, due) ||
                (due->incident->was_urgent && rule.per_contact_critical == 0 && !m->seen);
    return !m->passed;
}

void storm_begin(struct oracle *oracle)
{
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next)
        o->was_urgent = sleep_is_urgent(o);
}

void storm_forget_passed(struct oracle *oracle)
{
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        for (struct o_message *m = o->messages; m != NULL; m = m->next)
            m->passed = false;
    }
}

static int compare_due(const void *a, const void *b)
{
    const struct due *left = a;
    const struct due *right = b;
    if (is_urgent(left) != is_urgent(right))
        return is_urgent(left) ? -1 : 1;
    if (left->message->severity != right->message->severity)
        return left->message->severity > right->message->severity ? -1 : 1;
    if (left->message->next_ms != right->message->next_ms)
        return left->message->next_ms < right->message->next_ms ? -1 : 1;
    return left->message->id < right->message->id ? -1 : 1;
}

static size_t find_due(struct oracle *oracle, struct o_incident *o, struct due *out)
{
    size_t count = 0;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        struct due due = {o, m};
        if (!is_due(oracle, &due))
            continue;
        if (out != NULL)
            out[count] = due;
        count++;
    }
    return count;
}

static size_t find_all_due(struct oracle *oracle, struct due **out)
{
    size_t count = find_due(oracle, &oracle->nobodys, NULL);
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next)
        count += find_due(oracle, o, NULL);
    if (count == 0)
        return 0;
    *out = arena_take_array(&oracle->arena, count, sizeof(**out));
    size_t found = find_due(oracle, &oracle->nobodys, *out);
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next)
        found += find_due(oracle, o, *out + found);
    ASSERT(found == count);
    qsort(*out, count, sizeof(**out), compare_due);
    return count;
}

struct o_digest *storm_digest(const struct oracle *oracle, uint64_t id)
{
    struct o_digest *d = oracle->digests;
    while (d != NULL && d->id != id)
        d = d->next;
    return d;
}

static bool is_unfinished(const struct o_message *m)
{
    return m->state == NOTIFICATION_PENDING || m->state == NOTIFICATION_CLAIMED;
}

static bool has_anybody_in(const struct o_incident *o, const struct o_digest *d)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->digest == d->id && is_unfinished(m))
            return true;
    }
    return false;
}

static bool has_anybody(const struct oracle *oracle, const struct o_digest *d)
{
    bool any = has_anybody_in(&oracle->nobodys, d);
    for (const struct o_incident *o = oracle->incidents; o != NULL && !any; o = o->next)
        any = has_anybody_in(o, d);
    return any;
}

static bool may_be_joined(const struct o_digest *d, const struct o_message *m)
{
    return d->state == NOTIFICATION_PENDING && d->attempts == 0 &&
           text_equal(d->contact, m->contact) && text_equal(d->channel, m->channel);
}

/* The newest. One that is due may have been shown to delivery already: the engine knows. */
static struct o_digest *joinable(const struct oracle *oracle, const struct o_message *m)
{
    for (struct o_digest *d = oracle->digests; d != NULL; d = d->next) {
        if (may_be_joined(d, m) && (d->next_ms > oracle->now_ms || m->seen_digest == d->id))
            return d;
    }
    return NULL;
}

static void complain(struct oracle *oracle, const struct o_message *m, const char *want)
{
    strbuf_printf(&oracle->complaint, "message %llu to %s by %s: the rules %s, the engine %s%llu",
                  (unsigned long long)m->id, m->contact, m->channel, want,
                  !m->seen             ? "does nothing "
                  : m->seen_digest > 0 ? "has it go out in "
                  : m->seen_admitted   ? "lets it out "
                                       : "changes it ",
                  (unsigned long long)m->seen_digest);
}

static void wait_for_it(struct o_incident *o, const struct o_message *bundled)
{
    int64_t first_ms = INT64_MAX;
    if (o->reach_until_ms == 0 || bundled->paging == 0 || bundled->paging != o->paging ||
        bundled->climb != o->climb)
        return;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        int64_t at_ms = m->digest != 0 ? m->next_ms : m->due_ms;
        if (m->paging == o->paging && at_ms < first_ms)
            first_ms = at_ms;
    }
    if (first_ms + o->policy->reach_within_ms > o->reach_until_ms)
        o->reach_until_ms = first_ms + o->policy->reach_within_ms;
}

static void bundle(struct oracle *oracle, const struct due *due, const struct o_digest *d)
{
    due->message->digest = d->id;
    due->message->next_ms = d->next_ms;
    if (due->incident->number == 0)
        return;
    oracle_expect(oracle, due->incident, "note bundled");
    wait_for_it(due->incident, due->message);
}

void storm_hurry(struct oracle *oracle, uint64_t id)
{
    struct o_digest *d = storm_digest(oracle, id);
    if (d == NULL || d->state != NOTIFICATION_PENDING || d->attempts > 0)
        return;
    const struct channel_rule rule = rulebook_channel_rule(oracle->book, d->channel);
    bool is_limited = rule.per_contact > 0 && rule.per_contact_critical > 0;
    struct o_bucket *bucket = bucket_of(oracle, d->contact, d->channel);
    fill(bucket, oracle->now_ms);
    int64_t at_ms = oracle->now_ms + (is_limited ? lacks_ms(bucket, &rule, true) : 0);
    if (at_ms >= d->next_ms)
        return;
    d->next_ms = is_limited ? reserve_ms(bucket, &rule, true) : at_ms;
}

/* Its number is the engine's. */
static struct o_digest *open_digest(struct oracle *oracle, const struct o_message *m,
                                    const struct effects *effects, int64_t due_ms)
{
    for (size_t i = 0; effects != NULL && i < effects->count; i++) {
        const struct notification_row *row = effects->items[i].u.notification;
        if (effects->items[i].kind != EFFECT_NOTIFICATION || row->id != m->seen_digest ||
            row->kind != KIND_DIGEST)
            continue;
        struct o_digest *d = arena_alloc(&oracle->arena, sizeof(*d));
        *d = (struct o_digest){.next = oracle->digests,
                               .id = row->id,
                               .contact = arena_strdup(&oracle->arena, row->contact),
                               .channel = arena_strdup(&oracle->arena, row->channel),
                               .state = NOTIFICATION_PENDING,
                               .next_ms = due_ms,
                               .seen_next_ms = row->due_at_ms};
        oracle->digests = d;
        return may_be_joined(d, m) ? d : NULL;
    }
    return NULL;
}

static bool let_out(struct oracle *oracle, const struct due *due, const struct effects *effects)
{
    struct o_message *m = due->message;
    const struct channel_rule rule = rulebook_channel_rule(oracle->book, m->channel);
    const struct contact *contact = rulebook_contact(oracle->book, m->contact);
    struct o_bucket *bucket = bucket_of(oracle, m->contact, m->channel);
    struct o_digest *d = joinable(oracle, m);
    bool urgent = is_urgent(due);
    bool is_own = false;
    for (size_t i = 0; contact != NULL && i < contact->method_count; i++)
        is_own = is_own || text_equal(contact->methods[i].channel, m->channel);
    fill(bucket, oracle->now_ms);
    bool passes = !is_own || ((d == NULL || urgent) && lacks_ms(bucket, &rule, urgent) == 0);
    if (passes && is_own)
        pay(bucket, &rule, urgent);
    if (passes) {
        m->admitted = true;
        if (!m->seen_admitted || m->seen_digest != 0)
            complain(oracle, m, "let it out");
        return m->seen_admitted && m->seen_digest == 0;
    }
    if (d != NULL && urgent && oracle->now_ms + lacks_ms(bucket, &rule, true) < d->next_ms) {
        d->next_ms = reserve_ms(bucket, &rule, true);
    } else if (d == NULL) {
        d = open_digest(oracle, m, effects, reserve_ms(bucket, &rule, urgent));
    }
    if (d == NULL || d->id != m->seen_digest) {
        complain(oracle, m, d == NULL ? "begin a digest" : "have it join one");
        return false;
    }
    bundle(oracle, due, d);
    return true;
}

/* --- what the engine did --- */

bool storm_is_gate(const struct outcome_row *row)
{
    return row->attempt == 0 && row->state == NOTIFICATION_PENDING &&
           (row->reason[0] == '\0' || text_equal(row->reason, "goes out in a digest") ||
            text_equal(row->reason, "something urgent goes out in it"));
}

bool storm_claim(struct oracle *oracle, const struct claim_row *row)
{
    struct o_digest *d = storm_digest(oracle, row->notification);
    if (d == NULL)
        return false;
    d->state = NOTIFICATION_CLAIMED;
    d->attempts = (int)row->attempt;
    if (!has_anybody(oracle, d))
        strbuf_printf(&oracle->complaint, "digest %llu goes out, and nobody is left in it",
                      (unsigned long long)d->id);
    return true;
}

bool storm_outcome(struct oracle *oracle, const struct outcome_row *row)
{
    struct o_digest *d = storm_digest(oracle, row->notification);
    if (d == NULL)
        return false;
    d->state = row->state;
    if (d->attempts > 0)
        d->next_ms = row->next_at_ms;
    if (row->state == NOTIFICATION_CANCELLED &&
        (has_anybody(oracle, d) || d->next_ms > oracle->now_ms))
        strbuf_printf(&oracle->complaint, "digest %llu is cancelled: %s", (unsigned long long)d->id,
                      row->reason);
    return true;
}

/* It comes sooner, for reasons of its own. */
static bool is_hastened(const struct outcome_row *row)
{
    return row->digest == 0 && !row->admitted &&
           (text_equal(row->reason, "has become urgent") ||
            text_equal(row->reason, "quiet hours have changed") ||
            text_equal(row->reason, "the method before failed"));
}

static void see(struct oracle *oracle, uint64_t id, uint64_t digest, bool admitted)
{
    struct o_message *m = oracle_message(oracle, id).message;
    if (m == NULL)
        return;
    m->seen = true;
    m->seen_digest = digest;
    m->seen_admitted = admitted;
}

static void see_all(struct oracle *oracle, const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_NOTIFICATION &&
            (effect->u.notification->digest != 0 || effect->u.notification->admitted))
            see(oracle, effect->u.notification->id, effect->u.notification->digest,
                effect->u.notification->admitted);
        else if (effect->kind == EFFECT_OUTCOME &&
                 effect->u.outcome->state == NOTIFICATION_PENDING &&
                 !is_hastened(effect->u.outcome))
            see(oracle, effect->u.outcome->notification, effect->u.outcome->digest,
                effect->u.outcome->admitted);
    }
}

/* Nothing else was let out or bundled, and every digest is due when the rules have it. */
static bool is_all(struct oracle *oracle, struct o_incident *o)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool same = m->seen_digest == m->digest && m->seen_admitted == m->admitted;
        if (m->seen && !same) {
            complain(oracle, m, "leave it as it is");
            return false;
        }
        m->seen = m->seen_admitted = false;
        m->seen_digest = 0;
    }
    return true;
}

static bool digests_agree(struct oracle *oracle, const struct effects *effects_or_null)
{
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct outcome_row *row = effects_or_null->items[i].u.outcome;
        struct o_digest *d = effects_or_null->items[i].kind == EFFECT_OUTCOME
                                 ? storm_digest(oracle, row->notification)
                                 : NULL;
        if (d != NULL && row->state == NOTIFICATION_PENDING)
            d->seen_next_ms = row->next_at_ms;
    }
    for (struct o_digest *d = oracle->digests; d != NULL; d = d->next) {
        d->is_lost = false;
        if (d->state == NOTIFICATION_PENDING && d->next_ms != d->seen_next_ms) {
            strbuf_printf(&oracle->complaint,
                          "digest %llu: the rules have it due in %lld ms, the engine in %lld ms",
                          (unsigned long long)d->id, (long long)(d->next_ms - oracle->now_ms),
                          (long long)(d->seen_next_ms - oracle->now_ms));
            return false;
        }
    }
    return true;
}

bool storm_settle(struct oracle *oracle, const struct effects *effects_or_null)
{
    struct due *due = NULL;
    if (effects_or_null != NULL)
        see_all(oracle, effects_or_null);
    size_t count = find_all_due(oracle, &due);
    for (size_t i = 0; i < count; i++) {
        if (!let_out(oracle, &due[i], effects_or_null))
            return false;
    }
    if (!is_all(oracle, &oracle->nobodys))
        return false;
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        if (!is_all(oracle, o))
            return false;
    }
    return digests_agree(oracle, effects_or_null) && oracle->complaint.length == 0;
}

/* --- what people say to it --- */

uint64_t storm_bound(const struct oracle *oracle, uint64_t notification)
{
    struct o_found found = oracle_message(oracle, notification);
    if (found.message != NULL) /* whose incident is closed is forgotten with it */
        return found.incident->live ? found.message->digest : 0;
    return notification != 0 && storm_digest(oracle, notification) != NULL ? notification : 0;
}

struct o_message *storm_member(const struct o_incident *o, uint64_t digest)
{
    struct o_message *m = o->messages;
    while (m != NULL && m->digest != digest)
        m = m->next;
    return m;
}

/* Those that went out in it. */
static bool is_listed(const struct o_incident *o, uint64_t digest)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->digest == digest &&
            (m->state == NOTIFICATION_CLAIMED || m->state == NOTIFICATION_ACCEPTED ||
             m->state == NOTIFICATION_DELIVERED))
            return true;
    }
    return false;
}

size_t storm_listed(const struct oracle *oracle, uint64_t digest, bool only_open,
                    struct o_incident **out, size_t max)
{
    size_t count = 0;
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        if (!o->live || !is_listed(o, digest) || (only_open && o->state == INCIDENT_RESOLVED))
            continue;
        ASSERT(count < max);
        for (size_t i = count; i > 0; i--)
            out[i] = out[i - 1];
        out[0] = o; /* they stand with the newest first */
        count++;
    }
    return count;
}
