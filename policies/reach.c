#include "policies/reach.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/marks.h"
#include "policies/quiet.h"
#include "policies/schedule.h"

static struct receiver *add_receiver(struct receivers *receivers)
{
    enum { FIRST_CAPACITY = 8 };
    if (receivers->count == receivers->capacity) {
        size_t capacity = receivers->capacity == 0 ? FIRST_CAPACITY : receivers->capacity * 2;
        struct receiver *items = arena_alloc_array(receivers->arena, capacity, sizeof(*items));
        if (receivers->count > 0)
            memcpy(items, receivers->items, receivers->count * sizeof(*items));
        receivers->items = items;
        receivers->capacity = capacity;
    }
    struct receiver *receiver = &receivers->items[receivers->count++];
    *receiver = (struct receiver){0};
    return receiver;
}

/* A name that is no longer configured is nobody; a person named twice is told once. */
static void add_contact(struct receivers *receivers, const struct rulebook *book, const char *name)
{
    const struct contact *contact = rulebook_contact(book, name);
    if (contact == NULL)
        return;
    for (size_t i = 0; i < receivers->count; i++) {
        if (receivers->items[i].contact_or_null == contact)
            return;
    }
    add_receiver(receivers)->contact_or_null = contact;
}

static void add_names(struct receivers *receivers, const struct rulebook *book,
                      const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_contact(receivers, book, names[i]);
}

static void add_people(struct receivers *receivers, const struct target *target,
                       const struct moment *moment)
{
    const struct rulebook *book = moment->book;
    if (target->kind == TARGET_CONTACT) {
        add_contact(receivers, book, target->name);
    } else if (target->kind == TARGET_TEAM) {
        const struct team *team = rulebook_team(book, target->name);
        if (team != NULL)
            add_names(receivers, book, team->members, team->member_count);
    } else if (target->kind == TARGET_SCHEDULE) {
        const struct schedule *schedule = rulebook_schedule(book, target->name);
        if (schedule == NULL)
            return;
        const struct roster roster = moment_roster(moment);
        struct duty duty =
            schedule_duty(schedule, &roster, moment->now_ms + moment->wall_offset_ms);
        add_names(receivers, book, duty.names, duty.count);
    }
}

static void add_everyone(struct receivers *receivers, const struct incident *incident,
                         const struct moment *moment)
{
    const struct policy *policy = incident->policy;
    for (size_t i = 0; i < ladder_step_count(policy); i++) {
        for (size_t t = 0; t < policy->steps[i].target_count; t++)
            add_people(receivers, &policy->steps[i].targets[t], moment);
    }
    for (size_t t = 0; t < policy->fallback_count; t++)
        add_people(receivers, &policy->fallback[t], moment);
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next)
        add_contact(receivers, moment->book, n->contact);
    /* Whom this very moment tells is notified as well. */
    for (size_t i = 0; i < moment->act_count; i++) {
        if (moment->acts[i].kind == ACT_SEND)
            add_contact(receivers, moment->book, moment->acts[i].u.message.contact);
    }
    for (const struct replier *r = incident->later->repliers; r != NULL; r = r->next)
        add_contact(receivers, moment->book, r->contact);
}

static void add_audience(struct receivers *receivers, const struct audience *audience)
{
    for (size_t i = 0; i < receivers->count; i++) {
        if (receivers->items[i].audience_or_null == audience)
            return;
    }
    add_receiver(receivers)->audience_or_null = audience;
}

static void add_channel(struct receivers *receivers, const char *name)
{
    for (size_t i = 0; i < receivers->count; i++) {
        const char *known = receivers->items[i].channel_or_null;
        if (known != NULL && text_equal(known, name))
            return;
    }
    add_receiver(receivers)->channel_or_null = name;
}

void reach_resolve(const struct incident *incident, const struct target *targets,
                   size_t target_count, const struct moment *moment,
                   struct receivers *out_receivers)
{
    const struct rulebook *book = moment->book;
    out_receivers->arena = moment->arena;
    for (size_t i = 0; i < target_count; i++) {
        const struct target *target = &targets[i];
        const struct audience *audience = NULL;
        switch (target->kind) {
        case TARGET_CONTACT:
        case TARGET_TEAM:
        case TARGET_SCHEDULE:
            add_people(out_receivers, target, moment);
            break;
        case TARGET_EVERYONE:
            add_everyone(out_receivers, incident, moment);
            break;
        case TARGET_AUDIENCE:
            audience = rulebook_audience(book, target->name);
            if (audience != NULL)
                add_audience(out_receivers, audience);
            break;
        case TARGET_CHANNEL:
            if (rulebook_has_channel(book, target->name))
                add_channel(out_receivers, target->name);
            break;
        }
    }
}

