#include "policies/why.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "policies/climb.h"
#include "policies/due.h"
#include "policies/flap.h"
#include "policies/quiet.h"
#include "policies/updates_internal.h"

static const char *const kind_names[DECISION_KIND_COUNT] = {
    [DECISION_HELD] = "held",
    [DECISION_ACKNOWLEDGED] = "acknowledged",
    [DECISION_SUPPRESSED] = "suppressed",
    [DECISION_FLAPPING] = "flapping",
    [DECISION_EXHAUSTED] = "exhausted",
    [DECISION_RESOLVED] = "resolved",
    [DECISION_STEP_RAN] = "step-ran",
    [DECISION_STEP_DUE] = "step-due",
    [DECISION_STEP_SUPPRESSED] = "step-suppressed",
    [DECISION_STEP_PARKED] = "step-parked",
    [DECISION_STEP_AWAITS_ACK] = "step-awaits-ack",
    [DECISION_STEP_AWAITS_END] = "step-awaits-resolution",
    [DECISION_STEP_OVER] = "step-over",
    [DECISION_SENDING] = "sending",
    [DECISION_DEFERRED_QUIET] = "deferred-quiet-hours",
    [DECISION_DEFERRED_RATE] = "deferred-rate-limit",
    [DECISION_UPDATE_INCOMPLETE] = "update-incomplete",
    [DECISION_UPDATE_CHANGED] = "update-changed",
    [DECISION_UPDATE_HELD] = "update-held",
    [DECISION_UPDATE_RETURNED] = "update-returned",
    [DECISION_UPDATE_PROMISED] = "update-promised",
    [DECISION_ASK_OPEN] = "ask-open",
    [DECISION_NEXT] = "next",
};

const char *decision_kind_name(enum decision_kind kind)
{
    ASSERT(kind < DECISION_KIND_COUNT);
    return kind_names[kind];
}

/* What all sentences about one incident need. */
struct why {
    const struct incident *incident;
    const struct suppression *now;
    const struct moment *moment;
    struct decisions *out;
};

static struct decision *add(struct why *why, enum decision_kind kind)
{
    enum { FIRST_CAPACITY = 32 };
    struct decisions *out = why->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity == 0 ? FIRST_CAPACITY : out->capacity * 2;
        struct decision *items = arena_alloc_array(why->moment->arena, capacity, sizeof(*items));
        if (out->count > 0)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        out->capacity = capacity;
    }
    struct decision *decision = &out->items[out->count++];
    *decision =
        (struct decision){.kind = kind, .step = "", .to = "", .via = "", .by = "", .text = ""};
    return decision;
}

/* "02:10:00", with its date where that is not today's. */
static const char *clock_text(const struct why *why, int64_t at_ms)
{
    const struct moment *moment = why->moment;
    struct civil at, today;
    zone_civil(moment->book->zone, at_ms + moment->wall_offset_ms, &at);
    zone_civil(moment->book->zone, moment->now_ms + moment->wall_offset_ms, &today);
    if (at.year == today.year && at.month == today.month && at.day == today.day)
        return arena_printf(moment->arena, "%02d:%02d:%02d", at.hour, at.minute, at.second);
    return arena_printf(moment->arena, "%04d-%02d-%02d %02d:%02d:%02d", at.year, at.month, at.day,
                        at.hour, at.minute, at.second);
}

/* " until 02:45:00", or nothing where nobody knows. */
static const char *until_text(const struct why *why, int64_t until_ms)
{
    return until_ms != 0 ? arena_printf(why->moment->arena, " until %s", clock_text(why, until_ms))
                         : "";
}

static const char *mark_text(const struct why *why)
{
    return arena_printf(why->moment->arena, "suppressed by %s%s",
                        suppression_text(why->incident->later->mark, why->now, why->moment->arena),
                        until_text(why, suppression_until_ms(why->incident->later->mark, why->now,
                                                             why->moment->wall_offset_ms)));
}

static const char *ack_text(const struct why *why)
{
    return arena_printf(why->moment->arena, "acknowledged by %s%s", why->incident->later->owner,
                        until_text(why, why->incident->later->ack_until_ms));
}

