#include "policies/incident.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/advance.h"
#include "policies/answer.h"
#include "policies/asks.h"
#include "policies/climb.h"
#include "policies/ending.h"
#include "policies/fields.h"
#include "policies/flap.h"
#include "policies/follow.h"
#include "policies/owner.h"
#include "policies/quiet.h"
#include "policies/reach.h"
#include "policies/repolicy.h"
#include "policies/suppression.h"
#include "policies/updates.h"

typedef void transition(struct incident *incident, const struct move *move, struct moment *moment);

int64_t incident_next_due_ms(const struct incident *incident)
{
    return climb_due(incident).at_ms;
}

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

static void ignored(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)incident;
    (void)move;
    (void)moment;
}

/* The engine never sends this pair: a resolved incident reopens instead of firing, an open one does
 * not open. */
static void impossible(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)incident;
    (void)move;
    (void)moment;
    ASSERT(incident == NULL); /* a move that this state cannot meet: always a bug */
}

static void note_linked(const struct incident *incident, struct moment *moment)
{
    if (incident->later->linked != 0)
        moment_notef(moment, "linked", &(struct facts){.follows = (int64_t)incident->later->linked},
                     "the same alert was last part of #%llu",
                     (unsigned long long)incident->later->linked);
}

/* Also a reopening: everything starts over but the climb number and the history. */
static void open_incident(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)move;
    const struct policy *policy = incident->policy;
    bool again = incident->state == INCIDENT_RESOLVED;
    incident->state = INCIDENT_HELD;
    incident->later->owner = "";
    incident->later->acked_at_ms = 0;
    incident->later->resolved_at_ms = 0;
    incident->later->ack_until_ms = 0;
    incident->later->eta_at_ms = 0;
    incident->later->slip_count = 0;
    incident->known = false;
    incident->cleared = false;
    updates_restart(incident, moment);
    incident->later->mark = "";
    bool flaps = again && flap_transition(incident, moment, false);
    int64_t hold_ms = flaps ? 0 : policy->hold_ms;
    ladder_open(&incident->ladder, &incident->later->ladder, policy, moment->now_ms + hold_ms);
    struct facts facts = {.state = hold_ms > 0 ? "held" : "", .policy = policy->name};
    const char *what = again ? "reopened" : "opened";
    const char *const parts[] = {what, " by policy ", policy->name, ": ", incident_title(incident)};
    moment_note_parts(moment, what, &facts, parts, sizeof(parts) / sizeof(parts[0]));
    if (!again)
        note_linked(incident, moment);
}

/* What was reported before any alert has its first one now. */
static bool has_first_alert(const struct incident *incident)
{
    return incident->alerts != NULL && incident->alerts == incident->last_alert &&
           incident->alerts->count == 1;
}

static void add_alert(struct incident *incident, const struct move *move, struct moment *moment)
{
    /* It fires again after all was resolved: while it flaps that is only counted. */
    bool fires_again = incident_firing_count(incident) == 1 && incident->state != INCIDENT_HELD &&
                       !has_first_alert(incident);
    if (!fires_again || !flap_transition(incident, moment, false))
        moment_note(moment, "alert", NULL, move->text);
    incident->cleared = false;
    if (incident->state != INCIDENT_TRIGGERED || !incident->ladder.exhausted ||
        suppression_holds(incident) || ladder_first_page(incident->policy) < 0)
        return;
    ladder_climb(&incident->ladder, &incident->later->ladder, incident->policy, moment->now_ms);
    moment_notef(moment, "climb", &(struct facts){.climb = incident->ladder.climb},
                 "a new alert: climb %d starts", incident->ladder.climb);
}

static void note_severity(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)move;
    owner_note_severity(incident, moment);
}

static void page_owner(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)move;
    owner_note_severity(incident, moment);
    owner_page(incident, moment);
}

static void pass_time(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)incident;
    (void)move;
    (void)moment; /* climb_run_due follows every move */
}

/* An ETA lies at most eta_max ahead; one in the past is due now. */
static int64_t bound_eta(const struct incident *incident, const struct move *move,
                         const struct moment *moment)
{
    if (move->eta_at_ms == 0)
        return 0;
    int64_t latest_ms = moment->now_ms + incident->policy->eta_max_ms;
    if (move->eta_at_ms > latest_ms)
        return latest_ms;
    return move->eta_at_ms > moment->now_ms ? move->eta_at_ms : moment->now_ms;
}

