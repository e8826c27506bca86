/* Rules 17 and 18, as they are written in policies/README.md. A step's number is its place in the policy. */
#include <string.h>

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

#define MINUTE_MS INT64_C(60000)
#define LATE_MS 30000

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

static bool is_under_way(const struct o_message *m)
{
    return m->state == NOTIFICATION_ACCEPTED || m->state == NOTIFICATION_DELIVERED ||
           m->state == NOTIFICATION_CLAIMED || (m->attempts > 0 && m->state != NOTIFICATION_FAILED);
}

static const struct step *step_at(const struct o_incident *o, size_t i)
{
    return &o->policy->steps[i];
}

static bool is_missing(const struct o_incident *o, size_t i, int part)
{
    return (step_at(o, i)->require >> part & 1) != 0 && o->parts[part][0] == '\0';
}

static bool is_complete(const struct o_incident *o, size_t i)
{
    return !is_missing(o, i, 0) && !is_missing(o, i, 1) && !is_missing(o, i, 2);
}

static void cancel(struct oracle *oracle, struct o_incident *o, size_t i,
                   enum notification_kind kind, const char *contact_or_null)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind != kind || m->state != NOTIFICATION_PENDING || m->talk != (int)i + 1 ||
            (contact_or_null != NULL && !text_equal(m->contact, contact_or_null)))
            continue;
        m->state = NOTIFICATION_CANCELLED;
        oracle_expectf(oracle, o, "cancel %llu %s", (unsigned long long)m->id,
                       m->id == 0 ? m->contact : "");
    }
}

static const char *last_paged(const struct o_incident *o)
{
    const char *whom = "";
    for (const struct o_message *m = o->messages; m != NULL; m = m->next)
        whom = m->kind == KIND_PAGE && is_under_way(m) ? m->contact : whom;
    return whom;
}

static const char *writer(struct oracle *oracle, const struct o_incident *o, bool author_first)
{
    if (author_first && rulebook_contact(oracle->book, o->author) != NULL)
        return o->author;
    return rulebook_contact(oracle->book, o->owner) != NULL ? o->owner : last_paged(o);
}

static void ask_writer(struct oracle *oracle, struct o_incident *o, size_t i, const char *whom)
{
    bool room = text_starts_with(whom, "channel:");
    sleep_withdraw_request(oracle, o, (int)i + 1, whom);
    if (sleep_is_put_off(o, KIND_REMINDER, (int)i + 1, whom))
        return;
    if (!room && rulebook_contact(oracle->book, whom) == NULL) {
        oracle_expectf(oracle, o, "note nobody %s ", step_at(o, i)->name);
        return;
    }
    oracle_expect(oracle, o, "note update-asked");
    struct o_message m = {.kind = KIND_REMINDER,
                          .climb = o->climb,
                          .talk = (int)i + 1,
                          .contact = whom,
                          .channel = "",
                          .address = ""};
    ladder_send_to(oracle, o, &m);
}

static bool asks_the_same(const struct o_incident *o, size_t i)
{
    for (size_t n = 0; n < o->update_count; n++) {
        size_t k = o->update_order[n];
        bool all = true;
        for (int part = 0; part < PART_COUNT; part++)
            all = all && (!is_missing(o, i, part) || is_missing(o, k, part));
        if (k != i && all && o->updates[k].state == O_MISSING &&
            o->updates[k].due_ms == o->updates[i].due_ms)
            return true;
    }
    return false;
}

static void ask_for_parts(struct oracle *oracle, struct o_incident *o, size_t i)
{
    o->updates[i].due_ms = oracle->now_ms + 10 * MINUTE_MS;
    if (!asks_the_same(o, i))
        ask_writer(oracle, o, i, writer(oracle, o, false));
}

static void drop(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    cancel(oracle, o, i, KIND_APPROVE, NULL);
    cancel(oracle, o, i, KIND_REMINDER, NULL);
    u->state = O_DROPPED;
    u->due_ms = u->remind_ms = u->promised_ms = 0;
    oracle_expect(oracle, o, "note update-dropped");
}