static void add_state(struct why *why)
{
    const struct incident *incident = why->incident;
    struct decision *d = NULL;
    if (incident->state == INCIDENT_HELD) {
        d = add(why, DECISION_HELD);
        d->until_ms = incident->ladder.anchor_ms;
        d->text = arena_printf(why->moment->arena, "held%s", until_text(why, d->until_ms));
    } else if (incident->state == INCIDENT_ACKNOWLEDGED) {
        d = add(why, DECISION_ACKNOWLEDGED);
        d->by = incident->later->owner;
        d->until_ms = incident->later->ack_until_ms;
        d->text = ack_text(why);
    } else if (incident->state == INCIDENT_RESOLVED) {
        d = add(why, DECISION_RESOLVED);
        d->at_ms = incident->later->resolved_at_ms;
        d->text = arena_printf(why->moment->arena, "resolved at %s", clock_text(why, d->at_ms));
    }
}

static void add_marks(struct why *why)
{
    const struct incident *incident = why->incident;
    int64_t calm_ms = flap_calm_ms(incident);
    if (suppression_holds(incident)) {
        struct decision *d = add(why, DECISION_SUPPRESSED);
        d->by = incident->later->mark;
        d->until_ms =
            suppression_until_ms(incident->later->mark, why->now, why->moment->wall_offset_ms);
        d->text = mark_text(why);
    }
    if (calm_ms != 0) {
        struct decision *d = add(why, DECISION_FLAPPING);
        d->until_ms = calm_ms;
        d->text =
            arena_printf(why->moment->arena,
                         "flapping%s unless it changes again: %lld resolves were only counted",
                         until_text(why, calm_ms), (long long)flap_counted(incident));
    }
    if (incident->ladder.exhausted) {
        struct decision *d = add(why, DECISION_EXHAUSTED);
        d->at_ms = incident->later->ladder.fallback_at_ms;
        d->text = "the ladder has no step left and nobody has acknowledged";
    }
}

/* When it ran last, as far as its messages tell. */
static int64_t ran_at_ms(const struct incident *incident, const struct step *step)
{
    int64_t at_ms = 0;
    int32_t climb = 0;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->repetition > 0 || !text_equal(n->step, step->name))
            continue;
        if (n->climb > climb)
            at_ms = 0;
        climb = n->climb;
        if (!n->deferred && (n->due_at_ms < at_ms || at_ms == 0))
            at_ms = n->due_at_ms; /* of what quiet hours put off that is the morning */
    }
    return at_ms;
}

static const char *step_text(const struct why *why, const struct step *step,
                             const struct step_state *state, int64_t at_ms)
{
    struct arena *arena = why->moment->arena;
    const char *at = at_ms != 0 ? clock_text(why, at_ms) : "";
    switch (state->standing) {
    case STANDING_RAN:
        return at_ms != 0 ? arena_printf(arena, "step %s ran at %s", step->name, at)
                          : arena_printf(arena, "step %s has had its turn", step->name);
    case STANDING_DUE:
        return arena_printf(arena, "step %s at %s", step->name, at);
    case STANDING_SUPPRESSED:
        return arena_printf(arena, "step %s parked at %s: %s", step->name, at, mark_text(why));
    case STANDING_ACKED:
        return arena_printf(arena, "step %s parked at %s: %s", step->name, at, ack_text(why));
    case STANDING_AWAITS_ACK:
        return arena_printf(arena, "step %s waits for the first acknowledgement", step->name);
    case STANDING_AWAITS_END:
        return arena_printf(arena, "step %s waits for the resolution", step->name);
    case STANDING_OVER:
        return arena_printf(arena, "step %s will not run: resolved", step->name);
    case STANDING_COUNT:
        break;
    }
    ASSERT(state->standing < STANDING_COUNT);
    return "";
}