static void set_promise(struct incident *incident, int64_t eta_at_ms, const struct moment *moment)
{
    const struct policy *policy = incident->policy;
    struct ladder *ladder = &incident->ladder;
    incident->later->eta_at_ms = eta_at_ms;
    ladder->reminded = false;
    incident->later->ladder.answer_until_ms = 0;
    ladder->acked_severity = (int8_t)incident->severity;
    if (eta_at_ms != 0) {
        ladder_promise(&incident->later->ladder, moment->arena, eta_at_ms);
        incident->later->ack_until_ms = eta_at_ms + policy->eta_grace_ms;
        incident->later->ladder.reminder_at_ms = eta_at_ms;
        return;
    }
    incident->later->ack_until_ms = moment->now_ms + policy->ack_timeout_ms;
    bool fits = policy->ack_timeout_ms > OWNER_REMIND_BEFORE_MS;
    incident->later->ladder.reminder_at_ms =
        fits ? incident->later->ack_until_ms - OWNER_REMIND_BEFORE_MS : 0;
}

static void note_ack(const struct incident *incident, const char *kind, struct moment *moment)
{
    struct facts facts = {.state = "acknowledged",
                          .by = incident->later->owner,
                          .eta_at_ms = incident->later->eta_at_ms,
                          .until_ms = incident->later->ack_until_ms};
    moment_note(moment, kind, &facts, answer_owner(incident, moment, ""));
}

/* What the owner has now; an ETA that was cut is not cut in silence. */
static const char *answer_promise(const struct incident *incident, const struct move *move,
                                  const struct moment *moment)
{
    char most[TEXT_RFC3339_BYTES];
    const char *answer = answer_owner(incident, moment, move->by);
    if (move->eta_at_ms <= moment->now_ms + incident->policy->eta_max_ms)
        return answer;
    return arena_printf(moment->arena, "%s That ETA is too far: at most %s ahead is taken here.",
                        answer, text_duration(incident->policy->eta_max_ms, most));
}

static void acknowledge(struct incident *incident, const struct move *move, struct moment *moment)
{
    incident->state = INCIDENT_ACKNOWLEDGED;
    incident->later->owner = move->by;
    incident->known = incident->known || move->known;
    incident->ladder.left_held = true;
    incident->ladder.exhausted = false;
    if (incident->later->acked_at_ms == 0)
        incident->later->acked_at_ms = moment->now_ms;
    set_promise(incident, bound_eta(incident, move, moment), moment);
    ending_cancel_pages(incident, moment, "acknowledged");
    note_ack(incident, "ack", moment);
    if (move->known)
        moment_notef(moment, "known", &(struct facts){.by = move->by}, "%s already knew", move->by);
    fields_expect(incident, moment);
    follow_tell(incident, moment, false, move->by, answer_owner(incident, moment, ""));
    moment->answer = answer_promise(incident, move, moment);
}

/* The owner acknowledges again: a new ETA renews the promise, a bare ack does so only after the
 * reminder. */
static void renew(struct incident *incident, const struct move *move, struct moment *moment)
{
    int64_t eta_at_ms = bound_eta(incident, move, moment);
    incident->known = incident->known || move->known;
    incident->later->ladder.answer_until_ms = 0;
    incident->ladder.acked_severity = (int8_t)incident->severity;
    if (eta_at_ms == 0 && !incident->ladder.reminded) {
        moment_note(moment, "ack-again", &(struct facts){.by = move->by},
                    "acknowledged again by its owner");
        moment->answer = answer_owner(incident, moment, move->by);
        return;
    }
    if (incident->later->eta_at_ms != 0 && eta_at_ms > incident->later->eta_at_ms) {
        incident->later->slip_count++;
        struct facts facts = {.by = move->by, .slip_count = incident->later->slip_count};
        moment_note(moment, "eta-slipped", &facts, "the ETA was replaced by a later one");
    }
    set_promise(incident, eta_at_ms, moment);
    climb_cancel(incident, moment, KIND_REMINDER, "answered");
    fields_expect_less(incident, moment);
    note_ack(incident, "ack", moment);
    moment->answer = answer_promise(incident, move, moment);
}