static void send_out(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    const struct step *step = step_at(o, i);
    struct o_people people = {0};
    cancel(oracle, o, i, KIND_APPROVE, NULL);
    cancel(oracle, o, i, KIND_REMINDER, NULL);
    u->state = O_SENT;
    u->due_ms = 0;
    u->round = 0;
    people_find(oracle, o, step->targets, step->target_count, &people);
    if (people_is_empty(&people)) {
        oracle_expectf(oracle, o, "note nobody %s %d", step->name, o->climb);
        return;
    }
    u->remind_ms = u->promised_ms = 0;
    if (step->every_ms != 0 && o->state != INCIDENT_RESOLVED) {
        u->promised_ms = oracle->now_ms + step->every_ms;
        u->remind_ms = u->promised_ms - 5 * MINUTE_MS;
    }
    oracle_expect(oracle, o, "note update-sent");
    (void)ladder_send_all(oracle, o, &people, KIND_INFORM, step->name);
}

static void mark_sent(struct o_incident *o, enum notification_kind kind, size_t i, int64_t round)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->id == 0 && m->kind == kind && m->talk == 0 && m->is_new) {
            m->talk = (int)i + 1;
            m->round = round;
        }
        m->is_new = false;
    }
}

/* From when on their time counts: where all sleep, from the first message that goes out. */
static int64_t send_from(struct oracle *oracle, struct o_incident *o, size_t i,
                         const struct o_people *people, enum notification_kind kind)
{
    int64_t first_ms = ladder_send_all(oracle, o, people, kind, step_at(o, i)->name);
    return oracle->all_wait ? first_ms : oracle->now_ms;
}

void talks_sooner(struct o_incident *o, const struct o_message *m)
{
    if (m->talk == 0)
        return;
    const struct step *step = step_at(o, (size_t)m->talk - 1);
    struct o_update *u = &o->updates[m->talk - 1];
    struct o_ask *ask = &o->asks[m->talk - 1];
    if (m->kind == KIND_APPROVE && u->state == O_HELD && m->batch == u->batch)
        u->due_ms = at_most(u->due_ms, m->next_ms + step->within_ms);
    if (m->kind != KIND_ASK || !ask->is_open)
        return;
    ask->deadline_ms = at_most(ask->deadline_ms, m->next_ms + step->deadline_ms);
    if (step->remind_ms > 0)
        ask->remind_ms = at_most(ask->remind_ms, m->next_ms + step->remind_ms);
}

static void ask_approval(struct oracle *oracle, struct o_incident *o, size_t i,
                         const struct o_people *people)
{
    struct o_update *u = &o->updates[i];
    cancel(oracle, o, i, KIND_REMINDER, NULL);
    if (u->round == 0)
        u->round = ++oracle->rounds;
    u->state = O_HELD;
    int64_t from_ms = send_from(oracle, o, i, people, KIND_APPROVE);
    u->due_ms = from_ms + step_at(o, i)->within_ms;
    u->batch = oracle->batches;
    mark_sent(o, KIND_APPROVE, i, u->round);
}

static void unanswered(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    enum approve_then then = step_at(o, i)->then;
    struct o_people people = {0};
    if (then == APPROVE_SEND && !u->escalated) {
        oracle_expect(oracle, o, "note unapproved");
        send_out(oracle, o, i);
        return;
    }
    if (then == APPROVE_DROP || u->escalated || !ladder_fallback(oracle, o, &people)) {
        drop(oracle, o, i);
        return;
    }
    u->escalated = true;
    oracle_expect(oracle, o, "note update-escalated");
    ask_approval(oracle, o, i, &people);
}

static void pass_gates(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    const struct step *step = step_at(o, i);
    struct o_people people = {0};
    u->escalated = false;
    u->round = 0;
    if (step->approver_count == 0) {
        send_out(oracle, o, i);
        return;
    }
    people_find(oracle, o, step->approvers, step->approver_count, &people);
    if (people_is_empty(&people)) {
        oracle_expectf(oracle, o, "note nobody %s ", step->name);
        unanswered(oracle, o, i);
        return;
    }
    oracle_expect(oracle, o, "note approval");
    ask_approval(oracle, o, i, &people);
}

static void pass_or_ask(struct oracle *oracle, struct o_incident *o, size_t i)
{
    if (is_complete(o, i)) {
        pass_gates(oracle, o, i);
        return;
    }
    o->updates[i].state = O_MISSING;
    ask_for_parts(oracle, o, i);
}