static void add_step(struct why *why, size_t index)
{
    static const enum decision_kind kinds[STANDING_COUNT] = {
        [STANDING_RAN] = DECISION_STEP_RAN,
        [STANDING_DUE] = DECISION_STEP_DUE,
        [STANDING_SUPPRESSED] = DECISION_STEP_SUPPRESSED,
        [STANDING_ACKED] = DECISION_STEP_PARKED,
        [STANDING_AWAITS_ACK] = DECISION_STEP_AWAITS_ACK,
        [STANDING_AWAITS_END] = DECISION_STEP_AWAITS_END,
        [STANDING_OVER] = DECISION_STEP_OVER,
    };
    const struct incident *incident = why->incident;
    const struct step *step = &incident->policy->steps[index];
    const struct step_state state = due_step(incident, index);
    struct decision *d = add(why, kinds[state.standing]);
    d->step = step->name;
    d->at_ms = state.standing == STANDING_RAN ? ran_at_ms(incident, step) : state.at_ms;
    if (state.standing == STANDING_SUPPRESSED) {
        d->by = incident->later->mark;
        d->until_ms =
            suppression_until_ms(incident->later->mark, why->now, why->moment->wall_offset_ms);
    } else if (state.standing == STANDING_ACKED) {
        d->by = incident->later->owner;
        d->until_ms = incident->later->ack_until_ms;
    }
    d->text = step_text(why, step, &state, d->at_ms);
}

/* Which of the last two of the order holds it back. */
static enum decision_kind kind_of_sending(const struct why *why, const struct notification *n)
{
    if (n->state == NOTIFICATION_PENDING && n->digest != 0)
        return DECISION_DEFERRED_RATE;
    return quiet_waits(n, why->moment->now_ms) ? DECISION_DEFERRED_QUIET : DECISION_SENDING;
}

static void add_sending(struct why *why, const struct notification *n)
{
    struct decision *d = add(why, kind_of_sending(why, n));
    const char *what = arena_printf(why->moment->arena, "%s to %s by %s",
                                    notification_kind_name((enum notification_kind)n->kind),
                                    n->contact, n->channel);
    d->step = n->step;
    d->to = n->contact;
    d->via = n->channel;
    d->at_ms = n->next_at_ms;
    if (d->kind != DECISION_SENDING)
        d->until_ms = n->next_at_ms;
    if (d->kind == DECISION_DEFERRED_RATE)
        d->text = arena_printf(why->moment->arena, "%s goes out in digest %llu at %s", what,
                               (unsigned long long)n->digest, clock_text(why, n->next_at_ms));
    else if (d->kind == DECISION_DEFERRED_QUIET)
        d->text = arena_printf(why->moment->arena, "%s waits for the end of quiet hours at %s",
                               what, clock_text(why, n->next_at_ms));
    else if (n->state == NOTIFICATION_CLAIMED)
        d->text = arena_printf(why->moment->arena, "%s is being sent", what);
    else if (n->attempt_count > 0)
        d->text = arena_printf(why->moment->arena, "%s: tried %u times, again at %s", what,
                               n->attempt_count, clock_text(why, n->next_at_ms));
    else
        d->text =
            arena_printf(why->moment->arena, "%s at %s", what, clock_text(why, n->next_at_ms));
}

static void add_sendings(struct why *why)
{
    size_t count = 0;
    for (const struct notification *n = why->incident->notifications; n != NULL; n = n->next) {
        if (n->state != NOTIFICATION_PENDING && n->state != NOTIFICATION_CLAIMED)
            continue;
        if (count < WHY_SENDINGS_MAX)
            add_sending(why, n);
        count++;
    }
    if (count > WHY_SENDINGS_MAX)
        add(why, DECISION_SENDING)->text =
            arena_printf(why->moment->arena, "and %zu more messages", count - WHY_SENDINGS_MAX);
}

/* --- updates and questions --- */

static const char *joined(const struct why *why, const char *list, const char *name)
{
    return arena_printf(why->moment->arena, "%s%s%s", list, list[0] != '\0' ? ", " : "", name);
}

static const char *missing_parts(const struct why *why, const struct step *step)
{
    const char *list = "";
    for (int i = 0; i < PART_COUNT; i++) {
        if ((step->require >> i & 1) != 0 && why->incident->later->talks->parts[i][0] == '\0')
            list = joined(why, list, part_name((enum part)i));
    }
    return list;
}

