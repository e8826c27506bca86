#include "policies/climb.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/asks.h"
#include "policies/due.h"
#include "policies/ending.h"
#include "policies/fields.h"
#include "policies/follow.h"
#include "policies/quiet.h"
#include "policies/reach.h"
#include "policies/suppression.h"
#include "policies/updates.h"

enum { FALLBACK_LEVELS = 3 };

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Targets of one level of the fallback chain; count 0 where a level repeats the one before or has
 * none. */
struct level {
    const struct target *targets;
    size_t target_count;
};

static struct level fallback_level(const struct incident *incident, const struct moment *moment,
                                   int32_t number)
{
    const struct policy *last = moment->book->default_policy;
    if (number == 0)
        return (struct level){incident->policy->fallback, incident->policy->fallback_count};
    if (number == 1 && !text_equal(incident->policy->name, last->name))
        return (struct level){last->fallback, last->fallback_count};
    return (struct level){NULL, 0};
}

static void resolve_level(const struct incident *incident, const struct moment *moment,
                          int32_t number, struct receivers *out_receivers)
{
    const struct policy *last = moment->book->default_policy;
    struct level level = fallback_level(incident, moment, number);
    reach_resolve(incident, level.targets, level.target_count, moment, out_receivers);
    if (number < FALLBACK_LEVELS - 1)
        return;
    for (size_t i = 0; i < ladder_step_count(last); i++) {
        const struct step *step = &last->steps[i];
        if (step->kind == STEP_PAGE)
            reach_resolve(incident, step->targets, step->target_count, moment, out_receivers);
    }
}

bool climb_fallback(const struct incident *incident, const struct moment *moment,
                    enum notification_kind kind, struct receivers *out_receivers)
{
    for (int32_t number = 0; number < FALLBACK_LEVELS; number++) {
        *out_receivers = (struct receivers){.arena = moment->arena};
        resolve_level(incident, moment, number, out_receivers);
        if (reach_is_possible(out_receivers, kind, moment))
            return true;
    }
    return false;
}

/* The chain begins anew: what an earlier page to it has waiting for the morning, or only just let go, would say the same
 * twice. What waits for a digest is one line of it anyway. */
static void withdraw_fallback(const struct incident *incident, struct moment *moment)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_PAGE && n->repetition > 0 && text_equal(n->step, "fallback") &&
            n->deferred && n->state == NOTIFICATION_PENDING && n->attempt_count == 0 &&
            n->digest == 0)
            moment_cancel(moment, n, "the fallback is paged anew");
    }
    moment_unsend_deferred(moment, KIND_PAGE, "fallback");
}

/* Page the first level, from `from` on, on which somebody can be reached. Answers when that goes out: now, or at the end
 * of quiet hours where it is night for all of them. */
static int64_t page_fallback(struct incident *incident, struct moment *moment, int32_t from,
                             const char *why)
{
    struct ladder *ladder = &incident->ladder;
    ladder->reach_until_ms = 0;
    for (int32_t number = from; number < FALLBACK_LEVELS; number++) {
        struct receivers receivers = {.arena = moment->arena};
        resolve_level(incident, moment, number, &receivers);
        if (!reach_is_possible(&receivers, KIND_PAGE, moment))
            continue;
        incident->later->ladder.fallback_count =
            ++ladder->serial; /* one count, so that no follow-up shares its key */
        ladder->fallback_level = (int8_t)number;
        ladder->latest = LADDER_FALLBACK;
        incident->later->ladder.passed = 0;
        struct message message = {.kind = KIND_PAGE,
                                  .step = "fallback",
                                  .climb = ladder->climb,
                                  .repetition = incident->later->ladder.fallback_count,
                                  .urgent = incident_is_urgent(incident),
                                  .text = why};
        moment_note(moment, "fallback", &(struct facts){.climb = ladder->climb}, why);
        if (from == 0)
            withdraw_fallback(incident, moment);
        struct sent sent = reach_send(&receivers, &message, moment);
        ASSERT(sent.count > 0);
        ladder->reach_until_ms = sent.first_due_ms + incident->policy->reach_within_ms;
        return sent.all_deferred ? sent.first_due_ms : moment->now_ms;
    }
    moment_note(moment, "fallback-unreachable", NULL,
                "no fallback is left that could be paged: check contacts and channels");
    return moment->now_ms;
}