/* One move, so that nobody is paged in between. */
static void open_reported(struct incident *incident, const struct move *move, struct moment *moment)
{
    const struct policy *policy = incident->policy;
    ladder_open(&incident->ladder, &incident->later->ladder, policy,
                moment->now_ms + policy->hold_ms);
    moment_notef(moment, "opened", &(struct facts){.policy = policy->name, .by = move->by},
                 "%s reports, by policy %s: %s", move->by, policy->name, incident_title(incident));
    note_linked(incident, moment);
    acknowledge(incident, move, moment);
    if (move->any_severity)
        incident->ladder.acked_severity = SEVERITY_CRITICAL;
}

static void acknowledge_again(struct incident *incident, const struct move *move,
                              struct moment *moment)
{
    if (text_equal(incident->later->owner, move->by)) {
        renew(incident, move, moment);
        return;
    }
    moment_notef(moment, "second-ack", &(struct facts){.by = move->by},
                 "%s acknowledged too; %s was first", move->by, incident->later->owner);
    const char *zone_time =
        moment_local_time(moment, moment_zone_of(moment, move->by), incident->later->ack_until_ms);
    moment->answer = arena_printf(moment->arena,
                                  "%s already has #%llu until %s; reply \"take\" to take it over.",
                                  incident->later->owner, number_of(incident), zone_time);
}

static void acknowledge_late(struct incident *incident, const struct move *move,
                             struct moment *moment)
{
    moment_notef(moment, "note", &(struct facts){.by = move->by},
                 "%s acknowledged after the resolution", move->by);
    moment->answer = answer_resolved(incident, moment, move->by);
}

static void take(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (!text_equal(incident->later->owner, move->by)) {
        incident->later->owner = move->by;
        incident->later->ladder.answer_until_ms = 0;
        quiet_withdraw(incident, moment, KIND_REMINDER, "somebody else has it");
        climb_cancel(incident, moment, KIND_PAGE, "somebody else has it");
        fields_expect(incident, moment);
        note_ack(incident, "take", moment);
    }
    moment->answer = answer_owner(incident, moment, move->by);
}

static void already_resolved(struct incident *incident, const struct move *move,
                             struct moment *moment)
{
    moment_notef(moment, "note", &(struct facts){.by = move->by},
                 "%s answered after the resolution", move->by);
    moment->refused = true;
    moment->answer = answer_resolved(incident, moment, move->by);
}

/* Rule 11: any reply of the owner keeps the incident theirs. */
static void hear_owner(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)moment;
    if (text_equal(incident->later->owner, move->by))
        incident->later->ladder.answer_until_ms = 0;
}

static void hear_accepted(struct incident *incident, const struct move *move, struct moment *moment)
{
    (void)moment;
    if (reach_is_latest(incident, move->notification))
        incident->ladder.reach_until_ms = 0;
}

/* Rule 6: a method that failed brings that person's next one forward; when all have failed, or those
 * who have not have passed, the ladder moves on. */
static void hear_failed(struct incident *incident, const struct move *move, struct moment *moment)
{
    const struct notification *failed = move->notification;
    if (failed->kind != KIND_PAGE)
        return;
    struct notification *next = reach_next_method(incident, failed);
    if (next != NULL)
        quiet_hasten(incident, moment, next, "the method before failed");
    if (!reach_is_latest(incident, failed))
        return;
    enum reach_verdict verdict = reach_judge(incident);
    if (verdict == REACH_FAILED)
        climb_unreached(incident, moment);
    else if (incident->later->ladder.passed != 0 && incident->ladder.latest >= 0 &&
             reach_everybody_passed(incident, ""))
        climb_pass_by(incident, moment, "nobody of the step is left: passed, or not reached");
    else if (verdict == REACH_OPEN && incident->ladder.reach_until_ms == 0)
        incident->ladder.reach_until_ms = moment->now_ms + incident->policy->reach_within_ms;
}