/* Whoever was asked to approve in this round, each once. */
static const char *approvers(const struct why *why, const struct update *update)
{
    const char *list = "";
    for (const struct notification *n = why->incident->notifications; n != NULL; n = n->next) {
        bool asks = n->kind == KIND_APPROVE && n->repetition >= update->round &&
                    text_equal(n->step, update->step);
        bool known = false;
        for (const struct notification *before = why->incident->notifications; asks && before != n;
             before = before->next)
            known = known ||
                    (before->kind == KIND_APPROVE && before->repetition >= update->round &&
                     text_equal(before->step, n->step) && text_equal(before->contact, n->contact));
        if (asks && !known)
            list = joined(why, list, n->contact);
    }
    return list;
}

static const char *then_text(const struct update *update, const struct step *step)
{
    if (step->then == APPROVE_SEND && !update->escalated)
        return "it is sent";
    return step->then == APPROVE_DROP || update->escalated ? "it is dropped"
                                                           : "the fallback is asked";
}

static void add_update(struct why *why, const struct update *update)
{
    static const enum decision_kind kinds[UPDATE_STATE_COUNT] = {
        [UPDATE_INCOMPLETE] = DECISION_UPDATE_INCOMPLETE,
        [UPDATE_CHANGED] = DECISION_UPDATE_CHANGED,
        [UPDATE_HELD] = DECISION_UPDATE_HELD,
        [UPDATE_RETURNED] = DECISION_UPDATE_RETURNED,
        [UPDATE_SENT] = DECISION_UPDATE_PROMISED,
    };
    const struct step *step = update_step(why->incident, update);
    struct arena *arena = why->moment->arena;
    if (step == NULL || update->state == UPDATE_DROPPED ||
        (update->state == UPDATE_SENT && update->promised_at_ms == 0))
        return;
    struct decision *d = add(why, kinds[update->state]);
    d->step = step->name;
    d->at_ms = update->state == UPDATE_SENT ? update->promised_at_ms : update->due_at_ms;
    const char *at = clock_text(why, d->at_ms);
    if (update->state == UPDATE_SENT) {
        d->text = arena_printf(arena, "update %s: the next one is promised for %s", step->name, at);
    } else if (update->state == UPDATE_CHANGED) {
        d->text = arena_printf(arena, "update %s was changed: it goes on at %s", step->name, at);
    } else if (update->state == UPDATE_HELD) {
        d->by = approvers(why, update);
        d->until_ms = update->due_at_ms;
        d->text = arena_printf(arena, "update %s waits for approval by %s until %s, then %s",
                               step->name, d->by, at, then_text(update, step));
    } else {
        d->by = update_writer(why->incident, update->state == UPDATE_RETURNED, why->moment);
        const char *whom = d->by[0] != '\0' ? d->by : "nobody yet";
        d->text = update->state == UPDATE_RETURNED
                      ? arena_printf(arena, "update %s was returned to %s, asked again at %s",
                                     step->name, whom, at)
                      : arena_printf(arena, "update %s waits for %s from %s, asked again at %s",
                                     step->name, missing_parts(why, step), whom, at);
    }
}

static void add_ask(struct why *why, const struct ask *ask)
{
    const char *silent = "";
    if (ask->closed_at_ms != 0)
        return;
    for (const struct asked *person = ask->asked; person != NULL; person = person->next) {
        if (!person->answered && rulebook_contact(why->moment->book, person->name) != NULL)
            silent = joined(why, silent, person->name);
    }
    struct decision *d = add(why, DECISION_ASK_OPEN);
    d->step = arena_strdup(why->moment->arena, ask->step);
    d->by = silent;
    d->until_ms = ask->deadline_at_ms;
    d->text =
        arena_printf(why->moment->arena, "question %s is open until %s, silent: %s%s", ask->step,
                     clock_text(why, ask->deadline_at_ms), silent,
                     ask->remind_at_ms != 0 ? arena_printf(why->moment->arena, ", reminded at %s",
                                                           clock_text(why, ask->remind_at_ms))
                                            : "");
}

