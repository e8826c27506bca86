/* Rule 19, as it is written in policies/README.md. */
#include "tests/simulation/oracle_storm.h"

#define AGAIN_MS INT64_C(300000)

const char *fields_note_line(struct oracle *oracle, const char *by, const char *what)
{
    return arena_printf(&oracle->arena, "note missing %s %s", by, what);
}

const char *fields_whom_of(const struct oracle *oracle, const struct o_incident *o)
{
    const char *last = "";
    if (rulebook_contact(oracle->book, o->owner) != NULL)
        return o->owner;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool was_handed_over = m->state == NOTIFICATION_ACCEPTED ||
                               m->state == NOTIFICATION_DELIVERED ||
                               m->state == NOTIFICATION_CLAIMED ||
                               (m->attempts > 0 && m->state != NOTIFICATION_FAILED);
        last = m->kind == KIND_PAGE && was_handed_over ? m->contact : last;
    }
    return last;
}

static uint8_t asked_by(const struct o_incident *o, const char *step)
{
    for (size_t i = 0; i < o->policy->step_count; i++) {
        if (text_equal(o->policy->steps[i].name, step))
            return o->policy->steps[i].ask_for;
    }
    return o->policy->ask_for;
}

/* The step that paged them last; else the latest paging, else the first page step. */
static uint8_t asked_of(const struct o_incident *o, const char *person)
{
    const char *step = NULL;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool asks = m->paging != 0 || (m->step != NULL && text_equal(m->step, "fallback"));
        if (m->kind == KIND_PAGE && asks && m->climb >= o->first_climb &&
            text_equal(m->contact, person))
            step = m->step;
    }
    if (step != NULL)
        return asked_by(o, step);
    if (o->was_paged)
        return o->latest_level >= 0 ? o->policy->ask_for : o->policy->steps[o->latest_step].ask_for;
    for (size_t i = 0; i < o->policy->step_count; i++) {
        if (o->policy->steps[i].kind == STEP_PAGE)
            return o->policy->steps[i].ask_for;
    }
    return o->policy->ask_for;
}

static const char *missing(struct oracle *oracle, const struct o_incident *o)
{
    const bool is_there[NEED_COUNT] = {[NEED_ETA] = o->eta_ms != 0,
                                       [NEED_CAUSE] = o->has_cause,
                                       [NEED_PRIORITY] = o->has_priority,
                                       [NEED_LOSS] = o->has_loss};
    uint8_t asked = asked_of(o, fields_whom_of(oracle, o));
    const char *text = "";
    for (int i = 0; i < NEED_COUNT; i++) {
        if ((asked >> i & 1) != 0 && !is_there[i])
            text = arena_printf(&oracle->arena, "%s%s%s", text, text[0] != '\0' ? ", " : "",
                                need_names[i]);
    }
    return text;
}

void fields_begin(struct oracle *oracle, struct o_incident *o)
{
    o->ask_at_ms = missing(oracle, o)[0] != '\0' ? oracle->now_ms + AGAIN_MS : 0;
}

void fields_promised(struct oracle *oracle, struct o_incident *o)
{
    if (missing(oracle, o)[0] != '\0')
        sleep_withdraw(oracle, o);
}

void fields_end(struct o_incident *o)
{
    o->ask_at_ms = 0;
}

void fields_said(struct oracle *oracle, struct o_incident *o, const struct reply_command *command)
{
    if (command->verb == VERB_PRIORITY) {
        o->has_priority = true;
        o->priority = command->priority;
        o->was_urgent = o->was_urgent || sleep_is_urgent(o);
        if (sleep_is_urgent(o))
            sleep_release(oracle, o);
    }
    if (command->verb == VERB_CAUSE)
        o->has_cause = command->text[0] != '\0';
    if (command->verb == VERB_LOSS)
        o->has_loss = command->text[0] != '\0';
    fields_less(oracle, o);
}

void fields_less(struct oracle *oracle, struct o_incident *o)
{
    if (missing(oracle, o)[0] != '\0')
        return;
    fields_end(o);
    if (!o->reminded)
        sleep_withdraw(oracle, o);
}

void fields_ask(struct oracle *oracle, struct o_incident *o)
{
    const char *lacks = missing(oracle, o);
    const char *person = fields_whom_of(oracle, o);
    o->ask_at_ms = 0;
    bool ends = o->ack_until_ms <= oracle->now_ms ||
                (o->answer_until_ms != 0 && o->answer_until_ms <= oracle->now_ms);
    if (lacks[0] == '\0' || person[0] == '\0' || ends)
        return;
    oracle_expect(oracle, o, fields_note_line(oracle, person, lacks));
    ladder_tell(oracle, o, KIND_REMINDER, person);
}

bool oracle_report(struct oracle *oracle, const struct input *input, const struct o_reply *said)
{
    struct report report;
    bool is_new = false;
    if (input->u.reply.report_or_null == NULL)
        return false;
    if (report_read(input->u.reply.report_or_null, &oracle->arena, &report, NULL) != 0)
        return true;
    struct o_incident *o = events_report(oracle, &report, &is_new);
    if (rulebook_contact(oracle->book, said->by) != NULL)
        names_add(oracle, &o->repliers, said->by);
    if (is_new) {
        ladder_report(oracle, o, said, !report.has_severity);
        return true;
    }
    oracle_expectf(oracle, o, "note note %s", said->by);
    ladder_time(oracle, o);
    if (o->state == INCIDENT_ACKNOWLEDGED && text_equal(o->owner, said->by))
        o->answer_until_ms = 0;
    ladder_ack(oracle, o, said);
    return true;
}