/* The whole behaviour on one page; an empty cell fails test_incident.c. */
static transition *const transitions[INCIDENT_STATE_COUNT][MOVE_KIND_COUNT] = {
    [INCIDENT_HELD][MOVE_OPEN] = open_incident,
    [INCIDENT_HELD][MOVE_REPORT] = open_reported,
    [INCIDENT_HELD][MOVE_FIRE] = add_alert,
    [INCIDENT_HELD][MOVE_RISE] = note_severity,
    [INCIDENT_HELD][MOVE_CLEAR] = ending_clear_held,
    [INCIDENT_HELD][MOVE_TIME] = pass_time,
    [INCIDENT_HELD][MOVE_ACK] = acknowledge,
    [INCIDENT_HELD][MOVE_TAKE] = acknowledge,
    [INCIDENT_HELD][MOVE_ESCALATE] = advance_escalate_held,
    [INCIDENT_HELD][MOVE_PASS] = advance_escalate_held,
    [INCIDENT_HELD][MOVE_RESOLVE] = ending_resolve_by_person,
    [INCIDENT_HELD][MOVE_FIELD] = fields_record,
    [INCIDENT_HELD][MOVE_PARTS] = updates_write_parts,
    [INCIDENT_HELD][MOVE_APPROVE] = updates_approve,
    [INCIDENT_HELD][MOVE_REJECT] = updates_reject,
    [INCIDENT_HELD][MOVE_ANSWER] = asks_take_answer,
    [INCIDENT_HELD][MOVE_HEARD] = ignored,
    [INCIDENT_HELD][MOVE_WAKE] = quiet_wake,
    [INCIDENT_HELD][MOVE_REPOLICY] = repolicy,
    [INCIDENT_HELD][MOVE_ACCEPTED] = ignored,
    [INCIDENT_HELD][MOVE_FAILED] = ignored,

    [INCIDENT_TRIGGERED][MOVE_OPEN] = impossible,
    [INCIDENT_TRIGGERED][MOVE_REPORT] = impossible,
    [INCIDENT_TRIGGERED][MOVE_FIRE] = add_alert,
    [INCIDENT_TRIGGERED][MOVE_RISE] = note_severity,
    [INCIDENT_TRIGGERED][MOVE_CLEAR] = ending_clear,
    [INCIDENT_TRIGGERED][MOVE_TIME] = pass_time,
    [INCIDENT_TRIGGERED][MOVE_ACK] = acknowledge,
    [INCIDENT_TRIGGERED][MOVE_TAKE] = acknowledge,
    [INCIDENT_TRIGGERED][MOVE_ESCALATE] = advance_escalate,
    [INCIDENT_TRIGGERED][MOVE_PASS] = advance_pass,
    [INCIDENT_TRIGGERED][MOVE_RESOLVE] = ending_resolve_by_person,
    [INCIDENT_TRIGGERED][MOVE_FIELD] = fields_record,
    [INCIDENT_TRIGGERED][MOVE_PARTS] = updates_write_parts,
    [INCIDENT_TRIGGERED][MOVE_APPROVE] = updates_approve,
    [INCIDENT_TRIGGERED][MOVE_REJECT] = updates_reject,
    [INCIDENT_TRIGGERED][MOVE_ANSWER] = asks_take_answer,
    [INCIDENT_TRIGGERED][MOVE_HEARD] = ignored,
    [INCIDENT_TRIGGERED][MOVE_WAKE] = quiet_wake,
    [INCIDENT_TRIGGERED][MOVE_REPOLICY] = repolicy,
    [INCIDENT_TRIGGERED][MOVE_ACCEPTED] = hear_accepted,
    [INCIDENT_TRIGGERED][MOVE_FAILED] = hear_failed,

    [INCIDENT_ACKNOWLEDGED][MOVE_OPEN] = impossible,
    [INCIDENT_ACKNOWLEDGED][MOVE_REPORT] = impossible,
    [INCIDENT_ACKNOWLEDGED][MOVE_FIRE] = add_alert,
    [INCIDENT_ACKNOWLEDGED][MOVE_RISE] = page_owner,
    [INCIDENT_ACKNOWLEDGED][MOVE_CLEAR] = ending_clear,
    [INCIDENT_ACKNOWLEDGED][MOVE_TIME] = pass_time,
    [INCIDENT_ACKNOWLEDGED][MOVE_ACK] = acknowledge_again,
    [INCIDENT_ACKNOWLEDGED][MOVE_TAKE] = take,
    [INCIDENT_ACKNOWLEDGED][MOVE_ESCALATE] = advance_escalate_acked,
    [INCIDENT_ACKNOWLEDGED][MOVE_PASS] = advance_pass_acked,
    [INCIDENT_ACKNOWLEDGED][MOVE_RESOLVE] = ending_resolve_by_person,
    [INCIDENT_ACKNOWLEDGED][MOVE_FIELD] = fields_record,
    [INCIDENT_ACKNOWLEDGED][MOVE_PARTS] = updates_write_parts,
    [INCIDENT_ACKNOWLEDGED][MOVE_APPROVE] = updates_approve,
    [INCIDENT_ACKNOWLEDGED][MOVE_REJECT] = updates_reject,
    [INCIDENT_ACKNOWLEDGED][MOVE_ANSWER] = asks_take_answer,
    [INCIDENT_ACKNOWLEDGED][MOVE_HEARD] = hear_owner,
    [INCIDENT_ACKNOWLEDGED][MOVE_WAKE] = quiet_wake,
    [INCIDENT_ACKNOWLEDGED][MOVE_REPOLICY] = repolicy,
    [INCIDENT_ACKNOWLEDGED][MOVE_ACCEPTED] = ignored,
    [INCIDENT_ACKNOWLEDGED][MOVE_FAILED] = ignored,

    [INCIDENT_RESOLVED][MOVE_OPEN] = open_incident,
    [INCIDENT_RESOLVED][MOVE_REPORT] = impossible,
    [INCIDENT_RESOLVED][MOVE_FIRE] = impossible,
    [INCIDENT_RESOLVED][MOVE_RISE] = ignored,
    [INCIDENT_RESOLVED][MOVE_CLEAR] = ignored,
    [INCIDENT_RESOLVED][MOVE_TIME] = pass_time,
    [INCIDENT_RESOLVED][MOVE_ACK] = acknowledge_late,
    [INCIDENT_RESOLVED][MOVE_TAKE] = already_resolved,
    [INCIDENT_RESOLVED][MOVE_ESCALATE] = already_resolved,
    [INCIDENT_RESOLVED][MOVE_PASS] = already_resolved,
    [INCIDENT_RESOLVED][MOVE_RESOLVE] = already_resolved,
    [INCIDENT_RESOLVED][MOVE_FIELD] = fields_record,
    [INCIDENT_RESOLVED][MOVE_PARTS] = updates_write_parts,
    [INCIDENT_RESOLVED][MOVE_APPROVE] = updates_approve,
    [INCIDENT_RESOLVED][MOVE_REJECT] = updates_reject,
    [INCIDENT_RESOLVED][MOVE_ANSWER] = asks_take_answer,
    [INCIDENT_RESOLVED][MOVE_HEARD] = ignored,
    [INCIDENT_RESOLVED][MOVE_WAKE] = quiet_wake,
    [INCIDENT_RESOLVED][MOVE_REPOLICY] = already_resolved,
    [INCIDENT_RESOLVED][MOVE_ACCEPTED] = ignored,
    [INCIDENT_RESOLVED][MOVE_FAILED] = ignored,
};

