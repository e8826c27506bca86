#include "policies/quiet.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/asks.h"
#include "policies/hours.h"
#include "policies/reach.h"
#include "policies/updates.h"

/* Spans that touch each other are one night. The configuration refuses hours that never end; of others there are at most
 * two changes a span and day. */
enum { EDGES_MAX = 2 * HOURS_SPANS_MAX * 8 };

int64_t quiet_out_ms(const struct contact *contact, const struct moment *moment, bool urgent,
                     int64_t at_ms)
{
    int64_t wall_ms = at_ms + moment->wall_offset_ms;
    if (contact == NULL || contact->quiet == NULL || urgent)
        return at_ms;
    for (int i = 0; i < EDGES_MAX && hours_contain(contact->quiet, wall_ms); i++)
        wall_ms = hours_next_change_ms(contact->quiet, wall_ms);
    return hours_contain(contact->quiet, wall_ms) ? at_ms : wall_ms - moment->wall_offset_ms;
}

bool incident_is_urgent(const struct incident *incident)
{
    return incident->severity == SEVERITY_CRITICAL || incident->priority == 1;
}

bool quiet_waits(const struct notification *notification, int64_t now_ms)
{
    return notification->deferred && notification->state == NOTIFICATION_PENDING &&
           notification->attempt_count == 0 && notification->digest == 0 &&
           notification->next_at_ms > now_ms;
}

/* The step of such a message that this very move has put off, or NULL. */
static const char *put_off_now(const struct incident *incident, const struct moment *moment,
                               enum notification_kind kind)
{
    const struct talks *talks = incident->later->talks;
    for (size_t i = 0; i < moment->act_count; i++) {
        const struct act *act = &moment->acts[i];
        if (act->kind == ACT_SEND && act->u.message.kind == kind && act->u.message.deferred &&
            talks_update(talks, act->u.message.step) == NULL &&
            talks_ask(talks, act->u.message.step) == NULL)
            return act->u.message.step;
    }
    return NULL;
}

void quiet_withdraw(struct incident *incident, struct moment *moment, enum notification_kind kind,
                    const char *reason)
{
    for (const char *step = put_off_now(incident, moment, kind); step != NULL;
         step = put_off_now(incident, moment, kind))
        moment_unsend_deferred(moment, kind, step);
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == kind && quiet_waits(n, moment->now_ms) &&
            !talks_own(incident->later->talks, n))
            moment_cancel(moment, n, reason);
    }
}

bool quiet_is_put_off(const struct incident *incident, enum notification_kind kind,
                      const char *step, const char *contact)
{
    const struct notification *n = incident->notifications;
    while (n != NULL &&
           (n->kind != kind || !n->deferred || n->state != NOTIFICATION_PENDING ||
            n->attempt_count > 0 || !text_equal(n->step, step) || !text_equal(n->contact, contact)))
        n = n->next;
    return n != NULL;
}

void quiet_shift(struct incident *incident, struct moment *moment, size_t step,
                 int64_t first_due_ms)
{
    const struct policy *policy = incident->policy;
    ladder_move_pages(&incident->ladder, policy, step, first_due_ms);
    moment_notef(moment, "deferred",
                 &(struct facts){.step = policy->steps[step].name, .until_ms = first_due_ms},
                 "step %s waits for the end of quiet hours", policy->steps[step].name);
}

void quiet_hasten(struct incident *incident, struct moment *moment,
                  struct notification *notification, const char *reason)
{
    int64_t at_ms = quiet_out_ms(rulebook_contact(moment->book, notification->contact), moment,
                                 incident_is_urgent(incident), moment->now_ms);
    if (at_ms < notification->next_at_ms && notification->digest == 0)
        moment_hasten(moment, notification, at_ms, reason);
}

int64_t quiet_due_ms(const struct moment *moment)
{
    ASSERT(moment->act_count > 0 && moment->acts[moment->act_count - 1].kind == ACT_SEND);
    return moment->acts[moment->act_count - 1].u.message.due_at_ms;
}

/* How long after the run of its step: the distance that is kept when the morning comes sooner. A page that follows an owner has
 * none, and an earlier one to the fallback cannot be told from it. */