/* False: the step names nobody who can be paged. */
static bool run_page(struct incident *incident, struct moment *moment, size_t index,
                     const char *why)
{
    struct ladder *ladder = &incident->ladder;
    const struct step *step = &incident->policy->steps[index];
    struct receivers receivers = {.arena = moment->arena};
    ladder->page_from = (int8_t)(index + 1);
    ladder->reach_until_ms = 0;
    reach_resolve(incident, step->targets, step->target_count, moment, &receivers);
    struct facts facts = {.step = step->name, .climb = ladder->climb};
    if (!reach_is_possible(&receivers, KIND_PAGE, moment)) {
        moment_notef(moment, "nobody", &facts, "step %s names nobody who can be paged now",
                     step->name);
        return false;
    }
    ladder->latest = (int8_t)index;
    incident->later->ladder.passed = 0;
    struct message message = {.kind = KIND_PAGE,
                              .step = step->name,
                              .climb = ladder->climb,
                              .urgent = incident_is_urgent(incident),
                              .text = why};
    moment_notef(moment, "step", &facts, "step %s pages", step->name);
    struct sent sent = reach_send(&receivers, &message, moment);
    ladder->reach_until_ms = sent.first_due_ms + incident->policy->reach_within_ms;
    if (sent.all_deferred)
        quiet_shift(incident, moment, index, sent.first_due_ms);
    return true;
}

/* Run page step `index` now, and while a step names nobody the one below it. The fallback hears of
 * the first such step. */
static void run_pages(struct incident *incident, struct moment *moment, int32_t index,
                      const char *why)
{
    bool told_fallback = false;
    while (index >= 0 && !run_page(incident, moment, (size_t)index, why)) {
        if (!told_fallback)
            (void)page_fallback(incident, moment, 0,
                                arena_printf(moment->arena, "step %s names nobody who can be paged",
                                             incident->policy->steps[index].name));
        told_fallback = true;
        index = ladder_next_page(&incident->ladder, incident->policy);
        if (index >= 0)
            ladder_move_pages(&incident->ladder, incident->policy, (size_t)index, moment->now_ms);
    }
}

static void run_told(struct incident *incident, struct moment *moment, size_t index)
{
    const struct step *step = &incident->policy->steps[index];
    struct receivers receivers = {.arena = moment->arena};
    ladder_mark_run(&incident->ladder, index);
    reach_resolve(incident, step->targets, step->target_count, moment, &receivers);
    struct facts facts = {.step = step->name, .climb = incident->ladder.climb};
    enum notification_kind kind = step->kind == STEP_ASK ? KIND_ASK : KIND_INFORM;
    if (!reach_is_possible(&receivers, kind, moment)) {
        moment_notef(moment, "nobody", &facts, "step %s names nobody who can be told now",
                     step->name);
        return;
    }
    if (step->kind == STEP_ASK) {
        asks_begin(incident, step, &receivers, moment);
        return;
    }
    if (step->require != 0) {
        updates_begin(incident, step, moment);
        return;
    }
    struct message message = {.kind = kind,
                              .step = step->name,
                              .climb = incident->ladder.climb,
                              .urgent = incident_is_urgent(incident),
                              .text = ""};
    moment_notef(moment, "step", &facts, "step %s informs", step->name);
    (void)reach_send(&receivers, &message, moment);
}

static void exhaust(struct incident *incident, struct moment *moment, const char *why)
{
    struct ladder *ladder = &incident->ladder;
    int64_t every_ms = later_of(incident->policy->fallback_every_ms, LADDER_REPEAT_MIN_MS);
    ladder->exhausted = true;
    moment_note(moment, "exhausted", &(struct facts){.climb = ladder->climb},
                "the ladder has no step left and nobody has acknowledged");
    int64_t out_ms = page_fallback(
        incident, moment, 0, why[0] != '\0' ? why : "nobody has acknowledged on the whole ladder");
    incident->later->ladder.fallback_at_ms = out_ms + every_ms;
}