static void add_talks(struct why *why)
{
    const struct talks *talks = why->incident->later->talks;
    if (talks == NULL)
        return;
    for (const struct update *update = talks->updates; update != NULL; update = update->next)
        add_update(why, update);
    for (const struct ask *ask = talks->asks; ask != NULL; ask = ask->next)
        add_ask(why, ask);
}

/* "update affected", "question roll-call": which of them is due first. */
static const char *talk_due(const struct why *why, int64_t at_ms)
{
    const struct talks *talks = why->incident->later->talks;
    for (const struct update *u = talks->updates; u != NULL; u = u->next) {
        if (u->due_at_ms == at_ms || u->remind_at_ms == at_ms || u->promised_at_ms == at_ms)
            return arena_printf(why->moment->arena, "update %s", u->step);
    }
    for (const struct ask *a = talks->asks; a != NULL; a = a->next) {
        if (a->closed_at_ms == 0 && (a->deadline_at_ms == at_ms || a->remind_at_ms == at_ms))
            return arena_printf(why->moment->arena, "question %s", a->step);
    }
    return "an update or a question"; /* of a row that nobody of this version has written */
}

static const char *next_text(const struct why *why, const struct due *due)
{
    const struct incident *incident = why->incident;
    struct arena *arena = why->moment->arena;
    const char *at = due->at_ms != INT64_MAX ? clock_text(why, due->at_ms) : "";
    switch (due->kind) {
    case DUE_TRIGGER:
        return arena_printf(arena, "next: the hold ends at %s", at);
    case DUE_STEP:
        return arena_printf(arena, "next: step %s at %s", incident->policy->steps[due->step].name,
                            at);
    case DUE_CLIMB:
        return incident->ladder.climbs_left > 0
                   ? arena_printf(arena, "next: climb %d at %s", incident->ladder.climb + 1, at)
                   : arena_printf(arena, "next: the fallback at %s, no step is left", at);
    case DUE_UNREACHED:
        return arena_printf(arena, "next: the step below at %s, unless somebody is reached", at);
    case DUE_FALLBACK:
        return arena_printf(arena, "next: the fallback again at %s", at);
    case DUE_REMINDER:
        return arena_printf(arena, "next: %s is asked for a new estimate at %s",
                            incident->later->owner, at);
    case DUE_MISSING:
        return arena_printf(arena, "next: %s is asked for what is missing at %s",
                            incident->later->owner, at);
    case DUE_TALK:
        return arena_printf(arena, "next: %s at %s", talk_due(why, due->at_ms), at);
    case DUE_LAPSE:
        return arena_printf(arena, "next: the acknowledgement ends at %s", at);
    case DUE_ANSWER:
        return arena_printf(arena, "next: the acknowledgement ends at %s unless %s answers", at,
                            incident->later->owner);
    case DUE_CALM:
        return arena_printf(arena, "next: it counts as calm at %s", at);
    case DUE_FORGET:
    case DUE_NOTHING:
        break;
    }
    return suppression_holds(incident) && incident_is_open(incident)
               ? arena_printf(arena, "next: nothing while it is %s", mark_text(why))
               : "next: nothing";
}

void why_incident(const struct incident *incident, const struct suppression *now,
                  const struct moment *moment, struct decisions *out_decisions)
{
    struct why why = {.incident = incident, .now = now, .moment = moment, .out = out_decisions};
    *out_decisions = (struct decisions){.count = 0};
    add_state(&why);
    add_marks(&why);
    for (size_t i = 0; i < ladder_step_count(incident->policy); i++)
        add_step(&why, i);
    add_sendings(&why);
    add_talks(&why);
    const struct due due = climb_due(incident);
    struct decision *d = add(&why, DECISION_NEXT);
    d->step = due.kind == DUE_STEP ? incident->policy->steps[due.step].name : "";
    d->at_ms = due.kind != DUE_NOTHING && due.kind != DUE_FORGET ? due.at_ms : 0;
    d->text = next_text(&why, &due);
}
