/* Rules 7 to 9 and the end of rule 12, as they are written in policies/README.md. */
#include "tests/simulation/oracle_storm.h"

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
    if (by_person) {
        o->changes = NULL;
        o->calm_at_ms = 0;
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
    suppression_resolved(o);
    ladder_time(oracle, o);
}

void ladder_quiet(struct oracle *oracle, struct o_incident *o, const char *by)
{
    bool was_held = o->state == INCIDENT_HELD;
    if (!flapping_change(oracle, o)) {
        ladder_clear(oracle, o, by);
        return;
    }
    if (was_held) {
        ladder_start_now(oracle, o);
        oracle_expect(oracle, o, "note triggered");
    }
    ladder_time(oracle, o);
}

void ladder_clear(struct oracle *oracle, struct o_incident *o, const char *by)
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
    o->acked_severity = (int)o->severity;
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
    o->acked_severity = (int)o->severity;
    if (eta_ms == 0 && !o->reminded) {
        oracle_expectf(oracle, o, "note ack-again %s", reply->by);
        return;
    }
    if (o->eta_ms != 0 && eta_ms > o->eta_ms)
        oracle_expectf(oracle, o, "note eta-slipped %s %lld", reply->by, (long long)++o->slips);
    promise(oracle, o, eta_ms);
    ladder_cancel(oracle, o, KIND_REMINDER, NULL);
    fields_less(oracle, o);
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
        sleep_withdraw(oracle, o);
        ladder_cancel(oracle, o, KIND_PAGE, NULL);
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

/* Is anybody of the latest paging left, who has not passed and of whom not every page has failed? */
bool ladder_is_somebody_left(const struct o_incident *o)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool failed = m->state == NOTIFICATION_FAILED || m->state == NOTIFICATION_EXPIRED;
        if (o->paging != 0 && m->paging == o->paging && !failed &&
            !names_have(o->passed, m->contact))
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
        if (!ladder_is_somebody_left(o))
            escalate_now(oracle, o, reply->by);
    }
    ladder_time(oracle, o);
}

static struct o_reply read_reply(struct oracle *oracle, const struct input *input)
{
    const struct reply *reply = &input->u.reply;
    struct o_reply read = {
        .by = arena_strdup(&oracle->arena, reply->from[0] != '\0' ? reply->from : input->actor)};
    if (reply->notification != 0)
        read.answers = oracle_message(oracle, reply->notification).message;
    for (size_t i = 0; i < reply->command_count; i++) {
        const struct reply_command *command = &reply->commands[i];
        if (command->verb == VERB_KNOWN)
            read.known = true;
        if (command->verb == VERB_ETA || command->verb == VERB_SNOOZE)
            read.eta_ms = command->at_ms != 0 ? command->at_ms - oracle->wall_offset_ms
                                              : oracle->now_ms + command->duration_ms;
    }
    return read;
}

static void take_command(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply,
                         const struct reply_command *command)
{
    switch ((int)command->verb) {
    case VERB_ESCALATE:
        ladder_escalate(oracle, o, reply);
        return;
    case VERB_PASS:
        ladder_pass(oracle, o, reply);
        return;
    case VERB_RESOLVE:
        ladder_resolve(oracle, o, reply->by, true);
        return;
    case VERB_REPOLICY:
        if (o->state == INCIDENT_RESOLVED)
            oracle_expectf(oracle, o, "note note %s", reply->by);
        break;
    case VERB_APPROVE:
    case VERB_REJECT:
        talks_decide(oracle, o, reply, command->verb == VERB_APPROVE);
        return;
    case VERB_NOTE:
        oracle_expectf(oracle, o, "note note %s", reply->by);
        fields_said(oracle, o, command);
        break;
    case VERB_PRIORITY:
    case VERB_CAUSE:
    case VERB_LOSS:
    case VERB_RESTORED:
        oracle_expectf(oracle, o, "note %s", verb_name(command->verb));
        fields_said(oracle, o, command);
        break;
    default:
        return;
    }
    ladder_time(oracle, o);
}

static void take_parts(struct oracle *oracle, struct o_incident *o, const struct o_reply *said,
                       const struct reply *reply)
{
    const char *parts[PART_COUNT] = {NULL, NULL, NULL};
    bool any = false;
    for (size_t i = 0; i < reply->command_count; i++) {
        enum verb verb = reply->commands[i].verb;
        if (verb != VERB_WHAT && verb != VERB_DOING && verb != VERB_AVOID)
            continue;
        parts[verb == VERB_WHAT    ? 0
              : verb == VERB_DOING ? 1
                                   : 2] = arena_strdup(&oracle->arena, reply->commands[i].text);
        any = true;
    }
    if (any)
        talks_say(oracle, o, said->by, parts);
}