void climb_advance(struct incident *incident, struct moment *moment, const char *why)
{
    struct ladder *ladder = &incident->ladder;
    const struct policy *policy = incident->policy;
    if (suppression_holds(incident))
        return; /* its end starts a new climb */
    int32_t index = ladder_next_page(ladder, policy);
    if (index < 0 && ladder->climbs_left > 0 && ladder_first_page(policy) >= 0) {
        ladder->climbs_left--;
        ladder_climb(ladder, &incident->later->ladder, policy, moment->now_ms);
        moment_notef(moment, "climb", &(struct facts){.climb = ladder->climb}, "climb %d starts",
                     ladder->climb);
        index = ladder->page_from;
    }
    if (index < 0) {
        exhaust(incident, moment, why);
        return;
    }
    ladder_move_pages(ladder, policy, (size_t)index, moment->now_ms);
    run_pages(incident, moment, index, why);
}

void climb_pass_by(struct incident *incident, struct moment *moment, const char *why)
{
    struct ladder *ladder = &incident->ladder;
    int32_t index = ladder_next_page(ladder, incident->policy);
    ladder->reach_until_ms = 0;
    if (suppression_holds(incident))
        return;
    if (index < 0) {
        (void)page_fallback(incident, moment, 0, why);
        return;
    }
    ladder_move_pages(ladder, incident->policy, (size_t)index, moment->now_ms);
    run_pages(incident, moment, index, why);
}

void climb_unreached(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    ladder->reach_until_ms = 0;
    if (suppression_holds(incident))
        return;
    if (ladder->latest == LADDER_FALLBACK) {
        (void)page_fallback(incident, moment, ladder->fallback_level + 1,
                            "the fallback before could not be reached");
        return;
    }
    ASSERT(ladder->latest >= 0);
    const struct step *step = &incident->policy->steps[ladder->latest];
    struct facts facts = {.step = step->name, .climb = ladder->climb};
    moment_notef(moment, "unreached", &facts, "nobody of step %s could be reached", step->name);
    const char *why = arena_printf(moment->arena, "nobody of step %s could be reached", step->name);
    climb_pass_by(incident, moment, why);
}

void climb_trigger(struct incident *incident, struct moment *moment)
{
    incident->state = INCIDENT_TRIGGERED;
    incident->ladder.left_held = true;
    struct facts facts = {.state = "triggered", .policy = incident->policy->name};
    moment_note(moment, "triggered", &facts, "the ladder starts");
}

void climb_end_ack(struct incident *incident, struct moment *moment)
{
    incident->state = INCIDENT_TRIGGERED;
    incident->later->owner = "";
    incident->later->ack_until_ms = 0;
    incident->later->eta_at_ms = 0;
    incident->later->ladder.reminder_at_ms = 0;
    incident->later->ladder.answer_until_ms = 0;
    incident->ladder.reminded = false;
    fields_expect_no_more(incident, moment);
    climb_cancel(incident, moment, KIND_REMINDER, "the acknowledgement has ended");
    struct facts facts = {.state = "triggered", .policy = incident->policy->name};
    moment_note(moment, "triggered", &facts, "unacknowledged again");
}

static bool is_same_day(const struct civil *a, const struct civil *b)
{
    return a->year == b->year && a->month == b->month && a->day == b->day;
}