static void update_due(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    bool asked = oracle->now_ms - u->due_ms <= LATE_MS;
    bool lacks = u->state == O_RETURNED || (u->state == O_MISSING && !is_complete(o, i));
    if (lacks && o->state == INCIDENT_RESOLVED &&
        oracle->now_ms >= o->resolved_at_ms + o->policy->reopen_within_ms + 480 * MINUTE_MS) {
        drop(oracle, o, i);
        return;
    }
    switch (u->state) {
    case O_MISSING:
    case O_CHANGED:
        pass_or_ask(oracle, o, i);
        break;
    case O_HELD:
        for (const struct o_message *m = o->messages; m != NULL; m = m->next)
            asked = asked || (m->talk == (int)i + 1 && m->round == u->round && u->round != 0 &&
                              m->kind == KIND_APPROVE && is_under_way(m));
        if (asked)
            unanswered(oracle, o, i);
        else
            u->due_ms = oracle->now_ms + step_at(o, i)->within_ms;
        break;
    case O_RETURNED:
        u->due_ms = oracle->now_ms + 10 * MINUTE_MS;
        ask_writer(oracle, o, i, writer(oracle, o, true));
        break;
    case O_SENT:
    case O_DROPPED:
        u->due_ms = 0;
        break;
    }
}

static void update_time(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    int64_t now_ms = oracle->now_ms;
    if (u->due_ms != 0 && u->due_ms <= now_ms)
        update_due(oracle, o, i);
    if (u->remind_ms != 0 && u->remind_ms <= now_ms) {
        u->remind_ms = 0;
        if (u->state == O_SENT && u->promised_ms > now_ms)
            ask_writer(oracle, o, i, writer(oracle, o, true));
    }
    if (u->promised_ms != 0 && u->promised_ms <= now_ms) {
        u->promised_ms = 0;
        oracle_expect(oracle, o, "note update-overdue");
    }
}

/* Asks. */

static bool is_waited_for(const struct oracle *oracle, const struct o_ask *ask, const char *name)
{
    return !names_have(ask->answered, name) && rulebook_contact(oracle->book, name) != NULL;
}

static bool all_have_answered(const struct oracle *oracle, const struct o_ask *ask)
{
    for (const struct o_name *n = ask->asked; n != NULL; n = n->next) {
        if (is_waited_for(oracle, ask, n->name))
            return false;
    }
    return true;
}

static void close_ask(struct oracle *oracle, struct o_incident *o, size_t i)
{
    const struct contact *owner = rulebook_contact(oracle->book, o->owner);
    struct o_people people = {0};
    o->asks[i].is_open = false;
    cancel(oracle, o, i, KIND_ASK, NULL);
    cancel(oracle, o, i, KIND_REMINDER, NULL);
    oracle_expect(oracle, o, "note ask-closed");
    if (owner != NULL)
        people.contacts[people.contact_count++] = owner;
    if (owner != NULL || ladder_fallback(oracle, o, &people))
        (void)ladder_send_all(oracle, o, &people, KIND_NOTICE, NULL);
    else
        oracle_expectf(oracle, o, "note nobody %s ", step_at(o, i)->name);
}

static void ask_time(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_ask *ask = &o->asks[i];
    struct o_people people = {0};
    if (ask->deadline_ms <= oracle->now_ms) {
        close_ask(oracle, o, i);
        return;
    }
    if (ask->remind_ms == 0 || ask->remind_ms > oracle->now_ms)
        return;
    ask->remind_ms = oracle->now_ms + step_at(o, i)->remind_ms;
    for (const struct o_name *n = ask->asked; n != NULL; n = n->next) {
        bool sleeps = sleep_is_put_off(o, KIND_ASK, (int)i + 1, n->name) ||
                      sleep_is_put_off(o, KIND_REMINDER, (int)i + 1, n->name);
        if (is_waited_for(oracle, ask, n->name) && !sleeps)
            people.contacts[people.contact_count++] = rulebook_contact(oracle->book, n->name);
    }
    if (people_is_empty(&people))
        return;
    oracle_expect(oracle, o, "note ask-reminder");
    (void)ladder_send_all(oracle, o, &people, KIND_REMINDER, NULL);
    mark_sent(o, KIND_REMINDER, i, 0);
}

void talks_begin(struct oracle *oracle, struct o_incident *o, size_t i,
                 const struct o_people *people)
{
    const struct step *step = step_at(o, i);
    struct o_ask *ask = &o->asks[i];
    if (step->kind != STEP_ASK) {
        oracle_expectf(oracle, o, "note step %s ", step->name);
        o->update_order[o->update_count++] = i;
        o->updates[i] = (struct o_update){.state = O_MISSING};
        pass_or_ask(oracle, o, i);
        return;
    }
    oracle_expectf(oracle, o, "note step %s %d", step->name, o->climb);
    ask->is_open = ask->has_run = true;
    ask->answered = NULL;
    for (size_t n = 0; n < people->contact_count; n++) {
        if (!names_have(ask->asked, people->contacts[n]->name))
            names_add(oracle, &ask->asked, people->contacts[n]->name);
    }
    ask->asked_ms = oracle->now_ms;
    int64_t from_ms = send_from(oracle, o, i, people, KIND_ASK);
    ask->deadline_ms = from_ms + step->deadline_ms;
    ask->remind_ms = step->remind_ms > 0 ? from_ms + step->remind_ms : 0;
    mark_sent(o, KIND_ASK, i, 0);
}