struct sending {
    const struct message *pattern;
    struct moment *moment;
    size_t count;
    size_t deferred_count;
    int64_t first_due_ms;
};

/* A channel that is there, and a way that the contact has not switched off. */
static bool method_is_open(const struct contact *contact, const struct method *method,
                           const struct moment *moment)
{
    return rulebook_has_channel(moment->book, method->channel) &&
           !marks_is_stopped(moment->marks_or_null, contact->name, method->channel,
                             method->address);
}

static void send_one(struct sending *sending, const char *contact, const char *channel,
                     const char *address, int64_t due_at_ms, bool deferred)
{
    if (!rulebook_has_channel(sending->moment->book, channel))
        return;
    struct message message = *sending->pattern;
    message.contact = contact;
    message.channel = channel;
    message.address = address;
    message.due_at_ms = due_at_ms;
    message.deferred = deferred;
    moment_send(sending->moment, &message);
    sending->count++;
    sending->deferred_count += deferred ? 1 : 0;
    if (message.due_at_ms < sending->first_due_ms)
        sending->first_due_ms = message.due_at_ms;
}

static bool uses_page_rules(enum notification_kind kind)
{
    return kind == KIND_PAGE || kind == KIND_APPROVE;
}

static void send_to_contact(struct sending *sending, const struct contact *contact)
{
    bool page = uses_page_rules(sending->pattern->kind);
    const struct reach_rule *rules = page ? contact->page : contact->inform;
    size_t rule_count = page ? contact->page_count : contact->inform_count;
    const struct moment *moment = sending->moment;
    bool urgent = sending->pattern->urgent;
    /* The distances between a person's methods stay: the one that calls is not to come with the one that writes. */
    int64_t out_ms = quiet_out_ms(contact, moment, urgent, moment->now_ms);
    for (size_t i = 0; i < rule_count; i++) {
        const struct method *method = &contact->methods[rules[i].method];
        int64_t after_ms = page ? rules[i].after_ms : 0;
        int64_t due_at_ms = quiet_out_ms(contact, moment, urgent, out_ms + after_ms);
        if (method_is_open(contact, method, moment))
            send_one(sending, contact->name, method->channel, method->address, due_at_ms,
                     due_at_ms > moment->now_ms + after_ms);
    }
}

struct sent reach_send(const struct receivers *receivers, const struct message *message,
                       struct moment *moment)
{
    struct sending sending = {.pattern = message, .moment = moment, .first_due_ms = INT64_MAX};
    for (size_t i = 0; i < receivers->count; i++) {
        const struct receiver *receiver = &receivers->items[i];
        if (receiver->contact_or_null != NULL) {
            send_to_contact(&sending, receiver->contact_or_null);
        } else if (receiver->audience_or_null != NULL) {
            const struct audience *audience = receiver->audience_or_null;
            const char *name = arena_printf(moment->arena, "&%s", audience->name);
            for (size_t a = 0; a < audience->address_count; a++)
                send_one(&sending, name, audience->channel, audience->addresses[a], moment->now_ms,
                         false);
        } else {
            const char *name = arena_printf(moment->arena, "channel:%s", receiver->channel_or_null);
            send_one(&sending, name, receiver->channel_or_null, "", moment->now_ms, false);
        }
    }
    return (struct sent){.count = sending.count,
                         .first_due_ms = sending.count > 0 ? sending.first_due_ms : moment->now_ms,
                         .all_deferred =
                             sending.count > 0 && sending.deferred_count == sending.count};
}

static bool contact_is_reachable(const struct contact *contact, enum notification_kind kind,
                                 const struct moment *moment)
{
    bool page = uses_page_rules(kind);
    const struct reach_rule *rules = page ? contact->page : contact->inform;
    size_t rule_count = page ? contact->page_count : contact->inform_count;
    for (size_t i = 0; i < rule_count; i++) {
        if (method_is_open(contact, &contact->methods[rules[i].method], moment))
            return true;
    }
    return false;
}