static int64_t after_of(const struct incident *incident, const struct rulebook *book,
                        const struct notification *n)
{
    const struct contact *contact = rulebook_contact(book, n->contact);
    bool is_by_rules =
        n->kind == KIND_APPROVE ||
        (n->kind == KIND_PAGE && (n->repetition == 0 || reach_is_latest(incident, n)));
    if (contact == NULL || !is_by_rules)
        return 0;
    for (size_t i = 0; i < contact->page_count; i++) {
        if (text_equal(contact->methods[contact->page[i].method].channel, n->channel))
            return contact->page[i].after_ms;
    }
    return 0;
}

/* And this very move has not cancelled it. */
static bool still_waits(const struct notification *n, const struct moment *moment)
{
    return quiet_waits(n, moment->now_ms) && !moment_ends(moment, n);
}

/* By how much what waits for this person may come sooner: they keep their distances from the first, and that its own
 * unless it is urgent. */
static int64_t gain_of(const struct incident *incident, const struct moment *moment,
                       const char *contact)
{
    bool urgent = incident_is_urgent(incident);
    const struct notification *first = NULL;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (still_waits(n, moment) && text_equal(n->contact, contact) &&
            (first == NULL || n->next_at_ms < first->next_at_ms))
            first = n;
    }
    ASSERT(first != NULL);
    const struct contact *person = rulebook_contact(moment->book, contact);
    int64_t out_ms = quiet_out_ms(person, moment, urgent, moment->now_ms);
    out_ms += urgent ? 0 : after_of(incident, moment->book, first);
    out_ms = quiet_out_ms(person, moment, urgent, out_ms);
    return out_ms < first->next_at_ms ? first->next_at_ms - out_ms : 0;
}

/* The latest paging now goes out from `first_ms` on: what was counted from a later time comes forward. */
static void bring_forward(struct incident *incident, struct moment *moment, int64_t first_ms)
{
    struct ladder *ladder = &incident->ladder;
    const struct policy *policy = incident->policy;
    int64_t reach_ms = first_ms + policy->reach_within_ms;
    if (ladder->latest >= 0 && ladder_due_ms(ladder, &incident->later->ladder, policy,
                                             (size_t)ladder->latest) > moment->now_ms)
        ladder_move_pages(ladder, policy, (size_t)ladder->latest, first_ms);
    if (ladder->reach_until_ms > reach_ms)
        ladder->reach_until_ms = reach_ms;
}

void quiet_release(struct incident *incident, struct moment *moment)
{
    bool urgent = incident_is_urgent(incident);
    struct ladder_later *later = &incident->later->ladder;
    int64_t first_paged_ms = INT64_MAX;
    int64_t answer_gain_ms = 0;
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (urgent && n->digest != 0 && n->state == NOTIFICATION_PENDING && n->attempt_count == 0)
            moment_hasten(moment, n, moment->now_ms, "has become urgent");
        if (!still_waits(n, moment))
            continue;
        int64_t gain_ms = gain_of(incident, moment, n->contact);
        if (gain_ms == 0)
            continue;
        int64_t at_ms = quiet_out_ms(rulebook_contact(moment->book, n->contact), moment, urgent,
                                     n->next_at_ms - gain_ms);
        if (at_ms >= n->next_at_ms)
            continue; /* that is in other quiet hours, which end when it goes out anyway */
        moment_hasten(moment, n, at_ms, urgent ? "has become urgent" : "quiet hours have changed");
        updates_hear_sooner(incident, n, at_ms);
        asks_hear_sooner(incident, n, at_ms);
        if (reach_is_latest(incident, n) && at_ms < first_paged_ms)
            first_paged_ms = at_ms;
        if (n->kind == KIND_PAGE)
            answer_gain_ms = n->next_at_ms - at_ms;
    }
    if (later->answer_until_ms != 0)
        later->answer_until_ms -= answer_gain_ms;
    if (first_paged_ms != INT64_MAX && incident->state == INCIDENT_TRIGGERED)
        bring_forward(incident, moment, first_paged_ms);
}

void quiet_wake(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)move;
    quiet_release(incident, moment);
}
