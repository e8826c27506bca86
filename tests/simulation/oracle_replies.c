/* Rules 7 to 9 and the end of rule 12, as they are written in policies/README.md. */
#include "tests/simulation/oracle_state.h"

#define REMIND_BEFORE_MS INT64_C(300000)

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

void ladder_resolve(struct oracle *oracle, struct o_incident *o, const char *by, bool by_person)
{
    if (o->state == INCIDENT_RESOLVED) {
        oracle_expectf(oracle, o, "note note %s", by);
        return;
    }
    if (o->state == INCIDENT_HELD && !by_person)
        oracle_expect(oracle, o, "note cleared-in-hold");
    o->state = INCIDENT_RESOLVED;
    o->resolved_at_ms = oracle->now_ms;
    o->by_person = by_person;
    o->answer_until_ms = o->reminder_at_ms = 0;
    fields_end(o);
    ladder_stop_pages(oracle, o);
    ladder_cancel(oracle, o, KIND_NOTICE, NULL);
    oracle_expectf(oracle, o, "note resolved %s", by);
    talks_resolve(oracle, o);
    ladder_tell_all(oracle, o, true, by_person ? by : "");
    ladder_time(oracle, o);
}

void ladder_quiet(struct oracle *oracle, struct o_incident *o, const char *by)
{
    if (o->state != INCIDENT_HELD && o->policy->resolve == RESOLVE_MANUAL) {
        oracle_expect(oracle, o, "note cleared");
        ladder_time(oracle, o);
        return;
    }
    ladder_resolve(oracle, o, by, false);
}

/* Rule 8: until the ETA and its grace, or for ack_timeout. */
static void promise(struct oracle *oracle, struct o_incident *o, int64_t eta_ms)
{
    o->eta_ms = eta_ms;
    o->reminded = false;
    o->answer_until_ms = 0;
    o->acked_severity = o->severity;
    if (eta_ms != 0) {
        o->ack_until_ms = eta_ms + o->policy->eta_grace_ms;
        o->reminder_at_ms = eta_ms;
    } else {
        o->ack_until_ms = oracle->now_ms + o->policy->ack_timeout_ms;
        o->reminder_at_ms =
            o->policy->ack_timeout_ms > REMIND_BEFORE_MS ? o->ack_until_ms - REMIND_BEFORE_MS : 0;
    }
}

static void expect_owner(struct oracle *oracle, struct o_incident *o, const char *kind)
{
    oracle_expectf(oracle, o, "note %s %s %lld %lld", kind, o->owner, (long long)o->eta_ms,
                   (long long)o->ack_until_ms);
}

static int64_t bounded_eta(const struct oracle *oracle, const struct o_incident *o, int64_t eta_ms)
{
    int64_t most_ms = oracle->now_ms + o->policy->eta_max_ms;
    if (eta_ms == 0)
        return 0;
    return at_least(eta_ms < most_ms ? eta_ms : most_ms, oracle->now_ms);
}

static void renew(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply)
{
    int64_t eta_ms = bounded_eta(oracle, o, reply->eta_ms);
    o->answer_until_ms = 0;
    o->acked_severity = o->severity;
    if (eta_ms == 0 && !o->reminded) {
        oracle_expectf(oracle, o, "note ack-again %s", reply->by);
        return;
    }
    if (o->eta_ms != 0 && eta_ms > o->eta_ms)
        oracle_expectf(oracle, o, "note eta-slipped %s %lld", reply->by, (long long)++o->slips);
    promise(oracle, o, eta_ms);
    ladder_cancel(oracle, o, KIND_REMINDER, NULL);
    expect_owner(oracle, o, "ack");
}