bool incident_has_transition(enum incident_state state, enum move_kind kind)
{
    return transitions[state][kind] != NULL;
}

static bool is_valid(const struct incident *incident)
{
    bool acked = incident->state == INCIDENT_ACKNOWLEDGED;
    bool resolved = incident->state == INCIDENT_RESOLVED;
    if (acked && (incident->later->owner[0] == '\0' || incident->later->ack_until_ms == 0))
        return false;
    if (resolved != (incident->later->resolved_at_ms != 0))
        return false;
    return incident->ladder.climb >= incident->ladder.first_climb && incident->priority >= 1 &&
           incident->priority <= 5;
}

void incident_apply(struct incident *incident, const struct move *move, struct moment *moment)
{
    ASSERT(moment->now_ms >= incident->updated_at_ms);
    ASSERT(incident->state < INCIDENT_STATE_COUNT && move->kind < MOVE_KIND_COUNT);
    moment->actor = "engine";
    moment->credential = "";
    bool opens = move->kind == MOVE_OPEN || move->kind == MOVE_REPORT;
    if (incident_is_open(incident) && !opens)
        suppression_settle(incident, moment);
    if (!opens)
        climb_catch_up(incident, moment);
    moment->actor = move->actor;
    moment->credential = move->credential;
    transitions[incident->state][move->kind](incident, move, moment);
    if (move->kind == MOVE_FAILED)
        updates_hear_failed(incident, move->notification, moment);
    moment->actor = "engine";
    moment->credential = "";
    suppression_settle(incident, moment);
    /* What the move made due happens in the same moment: the first page of an opening, a parked
     * step after the first ack. */
    climb_run_due(incident, moment);
    incident->updated_at_ms = moment->now_ms;
    ASSERT(is_valid(incident));
}