/* ", before that 00:26, 00:31": each with its date where that is not the one just named. */
static const char *earlier_promises(const struct incident *incident, const struct moment *moment,
                                    const struct zone *zone)
{
    const struct ladder_later *later = &incident->later->ladder;
    size_t count = ladder_promise_count(later);
    const char *text = "";
    struct civil named;
    if (count < 2)
        return "";
    if (ladder_promise_drops(later) > 0)
        text = arena_printf(moment->arena, " %d earlier,", ladder_promise_drops(later));
    zone_civil(zone, incident->later->eta_at_ms + moment->wall_offset_ms, &named);
    for (size_t i = 0; i + 1 < count; i++) {
        struct civil at;
        int64_t at_ms = ladder_promise_ms(later, i);
        zone_civil(zone, at_ms + moment->wall_offset_ms, &at);
        const char *separator = i == 0 ? "" : ",";
        if (!is_same_day(&at, &named))
            text = arena_printf(moment->arena, "%s%s %s", text, separator,
                                moment_local_time(moment, zone, at_ms));
        else
            text =
                arena_printf(moment->arena, "%s%s %02d:%02d", text, separator, at.hour, at.minute);
        named = at;
    }
    return arena_printf(moment->arena, ", before that%s", text);
}

/* What was promised and how often it moved: whoever is paged next hears it. */
static const char *eta_history(const struct incident *incident, const struct moment *moment)
{
    const struct zone *zone = moment->book->zone;
    return arena_printf(moment->arena, "%s promised %s%s, and it has passed (%u slip%s)",
                        incident->later->owner,
                        moment_local_time(moment, zone, incident->later->eta_at_ms),
                        earlier_promises(incident, moment, zone), incident->later->slip_count,
                        incident->later->slip_count == 1 ? "" : "s");
}

static void lapse(struct incident *incident, struct moment *moment)
{
    const char *owner = incident->later->owner;
    const char *why = NULL;
    if (incident->later->eta_at_ms != 0) {
        incident->later->slip_count++;
        struct facts facts = {.by = owner, .slip_count = incident->later->slip_count};
        why = eta_history(incident, moment);
        moment_note(moment, "eta-missed", &facts, why);
    } else {
        why = arena_printf(moment->arena, "%s acknowledged and has not been heard since", owner);
        moment_note(moment, "ack-timeout", &(struct facts){.by = owner}, why);
    }
    climb_end_ack(incident, moment);
    climb_advance(incident, moment, why);
}

static void miss_answer(struct incident *incident, struct moment *moment)
{
    const char *why = arena_printf(moment->arena, "the severity rose and %s did not answer",
                                   incident->later->owner);
    moment_note(moment, "no-answer", &(struct facts){.by = incident->later->owner}, why);
    climb_end_ack(incident, moment);
    climb_advance(incident, moment, why);
}

const char *climb_last_paged(const struct incident *incident)
{
    const char *contact = "";
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_PAGE && reach_was_handed_over(n))
            contact = n->contact;
    }
    return contact;
}

static void remind(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    incident->later->ladder.reminder_at_ms = 0;
    if (fields_ack_ends(incident, moment))
        return;
    ladder->reminded = true;
    const char *whom = fields_whom(incident, moment);
    const char *until =
        moment_local_time(moment, moment_zone_of(moment, whom), incident->later->ack_until_ms);
    const char *text = arena_printf(
        moment->arena,
        "%s #%llu climbs again at %s: reply \"eta 30m\" with a new estimate, or \"ack\".%s",
        incident->later->eta_at_ms != 0 ? "The time you gave has come." : "Is it being worked on?",
        (unsigned long long)incident->number, until, fields_remind(incident, moment));
    if (whom[0] == '\0') {
        moment_note(moment, "nobody", NULL, "there is nobody to remind");
        return;
    }
    moment_note(moment, "reminder", &(struct facts){.by = whom}, "asked for a new estimate");
    (void)follow_send(incident, moment, KIND_REMINDER, whom, text);
}

static void run_step(struct incident *incident, struct moment *moment, const struct due *due)
{
    if (incident->policy->steps[due->step].kind == STEP_PAGE)
        run_pages(incident, moment, (int32_t)due->step, "");
    else
        run_told(incident, moment, due->step);
}