bool reach_is_possible(const struct receivers *receivers, enum notification_kind kind,
                       const struct moment *moment)
{
    for (size_t i = 0; i < receivers->count; i++) {
        const struct receiver *receiver = &receivers->items[i];
        if (receiver->contact_or_null != NULL) {
            if (contact_is_reachable(receiver->contact_or_null, kind, moment))
                return true;
        } else if (receiver->audience_or_null != NULL) {
            const struct audience *audience = receiver->audience_or_null;
            if (audience->address_count > 0 &&
                rulebook_has_channel(moment->book, audience->channel))
                return true;
        } else {
            return true;
        }
    }
    return false;
}

bool reach_is_latest(const struct incident *incident, const struct notification *notification)
{
    const struct ladder *ladder = &incident->ladder;
    if (notification->kind != KIND_PAGE || notification->climb != ladder->climb)
        return false;
    if (ladder->latest == LADDER_FALLBACK)
        return notification->repetition == incident->later->ladder.fallback_count &&
               text_equal(notification->step, "fallback");
    return ladder->latest >= 0 && notification->repetition == 0 &&
           text_equal(notification->step, incident->policy->steps[ladder->latest].name);
}

enum reach_verdict reach_judge(const struct incident *incident)
{
    enum reach_verdict verdict = REACH_FAILED;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (!reach_is_latest(incident, n))
            continue;
        if (n->state == NOTIFICATION_ACCEPTED || n->state == NOTIFICATION_DELIVERED)
            return REACH_ACCEPTED;
        if (n->state == NOTIFICATION_PENDING || n->state == NOTIFICATION_CLAIMED)
            verdict = REACH_OPEN;
    }
    return verdict;
}

int64_t reach_first_due_ms(const struct incident *incident)
{
    int64_t first_ms = INT64_MAX;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        int64_t due_ms = n->digest != 0 ? n->next_at_ms : n->due_at_ms;
        if (reach_is_latest(incident, n) && due_ms < first_ms)
            first_ms = due_ms;
    }
    return first_ms;
}

int64_t reach_untried_due_ms(const struct incident *incident)
{
    int64_t first_ms = INT64_MAX;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (!reach_is_latest(incident, n))
            continue;
        if (n->attempt_count > 0 || n->digest != 0)
            return 0;
        first_ms = n->next_at_ms < first_ms ? n->next_at_ms : first_ms;
    }
    return first_ms;
}

struct notification *reach_next_method(const struct incident *incident,
                                       const struct notification *failed)
{
    struct notification *next = NULL;
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        bool same_run = n->kind == failed->kind && n->climb == failed->climb &&
                        n->repetition == failed->repetition && text_equal(n->step, failed->step) &&
                        text_equal(n->contact, failed->contact);
        if (!same_run || n->state != NOTIFICATION_PENDING || n->attempt_count > 0)
            continue;
        if (next == NULL || n->due_at_ms < next->due_at_ms)
            next = n;
    }
    return next;
}

bool reach_was_handed_over(const struct notification *notification)
{
    enum notification_state state = (enum notification_state)notification->state;
    if (state == NOTIFICATION_CLAIMED || state == NOTIFICATION_ACCEPTED ||
        state == NOTIFICATION_DELIVERED)
        return true;
    return notification->attempt_count > 0 && state != NOTIFICATION_FAILED;
}

/* The people of the latest paging are counted in the order of their notifications; each has one bit
 * of `passed`. Of whom every page has failed is not left either. */
bool reach_everybody_passed(struct incident *incident, const char *by)
{
    enum { PEOPLE_MAX = 64 };
    const char *people[PEOPLE_MAX];
    size_t count = 0;
    uint64_t left = 0;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (!reach_is_latest(incident, n))
            continue;
        size_t i = 0;
        while (i < count && !text_equal(people[i], n->contact))
            i++;
        if (i == PEOPLE_MAX)
            continue;
        if (i == count)
            people[count++] = n->contact;
        if (n->state != NOTIFICATION_FAILED && n->state != NOTIFICATION_EXPIRED)
            left |= UINT64_C(1) << i;
        if (text_equal(n->contact, by))
            incident->later->ladder.passed |= UINT64_C(1) << i;
    }
    return (left & ~incident->later->ladder.passed) == 0;
}