static void take_reply(struct oracle *oracle, struct o_incident *o, const struct input *input,
                       const struct o_reply *said)
{
    const struct reply *reply = &input->u.reply;
    if (rulebook_contact(oracle->book, said->by) != NULL)
        names_add(oracle, &o->repliers, said->by);
    if (o->state == INCIDENT_ACKNOWLEDGED && text_equal(o->owner, said->by))
        o->answer_until_ms = 0; /* rule 11: any reply of the owner counts */
    bool may_answer = input->kind == INPUT_REPLY;
    bool bound = said->answers != NULL && said->answers->talk > 0 &&
                 o->asks[said->answers->talk - 1].has_run &&
                 (said->answers->kind == KIND_ASK || said->answers->kind == KIND_REMINDER);
    if (may_answer && (bound || reply->command_count == 0) &&
        talks_answer(oracle, o, said, reply->command_count == 0))
        return;
    bool acks = reply_has(reply, VERB_ACK) || reply_has(reply, VERB_KNOWN) ||
                reply_has(reply, VERB_ETA) || reply_has(reply, VERB_SNOOZE) ||
                reply_has(reply, VERB_ALL_ACK);
    if (reply_has(reply, VERB_TAKE) && (!acks || o->state == INCIDENT_ACKNOWLEDGED)) {
        if (o->state == INCIDENT_RESOLVED)
            oracle_expectf(oracle, o, "note note %s", said->by);
        else
            ladder_take(oracle, o, &(struct o_reply){.by = said->by});
    }
    if (acks)
        ladder_ack(oracle, o, said);
    take_parts(oracle, o, said, reply);
    for (size_t i = 0; i < reply->command_count; i++)
        take_command(oracle, o, said, &reply->commands[i]);
    if (reply->command_count == 0) {
        oracle_expectf(oracle, o, "note note %s", said->by);
        fields_less(oracle, o);
    }
}

/* Exactly those that the digest listed. */
static void take_all(struct oracle *oracle, const struct input *input, struct o_reply *said,
                     uint64_t digest)
{
    enum { LISTED_MAX = 200 };
    struct o_incident *listed[LISTED_MAX];
    size_t count = storm_listed(oracle, digest, false, listed, LISTED_MAX);
    for (size_t i = 0; i < count; i++) {
        if (listed[i]->state == INCIDENT_RESOLVED)
            continue;
        said->answers = storm_member(listed[i], digest);
        take_reply(oracle, listed[i], input, said);
    }
}

/* Of several that a digest lists nothing is guessed. */
static struct o_incident *find_meant(struct oracle *oracle, const struct reply *reply,
                                     uint64_t digest, struct o_reply *said)
{
    enum { LISTED_MAX = 200 };
    struct o_incident *listed[LISTED_MAX];
    if (reply->incident != 0)
        return oracle_incident(oracle, reply->incident);
    if (digest != 0 && storm_listed(oracle, digest, true, listed, LISTED_MAX) == 1) {
        said->answers = storm_member(listed[0], digest);
        return listed[0];
    }
    struct o_incident *o = oracle_message(oracle, reply->notification).incident;
    return o != &oracle->nobodys ? o : NULL;
}

void oracle_reply(struct oracle *oracle, const struct input *input)
{
    const struct reply *reply = &input->u.reply;
    if (input->kind == INPUT_REPLY && rulebook_contact(oracle->book, reply->from) == NULL)
        return;
    if (reply->command_count == 1 && reply->commands[0].match_or_null != NULL) {
        suppression_command(oracle, &reply->commands[0]);
        return;
    }
    if (reply_has(reply, VERB_OVERRIDE) && input->kind == INPUT_COMMAND) {
        duty_command(oracle, reply->commands[0].text);
        return;
    }
    struct o_reply said = read_reply(oracle, input);
    if (oracle_report(oracle, input, &said))
        return;
    uint64_t digest = reply->incident == 0 ? storm_bound(oracle, reply->notification) : 0;
    if (digest != 0 && reply_has(reply, VERB_ALL_ACK)) {
        take_all(oracle, input, &said, digest);
        return;
    }
    struct o_incident *o = find_meant(oracle, reply, digest, &said);
    if (o == NULL || !o->watched)
        return;
    if (!o->live) {
        o->watched = false; /* what is said about one that is closed is only noted */
        return;
    }
    take_reply(oracle, o, input, &said);
}