static void run_climb(struct incident *incident, struct moment *moment, const struct due *due)
{
    struct ladder *ladder = &incident->ladder;
    if (ladder->climbs_left == 0) {
        exhaust(incident, moment, "");
        return;
    }
    ladder->climbs_left--;
    ladder_climb(ladder, &incident->later->ladder, incident->policy, due->at_ms);
    moment_notef(moment, "climb", &(struct facts){.climb = ladder->climb}, "climb %d starts",
                 ladder->climb);
    run_pages(incident, moment, ladder->page_from, "");
}

static void run_fallback(struct incident *incident, struct moment *moment, const struct due *due)
{
    struct ladder_later *later = &incident->later->ladder;
    int64_t every_ms = later_of(incident->policy->fallback_every_ms, LADDER_REPEAT_MIN_MS);
    bool late = moment->now_ms - due->at_ms > LADDER_LATE_MS;
    int64_t out_ms = page_fallback(incident, moment, 0, "still nobody has acknowledged");
    bool waits = out_ms > moment->now_ms;
    later->fallback_at_ms = (waits || late ? out_ms : due->at_ms) + every_ms;
}

static void run_one(struct incident *incident, struct moment *moment, const struct due *due)
{
    switch (due->kind) {
    case DUE_NOTHING:
        break;
    case DUE_TRIGGER:
        climb_trigger(incident, moment);
        break;
    case DUE_STEP:
        run_step(incident, moment, due);
        break;
    case DUE_CLIMB:
        run_climb(incident, moment, due);
        break;
    case DUE_UNREACHED:
        climb_unreached(incident, moment);
        break;
    case DUE_FALLBACK:
        run_fallback(incident, moment, due);
        break;
    case DUE_REMINDER:
        remind(incident, moment);
        break;
    case DUE_MISSING:
        fields_ask_again(incident, moment);
        break;
    case DUE_LAPSE:
        lapse(incident, moment);
        break;
    case DUE_ANSWER:
        miss_answer(incident, moment);
        break;
    case DUE_CALM:
        ending_calm(incident, moment);
        break;
    case DUE_TALK:
        updates_run_due(incident, moment);
        asks_run_due(incident, moment);
        break;
    case DUE_FORGET:
        incident->live = false;
        break;
    }
}

/* When we were down while a paging waited to be sent, nobody has been reached yet. */
static bool is_unsent(const struct incident *incident, const struct moment *moment)
{
    int64_t until_ms = incident->ladder.reach_until_ms;
    return until_ms != 0 && moment->now_ms - until_ms > LADDER_LATE_MS &&
           reach_judge(incident) == REACH_OPEN;
}

/* What was never tried, as it was put off to a time at which we were down, is a step that runs late: but not since before the
 * last moment in which we are known to have been there. */
static int64_t unsent_since_ms(const struct incident *incident)
{
    int64_t due_ms = reach_untried_due_ms(incident);
    if (due_ms == 0)
        return incident->ladder.reach_until_ms;
    return due_ms > incident->updated_at_ms ? due_ms : incident->updated_at_ms;
}

void climb_catch_up(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    if (due_calm_ms(incident) <= moment->now_ms)
        ending_calm(incident, moment);
    int64_t first_ms = due_on_ladder_ms(incident);
    bool unsent = is_unsent(incident, moment);
    if (unsent && unsent_since_ms(incident) < first_ms)
        first_ms = unsent_since_ms(incident);
    if (moment->now_ms - first_ms > LADDER_LATE_MS)
        ladder_shift(ladder, moment->now_ms - first_ms);
    if (unsent)
        ladder->reach_until_ms = moment->now_ms + incident->policy->reach_within_ms;
}

void climb_run_due(struct incident *incident, struct moment *moment)
{
    for (int round = 0;; round++) {
        ASSERT(round < CLIMB_ROUNDS_MAX);
        struct due due = climb_due(incident);
        if (due.at_ms > moment->now_ms)
            return;
        run_one(incident, moment, &due);
    }
}

void climb_cancel(struct incident *incident, struct moment *moment, enum notification_kind kind,
                  const char *reason)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == kind && n->state == NOTIFICATION_PENDING &&
            !talks_own(incident->later->talks, n))
            moment_cancel(moment, n, reason);
    }
}