void ladder_ack(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply)
{
    if (o->state == INCIDENT_RESOLVED) {
        oracle_expectf(oracle, o, "note note %s", reply->by);
    } else if (o->state == INCIDENT_ACKNOWLEDGED) {
        if (text_equal(o->owner, reply->by))
            renew(oracle, o, reply);
        else
            oracle_expectf(oracle, o, "note second-ack %s", reply->by);
    } else {
        o->state = INCIDENT_ACKNOWLEDGED;
        o->owner = reply->by;
        o->left_held = true;
        o->exhausted = false;
        o->acked_at_ms = o->acked_at_ms == 0 ? oracle->now_ms : o->acked_at_ms;
        promise(oracle, o, bounded_eta(oracle, o, reply->eta_ms));
        ladder_stop_pages(oracle, o);
        expect_owner(oracle, o, "ack");
        if (reply->known)
            oracle_expectf(oracle, o, "note known %s", reply->by);
        fields_begin(oracle, o);
        ladder_tell_all(oracle, o, false, reply->by);
    }
    ladder_time(oracle, o);
}

/* Rule 19: opened and acknowledged in one. */
void ladder_report(struct oracle *oracle, struct o_incident *o, const struct o_reply *said,
                   bool any_severity)
{
    oracle_expect(oracle, o, "note opened");
    ladder_prepare(o, oracle->now_ms + o->policy->hold_ms);
    ladder_ack(oracle, o, said);
    if (any_severity)
        o->acked_severity = SEVERITY_CRITICAL;
}

void ladder_take(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply)
{
    if (o->state != INCIDENT_ACKNOWLEDGED) {
        ladder_ack(oracle, o, reply);
        return;
    }
    if (!text_equal(o->owner, reply->by)) {
        o->owner = reply->by;
        o->answer_until_ms = 0;
        fields_begin(oracle, o);
        expect_owner(oracle, o, "take");
    }
    ladder_time(oracle, o);
}

/* Rule 7: what answers a step that is no longer the latest is answered, not executed. */
static bool is_stale(const struct o_incident *o, const struct o_reply *reply)
{
    return reply->answers != NULL && reply->answers->kind == KIND_PAGE &&
           (o->paging == 0 || reply->answers->paging != o->paging ||
            reply->answers->climb != o->climb);
}

static void escalate_now(struct oracle *oracle, struct o_incident *o, const char *by)
{
    oracle_expectf(oracle, o, "note escalate %s", by);
    ladder_advance(oracle, o);
}

void ladder_escalate(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply)
{
    if (o->state == INCIDENT_RESOLVED || is_stale(o, reply)) {
        oracle_expectf(oracle, o, "note note %s", reply->by);
        ladder_time(oracle, o);
        return;
    }
    if (o->state == INCIDENT_HELD) {
        o->state = INCIDENT_TRIGGERED;
        o->left_held = true;
        oracle_expect(oracle, o, "note triggered");
    } else if (o->state == INCIDENT_ACKNOWLEDGED) {
        oracle_expectf(oracle, o, "note ack-ended %s", reply->by);
        ladder_end_ack(oracle, o);
    }
    escalate_now(oracle, o, reply->by);
    ladder_time(oracle, o);
}

/* Is anybody of the latest paging left who has not passed? */
static bool somebody_is_left(const struct o_incident *o)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (o->paging != 0 && m->paging == o->paging && !names_have(o->passed, m->contact))
            return true;
    }
    return false;
}

void ladder_pass(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply)
{
    bool owns = o->state == INCIDENT_ACKNOWLEDGED && text_equal(o->owner, reply->by);
    if (o->state == INCIDENT_RESOLVED || o->state == INCIDENT_HELD || owns ||
        (o->state == INCIDENT_TRIGGERED && is_stale(o, reply))) {
        ladder_escalate(oracle, o, reply);
        return;
    }
    oracle_expectf(oracle, o, "note pass %s", reply->by);
    if (o->state == INCIDENT_TRIGGERED) {
        ladder_cancel(oracle, o, KIND_PAGE, reply->by);
        names_add(oracle, &o->passed, reply->by);
        if (!somebody_is_left(o))
            escalate_now(oracle, o, reply->by);
    }
    ladder_time(oracle, o);
}