static void earlier(int64_t *next_ms, int64_t at_ms)
{
    *next_ms = at_ms != 0 && at_ms < *next_ms ? at_ms : *next_ms;
}

int64_t talks_next_ms(const struct o_incident *o)
{
    int64_t next_ms = INT64_MAX;
    for (size_t n = 0; n < o->update_count; n++) {
        const struct o_update *u = &o->updates[o->update_order[n]];
        earlier(&next_ms, u->due_ms);
        earlier(&next_ms, u->remind_ms);
        earlier(&next_ms, u->promised_ms);
    }
    for (size_t i = 0; i < o->policy->step_count; i++) {
        if (o->asks[i].is_open) {
            earlier(&next_ms, o->asks[i].deadline_ms);
            earlier(&next_ms, o->asks[i].remind_ms);
        }
    }
    return next_ms;
}

void talks_time(struct oracle *oracle, struct o_incident *o)
{
    for (size_t n = 0; n < o->update_count; n++)
        update_time(oracle, o, o->update_order[n]);
    for (size_t i = 0; i < o->policy->step_count; i++) {
        if (o->asks[i].is_open)
            ask_time(oracle, o, i);
    }
}

void talks_resolve(struct oracle *oracle, struct o_incident *o)
{
    for (size_t n = 0; n < o->update_count; n++) {
        size_t i = o->update_order[n];
        struct o_update *u = &o->updates[i];
        u->remind_ms = u->promised_ms = 0;
        if (u->state == O_MISSING || u->state == O_RETURNED)
            drop(oracle, o, i);
        else
            cancel(oracle, o, i, KIND_REMINDER, NULL);
    }
}

void talks_reopen(struct oracle *oracle, struct o_incident *o)
{
    for (size_t n = 0; n < o->update_count; n++) {
        size_t i = o->update_order[n];
        if (o->updates[i].state != O_SENT && o->updates[i].state != O_DROPPED)
            drop(oracle, o, i);
        else
            cancel(oracle, o, i, KIND_REMINDER, NULL);
    }
    o->update_count = 0;
    for (int part = 0; part < PART_COUNT; part++)
        o->parts[part] = "";
    o->author = "";
}

static void hear_change(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    if (u->state == O_MISSING) {
        if (is_complete(o, i))
            pass_gates(oracle, o, i);
        else
            sleep_withdraw_request(oracle, o, (int)i + 1, "");
        return;
    }
    cancel(oracle, o, i, KIND_APPROVE, NULL);
    cancel(oracle, o, i, KIND_REMINDER, NULL);
    u->state = O_CHANGED;
    u->due_ms = oracle->now_ms + 2 * MINUTE_MS;
}

static bool waits(const struct o_update *u)
{
    return u->state != O_SENT && u->state != O_DROPPED;
}

void talks_say(struct oracle *oracle, struct o_incident *o, const char *by,
               const char *const parts[PART_COUNT])
{
    static const char *const notes[PART_COUNT] = {"note what", "note doing", "note avoid"};
    bool resolved = o->state == INCIDENT_RESOLVED;
    bool keeps = !resolved;
    bool changed = false;
    for (size_t n = 0; n < o->update_count; n++)
        keeps = keeps || waits(&o->updates[o->update_order[n]]);
    for (int part = 0; part < PART_COUNT; part++) {
        if (parts[part] == NULL || parts[part][0] == '\0')
            continue;
        oracle_expect(oracle, o, notes[part]);
        if (!keeps || text_equal(o->parts[part], parts[part]))
            continue;
        o->parts[part] = parts[part];
        o->author = by;
        changed = true;
    }
    for (size_t n = 0; n < o->update_count && changed; n++) {
        size_t i = o->update_order[n];
        if (!resolved || waits(&o->updates[i]))
            hear_change(oracle, o, i);
    }
    ladder_time(oracle, o);
}

