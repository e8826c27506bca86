/* I22: how much one person is sent by one channel, and what goes out in a digest. Limits are read from the rulebook, the rest from
 * what was committed and from what delivery was shown. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/simulation/checker_state.h"
#include "tests/simulation/world_state.h"

enum { MINUTE_MS = 60000 };

/* One message that was let out, or a digest: when its place came. */
struct letting {
    int64_t at_ms;
    bool urgent;
};

struct lettings { /* of one person by one channel */
    struct lettings *next;
    const char *contact, *channel;
    struct letting *items;
    size_t count, capacity;
};

static struct lettings *lettings_of(struct checker *checker, const struct sending *s)
{
    struct lettings *l = checker->lettings;
    while (l != NULL && !(text_equal(l->contact, s->contact) && text_equal(l->channel, s->channel)))
        l = l->next;
    if (l != NULL)
        return l;
    l = arena_alloc(&checker->world->arena, sizeof(*l));
    *l = (struct lettings){.next = checker->lettings, .contact = s->contact, .channel = s->channel};
    checker->lettings = l;
    return l;
}

static bool is_urgent(struct checker *checker, const struct sending *s)
{
    const struct incident_case *c = checker_case(checker, s->incident);
    return s->incident != 0 && (c->severity == SEVERITY_CRITICAL || c->priority == 1);
}

/* In no stretch of time more than the bucket held, and what it took up meanwhile. What is urgent has a bucket of its own. */
static void check_rate(struct checker *checker, const struct lettings *l, bool urgent)
{
    const struct channel_rule rule = rulebook_channel_rule(checker->world->book, l->channel);
    int64_t limit = urgent ? rule.per_contact_critical : rule.per_contact;
    const struct letting *last = &l->items[l->count - 1];
    int64_t count = 0;
    if (limit == 0 || last->urgent != urgent)
        return;
    for (size_t i = l->count; i > 0; i--) {
        const struct letting *first = &l->items[i - 1];
        count += first->urgent == urgent ? 1 : 0;
        if (count > limit + (last->at_ms - first->at_ms) * limit / MINUTE_MS)
            world_breach(checker->world, "I22", "%lld messages to %s by %s in %lld ms",
                         (long long)count, l->contact, l->channel,
                         (long long)(last->at_ms - first->at_ms));
    }
}

/* Whoever is no longer configured has no bucket. */
static void let(struct checker *checker, const struct sending *s, int64_t at_ms, bool urgent)
{
    if (rulebook_contact(checker->world->book, s->contact) == NULL)
        return;
    struct lettings *l = lettings_of(checker, s);
    if (l->count == l->capacity) {
        size_t capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        struct letting *items =
            arena_take_array(&checker->world->arena, capacity, sizeof(*l->items));
        if (l->count > 0)
            memcpy(items, l->items, l->count * sizeof(*items));
        l->items = items;
        l->capacity = capacity;
    }
    size_t at = l->count++;
    for (; at > 0 && l->items[at - 1].at_ms > at_ms; at--)
        l->items[at] = l->items[at - 1];
    l->items[at] = (struct letting){.at_ms = at_ms, .urgent = urgent};
    check_rate(checker, l, false);
    check_rate(checker, l, true);
}

/* Where there is none for what is urgent, it may have been that when it came due. */
static bool has_limit(struct checker *checker, const struct sending *s)
{
    const struct channel_rule rule = rulebook_channel_rule(checker->world->book, s->channel);
    bool was_urgent = s->incident != 0 && checker_case(checker, s->incident)->was_urgent;
    return rule.per_contact > 0 && (!was_urgent || rule.per_contact_critical > 0) &&
           s->kind != KIND_ANSWER && s->contact[0] != '&' &&
           !text_starts_with(s->contact, "channel:");
}

/* Whoever joins is not let out by itself. A digest has an urgent place when it begins with what is urgent,
 * which is let out first. */
void checker_gate(struct checker *checker, uint64_t id, uint64_t digest, bool admitted)
{
    struct sending *s = checker_sending(checker, id);
    if (digest != 0 && s->digest == 0) {
        bool urgent = is_urgent(checker, s);
        s->digest = digest;
        s = checker_sending(checker, digest); /* may move them all */
        s->urgent = s->urgent || (urgent && s->made_in == checker->world->report->commit_count);
        if (!s->known || s->kind != KIND_DIGEST || s->attempts > 0)
            world_breach(checker->world, "I22", "message %llu joins %llu, which is none or is out",
                         (unsigned long long)id, (unsigned long long)digest);
        return;
    }
    if (s->digest != digest)
        world_breach(checker->world, "I22", "message %llu moves from digest %llu to %llu",
                     (unsigned long long)id, (unsigned long long)s->digest,
                     (unsigned long long)digest);
    if (admitted && !s->admitted) {
        s->admitted = true;
        let(checker, s, checker->world->now_ms, is_urgent(checker, s));
    }
}

void checker_first_start(struct checker *checker, uint64_t id)
{
    struct sending *s = checker_sending(checker, id);
    if (s->kind == KIND_DIGEST)
        let(checker, s, s->next_at_ms, s->urgent);
    else if (s->digest != 0)
        world_breach(checker->world, "I22", "message %llu goes out beside its digest %llu",
                     (unsigned long long)id, (unsigned long long)s->digest);
    else if (!s->admitted && has_limit(checker, s))
        world_breach(checker->world, "I22", "message %llu goes out past the limit",
                     (unsigned long long)id);
}

/* It says so to whoever gets it. */
void checker_goes_in_digest(struct checker *checker, uint64_t id)
{
    const struct sending *s = checker_sending(checker, id);
    const struct sending *digest = checker_sending(checker, s->digest);
    if (s->digest == 0 || digest->state != NOTIFICATION_CLAIMED)
        world_breach(checker->world, "I22", "message %llu is claimed without its digest",
                     (unsigned long long)id);
    else if (!channels_has_named(checker->world->channels, s->digest, s->incident))
        world_breach(checker->world, "I22", "digest %llu does not name incident %llu",
                     (unsigned long long)s->digest, (unsigned long long)s->incident);
}

/* What has ended has ended for all in it: at the end of each commit, and at the end of all. */
void checker_digest_ends(struct checker *checker, uint64_t id)
{
    const struct sending *digest = checker_sending(checker, id);
    for (size_t i = 1; i < checker->sending_count; i++) {
        const struct sending *s = &checker->sendings[i];
        bool waits = s->state == NOTIFICATION_PENDING || s->state == NOTIFICATION_CLAIMED;
        if (s->known && s->digest == id && waits && digest->state != NOTIFICATION_PENDING &&
            digest->state != NOTIFICATION_CLAIMED)
            world_breach(checker->world, "I22", "digest %llu is %s, message %zu in it %s",
                         (unsigned long long)id, notification_state_name(digest->state), i,
                         notification_state_name(s->state));
    }
}

void checker_rest_digest(struct checker *checker, uint64_t id)
{
    const struct sending *s = checker_sending(checker, id);
    const struct sending *digest = checker_sending(checker, s->digest);
    bool taken = s->state == NOTIFICATION_ACCEPTED || s->state == NOTIFICATION_DELIVERED;
    if (taken && channels_sent_count(checker->world->channels, s->digest) == 0 &&
        !channels_was_vouched(checker->world->channels, s->digest))
        world_breach(checker->world, "I22",
                     "message %llu is %s, its digest %llu (%s) never went out",
                     (unsigned long long)id, notification_state_name(s->state),
                     (unsigned long long)s->digest, notification_state_name(digest->state));
}