static bool may_decide(const struct oracle *oracle, const struct o_incident *o, size_t i,
                       const struct o_reply *reply)
{
    const struct o_message *answers = reply->answers;
    const struct o_update *u = &o->updates[i];
    bool to_request = answers != NULL && answers->kind == KIND_APPROVE;
    if (u->state != O_HELD || (to_request && answers->talk != (int)i + 1) ||
        (to_request && answers->round != u->round))
        return false;
    bool asked = rulebook_contact(oracle->book, reply->by) == NULL;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next)
        asked = asked || (m->kind == KIND_APPROVE && m->talk == (int)i + 1 &&
                          m->round == u->round && text_equal(m->contact, reply->by));
    return asked;
}

static void reject(struct oracle *oracle, struct o_incident *o, size_t i)
{
    struct o_update *u = &o->updates[i];
    oracle_expect(oracle, o, "note rejected");
    cancel(oracle, o, i, KIND_APPROVE, NULL);
    u->state = O_RETURNED;
    u->round = 0;
    u->due_ms = oracle->now_ms + 10 * MINUTE_MS;
    ask_writer(oracle, o, i, writer(oracle, o, true));
}

void talks_decide(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply,
                  bool approve)
{
    bool any = false;
    for (size_t n = 0; n < o->update_count; n++) {
        size_t i = o->update_order[n];
        if (!may_decide(oracle, o, i, reply))
            continue;
        any = true;
        if (approve) {
            oracle_expect(oracle, o, "note approved");
            send_out(oracle, o, i);
        } else {
            reject(oracle, o, i);
        }
    }
    if (!any)
        oracle_expectf(oracle, o, "note note %s", reply->by);
    ladder_time(oracle, o);
}

/* Which ask free text answers: that of the message, else the latest in which its sender was asked; -1: none. */
static int answered_ask(const struct o_incident *o, const struct o_reply *reply, bool free_text)
{
    const struct o_message *answers = reply->answers;
    int latest = -1;
    if (answers != NULL && answers->talk > 0 && o->asks[answers->talk - 1].has_run &&
        (answers->kind == KIND_ASK || answers->kind == KIND_REMINDER))
        return answers->talk - 1;
    bool anything = answers == NULL || answers->kind == KIND_NOTICE ||
                    answers->kind == KIND_INFORM || answers->kind == KIND_ANSWER;
    for (size_t i = 0; free_text && anything && i < o->policy->step_count; i++) {
        const struct o_ask *ask = &o->asks[i];
        if (ask->is_open && names_have(ask->asked, reply->by) &&
            (latest < 0 || ask->asked_ms >= o->asks[latest].asked_ms))
            latest = (int)i;
    }
    const struct o_message *last = NULL;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (text_equal(m->contact, reply->by) && text_equal(m->channel, "sms") && is_under_way(m))
            last = last == NULL || m->id > last->id ? m : last;
    }
    bool to_page =
        last != NULL &&
        (last->kind == KIND_PAGE || last->digest != 0 ||
         (last->kind == KIND_REMINDER && !(last->talk > 0 && o->asks[last->talk - 1].has_run)));
    return answers == NULL && to_page ? -1 : latest;
}

bool talks_answer(struct oracle *oracle, struct o_incident *o, const struct o_reply *reply,
                  bool free_text)
{
    int i = answered_ask(o, reply, free_text);
    if (i < 0)
        return false;
    struct o_ask *ask = &o->asks[i];
    oracle_expect(oracle, o, "note answer");
    if (names_have(ask->asked, reply->by))
        names_add(oracle, &ask->answered, reply->by);
    if (ask->is_open && all_have_answered(oracle, ask)) {
        close_ask(oracle, o, (size_t)i);
    } else {
        cancel(oracle, o, (size_t)i, KIND_ASK, reply->by);
        cancel(oracle, o, (size_t)i, KIND_REMINDER, reply->by);
    }
    ladder_time(oracle, o);
    return true;
}

/* Rule 6 within one approver: the next method comes forward. */
void talks_failed(struct oracle *oracle, struct o_incident *o, const struct o_message *failed)
{
    struct o_message *next = NULL;
    if (failed->kind != KIND_APPROVE || failed->talk == 0 ||
        o->updates[failed->talk - 1].state != O_HELD ||
        failed->round != o->updates[failed->talk - 1].round)
        return;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind == KIND_APPROVE && m->talk == failed->talk && m->batch == failed->batch &&
            text_equal(m->contact, failed->contact) && m->state == NOTIFICATION_PENDING &&
            m->attempts == 0 && (next == NULL || m->due_ms < next->due_ms))
            next = m;
    }
    if (next != NULL)
        sleep_hasten(oracle, o, next);
}
